using Baton.Durable.Engine;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A child's last run ended: its parent hears of it, once.</summary>
internal static class ChildClosed
{
    public static void Apply(Step step, WorkflowRun parent, WorkflowRun child, long initiatedEventId, HistoryEvent last)
    {
        if (!parent.IsRunning || !parent.S.Children.TryGetValue(initiatedEventId, out var state) || state.FirstRunId != child.S.FirstRunId)
        {
            return;
        }

        parent.S.Children.Remove(initiatedEventId);
        var execution = new WorkflowExecution { WorkflowId = child.Id, RunId = state.RunId };
        var type = new WorkflowType { Name = child.S.WorkflowType };
        var (space, spaceId, started) = (state.NamespaceName, state.NamespaceId, state.StartedEventId);
        HistoryEvent item = child.Status switch
        {
            WorkflowExecutionStatus.Completed => new()
            {
                EventType = EventType.ChildWorkflowExecutionCompleted,
                ChildWorkflowExecutionCompletedEventAttributes = new()
                {
                    Result = last.WorkflowExecutionCompletedEventAttributes.Result,
                    Namespace = space, NamespaceId = spaceId, WorkflowExecution = execution, WorkflowType = type, InitiatedEventId = initiatedEventId, StartedEventId = started,
                },
            },
            WorkflowExecutionStatus.Failed => new()
            {
                EventType = EventType.ChildWorkflowExecutionFailed,
                ChildWorkflowExecutionFailedEventAttributes = new()
                {
                    Failure = last.WorkflowExecutionFailedEventAttributes.Failure,
                    RetryState = last.WorkflowExecutionFailedEventAttributes.RetryState,
                    Namespace = space, NamespaceId = spaceId, WorkflowExecution = execution, WorkflowType = type, InitiatedEventId = initiatedEventId, StartedEventId = started,
                },
            },
            WorkflowExecutionStatus.Canceled => new()
            {
                EventType = EventType.ChildWorkflowExecutionCanceled,
                ChildWorkflowExecutionCanceledEventAttributes = new()
                {
                    Details = last.WorkflowExecutionCanceledEventAttributes.Details,
                    Namespace = space, NamespaceId = spaceId, WorkflowExecution = execution, WorkflowType = type, InitiatedEventId = initiatedEventId, StartedEventId = started,
                },
            },
            WorkflowExecutionStatus.TimedOut => new()
            {
                EventType = EventType.ChildWorkflowExecutionTimedOut,
                ChildWorkflowExecutionTimedOutEventAttributes = new()
                {
                    RetryState = last.WorkflowExecutionTimedOutEventAttributes.RetryState,
                    Namespace = space, NamespaceId = spaceId, WorkflowExecution = execution, WorkflowType = type, InitiatedEventId = initiatedEventId, StartedEventId = started,
                },
            },
            _ => new()
            {
                EventType = EventType.ChildWorkflowExecutionTerminated,
                ChildWorkflowExecutionTerminatedEventAttributes = new()
                {
                    Namespace = space, NamespaceId = spaceId, WorkflowExecution = execution, WorkflowType = type, InitiatedEventId = initiatedEventId, StartedEventId = started,
                },
            },
        };
        parent.AppendOrBuffer(step, item);
        ScheduleWorkflowTask.Ensure(step, parent);
    }
}
