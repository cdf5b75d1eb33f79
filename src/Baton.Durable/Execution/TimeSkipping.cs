using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// The time of a single run, which may be ahead of the server's: while it only waits for time to pass, it goes to the next moment at which
/// something happens.
/// </summary>
/// <remarks>
/// What the run waits for stands in its state by the server's clock, so that waking it needs no other: a skip moves all of that nearer. What
/// is written for readers (events, start and close time) is by the time of the run.
/// </remarks>
internal static class TimeSkipping
{
    private const int DefaultSkips = 100;

    /// <exception cref="ServiceException">INVALID_ARGUMENT.</exception>
    public static void Require(TimeSkippingConfig? config)
    {
        if (config is { MaxSessionSkipCount: < 0 })
        {
            throw ServiceErrors.InvalidArgument("TimeSkippingConfig: max_session_skip_count is negative.");
        }

        if (config?.FastForwardConfig is not { } forward)
        {
            return;
        }

        if (forward.Id.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("TimeSkippingConfig: fast_forward_config has no id.");
        }

        if (Instant.From(forward.Duration) <= 0)
        {
            throw ServiceErrors.InvalidArgument("TimeSkippingConfig: fast_forward_config has no positive duration.");
        }
    }

    public static TimeSkippingConfig? Config(WorkflowRun run) =>
        run.S.TimeSkipping is { Config.IsEmpty: false } state ? TimeSkippingConfig.Parser.ParseFrom(state.Config) : null;

    /// <summary>State of a new run; null for one to whom the server's time is good enough.</summary>
    public static TimeSkippingState? Begin(WorkflowExecutionStartedEventAttributes attributes, long now)
    {
        var (config, inherited) = (attributes.TimeSkippingConfig, attributes.TimeSkippingStatePropagation);
        if (config is null && inherited is null)
        {
            return null;
        }

        var state = new TimeSkippingState { Skipped = Instant.From(inherited?.InitialSkippedDuration) };
        Set(state, config, now, Instant.From(inherited?.FastForwardTargetTime));
        state.Skips = inherited?.InitialSkipCount ?? 0;
        return state;
    }

    public static void Set(WorkflowRun run, TimeSkippingConfig? config, long now) => Set(run.S.TimeSkipping ??= new TimeSkippingState(), config, now, target: 0);

    /// <summary>For the run that follows under the same id: where this one is, and how far it may go.</summary>
    public static void ToFollowing(WorkflowRun run, WorkflowExecutionStartedEventAttributes attributes)
    {
        if (run.S.TimeSkipping is not { } state)
        {
            return;
        }

        attributes.TimeSkippingConfig = state.Enabled ? Config(run) : null;
        attributes.TimeSkippingStatePropagation = new TimeSkippingStatePropagation
        {
            InitialSkippedDuration = Instant.ToDurationOrZero(state.Skipped),
            FastForwardTargetTime = state.Reached ? null : Instant.ToTimestamp(state.Target),
            InitialSkipCount = state.Skips,
        };
    }

    /// <summary>For a child: it begins at the time of its parent, and skips as the parent does unless that keeps it to itself.</summary>
    public static void ToChild(WorkflowRun run, WorkflowExecutionStartedEventAttributes attributes)
    {
        if (run.S.TimeSkipping is not { } state)
        {
            return;
        }

        attributes.TimeSkippingConfig = state.Enabled && Config(run) is { DisablePropagation: false } config
            ? new TimeSkippingConfig { Enabled = true, MaxSessionSkipCount = config.MaxSessionSkipCount }
            : null;
        attributes.TimeSkippingStatePropagation = state.Skipped > 0
            ? new TimeSkippingStatePropagation { InitialSkippedDuration = Instant.ToDuration(state.Skipped) }
            : null;
    }

    /// <summary>When the run is to be woken to skip, or because its fast-forward is over; 0 for never.</summary>
    public static long NextWake(WorkflowRun run, long now) =>
        run.S.TimeSkipping is not { Enabled: true } state ? 0 : Next(run, now) is not null ? now : state.Target > 0 && !state.Reached ? Math.Max(1, state.Target - state.Skipped) : 0;

    /// <summary>Skips, when there is nothing to do before a later moment.</summary>
    public static void Advance(Step step, WorkflowRun run)
    {
        if (run.S.TimeSkipping is not { Enabled: true } state)
        {
            return;
        }

        if (state.Target > 0 && !state.Reached && state.Target - state.Skipped <= step.Now)
        {
            Record(step, run, target: 0, ends: true);
        }
        else if (Next(run, step.Now) is { } next)
        {
            Record(step, run, next.Target + state.Skipped, next.Ends);
        }
    }

    /// <summary>What a transition does, now or when a reset plays it again.</summary>
    /// <param name="skipped">How far it went.</param>
    public static void Apply(ExecutionState s, long skipped, bool ends)
    {
        var state = s.TimeSkipping ??= new TimeSkippingState();
        state.Skipped += skipped;
        foreach (var timer in s.Timers.Values)
        {
            timer.FireTime -= skipped;
        }

        state.Skips += skipped > 0 ? 1 : 0;
        state.Reached |= ends;
        state.Enabled &= !ends && state.Skips < state.MaxSkips;
    }

    public static TimeSkippingInfo? Describe(WorkflowRun run, long now)
    {
        if (run.S.TimeSkipping is not { } state)
        {
            return null;
        }

        var config = Config(run);
        if (config is not null)
        {
            config.Enabled = state.Enabled;
            config.MaxSessionSkipCount = state.MaxSkips;
        }

        return new TimeSkippingInfo { CurrentTime = Instant.ToTimestamp(now + state.Skipped), EffectiveConfig = config, FastForwardInfo = FastForward(run) };
    }

    /// <summary>Null when there is none.</summary>
    public static TimeSkippingFastForwardInfo? FastForward(WorkflowRun run) =>
        run.S.TimeSkipping is { Target: > 0 } state && Config(run)?.FastForwardConfig is { } forward
            ? new TimeSkippingFastForwardInfo
            {
                FastForwardId = forward.Id,
                FastForwardDuration = forward.Duration,
                TargetTime = Instant.ToTimestamp(state.Target),
                HasCompleted = state.Reached,
            }
            : null;

    private static void Set(TimeSkippingState state, TimeSkippingConfig? config, long now, long target)
    {
        state.Config = config?.ToByteString() ?? ByteString.Empty;
        state.Enabled = config?.Enabled == true;
        state.MaxSkips = config is { MaxSessionSkipCount: > 0 } ? config.MaxSessionSkipCount : DefaultSkips;
        (state.Skips, state.Reached, state.Target) = (0, false, 0);
        if (state.Enabled && Instant.From(config!.FastForwardConfig?.Duration) is > 0 and var duration)
        {
            state.Target = target > 0 ? target : Instant.Add(now + state.Skipped, duration);
        }
    }

    /// <summary>The moment by the server's clock that the run may skip to, if it may.</summary>
    private static (long Target, bool Ends)? Next(WorkflowRun run, long now)
    {
        var (s, state) = (run.S, run.S.TimeSkipping);
        if (!run.IsRunning || run.IsPaused || run.HasWorkflowTask || s.Children.Count > 0 || s.NexusOperations.Count > 0
            || s.Activities.Values.Any(activity => activity.StartedTime > 0 || activity.Paused || activity.Attempt < 2 || activity.AttemptScheduledTime <= now))
        {
            return null;
        }

        long next = 0;
        foreach (var timer in s.Timers.Values)
        {
            next = Instant.Earlier(next, timer.FireTime);
        }

        foreach (var activity in s.Activities.Values)
        {
            next = Instant.Earlier(next, activity.AttemptScheduledTime);
        }

        next = run.IsBackingOff ? Instant.Earlier(next, s.BackoffUntil) : Instant.Earlier(Instant.Earlier(next, s.RunDeadline), s.ExecutionDeadline);
        var forward = state.Target > 0 && !state.Reached ? state.Target - state.Skipped : 0;
        if (forward > 0 && (next == 0 || forward <= next))
        {
            return forward > now ? (forward, true) : null;
        }

        return next > now && next != Instant.Never ? (next, false) : null;
    }

    /// <param name="target">By the run's time; 0 when the fast-forward ended without a skip.</param>
    private static void Record(Step step, WorkflowRun run, long target, bool ends)
    {
        run.AppendOrBuffer(step, new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionTimeSkippingTransitioned,
            WorkerMayIgnore = true,
            WorkflowExecutionTimeSkippingTransitionedEventAttributes = new WorkflowExecutionTimeSkippingTransitionedEventAttributes
            {
                TargetTime = Instant.ToTimestamp(target),
                DisabledAfterFastForward = ends,
                WallClockTime = Instant.ToTimestamp(step.Now),
            },
        });
        var skipped = target > 0 ? target - run.TimeAt(step.Now) : 0;
        Apply(run.S, skipped, ends);
        Nearer(run.S, skipped);
        step.Touch(run);
    }

    /// <summary>The deadlines that only a running run has: a reset sets its own.</summary>
    private static void Nearer(ExecutionState s, long skipped)
    {
        s.RunDeadline = Nearer(s.RunDeadline, skipped);
        s.ExecutionDeadline = Nearer(s.ExecutionDeadline, skipped);
        s.BackoffUntil = Nearer(s.BackoffUntil, skipped);
        foreach (var activity in s.Activities.Values)
        {
            activity.AttemptScheduledTime -= skipped;
            activity.ScheduleToCloseDeadline = Nearer(activity.ScheduleToCloseDeadline, skipped);
        }
    }

    private static long Nearer(long deadline, long skipped) => deadline is 0 or Instant.Never ? deadline : Math.Max(1, deadline - skipped);
}
