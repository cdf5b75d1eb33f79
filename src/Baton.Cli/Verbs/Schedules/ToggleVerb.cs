using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Schedule.V1;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule toggle --pause|--unpause`</summary>
internal static class ToggleVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var pause = new Option<bool>("--pause") { Description = "Pause it." };
        var unpause = new Option<bool>("--unpause") { Description = "Let it act again." };
        var reason = new Option<string>("--reason") { Description = "Why, for the notes.", DefaultValueFactory = _ => "(no reason given)" };
        var command = new Command("toggle", "Pause or unpause a schedule.") { id, pause, unpause, reason };
        command.Validators.Add(result =>
        {
            if (result.GetValue(pause) == result.GetValue(unpause))
            {
                result.AddError("Give either --pause or --unpause");
            }
        });
        client.SetAction(command, async call =>
        {
            var why = call.Get(reason)!;
            await call.Service.PatchScheduleAsync(
                new()
                {
                    Namespace = call.Namespace,
                    ScheduleId = call.Require(id),
                    Patch = call.Get(pause) ? new SchedulePatch { Pause = why } : new SchedulePatch { Unpause = why },
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                },
                call.Rpc);
            call.Console.Note($"{call.Require(id)}: {(call.Get(pause) ? "paused" : "unpaused")}");
        });
        return command;
    }
}
