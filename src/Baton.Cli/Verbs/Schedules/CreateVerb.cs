using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>`baton schedule create`</summary>
internal static class CreateVerb
{
    public static Command Create(ClientOptions client)
    {
        var id = ScheduleNoun.ScheduleId();
        var memo = Values.JsonPairs("--schedule-memo", "Memo field of the schedule itself.");
        var attributes = Values.JsonPairs("--schedule-search-attribute", "Search attribute of the schedule itself.");
        var command = new Command("create", "Create a schedule.") { id, memo, attributes };
        var schedule = new ScheduleOptions();
        schedule.AddTo(command);
        client.SetAction(command, async call =>
        {
            await call.Service.CreateScheduleAsync(
                new()
                {
                    Namespace = call.Namespace,
                    ScheduleId = call.Require(id),
                    Schedule = schedule.Read(call),
                    Memo = WorkflowStartOptions.Memo(call.Parsed, memo),
                    SearchAttributes = WorkflowStartOptions.SearchAttributes(call.Parsed, attributes),
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                },
                call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(new JsonObject { ["scheduleId"] = call.Require(id) });
                return;
            }
            call.Console.Note($"{call.Require(id)}: created");
        });
        return command;
    }
}
