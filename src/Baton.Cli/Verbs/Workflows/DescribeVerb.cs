using System.CommandLine;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow describe`</summary>
internal static class DescribeVerb
{
    public static Command Create(ClientOptions client)
    {
        var resetPoints = new Option<bool>("--reset-points") { Description = "List the points to which the workflow can be reset by build id." };
        var command = new Command("describe", "Show the state of a workflow: pending activities, children and tasks.") { resetPoints };
        var reference = new WorkflowReference();
        reference.AddTo(command);
        client.SetAction(command, async call =>
        {
            var response = await call.Service.DescribeWorkflowExecutionAsync(
                new() { Namespace = call.Namespace, Execution = reference.Read(call.Parsed) }, call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(ProtoJson.ToJson(response));
            }
            else if (call.Get(resetPoints))
            {
                call.Console.Table(
                    ["EVENT", "CREATED", "BUILD ID"],
                    (response.WorkflowExecutionInfo.AutoResetPoints?.Points ?? []).Select(point => new[]
                    {
                        $"{point.FirstWorkflowTaskCompletedId}", Format.Time(point.CreateTime), point.BuildId,
                    }));
            }
            else
            {
                Print(call.Console, response);
            }
        });
        return command;
    }

    private static void Print(CliConsole console, DescribeWorkflowExecutionResponse response)
    {
        var info = response.WorkflowExecutionInfo;
        console.Fields(
            ("workflow id", info.Execution.WorkflowId),
            ("run id", info.Execution.RunId),
            ("type", info.Type.Name),
            ("task queue", info.TaskQueue),
            ("status", Format.Words(info.Status)),
            ("started", Format.Time(info.StartTime)),
            ("closed", Format.Time(info.CloseTime)),
            ("history", $"{info.HistoryLength} events, {info.HistorySizeBytes} bytes"),
            ("parent", info.ParentExecution?.WorkflowId),
            ("memo", info.Memo is { Fields.Count: > 0 } memo ? ProtoJson.ToJson(memo)["fields"].ToText() : null),
            ("search attributes", info.SearchAttributes is { IndexedFields.Count: > 0 } attributes ? ProtoJson.ToJson(attributes)["indexedFields"].ToText() : null));

        if (response.PendingActivities.Count > 0)
        {
            console.Line("\npending activities");
            console.Table(
                ["  ID", "TYPE", "STATE", "ATTEMPT", "LAST FAILURE"],
                response.PendingActivities.Select(activity => new[]
                {
                    $"  {activity.ActivityId}",
                    activity.ActivityType.Name,
                    Format.Words(activity.State),
                    activity.MaximumAttempts > 0 ? $"{activity.Attempt} of {activity.MaximumAttempts}" : $"{activity.Attempt}",
                    FailureText.Root(activity.LastFailure),
                }));
        }
        if (response.PendingChildren.Count > 0)
        {
            console.Line("\npending children");
            console.Table(
                ["  WORKFLOW ID", "TYPE", "RUN ID"],
                response.PendingChildren.Select(child => new[] { $"  {child.WorkflowId}", child.WorkflowTypeName, child.RunId }));
        }
        if (response.PendingWorkflowTask is { } task)
        {
            console.Line("\npending workflow task");
            console.Fields(
                ("  state", Format.Words(task.State)),
                ("  attempt", $"{task.Attempt}"),
                ("  scheduled", Format.Time(task.ScheduledTime)),
                ("  started", Format.Time(task.StartedTime)));
        }
    }
}
