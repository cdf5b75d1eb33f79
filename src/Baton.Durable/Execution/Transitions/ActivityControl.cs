using Baton.Durable.Engine;
using Baton.Durable.Execution.Commands;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Activity.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>People steer an activity: pause, unpause, reset, other options.</summary>
internal static class ActivityControl
{
    public static void Pause(Step step, Entity owner, ActivityState activity, string identity, string reason, string requestId)
    {
        if (activity.Paused)
        {
            return;
        }

        activity.Paused = true;
        activity.PauseTime = step.Now;
        activity.PauseIdentity = identity;
        activity.PauseReason = reason;
        activity.PauseRequestId = requestId;
        activity.Stamp += activity.StartedTime == 0 ? 1 : 0;
        step.Touch(owner, visibility: true);
    }

    public static void Unpause(Step step, Entity owner, ActivityState activity, bool resetAttempts, bool resetHeartbeat, long jitter)
    {
        if (!activity.Paused)
        {
            return;
        }

        activity.Paused = false;
        activity.PauseTime = 0;
        activity.PauseIdentity = "";
        activity.PauseReason = "";
        activity.PauseRequestId = "";
        activity.PauseRuleId = "";
        // The number of an attempt that a worker has is part of its token, and stays.
        if (resetAttempts && activity.StartedTime == 0)
        {
            activity.Attempt = 1;
        }

        if (resetHeartbeat)
        {
            activity.HeartbeatDetails = ByteString.Empty;
        }

        // What waited for its next attempt need not wait any more.
        if (activity.StartedTime == 0)
        {
            activity.Stamp++;
            activity.AttemptScheduledTime = step.Now + jitter;
        }

        step.Touch(owner, visibility: true);
    }

    /// <summary>Back to the first attempt: at once when no worker has it, else when the worker's attempt ends.</summary>
    public static void Reset(Step step, Entity owner, ActivityState activity, bool resetHeartbeat, bool keepPaused, long jitter)
    {
        if (activity.Paused && !keepPaused)
        {
            Unpause(step, owner, activity, resetAttempts: true, resetHeartbeat, jitter);
        }

        if (activity.StartedTime > 0)
        {
            activity.ResetRequested = true;
            activity.ResetHeartbeats = resetHeartbeat;
            step.Touch(owner);
            return;
        }

        activity.ResetHeartbeats = resetHeartbeat;
        BeginAnew(step, owner, activity, jitter);
    }

    public static void BeginAnew(Step step, Entity owner, ActivityState activity, long jitter)
    {
        if (activity.ResetHeartbeats)
        {
            activity.HeartbeatDetails = ByteString.Empty;
            activity.LastHeartbeatTime = 0;
        }

        activity.ResetRequested = false;
        activity.ResetHeartbeats = false;
        activity.Attempt = 1;
        activity.Stamp++;
        activity.StartedTime = 0;
        activity.RetryInterval = 0;
        activity.AttemptScheduledTime = step.Now + jitter;
        step.Touch(owner);
    }

    /// <summary>Options that were checked. They hold for the attempt under way too, as far as it has not passed them.</summary>
    public static void SetOptions(Step step, Entity owner, ActivityState activity, ActivityOptions options)
    {
        (activity.ScheduleToClose, activity.ScheduleToStart, activity.StartToClose, activity.HeartbeatTimeout) = ScheduleActivityTask.Timeouts(
            (owner as WorkflowRun)?.S.RunTimeout ?? 0,
            Instant.From(options.ScheduleToCloseTimeout),
            Instant.From(options.ScheduleToStartTimeout),
            Instant.From(options.StartToCloseTimeout),
            Instant.From(options.HeartbeatTimeout));
        activity.ScheduleToCloseDeadline = activity.ScheduleToClose > 0 ? Instant.Add(activity.ScheduledTime, activity.ScheduleToClose) : 0;
        activity.TaskQueue = options.TaskQueue.Name;
        activity.Retry = Retries.ToState(Retries.WithDefaults(options.RetryPolicy));
        activity.Priority = options.Priority?.ToByteString() ?? ByteString.Empty;
        activity.Stamp++;
        if (activity.StartedTime == 0 && activity.Attempt > 1 && activity.AttemptScheduledTime > step.Now)
        {
            activity.RetryInterval = Retries.Interval(activity.Retry, activity.Attempt - 1);
            activity.AttemptScheduledTime = activity.LastAttemptCompleteTime + activity.RetryInterval;
        }

        step.Touch(owner);
    }
}
