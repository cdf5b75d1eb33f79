using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule ...`</summary>
internal static class ScheduleNoun
{
    public static Command Create()
    {
        var client = new ClientOptions();
        return client.AddTo(new Command("schedule", "Start workflows by the clock.")
        {
            CreateVerb.Create(client),
            ListVerb.Create(client),
            DescribeVerb.Create(client),
            UpdateVerb.Create(client),
            DeleteVerb.Create(client),
            ToggleVerb.Create(client),
            TriggerVerb.Create(client),
            BackfillVerb.Create(client),
        });
    }

    public static Option<string> ScheduleId() => new("--schedule-id", "-s") { Description = "Schedule id.", Required = true };

    public static Option<Temporalio.Api.Enums.V1.ScheduleOverlapPolicy?> OverlapPolicy() => Values.Choice(
        "--overlap-policy",
        "What to do when the workflow of the last time still runs (default Skip).",
        ("Skip", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.Skip),
        ("BufferOne", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.BufferOne),
        ("BufferAll", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.BufferAll),
        ("CancelOther", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.CancelOther),
        ("TerminateOther", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.TerminateOther),
        ("AllowAll", Temporalio.Api.Enums.V1.ScheduleOverlapPolicy.AllowAll));
}
