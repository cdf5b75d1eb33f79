using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Standalone;
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
internal sealed class StandaloneNexusOperation(EngineCore core, long runKey, string namespaceId, string operationId, string runId, StandaloneNexusOperationState state)
    : StandaloneEntity(core, runKey, EntityKind.NexusOperation, namespaceId, operationId, runId), INexusCaller
{
    /// <summary>Id of its one operation, in the place of a scheduled event's.</summary>
    public const long OperationKey = 1;

    public static StandaloneNexusOperation Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, StandaloneNexusOperationState.Parser.ParseFrom(record.State));

    /// <exception cref="ServiceException">NOT_FOUND.</exception>
    public static StandaloneNexusOperation Find(Step step, NamespaceEntry space, string operationId, string runId) =>
        Find<StandaloneNexusOperation>(step, EntityKind.NexusOperation, space, operationId, runId, "operation");

    public StandaloneNexusOperationState S => state;

    public override IStandaloneState Common => state;

    public NexusOperationState Operation => S.Operation;

    public NexusOperationExecutionStatus Status => (NexusOperationExecutionStatus)S.Status;

    public override bool IsRunning => Status == NexusOperationExecutionStatus.Running;

    public NexusOperationScheduledEventAttributes Scheduled => HistoryEvent.Parser.ParseFrom(S.Scheduled).NexusOperationScheduledEventAttributes;

    public override Link Link => new() { NexusOperation = new() { Namespace = Namespace.Name, OperationId = Id, RunId = RunId } };

    Entity INexusCaller.Entity => this;

    IEnumerable<NexusOperationState> INexusCaller.Operations => IsRunning ? [Operation] : [];

    protected override bool IsWorkedOn => NexusClock.IsAttempting(Operation) || NexusClock.IsCancelAttempting(Operation);

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

    public override NexusCompletion GetCompletion(State.CallbackState callback) => new()
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
        S.Failure = failure?.ToByteString() ?? ByteString.Empty;
        Operation.LastAttemptCompleteTime = step.Now;
        SetClosed(step);
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

    protected override long NextWakeRunning(long now) => NexusClock.NextWake(Operation);

    protected override void OnWakeRunning(Step step) => AttemptNexusOperation.Wake(step, this, Operation);
}
