using Baton.Durable.Engine;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// Brings a run's state to where a prefix of a history left it. Used by reset only: everywhere else state is stored, not replayed.
/// </summary>
internal static class StateRebuild
{
    public static void Apply(Step step, WorkflowRun run, HistoryEvent item)
    {
        var (s, now) = (run.S, step.Now);
        switch (item.EventType)
        {
            case EventType.WorkflowTaskCompleted:
                s.LastCompletedStartedId = item.WorkflowTaskCompletedEventAttributes.StartedEventId;
                s.FirstTaskCompleted = true;
                break;
            case EventType.ActivityTaskScheduled:
                s.Activities.Add(item.EventId, Scheduled(item, now));
                break;
            case EventType.ActivityTaskCancelRequested:
                if (s.Activities.TryGetValue(item.ActivityTaskCancelRequestedEventAttributes.ScheduledEventId, out var canceled))
                {
                    canceled.CancelRequested = true;
                    canceled.CancelRequestedEventId = item.EventId;
                }

                break;
            case EventType.TimerStarted:
                var timer = item.TimerStartedEventAttributes;
                s.Timers.Add(timer.TimerId, new TimerState
                {
                    TimerId = timer.TimerId,
                    StartedEventId = item.EventId,
                    FireTime = Instant.Add(Instant.From(item.EventTime) - (s.TimeSkipping?.Skipped ?? 0), Instant.From(timer.StartToFireTimeout)),
                });
                break;
            case EventType.TimerFired:
                s.Timers.Remove(item.TimerFiredEventAttributes.TimerId);
                break;
            case EventType.TimerCanceled:
                s.Timers.Remove(item.TimerCanceledEventAttributes.TimerId);
                break;
            case EventType.WorkflowExecutionSignaled:
                s.SignalCount++;
                if (item.WorkflowExecutionSignaledEventAttributes.RequestId is { Length: > 0 } signalRequest)
                {
                    s.SignalRequestIds.Add(signalRequest);
                }

                break;
            case EventType.WorkflowExecutionCancelRequested:
                s.CancelRequested = true;
                break;
            case EventType.UpsertWorkflowSearchAttributes:
                UpsertSearchAttributes.Merge(run, item.UpsertWorkflowSearchAttributesEventAttributes.SearchAttributes);
                break;
            case EventType.WorkflowPropertiesModified:
                ModifyProperties.Merge(run, item.WorkflowPropertiesModifiedEventAttributes.UpsertedMemo);
                break;
            case EventType.WorkflowExecutionUpdateAdmitted:
                var admitted = item.WorkflowExecutionUpdateAdmittedEventAttributes.Request.Meta.UpdateId;
                s.Updates[admitted] = new UpdateState { UpdateId = admitted, AdmittedEventId = item.EventId, ProtocolInstanceId = admitted };
                break;
            case EventType.WorkflowExecutionUpdateAccepted:
                var accepted = item.WorkflowExecutionUpdateAcceptedEventAttributes.ProtocolInstanceId;
                s.Updates[accepted] = new UpdateState { UpdateId = accepted, AcceptedEventId = item.EventId, ProtocolInstanceId = accepted };
                var request = item.WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest;
                DeliverCallbacks.Add(step, s.Callbacks, request.CompletionCallbacks, request.RequestId, accepted);
                break;
            case EventType.WorkflowExecutionUpdateCompleted:
                if (s.Updates.TryGetValue(item.WorkflowExecutionUpdateCompletedEventAttributes.Meta.UpdateId, out var update))
                {
                    update.CompletedEventId = item.EventId;
                    foreach (var told in s.Callbacks.Where(callback => callback.UpdateId == update.UpdateId).ToList())
                    {
                        s.Callbacks.Remove(told);
                    }
                }

                break;
            case EventType.WorkflowExecutionOptionsUpdated:
                var options = item.WorkflowExecutionOptionsUpdatedEventAttributes;
                if (options.TimeSkippingConfigUpdated)
                {
                    TimeSkipping.Set(run, options.TimeSkippingConfig, now);
                }

                DeliverCallbacks.Add(step, s.Callbacks, options.AttachedCompletionCallbacks, options.AttachedRequestId);
                foreach (var joined in options.WorkflowUpdateOptions)
                {
                    DeliverCallbacks.Add(step, s.Callbacks, joined.AttachedCompletionCallbacks, joined.AttachedRequestId, joined.UpdateId);
                }

                break;
            case EventType.WorkflowExecutionTimeSkippingTransitioned:
                var skip = item.WorkflowExecutionTimeSkippingTransitionedEventAttributes;
                TimeSkipping.Apply(s, skip.TargetTime is null ? 0 : Instant.From(skip.TargetTime) - Instant.From(item.EventTime), skip.DisabledAfterFastForward);
                break;
            default:
                ApplyChildren(s, item);
                ApplyNexusOperations(s, item, now);
                Forget(s, EventLinks.Ended(item));
                break;
        }
    }

    /// <summary>What an event began is known by the id of that event, of whatever kind it is.</summary>
    private static void Forget(ExecutionState s, long begun)
    {
        s.Activities.Remove(begun);
        s.Children.Remove(begun);
        s.NexusOperations.Remove(begun);
    }

    /// <summary>An operation that had not started at the reset point is asked for anew, under its old request id; a started one goes on.</summary>
    private static void ApplyNexusOperations(ExecutionState s, HistoryEvent item, long now)
    {
        switch (item.EventType)
        {
            case EventType.NexusOperationScheduled:
                s.NexusOperations.Add(item.EventId, AttemptNexusOperation.New(item, now));
                break;
            case EventType.NexusOperationStarted when s.NexusOperations.TryGetValue(item.NexusOperationStartedEventAttributes.ScheduledEventId, out var operation):
                operation.StartedEventId = item.EventId;
                operation.StartedTime = Instant.From(item.EventTime) - (s.TimeSkipping?.Skipped ?? 0);
                operation.OperationToken = item.NexusOperationStartedEventAttributes.OperationToken;
                operation.NextAttemptTime = 0;
                break;
            case EventType.NexusOperationCancelRequested when s.NexusOperations.TryGetValue(item.NexusOperationCancelRequestedEventAttributes.ScheduledEventId, out var canceled):
                canceled.CancelRequested = true;
                canceled.CancelRequestedEventId = item.EventId;
                canceled.CancelRequestedTime = now;
                canceled.CancelAttempt = 1;
                if (canceled.StartedTime > 0)
                {
                    canceled.CancelState = (int)NexusOperationCancellationState.BackingOff;
                    canceled.CancelNextAttemptTime = now;
                }

                break;
        }
    }

    private static void ApplyChildren(ExecutionState s, HistoryEvent item)
    {
        switch (item.EventType)
        {
            case EventType.StartChildWorkflowExecutionInitiated:
                var a = item.StartChildWorkflowExecutionInitiatedEventAttributes;
                s.Children.Add(item.EventId, new ChildState
                {
                    InitiatedEventId = item.EventId,
                    NamespaceName = a.Namespace,
                    NamespaceId = a.NamespaceId,
                    WorkflowId = a.WorkflowId,
                    WorkflowType = a.WorkflowType.Name,
                    ParentClosePolicy = (int)a.ParentClosePolicy,
                });
                break;
            case EventType.ChildWorkflowExecutionStarted:
                var started = item.ChildWorkflowExecutionStartedEventAttributes;
                if (s.Children.TryGetValue(started.InitiatedEventId, out var child))
                {
                    child.StartedEventId = item.EventId;
                    child.RunId = started.WorkflowExecution.RunId;
                    child.FirstRunId = started.WorkflowExecution.RunId;
                }

                break;
        }
    }

    /// <summary>An activity that had not ended at the reset point is scheduled anew: its time counts from now.</summary>
    private static ActivityState Scheduled(HistoryEvent item, long now)
    {
        var a = item.ActivityTaskScheduledEventAttributes;
        var scheduleToClose = Instant.From(a.ScheduleToCloseTimeout);
        var activity = new ActivityState
        {
            ScheduledEventId = item.EventId,
            ActivityId = a.ActivityId,
            ActivityType = a.ActivityType.Name,
            TaskQueue = a.TaskQueue.Name,
            ScheduledTime = now,
            AttemptScheduledTime = now,
            Attempt = 1,
            ScheduleToClose = scheduleToClose,
            ScheduleToStart = Instant.From(a.ScheduleToStartTimeout),
            StartToClose = Instant.From(a.StartToCloseTimeout),
            HeartbeatTimeout = Instant.From(a.HeartbeatTimeout),
            ScheduleToCloseDeadline = scheduleToClose > 0 ? Instant.Add(now, scheduleToClose) : 0,
            Retry = a.RetryPolicy is { } policy ? Retries.ToState(policy) : null,
            Priority = a.Priority?.ToByteString() ?? ByteString.Empty,
            UseWorkflowBuildId = a.UseWorkflowBuildId,
        };
        activity.OriginalOptions = ActivityOptionsCodec.Of(activity).ToByteString();
        return activity;
    }
}
