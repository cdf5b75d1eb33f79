using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution;

/// <summary>The four timeouts of an activity and the backoff between its attempts, as instants.</summary>
internal static class ActivityClock
{
    public static long NextWake(ActivityState activity, long now)
    {
        var next = activity.ScheduleToCloseDeadline;
        if (activity.StartedTime > 0)
        {
            next = Instant.Earlier(next, StartToCloseDeadline(activity));
            next = Instant.Earlier(next, HeartbeatDeadline(activity));
        }
        else if (!activity.Paused)
        {
            next = Instant.Earlier(next, ScheduleToStartDeadline(activity));
            if (activity.AttemptScheduledTime > now)
            {
                next = Instant.Earlier(next, activity.AttemptScheduledTime);
            }
        }

        return next;
    }

    /// <summary>The timeout that passed, or none.</summary>
    public static TimeoutType Passed(ActivityState activity, long now)
    {
        if (Is(activity.ScheduleToCloseDeadline, now))
        {
            return TimeoutType.ScheduleToClose;
        }

        if (activity.StartedTime == 0)
        {
            return !activity.Paused && Is(ScheduleToStartDeadline(activity), now) ? TimeoutType.ScheduleToStart : TimeoutType.Unspecified;
        }

        return Is(StartToCloseDeadline(activity), now) ? TimeoutType.StartToClose
            : Is(HeartbeatDeadline(activity), now) ? TimeoutType.Heartbeat
            : TimeoutType.Unspecified;
    }

    private static bool Is(long deadline, long now) => deadline > 0 && deadline <= now;

    // Counted for each attempt from when it may first be taken, so that backoff does not use it up.
    private static long ScheduleToStartDeadline(ActivityState activity) =>
        activity.ScheduleToStart > 0 ? Instant.Add(activity.AttemptScheduledTime, activity.ScheduleToStart) : 0;

    private static long StartToCloseDeadline(ActivityState activity) =>
        activity.StartToClose > 0 ? Instant.Add(activity.StartedTime, activity.StartToClose) : 0;

    private static long HeartbeatDeadline(ActivityState activity) =>
        activity.HeartbeatTimeout > 0 ? Instant.Add(Math.Max(activity.StartedTime, activity.LastHeartbeatTime), activity.HeartbeatTimeout) : 0;
}
