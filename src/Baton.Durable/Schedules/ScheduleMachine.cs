using System.Globalization;
using Baton.Durable.State;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Schedule.V1;

namespace Baton.Durable.Schedules;

/// <summary>A workflow that the schedule wants started now.</summary>
/// <param name="IsTracked">It takes part in overlap policies, and hands its result on. Starts that may overlap do neither.</param>
internal sealed record ScheduleStart(PendingStart Pending, string WorkflowId, bool IsTracked, Payloads? LastResult, Failure? LastFailure)
{
    public DateTimeOffset NominalTime => Pending.NominalTime.ToDateTimeOffset();

    public bool IsManual => Pending.Manual;
}

/// <summary>What is to be done now, in this order.</summary>
internal sealed record ScheduleDecision(IReadOnlyList<ScheduleStart> Starts, IReadOnlyList<WorkflowExecution> Cancel, IReadOnlyList<WorkflowExecution> Terminate);

/// <summary>How a workflow that the schedule started ended, after all its retries and continuations.</summary>
internal sealed record ScheduledRunClosed(string WorkflowId, string FirstRunId, WorkflowExecutionStatus Status, Payloads? Result, Failure? Failure);

/// <summary>
/// What a schedule does when: a function of its state, the time, and what happened. It starts and stops nothing itself.
/// </summary>
/// <remarks>
/// One turn is: <see cref="Advance"/> moves times that have come into the buffer; <see cref="Decide"/> tells what the overlap policies let
/// through, and is asked again until nothing is refused; the caller reports each start with <see cref="Started"/>. Time that passed
/// while the schedule was paused or out of actions is not made up for; time that passed while the server was down is, within the catch-up window.
/// </remarks>
internal sealed class ScheduleMachine
{
    public const int MaxBuffer = 1_000;

    private const int RecentActions = 10;
    private const int RecentRequests = 50;
    private const int BackfillsPerTurn = 10;

    // A long absence is caught up with over several turns, so that no turn holds up the server.
    private const int TimesPerTurn = 10_000;
    private static readonly TimeSpan BackfillPause = TimeSpan.FromSeconds(1);

    /// <summary>How long a schedule that has nothing left to do is kept.</summary>
    private static readonly TimeSpan IdleRetention = TimeSpan.FromDays(7);

    private readonly string seed;
    private CompiledScheduleSpec? spec;
    private (DateTimeOffset After, ScheduleTime? Next)? known;
    private DateTimeOffset? backfilledAt;

    /// <param name="seed">Of the jitter; differs between schedules and never changes for one.</param>
    public ScheduleMachine(ScheduleModel model, string seed)
    {
        Model = model;
        this.seed = seed;
        Compile();
    }

    public ScheduleModel Model { get; }

    /// <summary>Why the schedule tells no times although it should: a zone that this machine lacks, or exclusions of everything.</summary>
    public string? SpecError { get; private set; }

    private ScheduleInfo Info => Model.Info;

    private Temporalio.Api.Schedule.V1.ScheduleState State => Model.Schedule.State;

    /// <summary>The spec is replaced by its canonical form.</summary>
    /// <exception cref="ScheduleSpecException">The spec cannot be used.</exception>
    public static ScheduleMachine Create(Schedule schedule, string requestId, Memo? memo, SearchAttributes? attributes, string seed, DateTimeOffset now)
    {
        schedule = Checked(schedule, seed, now);
        var model = new ScheduleModel(schedule) { CreateRequestId = requestId, Memo = memo, SearchAttributes = attributes, ProcessedUntil = now };
        model.Info.CreateTime = Timestamp.FromDateTimeOffset(now);
        return new(model, seed);
    }

    /// <summary>Whether this request was carried out already.</summary>
    public bool IsRepeated(string requestId) => requestId.Length > 0 && Model.RecentRequestIds.Contains(requestId);

    /// <exception cref="ScheduleSpecException">The spec cannot be used; nothing changed.</exception>
    public void Update(Schedule schedule, string requestId, DateTimeOffset now)
    {
        schedule = Checked(schedule, seed, now);
        TakeDueTimes(now);
        Model.Replace(schedule);
        Compile();
        // Times whose nominal time has passed but whose jittered time has not are still to come; earlier ones belong to the old spec.
        Model.ProcessedUntil = Later(Model.ProcessedUntil, now - JitterOf(schedule));
        Info.UpdateTime = Timestamp.FromDateTimeOffset(now);
        Model.ConflictToken++;
        Remember(requestId);
    }

    public void Patch(SchedulePatch patch, string requestId, DateTimeOffset now)
    {
        TakeDueTimes(now);
        if (patch.TriggerImmediately is { } trigger)
        {
            var time = trigger.ScheduledTime?.ToDateTimeOffset() ?? now;
            AddStart(new(time, time), trigger.OverlapPolicy, manual: true);
        }
        if (Model.Backfills.Count == 0)
        {
            backfilledAt = null;
        }
        foreach (var backfill in patch.BackfillRequest)
        {
            if (Model.Backfills.Count >= MaxBuffer)
            {
                Info.BufferDropped++;
                continue;
            }
            // Clients mean the start to be part of the range.
            var range = backfill.Clone();
            range.StartTime = Timestamp.FromDateTimeOffset(backfill.StartTime.ToDateTimeOffset().AddMilliseconds(-1));
            Model.Backfills.Add(range);
        }
        if (patch.Pause.Length > 0)
        {
            SetPaused(true, patch.Pause);
        }
        if (patch.Unpause.Length > 0)
        {
            SetPaused(false, patch.Unpause);
        }
        Remember(requestId);
    }

    /// <summary>Moves what is due at <paramref name="now"/> into the buffer.</summary>
    public void Advance(DateTimeOffset now)
    {
        TakeDueTimes(now);
        TakeBackfills(now);
    }

    /// <summary>What the buffer lets through. Empties the buffer of what is decided; call again after a start was refused.</summary>
    public ScheduleDecision Decide()
    {
        if (Model.Schedule.Action?.StartWorkflow is null)
        {
            Model.SetBuffer([]);
            return new([], [], []);
        }
        while (true)
        {
            var outcome = ScheduleOverlap.Resolve(Model.Buffer, Info.RunningWorkflows.Count > 0, Model.OverlapPolicy);
            Model.SetBuffer(outcome.Waiting);
            Info.OverlapSkipped += outcome.Skipped;
            var starts = outcome.Overlapping.Select(s => (Start: s, Tracked: false)).ToList();
            if (outcome.Next is { } next)
            {
                starts.Add((next, true));
            }
            var allowed = starts.Where(s => TryTakeAction(s.Start.Manual)).Select(s => ToStart(s.Start, s.Tracked)).ToList();
            if (allowed.Count == 0 && starts.Count > 0)
            {
                // Paused or out of actions: what waits behind goes the same way, unless it is manual.
                continue;
            }
            IReadOnlyList<WorkflowExecution> running = [.. Info.RunningWorkflows];
            return new(allowed, outcome.CancelRunning ? running : [], outcome.TerminateRunning ? running : []);
        }
    }

    public void Started(ScheduleStart start, string runId, DateTimeOffset now)
    {
        var execution = new WorkflowExecution { WorkflowId = start.WorkflowId, RunId = runId };
        Info.ActionCount++;
        Info.RecentActions.Add(new ScheduleActionResult
        {
            ScheduleTime = start.Pending.ActualTime,
            ActualTime = Timestamp.FromDateTimeOffset(now),
            StartWorkflowResult = execution,
            StartWorkflowStatus = WorkflowExecutionStatus.Running,
        });
        while (Info.RecentActions.Count > RecentActions)
        {
            Info.RecentActions.RemoveAt(0);
        }
        if (start.IsTracked)
        {
            Info.RunningWorkflows.Add(execution.Clone());
        }
    }

    /// <summary>False when the schedule did not start it or has forgotten it.</summary>
    public bool Closed(ScheduledRunClosed closed)
    {
        var recent = Info.RecentActions.LastOrDefault(a => IsSame(a.StartWorkflowResult));
        var running = Info.RunningWorkflows.FirstOrDefault(IsSame);
        if (recent is null && running is null)
        {
            return false;
        }
        if (recent is not null)
        {
            recent.StartWorkflowStatus = closed.Status;
        }
        if (closed.Status is WorkflowExecutionStatus.Failed or WorkflowExecutionStatus.TimedOut && Model.Schedule.Policies.PauseOnFailure && !State.Paused)
        {
            SetPaused(true, closed.Status == WorkflowExecutionStatus.Failed
                ? $"paused due to workflow failure: {closed.WorkflowId}: {closed.Failure?.Message}"
                : $"paused due to workflow timeout: {closed.WorkflowId}");
        }
        if (running is null)
        {
            return true;
        }
        Info.RunningWorkflows.Remove(running);
        if (closed.Status == WorkflowExecutionStatus.Completed)
        {
            Model.LastResult = closed.Result;
            Model.LastFailure = null;
        }
        else if (closed.Failure is not null)
        {
            // The result of the last success stays, so that a workflow can go on from it.
            Model.LastFailure = closed.Failure;
        }
        return true;

        bool IsSame(WorkflowExecution execution) => execution.WorkflowId == closed.WorkflowId && execution.RunId == closed.FirstRunId;
    }

    /// <summary>When <see cref="Advance"/> has something to do next, or <see cref="IsExpired"/> becomes true. Null is never.</summary>
    public DateTimeOffset? NextWake()
    {
        if (Model.Backfills.Count > 0 && HasRoomForBackfill)
        {
            return backfilledAt is { } last ? last + BackfillPause : Model.ProcessedUntil;
        }
        return CanAct && Next(Model.ProcessedUntil) is { } next ? next.Actual : ExpiresAt();
    }

    public bool IsExpired(DateTimeOffset now) => ExpiresAt() <= now;

    /// <summary>The times to come after <paramref name="now"/>, for those who look.</summary>
    public IEnumerable<Timestamp> FutureTimes(int count, DateTimeOffset now)
    {
        if (State.LimitedActions)
        {
            count = (int)Math.Clamp(State.RemainingActions, 0, count);
        }
        var time = FindNext(Later(Model.ProcessedUntil, now - JitterOf(Model.Schedule)));
        while (time is { } next && count > 0)
        {
            if (next.Actual > now)
            {
                yield return Timestamp.FromDateTimeOffset(next.Actual);
                count--;
            }
            time = FindNext(next.Actual);
        }
    }

    /// <exception cref="ScheduleSpecException">The spec can no longer be used on this machine.</exception>
    public IEnumerable<Timestamp> MatchingTimes(DateTimeOffset start, DateTimeOffset end, int limit) =>
        (spec ?? throw new ScheduleSpecException($"invalid schedule: {SpecError}"))
        .Times(seed, start, end).Take(limit).Select(t => Timestamp.FromDateTimeOffset(t.Actual));

    private bool CanAct => !State.Paused && (!State.LimitedActions || State.RemainingActions > 0);

    // Backfills leave half of the buffer to the schedule itself.
    private bool HasRoomForBackfill => Model.Buffer.Count < MaxBuffer / 2;

    private static Schedule Checked(Schedule schedule, string seed, DateTimeOffset now)
    {
        var compiled = CompiledScheduleSpec.Compile(schedule.Spec ?? new());
        _ = compiled.NextTime(seed, now);
        var copy = schedule.Clone();
        copy.Spec = compiled.Canonical;
        return copy;
    }

    private void Compile()
    {
        known = null;
        try
        {
            spec = CompiledScheduleSpec.Compile(Model.Schedule.Spec);
            SpecError = null;
        }
        catch (ScheduleSpecException e)
        {
            // It was good when it was taken: this machine lacks its time zone.
            spec = null;
            SpecError = e.Message;
        }
    }

    private ScheduleTime? Next(DateTimeOffset after)
    {
        if (known is { } cached && cached.After == after)
        {
            return cached.Next;
        }
        var next = FindNext(after);
        known = (after, next);
        return next;
    }

    private ScheduleTime? FindNext(DateTimeOffset after)
    {
        try
        {
            return spec?.NextTime(seed, after);
        }
        catch (ScheduleSpecException e)
        {
            SpecError = e.Message;
            return null;
        }
    }

    private void TakeDueTimes(DateTimeOffset now)
    {
        if (!CanAct)
        {
            Model.ProcessedUntil = Later(Model.ProcessedUntil, now);
            return;
        }
        var updated = Info.UpdateTime?.ToDateTimeOffset();
        for (var i = 0; i < TimesPerTurn && Next(Model.ProcessedUntil) is { } due && due.Actual <= now; i++)
        {
            Model.ProcessedUntil = due.Actual;
            if (due.Actual < updated)
            {
                continue;
            }
            if (now - due.Actual > Model.CatchupWindow)
            {
                Info.MissedCatchupWindow++;
                continue;
            }
            AddStart(due, ScheduleOverlapPolicy.Unspecified, manual: false);
        }
    }

    private void TakeBackfills(DateTimeOffset now)
    {
        if (Model.Backfills.Count == 0 || now < backfilledAt + BackfillPause)
        {
            return;
        }
        backfilledAt = now;
        for (var left = BackfillsPerTurn; Model.Backfills.Count > 0 && left > 0 && HasRoomForBackfill;)
        {
            var range = Model.Backfills[0];
            if (Next(range.StartTime.ToDateTimeOffset()) is not { } time || time.Actual > range.EndTime.ToDateTimeOffset())
            {
                Model.Backfills.RemoveAt(0);
                continue;
            }
            range.StartTime = Timestamp.FromDateTimeOffset(time.Actual);
            AddStart(time, range.OverlapPolicy, manual: true);
            left--;
        }
    }

    private void AddStart(ScheduleTime time, ScheduleOverlapPolicy policy, bool manual)
    {
        if (Model.Buffer.Count >= MaxBuffer)
        {
            Info.BufferDropped++;
            return;
        }
        Model.Buffer.Add(new PendingStart
        {
            NominalTime = Timestamp.FromDateTimeOffset(time.Nominal),
            ActualTime = Timestamp.FromDateTimeOffset(time.Actual),
            OverlapPolicy = (int)policy,
            Manual = manual,
        });
    }

    private bool TryTakeAction(bool manual)
    {
        if (manual)
        {
            return true;
        }
        if (!CanAct)
        {
            return false;
        }
        if (State.LimitedActions)
        {
            State.RemainingActions--;
            Model.ConflictToken++;
        }
        return true;
    }

    private ScheduleStart ToStart(PendingStart start, bool tracked)
    {
        var id = Model.Schedule.Action.StartWorkflow.WorkflowId;
        if (!tracked || !Model.Schedule.Policies.KeepOriginalWorkflowId)
        {
            id += start.NominalTime.ToDateTimeOffset().UtcDateTime.ToString("'-'yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        }
        return new(start, id, tracked, tracked ? Model.LastResult : null, tracked ? Model.LastFailure : null);
    }

    private void SetPaused(bool paused, string note)
    {
        State.Paused = paused;
        State.Notes = note;
        Model.ConflictToken++;
    }

    // Counts from the last thing that happened to the schedule. One that only lacks its time zone here is not done.
    private DateTimeOffset? ExpiresAt()
    {
        if (State.Paused || SpecError is not null || Model.Backfills.Count > 0 || Model.Buffer.Count > 0 || (CanAct && Next(Model.ProcessedUntil) is not null))
        {
            return null;
        }
        var last = Info.CreateTime.ToDateTimeOffset();
        last = Later(last, Info.UpdateTime?.ToDateTimeOffset() ?? last);
        last = Later(last, Info.RecentActions.LastOrDefault()?.ActualTime.ToDateTimeOffset() ?? last);
        return last + IdleRetention;
    }

    private void Remember(string requestId)
    {
        if (requestId.Length == 0)
        {
            return;
        }
        Model.RecentRequestIds.Add(requestId);
        if (Model.RecentRequestIds.Count > RecentRequests)
        {
            Model.RecentRequestIds.RemoveAt(0);
        }
    }

    private static TimeSpan JitterOf(Schedule schedule) => schedule.Spec?.Jitter?.ToTimeSpan() ?? TimeSpan.Zero;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
