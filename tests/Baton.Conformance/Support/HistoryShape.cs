using Temporalio.Api.History.V1;

namespace Baton.Conformance.Support;

/// <summary>What holds for every history, whatever the workflow did.</summary>
internal static class HistoryShape
{
    public static void Assert(WorkflowHistory history)
    {
        var events = history.Events.ToList();
        Xunit.Assert.NotEmpty(events);
        Xunit.Assert.Equal(EventType.WorkflowExecutionStarted, events[0].EventType);
        var types = new Dictionary<long, EventType>();
        for (var index = 0; index < events.Count; index++)
        {
            var found = events[index];
            Xunit.Assert.Equal(index + 1, found.EventId);
            Xunit.Assert.True(index == events.Count - 1 || !IsClose(found.EventType), $"{history.Id}: {found.EventType} is not the last event");
            foreach (var (id, type) in References(found))
            {
                Xunit.Assert.True(
                    types.TryGetValue(id, out var actual) && actual == type,
                    $"{history.Id}: event {found.EventId} {found.EventType} refers to {id} as {type}, which is {actual}");
            }
            types[found.EventId] = found.EventType;
        }
    }

    public static bool IsClose(EventType type) => type is EventType.WorkflowExecutionCompleted or EventType.WorkflowExecutionFailed
        or EventType.WorkflowExecutionTimedOut or EventType.WorkflowExecutionCanceled or EventType.WorkflowExecutionTerminated
        or EventType.WorkflowExecutionContinuedAsNew;

    /// <summary>Earlier events that an event names, with the type that each must have.</summary>
    private static IEnumerable<(long Id, EventType Type)> References(HistoryEvent found) => found.AttributesCase switch
    {
        HistoryEvent.AttributesOneofCase.WorkflowTaskStartedEventAttributes =>
            [(found.WorkflowTaskStartedEventAttributes.ScheduledEventId, EventType.WorkflowTaskScheduled)],
        HistoryEvent.AttributesOneofCase.WorkflowTaskCompletedEventAttributes =>
        [
            (found.WorkflowTaskCompletedEventAttributes.ScheduledEventId, EventType.WorkflowTaskScheduled),
            (found.WorkflowTaskCompletedEventAttributes.StartedEventId, EventType.WorkflowTaskStarted),
        ],
        HistoryEvent.AttributesOneofCase.WorkflowTaskFailedEventAttributes =>
            [(found.WorkflowTaskFailedEventAttributes.ScheduledEventId, EventType.WorkflowTaskScheduled)],
        HistoryEvent.AttributesOneofCase.ActivityTaskScheduledEventAttributes =>
            [(found.ActivityTaskScheduledEventAttributes.WorkflowTaskCompletedEventId, EventType.WorkflowTaskCompleted)],
        HistoryEvent.AttributesOneofCase.ActivityTaskStartedEventAttributes =>
            [(found.ActivityTaskStartedEventAttributes.ScheduledEventId, EventType.ActivityTaskScheduled)],
        HistoryEvent.AttributesOneofCase.ActivityTaskCompletedEventAttributes =>
        [
            (found.ActivityTaskCompletedEventAttributes.ScheduledEventId, EventType.ActivityTaskScheduled),
            (found.ActivityTaskCompletedEventAttributes.StartedEventId, EventType.ActivityTaskStarted),
        ],
        HistoryEvent.AttributesOneofCase.ActivityTaskFailedEventAttributes =>
        [
            (found.ActivityTaskFailedEventAttributes.ScheduledEventId, EventType.ActivityTaskScheduled),
            (found.ActivityTaskFailedEventAttributes.StartedEventId, EventType.ActivityTaskStarted),
        ],
        HistoryEvent.AttributesOneofCase.TimerStartedEventAttributes =>
            [(found.TimerStartedEventAttributes.WorkflowTaskCompletedEventId, EventType.WorkflowTaskCompleted)],
        HistoryEvent.AttributesOneofCase.TimerFiredEventAttributes =>
            [(found.TimerFiredEventAttributes.StartedEventId, EventType.TimerStarted)],
        HistoryEvent.AttributesOneofCase.TimerCanceledEventAttributes =>
            [(found.TimerCanceledEventAttributes.StartedEventId, EventType.TimerStarted)],
        HistoryEvent.AttributesOneofCase.ChildWorkflowExecutionStartedEventAttributes =>
            [(found.ChildWorkflowExecutionStartedEventAttributes.InitiatedEventId, EventType.StartChildWorkflowExecutionInitiated)],
        HistoryEvent.AttributesOneofCase.ChildWorkflowExecutionCompletedEventAttributes =>
        [
            (found.ChildWorkflowExecutionCompletedEventAttributes.InitiatedEventId, EventType.StartChildWorkflowExecutionInitiated),
            (found.ChildWorkflowExecutionCompletedEventAttributes.StartedEventId, EventType.ChildWorkflowExecutionStarted),
        ],
        HistoryEvent.AttributesOneofCase.ExternalWorkflowExecutionSignaledEventAttributes =>
            [(found.ExternalWorkflowExecutionSignaledEventAttributes.InitiatedEventId, EventType.SignalExternalWorkflowExecutionInitiated)],
        HistoryEvent.AttributesOneofCase.WorkflowExecutionUpdateCompletedEventAttributes =>
            [(found.WorkflowExecutionUpdateCompletedEventAttributes.AcceptedEventId, EventType.WorkflowExecutionUpdateAccepted)],
        HistoryEvent.AttributesOneofCase.WorkflowExecutionCompletedEventAttributes =>
            [(found.WorkflowExecutionCompletedEventAttributes.WorkflowTaskCompletedEventId, EventType.WorkflowTaskCompleted)],
        HistoryEvent.AttributesOneofCase.WorkflowExecutionFailedEventAttributes =>
            [(found.WorkflowExecutionFailedEventAttributes.WorkflowTaskCompletedEventId, EventType.WorkflowTaskCompleted)],
        _ => [],
    };
}
