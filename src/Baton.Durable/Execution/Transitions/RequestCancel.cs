using Baton.Durable.Engine;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A run is asked to cancel itself. Asked once; later requests change nothing.</summary>
internal static class RequestCancel
{
    public static void Apply(
        Step step, WorkflowRun run, string identity, string reason, string requestId, WorkflowExecution? from, long initiatedEventId, IEnumerable<Link>? links = null)
    {
        if (run.S.CancelRequested)
        {
            return;
        }

        run.S.CancelRequested = true;
        run.S.CancelRequestId = requestId;
        var item = new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionCancelRequested,
            WorkflowExecutionCancelRequestedEventAttributes = new WorkflowExecutionCancelRequestedEventAttributes
            {
                Cause = reason,
                ExternalInitiatedEventId = initiatedEventId,
                ExternalWorkflowExecution = from,
                Identity = identity,
            },
        };
        item.Links.AddRange(links ?? []);
        run.AppendOrBuffer(step, item);
        ScheduleWorkflowTask.Ensure(step, run);
    }
}
