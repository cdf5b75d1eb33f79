using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Google.Protobuf;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Activities;

/// <summary>A standalone activity ends with an outcome, and its callbacks go out.</summary>
internal static class CloseStandaloneActivity
{
    /// <param name="last">The event that a workflow's activity would end with.</param>
    public static void Apply(Step step, StandaloneActivity activity, HistoryEvent last)
    {
        switch (last.EventType)
        {
            case EventType.ActivityTaskCompleted:
                Close(step, activity, ActivityExecutionStatus.Completed, new() { Result = last.ActivityTaskCompletedEventAttributes.Result ?? new Payloads() });
                break;
            case EventType.ActivityTaskCanceled:
                Cancel(step, activity, last.ActivityTaskCanceledEventAttributes.Details);
                break;
            case EventType.ActivityTaskFailed:
                var failed = last.ActivityTaskFailedEventAttributes;
                activity.Activity.LastFailure = failed.Failure.ToByteString();
                Close(step, activity, ActivityExecutionStatus.Failed, new() { Failure = failed.Failure, RetryState = failed.RetryState });
                break;
            default:
                var timedOut = last.ActivityTaskTimedOutEventAttributes;
                Close(step, activity, ActivityExecutionStatus.TimedOut, new() { Failure = timedOut.Failure, RetryState = timedOut.RetryState });
                break;
        }
    }

    /// <summary>The worker that has it is asked in the answer to its next heartbeat; one that nobody has is canceled at once.</summary>
    public static void RequestCancel(Step step, StandaloneActivity activity, string reason, string requestId)
    {
        activity.Activity.CancelRequested = true;
        activity.S.CancelRequestId = requestId;
        activity.S.CancelReason = reason;
        step.Touch(activity);
        if (activity.Activity.StartedTime == 0)
        {
            var details = new Payload
            {
                Data = ByteString.CopyFrom(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(reason)),
                Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") },
            };
            Cancel(step, activity, new Payloads { Payloads_ = { details } });
        }
    }

    public static void Cancel(Step step, StandaloneActivity activity, Payloads? details) => Close(step, activity, ActivityExecutionStatus.Canceled, new()
    {
        Failure = new Failure { Message = "Activity canceled", CanceledFailureInfo = new CanceledFailureInfo { Details = details } },
    });

    public static void Terminate(Step step, StandaloneActivity activity, string reason, string requestId)
    {
        activity.S.TerminateRequestId = requestId;
        Close(step, activity, ActivityExecutionStatus.Terminated, new()
        {
            Failure = new Failure { Message = reason, TerminatedFailureInfo = new TerminatedFailureInfo() },
        });
    }

    private static void Close(Step step, StandaloneActivity activity, ActivityExecutionStatus status, ActivityExecutionOutcome outcome)
    {
        var s = activity.S;
        s.Status = (int)status;
        s.CloseTime = step.Now;
        s.DeleteAt = Instant.Add(step.Now, activity.Namespace.Retention);
        s.Outcome = outcome.ToByteString();
        if (activity.Activity.StartedTime > 0)
        {
            activity.Activity.LastAttemptCompleteTime = step.Now;
        }

        step.Touch(activity, visibility: true);
        DeliverCallbacks.OnClose(step, activity);
        step.Core.RaiseClosed(step, activity);
    }
}
