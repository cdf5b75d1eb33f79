using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;

namespace Baton.Durable.Execution.Transitions;

/// <summary>People steer an activity: pause, unpause, reset.</summary>
internal static class ActivityControl
{
    public static void Pause(Step step, WorkflowRun run, ActivityState activity, string identity, string reason)
    {
        if (activity.Paused)
        {
            return;
        }

        activity.Paused = true;
        activity.PauseTime = step.Now;
        activity.PauseIdentity = identity;
        activity.PauseReason = reason;
        activity.Stamp += activity.StartedTime == 0 ? 1 : 0;
        step.Touch(run);
    }

    public static void Unpause(Step step, WorkflowRun run, ActivityState activity, bool resetAttempts, bool resetHeartbeat, long jitter)
    {
        if (!activity.Paused)
        {
            return;
        }

        activity.Paused = false;
        activity.PauseTime = 0;
        activity.PauseIdentity = "";
        activity.PauseReason = "";
        if (resetAttempts)
        {
            activity.Attempt = 1;
        }

        if (resetHeartbeat)
        {
            activity.HeartbeatDetails = ByteString.Empty;
        }

        if (activity.StartedTime == 0)
        {
            activity.Stamp++;
            activity.AttemptScheduledTime = Math.Max(activity.AttemptScheduledTime, step.Now + jitter);
        }

        step.Touch(run);
    }

    /// <summary>Back to the first attempt: at once when no worker has it, else when the worker's attempt ends.</summary>
    public static void Reset(Step step, WorkflowRun run, ActivityState activity, bool resetHeartbeat, bool keepPaused, long jitter)
    {
        if (activity.Paused && !keepPaused)
        {
            Unpause(step, run, activity, resetAttempts: true, resetHeartbeat, jitter);
        }

        if (activity.StartedTime > 0)
        {
            activity.ResetRequested = true;
            activity.ResetHeartbeats = resetHeartbeat;
            step.Touch(run);
            return;
        }

        activity.ResetHeartbeats = resetHeartbeat;
        BeginAnew(step, run, activity, jitter);
    }

    public static void BeginAnew(Step step, WorkflowRun run, ActivityState activity, long jitter)
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
        step.Touch(run);
    }
}
