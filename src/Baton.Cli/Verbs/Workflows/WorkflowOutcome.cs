using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Errors;
using Baton.Server.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Attributes = Temporalio.Api.History.V1.HistoryEvent.AttributesOneofCase;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>How a workflow closed, over retries and continue-as-new.</summary>
internal static class WorkflowOutcome
{
    /// <summary>Waits for the end of the chain of runs and prints its result; throws when it is not a success.</summary>
    public static async Task<int> PrintAsync(ServerCall call, WorkflowExecution execution)
    {
        var close = await call.Console.WaitAsync($"waiting for {execution.WorkflowId}", () => WaitAsync(call, execution));
        if (close.AttributesCase != Attributes.WorkflowExecutionCompletedEventAttributes)
        {
            throw NotCompleted(execution.WorkflowId, close);
        }
        var result = ProtoJson.Values(close.WorkflowExecutionCompletedEventAttributes.Result);
        if (call.Console.IsJson)
        {
            call.Console.Json(new JsonObject { ["workflowId"] = execution.WorkflowId, ["status"] = "COMPLETED", ["result"] = result });
        }
        else
        {
            call.Console.Json(result);
        }
        return ExitCodes.Success;
    }

    /// <summary>The error of a close event other than completed.</summary>
    public static BatonException NotCompleted(string workflowId, HistoryEvent close)
    {
        var (what, cause) = close.AttributesCase switch
        {
            Attributes.WorkflowExecutionFailedEventAttributes => ("failed", FailureText.Render(close.WorkflowExecutionFailedEventAttributes.Failure)),
            Attributes.WorkflowExecutionTimedOutEventAttributes => ("timed out", null),
            Attributes.WorkflowExecutionCanceledEventAttributes => ("was cancelled", null),
            Attributes.WorkflowExecutionTerminatedEventAttributes => ("was terminated", close.WorkflowExecutionTerminatedEventAttributes.Reason is { Length: > 0 } reason ? reason : null),
            _ => ($"closed with {close.EventType}", (string?)null),
        };
        return new(ErrorCodes.WorkflowNotCompleted, $"workflow {workflowId} {what}", cause, $"see `baton workflow show --workflow-id {workflowId}`");
    }

    /// <summary>The run that follows this close event, when there is one.</summary>
    public static string? NextRun(HistoryEvent close) => close.AttributesCase switch
    {
        Attributes.WorkflowExecutionContinuedAsNewEventAttributes => close.WorkflowExecutionContinuedAsNewEventAttributes.NewExecutionRunId,
        Attributes.WorkflowExecutionCompletedEventAttributes => NullIfEmpty(close.WorkflowExecutionCompletedEventAttributes.NewExecutionRunId),
        Attributes.WorkflowExecutionFailedEventAttributes => NullIfEmpty(close.WorkflowExecutionFailedEventAttributes.NewExecutionRunId),
        Attributes.WorkflowExecutionTimedOutEventAttributes => NullIfEmpty(close.WorkflowExecutionTimedOutEventAttributes.NewExecutionRunId),
        _ => null,
    };

    private static async Task<HistoryEvent> WaitAsync(ServerCall call, WorkflowExecution execution)
    {
        var run = execution.Clone();
        while (true)
        {
            HistoryEvent? close = null;
            await foreach (var historyEvent in HistoryReader.ReadAsync(call, run, wait: true, HistoryEventFilterType.CloseEvent))
            {
                close = historyEvent;
            }
            if (close is null)
            {
                throw new InvalidOperationException($"the history of {execution.WorkflowId} ended without a close event");
            }
            if (NextRun(close) is not { } next)
            {
                return close;
            }
            run.RunId = next;
        }
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
