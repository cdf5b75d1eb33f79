using Baton.Durable.Engine;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.BatchJobs;

/// <summary>
/// One operation on many executions. What was done to one and how far the job came are committed together, so that after a crash the
/// job goes on behind the last one that it changed.
/// </summary>
internal sealed class BatchJob : Entity
{
    private readonly EngineCore core;

    public BatchJob(EngineCore core, long runKey, string namespaceId, string jobId, string runId, BatchJobState state)
        : base(runKey, EntityKind.Batch, namespaceId, jobId, runId)
    {
        this.core = core;
        S = state;
        Request = StartBatchOperationRequest.Parser.ParseFrom(state.Request);
    }

    public BatchJobState S { get; }

    public StartBatchOperationRequest Request { get; }

    public override bool IsOpen => S.Status == (int)WorkflowExecutionStatus.Running;

    public override bool IsBusy => IsOpen;

    public static BatchJob Load(EngineCore core, EntityRecord record) =>
        new(core, record.RunKey, record.NamespaceId, record.Id, record.RunId, BatchJobState.Parser.ParseFrom(record.State));

    public void Close(Step step, WorkflowExecutionStatus status)
    {
        S.Status = (int)status;
        S.Closed = step.Now;
        var retention = core.Namespaces.TryGetById(NamespaceId, out var space) ? space.Retention : 0;
        S.DeleteAt = Instant.Add(step.Now, retention);
        step.Touch(this, visibility: true);
    }

    public override byte[] Serialize() => S.ToByteArray();

    public override long NextWake(long now) => Instant.Never;

    public override void OnWake(Step step)
    {
    }

    public override VisibilityRecord ToVisibility() => new()
    {
        RunKey = RunKey,
        Kind = EntityKind.Batch,
        NamespaceId = NamespaceId,
        Id = Id,
        RunId = RunId,
        Type = BatchOperations.TypeOf(Request).ToString(),
        Status = S.Status,
        StartTime = Instant.ToDateTimeOffset(S.Started),
        ExecutionTime = Instant.ToDateTimeOffset(S.Started),
        CloseTime = S.Closed > 0 ? Instant.ToDateTimeOffset(S.Closed) : null,
        DeleteAt = S.DeleteAt > 0 ? Instant.ToDateTimeOffset(S.DeleteAt) : null,
    };
}
