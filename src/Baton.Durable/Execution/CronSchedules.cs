using Baton.Durable.Engine;
using Baton.Durable.Schedules;

namespace Baton.Durable.Execution;

/// <summary>Cron schedules of workflows, by the instants of the engine.</summary>
internal static class CronSchedules
{
    public static void Require(string schedule, Func<string, Exception> refuse)
    {
        if (schedule.Length == 0)
        {
            return;
        }

        try
        {
            CronSchedule.Parse(schedule);
        }
        catch (ScheduleSpecException problem)
        {
            throw refuse($"Invalid CronSchedule, {problem.Message}.");
        }
    }

    /// <summary>How long the first run waits; 0 without a schedule.</summary>
    public static long FirstBackoff(string schedule, long now) => schedule.Length == 0 ? 0 : NextBackoff(schedule, now, now) ?? 0;

    /// <summary>How long the run after one waits that began and closed at the given instants, or null when the schedule has no more times.</summary>
    public static long? NextBackoff(string schedule, long start, long close) =>
        CronSchedule.Parse(schedule).NextBackoff(Instant.ToDateTimeOffset(start), Instant.ToDateTimeOffset(close))?.Ticks;
}
