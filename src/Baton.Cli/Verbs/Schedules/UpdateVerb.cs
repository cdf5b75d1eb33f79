using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule update`: puts a whole new schedule in the place of the old one.</summary>
internal static class UpdateVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var command = new Command("update", "Replace a schedule; what is not given is set to its default.") { id };
        var schedule = new ScheduleOptions();
        schedule.AddTo(command);
        client.SetAction(command, async call =>
        {
            await call.Service.UpdateScheduleAsync(
                new()
                {
                    Namespace = call.Namespace,
                    ScheduleId = call.Require(id),
                    Schedule = schedule.Read(call),
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                },
                call.Rpc);
            call.Console.Note($"{call.Require(id)}: updated");
        });
        return command;
    }
}
