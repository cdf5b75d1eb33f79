using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Baton.Cli.Verbs.TaskQueues;

/// <summary>`baton taskqueue describe`: who polls a task queue, and what waits in it.</summary>
internal static class DescribeVerb
{
    public static Command Create(ClientOptions client)
    {
        var taskQueue = new Option<string>("--task-queue", "-t") { Description = "Task queue.", Required = true };
        var types = Values.Choice(
            "--task-queue-type",
            "Only this kind of tasks (default: workflow and activity).",
            ("workflow", TaskQueueType.Workflow), ("activity", TaskQueueType.Activity), ("nexus", TaskQueueType.Nexus));
        var command = new Command("describe", "Show who polls a task queue, and what waits in it.") { taskQueue, types };
        client.SetAction(command, async call =>
        {
            TaskQueueType[] wanted = call.Get(types) is { } one ? [one] : [TaskQueueType.Workflow, TaskQueueType.Activity];
            var answers = new List<(TaskQueueType Type, Temporalio.Api.WorkflowService.V1.DescribeTaskQueueResponse Answer)>();
            foreach (var type in wanted)
            {
                answers.Add((type, await call.Service.DescribeTaskQueueAsync(
                    new()
                    {
                        Namespace = call.Namespace,
                        TaskQueue = new TaskQueue { Name = call.Require(taskQueue) },
                        TaskQueueType = type,
                        ReportStats = true,
                    },
                    call.Rpc)));
            }
            if (call.Console.IsJson)
            {
                call.Console.Json(new JsonObject(answers.Select(answer =>
                    KeyValuePair.Create<string, JsonNode?>(Format.Words(answer.Type), ProtoJson.ToJson(answer.Answer)))));
                return;
            }
            call.Console.Table(
                ["TYPE", "BACKLOG", "OLDEST", "ADDED/S", "DISPATCHED/S"],
                answers.Select(answer => new[]
                {
                    Format.Words(answer.Type),
                    $"{answer.Answer.Stats?.ApproximateBacklogCount ?? 0}",
                    Format.Span(answer.Answer.Stats?.ApproximateBacklogAge),
                    FormattableString.Invariant($"{answer.Answer.Stats?.TasksAddRate ?? 0:0.##}"),
                    FormattableString.Invariant($"{answer.Answer.Stats?.TasksDispatchRate ?? 0:0.##}"),
                }));
            var pollers = answers.SelectMany(answer => answer.Answer.Pollers.Select(poller => new[]
            {
                Format.Words(answer.Type), poller.Identity, Format.Time(poller.LastAccessTime),
            })).ToList();
            if (pollers.Count == 0)
            {
                call.Console.Note("nobody polls it");
                return;
            }
            call.Console.Line("");
            call.Console.Table(["POLLS", "IDENTITY", "LAST POLL"], pollers);
        });
        return command;
    }
}
