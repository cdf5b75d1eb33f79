using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Server.Errors;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow reset`: a new run that repeats the history up to a workflow task, and goes on from there.</summary>
internal static class ResetVerb
{
    private enum ResetType
    {
        FirstWorkflowTask,
        LastWorkflowTask,
    }

    public static Command Create(ClientOptions client)
    {
        var eventId = new Option<long?>("--event-id", "-e") { Description = "Id of the WorkflowTaskCompleted (or failed, or timed out) event to go back to." };
        var type = Values.Choice(
            "--type",
            "Where to go back to, in place of --event-id.",
            ("FirstWorkflowTask", ResetType.FirstWorkflowTask),
            ("LastWorkflowTask", ResetType.LastWorkflowTask));
        var exclude = new Option<ResetReapplyExcludeType[]>("--reapply-exclude")
        {
            Description = "Events after the point that are not applied again: Signal, Update, Nexus, CancelRequest.",
        };
        var reason = new Option<string>("--reason") { Description = "Why, for the record.", Required = true };
        var command = new Command("reset", "Try a workflow again from an earlier point.") { eventId, type, exclude, reason };
        var reference = new WorkflowReference();
        reference.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(eventId) is null == result.GetResult(type) is null)
            {
                result.AddError("Give either --event-id or --type");
            }
        });
        client.SetAction(command, async call =>
        {
            var execution = reference.Read(call.Parsed);
            var request = new Temporalio.Api.WorkflowService.V1.ResetWorkflowExecutionRequest
            {
                Namespace = call.Namespace,
                WorkflowExecution = execution,
                Reason = call.Require(reason),
                RequestId = Guid.NewGuid().ToString(),
                Identity = call.Identity,
                WorkflowTaskFinishEventId = call.Get(eventId) ?? await FindAsync(call, execution, call.Get(type)!.Value),
            };
            request.ResetReapplyExcludeTypes.AddRange(call.Get(exclude) ?? []);
            var response = await call.Service.ResetWorkflowExecutionAsync(request, call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(new JsonObject { ["workflowId"] = execution.WorkflowId, ["runId"] = response.RunId });
                return;
            }
            call.Console.Fields(("workflow id", execution.WorkflowId), ("new run id", response.RunId));
        });
        return command;
    }

    private static async Task<long> FindAsync(ServerCall call, WorkflowExecution execution, ResetType type)
    {
        HistoryEvent? found = null;
        await foreach (var historyEvent in HistoryReader.ReadAsync(call, execution, wait: false))
        {
            if (historyEvent.EventType == EventType.WorkflowTaskCompleted && (found is null || type == ResetType.LastWorkflowTask))
            {
                found = historyEvent;
            }
        }
        return found?.EventId ?? throw new BatonException(
            ErrorCodes.Refused, $"workflow {execution.WorkflowId} has completed no workflow task", null,
            "there is nothing to go back to: terminate it and start it again");
    }
}
