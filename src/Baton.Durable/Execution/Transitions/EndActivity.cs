using Baton.Durable.Activities;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>An activity's attempt ends, a workflow's or a standalone one's: the activity with it, or another attempt is set.</summary>
internal static class EndActivity
{
    public static void Complete(Step step, Entity owner, ActivityState activity, Payloads? result, string identity) =>
        Close(step, owner, activity, started => new HistoryEvent
        {
            EventType = EventType.ActivityTaskCompleted,
            ActivityTaskCompletedEventAttributes = new ActivityTaskCompletedEventAttributes
            {
                Result = result,
                ScheduledEventId = activity.ScheduledEventId,
                StartedEventId = started,
                Identity = identity,
            },
        });

    public static void Cancel(Step step, Entity owner, ActivityState activity, Payloads? details, string identity) =>
        Close(step, owner, activity, started => new HistoryEvent
        {
            EventType = EventType.ActivityTaskCanceled,
            ActivityTaskCanceledEventAttributes = new ActivityTaskCanceledEventAttributes
            {
                Details = details,
                LatestCancelRequestedEventId = activity.CancelRequestedEventId,
                ScheduledEventId = activity.ScheduledEventId,
                StartedEventId = started,
                Identity = identity,
            },
        });

    /// <summary>The attempt failed by its worker's word.</summary>
    public static void Fail(Step step, Entity owner, ActivityState activity, Failure failure, string identity)
    {
        if (TryRetry(step, owner, activity, failure, out var state))
        {
            return;
        }

        Close(step, owner, activity, started => new HistoryEvent
        {
            EventType = EventType.ActivityTaskFailed,
            ActivityTaskFailedEventAttributes = new ActivityTaskFailedEventAttributes
            {
                Failure = failure,
                ScheduledEventId = activity.ScheduledEventId,
                StartedEventId = started,
                Identity = identity,
                RetryState = state,
            },
        });
    }

    public static void TimeOut(Step step, Entity owner, ActivityState activity, TimeoutType type)
    {
        var heartbeat = activity.HeartbeatDetails.IsEmpty ? null : Payloads.Parser.ParseFrom(activity.HeartbeatDetails);
        var failure = Failures.Timeout(type, $"activity {type} timeout", heartbeat);
        if (TryRetry(step, owner, activity, failure, out var state))
        {
            return;
        }

        // The time for all attempts is up while one waits or works: what went wrong before is the cause.
        if (type is TimeoutType.ScheduleToClose or TimeoutType.ScheduleToStart)
        {
            if (!activity.LastFailure.IsEmpty)
            {
                failure.Cause = Failure.Parser.ParseFrom(activity.LastFailure);
            }
        }
        else if (state == RetryState.Timeout)
        {
            failure = Failures.Timeout(TimeoutType.ScheduleToClose, "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying", heartbeat, failure);
        }

        Close(step, owner, activity, started => new HistoryEvent
        {
            EventType = EventType.ActivityTaskTimedOut,
            ActivityTaskTimedOutEventAttributes = new ActivityTaskTimedOutEventAttributes
            {
                Failure = failure,
                ScheduledEventId = activity.ScheduledEventId,
                StartedEventId = started,
                RetryState = state,
            },
        });
    }

    private static bool TryRetry(Step step, Entity owner, ActivityState activity, Failure failure, out RetryState state)
    {
        if (activity.CancelRequested)
        {
            state = RetryState.CancelRequested;
            return false;
        }

        // A reset asked for while the worker had it begins anew whatever the policy says.
        if (activity.ResetRequested)
        {
            ActivityControl.BeginAnew(step, owner, activity, 0);
            state = RetryState.InProgress;
            return true;
        }

        (var interval, state) = Retries.Next(activity.Retry, activity.Attempt, step.Now, activity.ScheduleToCloseDeadline, failure);
        if (interval < 0)
        {
            return false;
        }

        activity.LastFailure = failure.ToByteString();
        activity.LastAttemptCompleteTime = step.Now;
        activity.RetryInterval = interval;
        activity.Attempt++;
        activity.StartedTime = 0;
        activity.AttemptScheduledTime = step.Now + interval;
        step.Touch(owner, visibility: activity.Paused);
        return true;
    }

    private static void Close(Step step, Entity owner, ActivityState activity, Func<long, HistoryEvent> last)
    {
        if (owner is StandaloneActivity standalone)
        {
            CloseStandaloneActivity.Apply(step, standalone, last(0));
            return;
        }

        var run = (WorkflowRun)owner;
        run.S.Activities.Remove(activity.ScheduledEventId);
        long startedEventId = 0;
        if (activity.StartedTime > 0)
        {
            var started = new HistoryEvent
            {
                EventType = EventType.ActivityTaskStarted,
                EventTime = Instant.ToTimestamp(run.TimeAt(activity.StartedTime)),
                ActivityTaskStartedEventAttributes = new ActivityTaskStartedEventAttributes
                {
                    ScheduledEventId = activity.ScheduledEventId,
                    Identity = activity.Identity,
                    RequestId = activity.StartRequestId,
                    Attempt = activity.Attempt,
                    LastFailure = activity.LastFailure.IsEmpty ? null : Failure.Parser.ParseFrom(activity.LastFailure),
                },
            };
            run.AppendOrBuffer(step, started);
            startedEventId = started.EventId;
        }

        run.AppendOrBuffer(step, last(startedEventId));
        ScheduleWorkflowTask.Ensure(step, run);
    }
}
