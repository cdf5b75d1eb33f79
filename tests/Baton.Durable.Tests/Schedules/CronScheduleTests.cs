using Baton.Durable.Schedules;
using Xunit;

namespace Baton.Durable.Tests.Schedules;

public sealed class CronScheduleTests
{
    [Theory]
    [InlineData("0 0 13 * FRI", "2024-05-31T12:00:00Z", "2024-06-07T00:00:00Z")] // either day, as both are restricted
    [InlineData("0 0 13 * *", "2024-05-31T12:00:00Z", "2024-06-13T00:00:00Z")]
    [InlineData("0 0 ? * FRI", "2024-05-31T12:00:00Z", "2024-06-07T00:00:00Z")]
    [InlineData("*/20 * * * *", "2024-05-31T12:59:59.9Z", "2024-05-31T13:00:00Z")]
    [InlineData("@hourly", "2024-05-31T12:00:00Z", "2024-05-31T13:00:00Z")]
    [InlineData("@every 1h30m", "2024-05-31T12:00:10Z", "2024-05-31T13:30:10Z")]
    [InlineData("CRON_TZ=Asia/Tokyo 0 9 * * *", "2024-05-31T12:00:00Z", "2024-06-01T00:00:00Z")]
    public void The_next_time(string cron, string after, string expected) =>
        Assert.Equal(DateTimeOffset.Parse(expected), CronSchedule.Parse(cron).Next(DateTimeOffset.Parse(after)));

    [Theory]
    [InlineData("@every 10s", "2024-05-31T12:00:00Z", "2024-05-31T12:00:03Z", 7)]
    [InlineData("@every 10s", "2024-05-31T12:00:00Z", "2024-05-31T12:00:33.2Z", 7)]
    [InlineData("@every 10s", "2024-05-31T12:00:00Z", "2024-05-31T12:00:30Z", 0)]
    [InlineData("* * * * *", "2024-05-31T12:00:00Z", "2024-05-31T15:10:59.5Z", 1)]
    [InlineData("* * * * *", "2024-05-31T12:00:00Z", "2024-05-31T15:10:00Z", 0)]
    public void A_run_waits_for_the_first_time_that_is_not_before_its_close(string cron, string start, string close, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), CronSchedule.Parse(cron).NextBackoff(DateTimeOffset.Parse(start), DateTimeOffset.Parse(close)));

    [Theory]
    [InlineData("", "expected exactly 5 fields")]
    [InlineData("* * * * * *", "expected exactly 5 fields")]
    [InlineData("60 * * * *", "Minute is not in range [0-59]")]
    [InlineData("* * * * 7", "DayOfWeek is not in range [0-6]")]
    [InlineData("@sometimes", "'@sometimes' is unknown")]
    [InlineData("@every soon", "no duration")]
    [InlineData("CRON_TZ=Nowhere/City * * * * *", "unknown time zone 'Nowhere/City'")]
    [InlineData("CRON_TZ=UTC", "no fields")]
    public void What_is_no_schedule_is_refused_by_field(string cron, string problem) =>
        Assert.Contains(problem, Assert.Throws<ScheduleSpecException>(() => CronSchedule.Parse(cron)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_day_that_never_comes_gives_no_time() =>
        Assert.Null(CronSchedule.Parse("0 0 30 2 *").Next(DateTimeOffset.Parse("2024-05-31T12:00:00Z")));
}
