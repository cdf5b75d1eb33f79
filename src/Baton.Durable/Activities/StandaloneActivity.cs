using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Nexus.V1;
using Link = Temporalio.Api.Common.V1.Link;

namespace Baton.Durable.Activities;

/// <summary>
/// An activity that runs on its own: its state is that of a workflow's activity, with the same retries and timeouts, and what it ended with.
/// </summary>
internal sealed class StandaloneActivity : Entity, ICallbackSource
{
    /// <summary>Id of its task. It never has more than one.</summary>
    private const long TaskId = 1;

    private readonly EngineCore core;
    private readonly List<(Reply<bool> Reply, bool CloseOnly)> waiters = [];

    public StandaloneActivity(EngineCore core, long runKey, string namespaceId, string activityId, string runId, StandaloneActivityState state)
        : base(runKey, EntityKind.Activity, namespaceId, activityId, runId)
    {
        this.core = core;
        S = state;
    }

    public static StandaloneActivity Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, StandaloneActivityState.Parser.ParseFrom(record.State));

    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    public static StandaloneActivity Find(Step step, NamespaceEntry space, string activityId, string runId)
    {
        StandaloneActivity? found;
        return (runId.Length > 0
            ? step.TryFindRun(EntityKind.Activity, space.Id, activityId, runId, out found)
            : step.TryFindCurrent(EntityKind.Activity, space.Id, activityId, out found))
            ? found!
            : throw ServiceErrors.NotFound($"activity execution not found for ID: {activityId}{(runId.Length > 0 ? ", RunId: " + runId : "")}");
    }

    public StandaloneActivityState S { get; }

    public ActivityState Activity => S.Activity;

    public ActivityExecutionStatus Status => (ActivityExecutionStatus)S.Status;

    public bool IsRunning => Status == ActivityExecutionStatus.Running;

    public NamespaceEntry Namespace => core.Namespaces.TryGetById(NamespaceId, out var entry)
        ? entry
        : throw new InvalidOperationException($"Namespace {NamespaceId} of activity run {RunId} is gone.");

    /// <summary>Null while it runs.</summary>
    public ActivityExecutionOutcome? Outcome => S.Outcome.IsEmpty ? null : ActivityExecutionOutcome.Parser.ParseFrom(S.Outcome);

    public PropagatedSerializationContext? SerializationContext =>
        S.SerializationContext.IsEmpty ? null : PropagatedSerializationContext.Parser.ParseFrom(S.SerializationContext);

    public Link Link => new() { Activity = new() { Namespace = Namespace.Name, ActivityId = Id, RunId = RunId } };

    /// <summary>When its first attempt may begin.</summary>
    public long FirstDispatch => Instant.Add(Activity.ScheduledTime, S.StartDelay);

    public EngineCore Core => core;

    Entity ICallbackSource.Entity => this;

    RepeatedField<State.CallbackState> ICallbackSource.Callbacks => S.Callbacks;

    public override bool IsOpen => IsRunning || DeliverCallbacks.IsPending(S.Callbacks);

    public override bool IsPinned => waiters.Count > 0;

    public override bool IsBusy => IsRunning
        ? !Activity.Paused && (Activity.StartedTime > 0 || Activity.AttemptScheduledTime <= core.Clock.Now())
        : DeliverCallbacks.IsSending(S.Callbacks);

    NexusCompletion ICallbackSource.GetCompletion(State.CallbackState callback) => NexusCompletion.Of(this);

    /// <summary>Answered true with the commit of the next change, or of its end.</summary>
    public void Wait(Reply<bool> reply, bool closeOnly) => waiters.Add((reply, closeOnly));

    public void StopWaiting(Reply<bool> reply) => waiters.RemoveAll(waiter => waiter.Reply == reply);

    public override byte[] Serialize()
    {
        S.Transitions++;
        return S.ToByteArray();
    }

    public override void WriteMore(WriteBatch batch)
    {
        var news = new Step(core, core.Clock.Now());
        foreach (var (reply, closeOnly) in waiters.ToList())
        {
            if (!closeOnly || !IsRunning)
            {
                StopWaiting(reply);
                reply.Set(news, true);
            }
        }
    }

    public override long NextWake(long now)
    {
        var next = IsRunning ? ActivityClock.NextWake(Activity, now) : DeliverCallbacks.NextWake(S.Callbacks);
        return next == 0 ? Instant.Never : next;
    }

    public override void OnWake(Step step)
    {
        if (!IsRunning)
        {
            DeliverCallbacks.Wake(step, this);
        }
        else if (ActivityClock.Passed(Activity, step.Now) is not TimeoutType.Unspecified and var type)
        {
            EndActivity.TimeOut(step, this, Activity, type);
        }
    }

    public override void CollectTasks(long now, List<TaskRef> tasks)
    {
        if (!IsRunning || Activity.Paused || Activity.StartedTime > 0 || Activity.AttemptScheduledTime > now)
        {
            return;
        }

        var task = new TaskRef
        {
            RunKey = RunKey,
            Kind = TaskKind.Activity,
            NamespaceId = NamespaceId,
            Queue = Activity.TaskQueue,
            Id = TaskId,
            Attempt = Activity.Attempt,
            Stamp = Activity.Stamp,
            CreatedMs = Activity.AttemptScheduledTime / Instant.Millisecond,
        };
        TaskDirection.Any.Write(task, DeploymentRegistry.RampOf(Id));
        if (!Activity.Priority.IsEmpty)
        {
            var priority = Priority.Parser.ParseFrom(Activity.Priority);
            (task.PriorityKey, task.FairnessKey, task.FairnessWeight) = (priority.PriorityKey, priority.FairnessKey, priority.FairnessWeight);
        }

        tasks.Add(task);
    }

    public override VisibilityRecord ToVisibility() => new()
    {
        RunKey = RunKey,
        Kind = EntityKind.Activity,
        NamespaceId = NamespaceId,
        Id = Id,
        RunId = RunId,
        Type = Activity.ActivityType,
        TaskQueue = Activity.TaskQueue,
        Status = S.Status,
        StartTime = Instant.ToDateTimeOffset(Activity.ScheduledTime),
        ExecutionTime = Instant.ToDateTimeOffset(FirstDispatch),
        CloseTime = S.CloseTime > 0 ? Instant.ToDateTimeOffset(S.CloseTime) : null,
        DeleteAt = S.DeleteAt > 0 ? Instant.ToDateTimeOffset(S.DeleteAt) : null,
        StateTransitionCount = S.Transitions,
        Attributes = SearchAttributeCodec.Decode(SearchAttributes.Parser.ParseFrom(S.SearchAttributes), Namespace.CustomAttributes),
    };

    public override void Abandon(Exception reason)
    {
        foreach (var (reply, _) in waiters)
        {
            reply.Reject(reason);
        }

        waiters.Clear();
    }
}
