using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule trigger`</summary>
internal static class TriggerVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var overlap = ScheduleNoun.OverlapPolicy();
        var command = new Command("trigger", "Let a schedule act now.") { id, overlap };
        client.SetAction(command, async call =>
        {
            await call.Service.PatchScheduleAsync(
                new()
                {
                    Namespace = call.Namespace,
                    ScheduleId = call.Require(id),
                    Patch = new SchedulePatch
                    {
                        TriggerImmediately = new TriggerImmediatelyRequest { OverlapPolicy = call.Get(overlap) ?? ScheduleOverlapPolicy.Unspecified },
                    },
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                },
                call.Rpc);
            call.Console.Note($"{call.Require(id)}: triggered");
        });
        return command;
    }
}
