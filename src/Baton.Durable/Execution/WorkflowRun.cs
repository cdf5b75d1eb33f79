using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Matching;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// One workflow run: its state, the events that are not yet on disk, and who waits for it in memory.
/// Transitions (folder Transitions) change it, one file for each; commands of a workflow task are in folder Commands.
/// </summary>
internal sealed partial class WorkflowRun : Entity, ICallbackSource, INexusCaller
{
    private readonly EngineCore core;
    private readonly PendingParts parts = new();
    private readonly Dictionary<long, TaskRef> activityTasks = [];
    private int ramp;

    public WorkflowRun(EngineCore core, long runKey, string namespaceId, string workflowId, string runId, ExecutionState state)
        : base(runKey, EntityKind.Workflow, namespaceId, workflowId, runId)
    {
        this.core = core;
        S = state;
        tailFrom = state.NextEventId;
    }

    public static WorkflowRun Load(EngineCore core, EntityRecord record)
    {
        var run = new WorkflowRun(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, ExecutionState.Parser.ParseFrom(record.State));
        run.S.Pending = run.parts.Read(record, run.S.Pending);
        foreach (var known in run.S.Updates.Values.Where(static update => update is { AcceptedEventId: 0, AdmittedEventId: > 0 }))
        {
            // A reset took it over and no worker has accepted it yet: the next workflow task shows it.
            var admitted = HistoryReading.Event(run, known.AdmittedEventId).WorkflowExecutionUpdateAdmittedEventAttributes;
            run.Updates.Add(new PendingUpdate(known.UpdateId, admitted.Request) { InHistory = true });
        }

        return run;
    }

    public ExecutionState S { get; }

    public EngineCore Core => core;

    public NamespaceEntry Namespace => core.Namespaces.TryGetById(NamespaceId, out var entry)
        ? entry
        : throw new InvalidOperationException($"Namespace {NamespaceId} of run {RunId} is gone.");

    public WorkflowExecutionStatus Status => (WorkflowExecutionStatus)S.Status;

    public bool IsRunning => Status is WorkflowExecutionStatus.Running or WorkflowExecutionStatus.Paused;

    /// <summary>Where the run's id falls when a worker version is ramped up.</summary>
    public int Ramp => ramp != 0 ? ramp : ramp = DeploymentRegistry.RampOf(Id);

    public bool IsPaused => S.Pause is not null;

    public override bool IsOpen => IsRunning || DeliverCallbacks.IsPending(S.Callbacks);

    public override bool IsPinned => Updates.IsPinned || Queries.IsPinned || CompletionPages.IsPinned || HistoryWaiters.Count > 0
        || S.WorkflowTask is { Kind: WorkflowTaskKind.Speculative };

    public override bool IsBusy => IsRunning
        ? (S.WorkflowTask is { } task && (task.StartedTime > 0 || !IsPaused)) || Queries.IsPinned
            || S.Activities.Values.Any(a => !a.Paused && (a.StartedTime > 0 || a.AttemptScheduledTime <= core.Clock.Now()))
            || S.NexusOperations.Values.Any(static o => NexusClock.IsAttempting(o) || NexusClock.IsCancelAttempting(o))
            || DeliverCallbacks.IsSending(S.Callbacks)
        : DeliverCallbacks.IsSending(S.Callbacks);

    public UpdateRegistry Updates { get; } = new();

    public QueryRegistry Queries { get; } = new();

    public CompletionPages CompletionPages { get; } = new();

    RepeatedField<State.CallbackState> ICallbackSource.Callbacks => S.Callbacks;

    Entity ICallbackSource.Entity => this;

    NexusCompletion ICallbackSource.GetCompletion(State.CallbackState callback) => callback.UpdateId.Length > 0
        ? NexusCompletion.Of(this, callback.UpdateId)
        : NexusCompletion.Of(this, HistoryReading.Event(this, S.CompletionEventId));

    public WorkflowExecution Execution => new() { WorkflowId = Id, RunId = RunId };

    public bool HasWorkflowTask => S.WorkflowTask is not null;

    public bool IsWorkflowTaskStarted => S.WorkflowTask is { StartedTime: > 0 };

    /// <summary>What the run's time is at a moment of the server's.</summary>
    public long TimeAt(long instant) => instant + (S.TimeSkipping?.Skipped ?? 0);

    /// <summary>The first workflow task waits for a delay, a retry's backoff or cron.</summary>
    public bool IsBackingOff => S.BackoffUntil > 0;

    public override byte[] Serialize()
    {
        // What is not to be written is taken off for the moment: a speculative task is never on disk, what stands in parts not here.
        var (task, pending) = (S.WorkflowTask, S.Pending);
        S.WorkflowTask = task is { Kind: WorkflowTaskKind.Speculative } ? null : task;
        S.Pending = parts.IsInParts(pending) ? null : pending;
        try
        {
            return S.ToByteArray();
        }
        finally
        {
            (S.WorkflowTask, S.Pending) = (task, pending);
        }
    }

    public override long NextWake(long now)
    {
        var next = Instant.Never;
        Earliest(ref next, DeliverCallbacks.NextWake(S.Callbacks));
        if (!IsRunning)
        {
            return next;
        }

        Earliest(ref next, TimeSkipping.NextWake(this, now));
        Earliest(ref next, S.RunDeadline);
        Earliest(ref next, S.ExecutionDeadline);
        Earliest(ref next, S.BackoffUntil);
        if (S.WorkflowTask is { } task)
        {
            Earliest(ref next, task.StartedTime > 0 ? task.StartedTime + task.StartToClose : task.ScheduleToStartDeadline);
        }

        foreach (var timer in S.Timers.Values)
        {
            Earliest(ref next, timer.FireTime);
        }

        foreach (var activity in S.Activities.Values)
        {
            Earliest(ref next, ActivityClock.NextWake(activity, now));
        }

        foreach (var operation in S.NexusOperations.Values)
        {
            Earliest(ref next, NexusClock.NextWake(operation));
        }

        return next;
    }

    public override void OnWake(Step step) => WakeUp.Apply(step, this);

    public override void CollectTasks(long now, List<TaskRef> tasks)
    {
        if (!IsRunning)
        {
            return;
        }

        NexusRequests.Collect(this, tasks);
        if (IsPaused)
        {
            return;
        }

        if (S.WorkflowTask is { StartedTime: 0 } task)
        {
            tasks.Add(WorkflowTaskRef(task));
        }

        if (Versioning.HoldsActivities(this))
        {
            return;
        }

        if (activityTasks.Count > 2 * S.Activities.Count)
        {
            activityTasks.Clear();
        }

        var direction = Versioning.Direction(this);
        foreach (var activity in S.Activities.Values)
        {
            if (activity.StartedTime == 0 && !activity.Paused && activity.AttemptScheduledTime <= now)
            {
                tasks.Add(ActivityTaskRef(activity, Versioning.DirectionOf(activity, direction)));
            }
        }
    }

    public override VisibilityRecord ToVisibility() => new()
    {
        RunKey = RunKey,
        Kind = EntityKind.Workflow,
        NamespaceId = NamespaceId,
        Id = Id,
        RunId = RunId,
        Type = S.WorkflowType,
        TaskQueue = S.TaskQueue,
        Status = S.Status,
        StartTime = Instant.ToDateTimeOffset(S.StartTime),
        ExecutionTime = Instant.ToDateTimeOffset(S.ExecutionTime),
        CloseTime = S.CloseTime > 0 ? Instant.ToDateTimeOffset(S.CloseTime) : null,
        DeleteAt = S.DeleteAt > 0 ? Instant.ToDateTimeOffset(S.DeleteAt) : null,
        HistoryLength = S.NextEventId - 1,
        HistorySizeBytes = S.HistorySize,
        StateTransitionCount = S.Transitions,
        ParentId = S.Parent?.WorkflowId ?? "",
        ParentRunId = S.Parent?.RunId ?? "",
        RootId = S.RootWorkflowId,
        RootRunId = S.RootRunId,
        Memo = S.Memo,
        Attributes = Attributes(),
    };

    public override void WriteMore(WriteBatch batch)
    {
        S.Transitions++;
        parts.Write(RunKey, S.Pending, batch);
        if (unsaved.Count == 0)
        {
            return;
        }

        var fragment = new History();
        fragment.Events.AddRange(unsaved);
        batch.History.Add((RunKey, new HistoryBatch(unsaved[0].EventId, unsaved.Count, fragment.ToByteString())));
        unsaved.Clear();
    }

    public override void Abandon(Exception reason)
    {
        Updates.Abandon(reason);
        Queries.Abandon(reason);
        foreach (var waiter in HistoryWaiters)
        {
            waiter.Reply.Reject(reason);
        }

        HistoryWaiters.Clear();
    }

    private static void Earliest(ref long next, long candidate)
    {
        if (candidate > 0 && candidate < next)
        {
            next = candidate;
        }
    }

    private Dictionary<string, AttributeValue> Attributes()
    {
        var values = SearchAttributeCodec.Decode(SearchAttributes.Parser.ParseFrom(S.SearchAttributes), Namespace.CustomAttributes);
        SystemAttributes.Add(this, values);
        return values;
    }

    private TaskRef WorkflowTaskRef(WorkflowTaskState task)
    {
        var reference = NewTaskRef(TaskKind.Workflow, task.Queue, task.ScheduledEventId, task.Attempt, task.Stamp, task.ScheduledTime, S.Priority);
        reference.Sticky = task.Sticky;
        if (task.Sticky)
        {
            reference.NormalQueue = S.TaskQueue;
        }
        else
        {
            Versioning.Direction(this).Write(reference, Ramp);
        }

        return reference;
    }

    private TaskRef ActivityTaskRef(ActivityState activity, TaskDirection direction)
    {
        // Kept from step to step: a run may have thousands waiting.
        if (activityTasks.TryGetValue(activity.ScheduledEventId, out var kept)
            && kept.Attempt == activity.Attempt && kept.Stamp == activity.Stamp && kept.Queue == activity.TaskQueue && direction.IsOf(kept))
        {
            return kept;
        }

        var reference = NewTaskRef(
            TaskKind.Activity, activity.TaskQueue, activity.ScheduledEventId, activity.Attempt, activity.Stamp, activity.AttemptScheduledTime,
            activity.Priority.IsEmpty ? S.Priority : activity.Priority);
        direction.Write(reference, Ramp);
        activityTasks[activity.ScheduledEventId] = reference;
        return reference;
    }

    public TaskRef NewTaskRef(TaskKind kind, string queue, long id, int attempt, int stamp, long created, ByteString priorityBytes)
    {
        var reference = new TaskRef
        {
            RunKey = RunKey,
            Kind = kind,
            NamespaceId = NamespaceId,
            Queue = queue,
            Id = id,
            Attempt = attempt,
            Stamp = stamp,
            CreatedMs = created / Instant.Millisecond,
        };
        SetPriority(reference, priorityBytes);
        return reference;
    }

    private static void SetPriority(TaskRef task, ByteString priorityBytes)
    {
        if (!priorityBytes.IsEmpty)
        {
            var priority = Priority.Parser.ParseFrom(priorityBytes);
            task.PriorityKey = priority.PriorityKey;
            task.FairnessKey = priority.FairnessKey;
            task.FairnessWeight = priority.FairnessWeight;
        }
    }
}
