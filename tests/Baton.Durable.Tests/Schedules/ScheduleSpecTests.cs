using Baton.Durable.Schedules;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Schedule.V1;
using Xunit;
using ScheduleRange = Temporalio.Api.Schedule.V1.Range;

namespace Baton.Durable.Tests.Schedules;

public sealed class ScheduleSpecTests
{
    [Theory]
    [InlineData("* * * * *", "2024-02-28T23:59:30Z", "2024-02-29T00:00:00Z")]
    [InlineData("30 2 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T02:30:00Z")]
    [InlineData("0 9 * * MON-FRI", "2024-05-31T09:00:00Z", "2024-06-03T09:00:00Z")]
    [InlineData("0 0 1 1 * 2030", "2024-05-31T09:00:00Z", "2030-01-01T00:00:00Z")]
    [InlineData("15 0 0 1 1 * 2030", "2024-05-31T09:00:00Z", "2030-01-01T00:00:15Z")]
    [InlineData("0 12 * * 7", "2024-05-31T09:00:00Z", "2024-06-02T12:00:00Z")]
    [InlineData("@monthly # rent", "2024-05-31T09:00:00Z", "2024-06-01T00:00:00Z")]
    [InlineData("@every 90m/10m", "2024-05-31T09:00:00Z", "2024-05-31T09:10:00Z")]
    [InlineData("TZ=America/New_York 0 9 * * *", "2024-05-31T09:00:00Z", "2024-05-31T13:00:00Z")]
    [InlineData("CRON_TZ=Asia/Kolkata 0 9 * * *", "2024-05-31T09:00:00Z", "2024-06-01T03:30:00Z")]
    public void Cron_strings_tell_the_next_time(string cron, string after, string expected)
    {
        var spec = CompiledScheduleSpec.Compile(new() { CronString = { cron } });

        Assert.Equal(DateTimeOffset.Parse(expected), spec.NextTime("", DateTimeOffset.Parse(after))!.Value.Nominal);
    }

    [Fact]
    public void Texts_become_structured_calendars_and_intervals()
    {
        var canonical = CompiledScheduleSpec.Compile(new()
        {
            Calendar = { new CalendarSpec { Hour = "5/6", DayOfWeek = "fri-7", Month = "Sept", Comment = "c" } },
            CronString = { "CRON_TZ=Europe/Berlin */15 1-3,7 * * * # often", "CRON_TZ=Europe/Berlin 0 0 1 * *" },
        }).Canonical;

        Assert.Empty(canonical.Calendar);
        Assert.Empty(canonical.CronString);
        Assert.Equal("Europe/Berlin", canonical.TimezoneName);
        Assert.Equal(new StructuredCalendarSpec
        {
            Second = { new ScheduleRange() },
            Minute = { new ScheduleRange() },
            Hour = { new ScheduleRange { Start = 5, End = 23, Step = 6 } },
            DayOfMonth = { new ScheduleRange { Start = 1, End = 31 } },
            Month = { new ScheduleRange { Start = 9 } },
            DayOfWeek = { new ScheduleRange(), new ScheduleRange { Start = 5, End = 6 } },
            Comment = "c",
        }, canonical.StructuredCalendar[0]);
        Assert.Equal("often", canonical.StructuredCalendar[1].Comment);
        Assert.Equal([new ScheduleRange { Start = 1, End = 3 }, new ScheduleRange { Start = 7 }], canonical.StructuredCalendar[1].Hour);
        Assert.Equal(new ScheduleRange { Start = 7, End = 7, Step = 1 }, ScheduleSpecs.WithDefaults(canonical).StructuredCalendar[1].Hour[1]);
    }

    [Fact]
    public void Every_problem_is_told_with_its_field()
    {
        var error = Assert.Throws<ScheduleSpecException>(() => CompiledScheduleSpec.Compile(new()
        {
            Calendar = { new CalendarSpec { Hour = "25", Minute = "1/2/3", Second = "5-1" } },
            CronString = { "* * *", "61 * * * *" },
            StructuredCalendar = { new StructuredCalendarSpec { Month = { new ScheduleRange { Start = 0, End = 13 } } } },
            Interval = { new IntervalSpec { Interval = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)), Phase = Duration.FromTimeSpan(TimeSpan.FromMinutes(1)) } },
            TimezoneName = "Mars/Olympus",
        }));

        foreach (var problem in new[]
        {
            "calendar[0]: Hour is not in range [0-23]", "calendar[0]: Minute has too many slashes", "calendar[0]: Second End is before Start",
            "cron_string[0]: CronString does not have 5-7 fields", "cron_string[1]: Minute is not in range [0-59]",
            "structured_calendar[0]: Month Start is not in range [1-12]", "structured_calendar[0]: Month End", "interval[0]: phase cannot be greater",
            "timezone: unknown time zone 'Mars/Olympus'",
        })
        {
            Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/localtime")]
    public void A_zone_name_never_leads_out_of_the_zone_directory(string name) =>
        Assert.Throws<ScheduleSpecException>(() => ScheduleTimeZone.Find(name));

    [Fact]
    public void Cron_strings_must_agree_on_the_zone() =>
        Assert.Contains("conflicting timezone names",
            Assert.Throws<ScheduleSpecException>(() => CompiledScheduleSpec.Compile(new() { CronString = { "TZ=UTC * * * * *", "* * * * *" } })).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_local_time_that_is_skipped_never_fires_and_one_that_is_repeated_fires_twice()
    {
        var spec = CompiledScheduleSpec.Compile(new() { CronString = { "CRON_TZ=America/New_York 30 1,2 * 3,11 *" } });
        var times = spec.Times("", DateTimeOffset.Parse("2024-03-10T00:00:00Z"), DateTimeOffset.Parse("2024-03-11T00:00:00Z"));
        Assert.Equal([DateTimeOffset.Parse("2024-03-10T06:30:00Z")], times.Select(t => t.Nominal));

        times = spec.Times("", DateTimeOffset.Parse("2024-11-03T04:00:00Z"), DateTimeOffset.Parse("2024-11-04T00:00:00Z"));
        Assert.Equal(
            ["2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z", "2024-11-03T07:30:00Z"],
            times.Select(t => t.Nominal.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Start_end_and_exclusions_bound_the_times()
    {
        var spec = CompiledScheduleSpec.Compile(new()
        {
            Interval = { new IntervalSpec { Interval = Duration.FromTimeSpan(TimeSpan.FromHours(1)) } },
            ExcludeStructuredCalendar = { CalendarText.Parse(new() { Hour = "3-4", Minute = "*", Second = "*" }, []) },
            StartTime = Timestamp.FromDateTimeOffset(DateTimeOffset.Parse("2024-01-01T02:00:00Z")),
            EndTime = Timestamp.FromDateTimeOffset(DateTimeOffset.Parse("2024-01-01T06:00:00Z")),
        });

        var times = spec.Times("", DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue).Select(t => t.Nominal.Hour);

        Assert.Equal([2, 5, 6], times);
    }

    [Fact]
    public void An_exclusion_of_everything_is_an_error_and_no_hang()
    {
        var spec = CompiledScheduleSpec.Compile(new()
        {
            Interval = { new IntervalSpec { Interval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) } },
            ExcludeStructuredCalendar = { CalendarText.Parse(new() { Hour = "*", Minute = "*", Second = "*" }, []) },
        });

        Assert.Throws<ScheduleSpecException>(() => spec.NextTime("", DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void Jitter_is_stable_keeps_the_order_and_differs_by_seed()
    {
        var spec = CompiledScheduleSpec.Compile(new() { CronString = { "*/5 * * * *" }, Jitter = Duration.FromTimeSpan(TimeSpan.FromHours(1)) });
        var (from, until) = (DateTimeOffset.Parse("2024-01-01T00:00:00Z"), DateTimeOffset.Parse("2024-01-03T00:00:00Z"));

        var a = spec.Times("a", from, until).ToList();
        var b = spec.Times("b", from, until).ToList();

        Assert.Equal(a, spec.Times("a", from, until));
        Assert.All(a, t => Assert.InRange(t.Actual - t.Nominal, TimeSpan.Zero, TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1)));
        Assert.Equal(a.Select(t => t.Nominal), Enumerable.Range(1, a.Count).Select(i => from.AddMinutes(5 * i)));
        Assert.True(a.Zip(b).Count(p => p.First.Actual != p.Second.Actual) > a.Count * 9 / 10);
        Assert.InRange(a.Average(t => (t.Actual - t.Nominal).TotalSeconds), 135, 165);
    }

    private static readonly string[] Zones =
        ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"];

    // Any calendar against a walk over every second, in zones with gaps and overlaps of 30 minutes, an hour and a whole day.
    [Fact]
    public void The_next_time_is_the_first_second_that_matches()
    {
        var bits = (int max, int few) => Gen.Int[0, max].List[1, few].Select(v => v.Aggregate(0UL, (b, i) => b | (1UL << i)));
        var gen = Gen.Select(Gen.Int[0, Zones.Length - 1].Select(i => Zones[i]), Gen.Long[0, 86_400 * 4], Gen.Int[0, Anchors.Length - 1].Select(i => Anchors[i]), Gen.Select(bits(59, 3), bits(59, 4), bits(23, 6)), Gen.Select(bits(6, 7), Gen.Bool));

        gen.Sample((zoneName, shift, anchor, time, days) =>
        {
            var zone = ScheduleTimeZone.Find(zoneName);
            var calendar = new CompiledCalendar(time.Item1, time.Item2, time.Item3, ulong.MaxValue, ulong.MaxValue, days.Item2 ? days.Item1 : ulong.MaxValue, eitherDay: false);
            var after = anchor + shift - (86_400 * 2);
            var limit = after + (86_400 * 2);
            var expected = after + 1;
            while (expected <= limit && !calendar.Matches(zone, expected))
            {
                expected++;
            }
            var found = calendar.Next(zone, after);
            return expected > limit ? found > limit : found == expected;
        }, iter: 300);
    }

    // Clock changes of the zones above: 2024 spring and autumn of each hemisphere, Ramadan in Morocco, Samoa's lost day of 2011.
    private static readonly long[] Anchors = [.. new[]
    {
        "2024-03-10T07:00:00Z", "2024-11-03T06:00:00Z", "2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z", "2024-04-06T15:00:00Z", "2024-10-05T15:30:00Z",
        "2024-03-10T02:00:00Z", "2024-04-14T02:00:00Z", "2011-12-30T10:00:00Z", "2023-06-01T00:00:00Z",
    }.Select(t => DateTimeOffset.Parse(t).ToUnixTimeSeconds())];

    [Fact]
    public void In_utc_single_day_fields_mean_what_they_mean_in_cronos()
    {
        var field = (int min, int max) => Gen.OneOf(
            Gen.Const("*"),
            Gen.Int[min, max].Select(i => $"{i}"),
            Gen.Select(Gen.Int[min, max], Gen.Int[min, max]).Select((a, b) => $"{Math.Min(a, b)}-{Math.Max(a, b)}"),
            Gen.Select(Gen.Int[min, max], Gen.Int[1, 7]).Select((a, step) => $"{a}/{step}"),
            Gen.Int[2, 9].Select(step => $"*/{step}"));
        var gen = Gen.Select(field(0, 59), field(0, 23), field(1, 31), field(1, 12), Gen.Long[946_684_800, 2_524_608_000]);

        gen.Sample((minute, hour, day, month, after) =>
        {
            var cron = $"{minute} {hour} {day} {month} *";
            var at = DateTimeOffset.FromUnixTimeSeconds(after);
            var expected = Cronos.CronExpression.Parse(cron).GetNextOccurrence(at, TimeZoneInfo.Utc);
            expected = expected?.Year > CompiledCalendar.MaxYear ? null : expected;
            return CompiledScheduleSpec.Compile(new() { CronString = { cron } }).NextTime("", at)?.Nominal == expected && CronSchedule.Parse(cron).Next(at) == expected;
        }, iter: 2_000);
    }

    [Fact]
    public void Zone_data_of_a_request_gives_the_offsets_of_the_zone_it_was_made_from()
    {
        foreach (var name in Zones.Skip(1).Append("America/Sao_Paulo").Append("Europe/Dublin").Append("Asia/Tehran"))
        {
            var system = ScheduleTimeZone.Find(name);
            var parsed = TzifTimeZone.Parse(File.ReadAllBytes("/usr/share/zoneinfo/" + name));
            for (var t = 946_684_800L; t < 4_102_444_800; t += 6 * 3600 + 7)
            {
                Assert.True(system.OffsetAt(t) == parsed.OffsetAt(t), $"{name} at {DateTimeOffset.FromUnixTimeSeconds(t):O}: {system.OffsetAt(t)} and {parsed.OffsetAt(t)}");
            }
        }
    }

    [Fact]
    public void Damaged_zone_data_is_refused()
    {
        var data = File.ReadAllBytes("/usr/share/zoneinfo/Europe/Berlin");

        Assert.Throws<ScheduleSpecException>(() => TzifTimeZone.Parse([]));
        Assert.Throws<ScheduleSpecException>(() => TzifTimeZone.Parse("no zone"u8));
        Gen.Select(Gen.Int[5, data.Length - 1], Gen.Byte).Sample((position, value) =>
        {
            var damaged = (byte[])data.Clone();
            damaged[position] = value;
            try
            {
                _ = TzifTimeZone.Parse(damaged.AsSpan(0, position + 1)).OffsetAt(1_700_000_000);
                _ = TzifTimeZone.Parse(damaged).OffsetAt(1_700_000_000);
            }
            catch (ScheduleSpecException)
            {
                // the one right way to refuse
            }
        }, iter: 2_000);
    }

    [Fact]
    public void Zone_data_is_used_for_the_times()
    {
        var spec = CompiledScheduleSpec.Compile(new()
        {
            Calendar = { new CalendarSpec { Hour = "12" } },
            TimezoneName = "Custom/Zone",
            TimezoneData = ByteString.CopyFrom(File.ReadAllBytes("/usr/share/zoneinfo/Asia/Tokyo")),
        });

        Assert.Equal(DateTimeOffset.Parse("2024-01-01T03:00:00Z"), spec.NextTime("", DateTimeOffset.Parse("2024-01-01T00:00:00Z"))!.Value.Nominal);
    }
}
