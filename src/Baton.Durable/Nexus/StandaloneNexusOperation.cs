using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Nexus;

/// <summary>A Nexus operation that a client started on its own, with the same retries, timeouts and callbacks as one of a workflow.</summary>
internal sealed class StandaloneNexusOperation : Entity, INexusCaller, ICallbackSource
{
    /// <summary>Id of its one operation, in the place of a scheduled event's.</summary>
    public const long OperationKey = 1;

    private readonly EngineCore core;
    private readonly List<(Reply<bool> Reply, Func<StandaloneNexusOperation, bool> IsMet)> waiters = [];

    public StandaloneNexusOperation(EngineCore core, long runKey, string namespaceId, string operationId, string runId, StandaloneNexusOperationState state)
        : base(runKey, EntityKind.NexusOperation, namespaceId, operationId, runId)
    {
        this.core = core;
        S = state;
    }

    public static StandaloneNexusOperation Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, StandaloneNexusOperationState.Parser.ParseFrom(record.State));

    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    public static StandaloneNexusOperation Find(Step step, NamespaceEntry space, string operationId, string runId)
    {
        StandaloneNexusOperation? found;
        return (runId.Length > 0
            ? step.TryFindRun(EntityKind.NexusOperation, space.Id, operationId, runId, out found)
            : step.TryFindCurrent(EntityKind.NexusOperation, space.Id, operationId, out found))
            ? found!
            : throw ServiceErrors.NotFound($"operation not found for ID: {operationId}{(runId.Length > 0 ? ", RunId: " + runId : "")}");
    }

    public StandaloneNexusOperationState S { get; }

    public NexusOperationState Operation => S.Operation;

    public NexusOperationExecutionStatus Status => (NexusOperationExecutionStatus)S.Status;

    public bool IsRunning => Status == NexusOperationExecutionStatus.Running;

    public EngineCore Core => core;

    public NamespaceEntry Namespace => core.Namespaces.TryGetById(NamespaceId, out var entry)
        ? entry
        : throw new InvalidOperationException($"Namespace {NamespaceId} of Nexus operation run {RunId} is gone.");

    public NexusOperationScheduledEventAttributes Scheduled => HistoryEvent.Parser.ParseFrom(S.Scheduled).NexusOperationScheduledEventAttributes;

    public Link Link => new() { NexusOperation = new() { Namespace = Namespace.Name, OperationId = Id, RunId = RunId } };

    Entity INexusCaller.Entity => this;

    Entity ICallbackSource.Entity => this;

    RepeatedField<State.CallbackState> ICallbackSource.Callbacks => S.Callbacks;

    IEnumerable<NexusOperationState> INexusCaller.Operations => IsRunning ? [Operation] : [];

    public override bool IsOpen => IsRunning || DeliverCallbacks.IsPending(S.Callbacks);

    public override bool IsPinned => waiters.Count > 0;

    public override bool IsBusy => IsRunning
        ? NexusClock.IsAttempting(Operation) || NexusClock.IsCancelAttempting(Operation)
        : DeliverCallbacks.IsSending(S.Callbacks);

    NexusOperationState? INexusCaller.FindOperation(long scheduledEventId) => IsRunning && scheduledEventId == OperationKey ? Operation : null;

    // It closes with the event that is recorded next.
    void INexusCaller.Forget(NexusOperationState operation)
    {
    }

    long INexusCaller.Record(Step step, HistoryEvent item)
    {
        switch (item.EventType)
        {
            case EventType.NexusOperationCompleted:
                S.Result = (item.NexusOperationCompletedEventAttributes.Result ?? new Payload()).ToByteString();
                Close(step, NexusOperationExecutionStatus.Completed);
                break;
            case EventType.NexusOperationFailed:
                Close(step, NexusOperationExecutionStatus.Failed, item.NexusOperationFailedEventAttributes.Failure.Cause);
                break;
            case EventType.NexusOperationCanceled:
                Close(step, NexusOperationExecutionStatus.Canceled, item.NexusOperationCanceledEventAttributes.Failure.Cause);
                break;
            case EventType.NexusOperationTimedOut:
                Close(step, NexusOperationExecutionStatus.TimedOut, item.NexusOperationTimedOutEventAttributes.Failure.Cause);
                break;
            default:
                S.Links.AddRange(item.Links.Select(static link => link.ToByteString()).Except(S.Links));
                step.Touch(this);
                break;
        }

        return 0;
    }

    Func<HistoryEvent> INexusCaller.ScheduledEvent(NexusOperationState operation)
    {
        var scheduled = HistoryEvent.Parser.ParseFrom(S.Scheduled);
        return () => scheduled;
    }

    Link INexusCaller.LinkTo(NexusOperationState operation) => Link;

    void INexusCaller.Prioritize(TaskRef task)
    {
    }

    NexusCompletion ICallbackSource.GetCompletion(State.CallbackState callback) => new()
    {
        Result = S.Result.IsEmpty ? null : Payload.Parser.ParseFrom(S.Result),
        Failure = S.Failure.IsEmpty ? null : Failure.Parser.ParseFrom(S.Failure),
        StartTime = Operation.ScheduledTime,
        CloseTime = S.CloseTime,
        Link = Link,
    };

    /// <param name="failure">Null when it succeeded.</param>
    public void Close(Step step, NexusOperationExecutionStatus status, Failure? failure = null)
    {
        S.Status = (int)status;
        S.CloseTime = step.Now;
        S.DeleteAt = Instant.Add(step.Now, Namespace.Retention);
        S.Failure = failure?.ToByteString() ?? ByteString.Empty;
        Operation.LastAttemptCompleteTime = step.Now;
        step.Touch(this, visibility: true);
        DeliverCallbacks.OnClose(step, this);
        step.Core.RaiseClosed(step, this);
    }

    /// <summary>Answered true with the commit after which a condition holds.</summary>
    public void Wait(Reply<bool> reply, Func<StandaloneNexusOperation, bool> isMet) => waiters.Add((reply, isMet));

    public void StopWaiting(Reply<bool> reply) => waiters.RemoveAll(waiter => waiter.Reply == reply);

    public override byte[] Serialize()
    {
        S.Transitions++;
        return S.ToByteArray();
    }

    public override void WriteMore(WriteBatch batch)
    {
        var news = new Step(core, core.Clock.Now());
        foreach (var (reply, isMet) in waiters.ToList())
        {
            if (isMet(this))
            {
                StopWaiting(reply);
                reply.Set(news, true);
            }
        }
    }

    public override long NextWake(long now)
    {
        var next = IsRunning ? NexusClock.NextWake(Operation) : DeliverCallbacks.NextWake(S.Callbacks);
        return next == 0 ? Instant.Never : next;
    }

    public override void OnWake(Step step)
    {
        if (IsRunning)
        {
            AttemptNexusOperation.Wake(step, this, Operation);
        }
        else
        {
            DeliverCallbacks.Wake(step, this);
        }
    }

    public override void CollectTasks(long now, List<TaskRef> tasks) => NexusRequests.Collect(this, tasks);

    public override VisibilityRecord ToVisibility() => new()
    {
        RunKey = RunKey,
        Kind = EntityKind.NexusOperation,
        NamespaceId = NamespaceId,
        Id = Id,
        RunId = RunId,
        Type = Operation.Operation,
        Status = S.Status,
        StartTime = Instant.ToDateTimeOffset(Operation.ScheduledTime),
        ExecutionTime = Instant.ToDateTimeOffset(Operation.ScheduledTime),
        CloseTime = S.CloseTime > 0 ? Instant.ToDateTimeOffset(S.CloseTime) : null,
        DeleteAt = S.DeleteAt > 0 ? Instant.ToDateTimeOffset(S.DeleteAt) : null,
        StateTransitionCount = S.Transitions,
        Attributes = SearchAttributeCodec.Decode(SearchAttributes.Parser.ParseFrom(S.SearchAttributes), Namespace.CustomAttributes),
        Extra = new Temporalio.Api.Nexus.V1.NexusOperationExecutionListInfo { Endpoint = Operation.Endpoint, Service = Operation.Service }.ToByteString(),
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
