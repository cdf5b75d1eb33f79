using System.CommandLine;
using Baton.Cli.Options;
using Baton.Server.Errors;
using Baton.Server.Settings;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;
using Duration = Google.Protobuf.WellKnownTypes.Duration;
using Option = System.CommandLine.Option;

namespace Baton.Cli.Verbs.Schedules;

/// <summary>When, what and how: shared by `schedule create` and `schedule update`.</summary>
internal sealed class ScheduleOptions
{
    private readonly Option<string[]> calendar = new("--calendar") { Description = "Calendar, as JSON: {\"dayOfWeek\":\"Fri\",\"hour\":\"17\",\"minute\":\"5\"}.", HelpName = "JSON" };
    private readonly Option<string[]> cron = new("--cron") { Description = "Cron expression; may begin with CRON_TZ=Zone.", HelpName = "CRON" };
    private readonly Option<string[]> interval = new("--interval") { Description = "Interval, with a phase after a slash: 1h, 1h/10m.", HelpName = "DURATION[/PHASE]" };
    private readonly Option<DateTimeOffset?> startTime = Values.Time("--start-time", "Not before this time.");
    private readonly Option<DateTimeOffset?> endTime = Values.Time("--end-time", "Not after this time.");
    private readonly Option<TimeSpan?> jitter = Values.Duration("--jitter", "Wait a random part of this time before each start.");
    private readonly Option<string?> timeZone = new("--time-zone") { Description = "Zone of calendars and cron expressions, such as Europe/Berlin (default UTC)." };
    private readonly Option<ScheduleOverlapPolicy?> overlap = ScheduleNoun.OverlapPolicy();
    private readonly Option<TimeSpan?> catchup = Values.Duration("--catchup-window", "How late a start may be made up for after the server was down (default 1 year).");
    private readonly Option<bool> pauseOnFailure = new("--pause-on-failure") { Description = "Pause when a workflow fails." };
    private readonly Option<bool> paused = new("--paused") { Description = "Begin paused." };
    private readonly Option<string?> notes = new("--notes") { Description = "A note that `describe` shows." };
    private readonly Option<long?> remaining = new("--remaining-actions") { Description = "Stop after this many starts." };
    private readonly WorkflowStartOptions workflow = new();

    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            calendar, cron, interval, startTime, endTime, jitter, timeZone, overlap, catchup, pauseOnFailure, paused, notes, remaining,
        })
        {
            command.Options.Add(option);
        }
        workflow.AddTo(command);
    }

    public Schedule Read(ServerCall call) => new()
    {
        Spec = Spec(call),
        Action = new ScheduleAction { StartWorkflow = workflow.Action(call) },
        Policies = new SchedulePolicies
        {
            OverlapPolicy = call.Get(overlap) ?? ScheduleOverlapPolicy.Unspecified,
            CatchupWindow = call.Get(catchup) is { } window ? Duration.FromTimeSpan(window) : null,
            PauseOnFailure = call.Get(pauseOnFailure),
        },
        State = new ScheduleState
        {
            Paused = call.Get(paused),
            Notes = call.Get(notes) ?? "",
            LimitedActions = call.Get(remaining) is not null,
            RemainingActions = call.Get(remaining) ?? 0,
        },
    };

    private ScheduleSpec Spec(ServerCall call)
    {
        var spec = new ScheduleSpec
        {
            StartTime = call.Get(startTime) is { } start ? Timestamp.FromDateTimeOffset(start) : null,
            EndTime = call.Get(endTime) is { } end ? Timestamp.FromDateTimeOffset(end) : null,
            Jitter = call.Get(jitter) is { } spread ? Duration.FromTimeSpan(spread) : null,
            TimezoneName = call.Get(timeZone) ?? "",
        };
        spec.CronString.AddRange(call.Get(cron) ?? []);
        spec.Calendar.AddRange((call.Get(calendar) ?? []).Select(Calendar));
        spec.Interval.AddRange((call.Get(interval) ?? []).Select(Interval));
        return spec;
    }

    private static CalendarSpec Calendar(string json)
    {
        try
        {
            return JsonParser.Default.Parse<CalendarSpec>(json);
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidJsonException)
        {
            throw new BatonException(
                ErrorCodes.InvalidInput, $"--calendar '{json}' is not a calendar", exception.Message,
                "its fields are second, minute, hour, dayOfMonth, month, year, dayOfWeek and comment, all strings", exception);
        }
    }

    private static IntervalSpec Interval(string text)
    {
        var parts = text.Split('/');
        if (parts.Length > 2 || !Durations.TryParse(parts[0], out var every) || every <= TimeSpan.Zero)
        {
            throw Wrong(text);
        }
        var spec = new IntervalSpec { Interval = Duration.FromTimeSpan(every) };
        if (parts.Length == 2)
        {
            spec.Phase = Durations.TryParse(parts[1], out var phase) ? Duration.FromTimeSpan(phase) : throw Wrong(text);
        }
        return spec;
    }

    private static BatonException Wrong(string text) =>
        new(ErrorCodes.InvalidInput, $"--interval '{text}' is not an interval", null, "write 1h, or 1h/10m for ten minutes past each hour");
}
