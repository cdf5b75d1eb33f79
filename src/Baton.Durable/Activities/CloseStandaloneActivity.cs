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
                activity.Close(step, ActivityExecutionStatus.Completed, new() { Result = last.ActivityTaskCompletedEventAttributes.Result ?? new Payloads() });
                break;
            case EventType.ActivityTaskCanceled:
                Cancel(step, activity, last.ActivityTaskCanceledEventAttributes.Details);
                break;
            case EventType.ActivityTaskFailed:
                var failed = last.ActivityTaskFailedEventAttributes;
                activity.Activity.LastFailure = failed.Failure.ToByteString();
                activity.Close(step, ActivityExecutionStatus.Failed, new() { Failure = failed.Failure, RetryState = failed.RetryState });
                break;
            default:
                var timedOut = last.ActivityTaskTimedOutEventAttributes;
                activity.Close(step, ActivityExecutionStatus.TimedOut, new() { Failure = timedOut.Failure, RetryState = timedOut.RetryState });
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

    public static void Cancel(Step step, StandaloneActivity activity, Payloads? details) => activity.Close(step, ActivityExecutionStatus.Canceled, new()
    {
        Failure = new Failure { Message = "Activity canceled", CanceledFailureInfo = new CanceledFailureInfo { Details = details } },
    });

    public static void Terminate(Step step, StandaloneActivity activity, string reason, string requestId)
    {
        activity.S.TerminateRequestId = requestId;
        activity.Close(step, ActivityExecutionStatus.Terminated, new()
        {
            Failure = new Failure { Message = reason, TerminatedFailureInfo = new TerminatedFailureInfo() },
        });
    }
}
