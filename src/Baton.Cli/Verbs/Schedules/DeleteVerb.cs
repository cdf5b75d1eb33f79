using System.CommandLine;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule delete`</summary>
internal static class DeleteVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var command = new Command("delete", "Delete a schedule; workflows that it started go on.") { id };
        client.SetAction(command, async call =>
        {
            await call.Service.DeleteScheduleAsync(
                new() { Namespace = call.Namespace, ScheduleId = call.Require(id), Identity = call.Identity }, call.Rpc);
            call.Console.Note($"{call.Require(id)}: deleted");
        });
        return command;
    }
}
