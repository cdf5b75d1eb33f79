using Baton.Durable.BatchJobs;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Batch.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Batch operations: one operation on all executions that a query selects or a list names.</summary>
internal sealed class BatchHandler(DurableEngine engine, BatchRunner runner) : HandlerBase(engine)
{
    private const int MaxExecutions = 1000;
    private const int MaxOpen = 10;
    private const int MaxPage = 1000;

    public async Task<StartBatchOperationResponse> StartBatchOperation(StartBatchOperationRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        Check(request);
        var listed = BatchRunner.Executions(request).Count;
        var total = listed > 0 ? listed : Engine.Store.Visibility.Count(BatchOperations.KindOf(request), space.Id, BatchRunner.QueryOf(request, space) with { OrderBy = [] });
        var open = VisibilityQuery.Parse("ExecutionStatus = 'Running'", space.CustomAttributes, EntityKind.Batch);
        if (Engine.Store.Visibility.Count(EntityKind.Batch, space.Id, open) >= MaxOpen)
        {
            throw ServiceErrors.ResourceExhausted(ResourceExhaustedCause.ConcurrentLimit, $"Max concurrent batch operations is reached: {MaxOpen}");
        }

        var runKey = await Engine.Run(step =>
        {
            if (step.TryFindCurrent<BatchJob>(EntityKind.Batch, space.Id, request.JobId, out _))
            {
                throw ServiceErrors.AlreadyExists($"Batch operation with job id {request.JobId} already exists.");
            }

            var job = new BatchJob(step.Core, step.Core.NewRunKey(), space.Id, request.JobId, Step.NewRunId(), new BatchJobState
            {
                Request = request.ToByteString(),
                Started = step.Now,
                Status = (int)WorkflowExecutionStatus.Running,
                Total = total,
            });
            step.Add(job);
            return job.RunKey;
        });
        runner.Drive(runKey);
        return new StartBatchOperationResponse();
    }

    public Task<StopBatchOperationResponse> StopBatchOperation(StopBatchOperationRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.JobId, "JobId");
        RequireId(request.Reason, "Reason");
        return Engine.Run(step =>
        {
            var job = Find(step, space, request.JobId);
            if (!job.IsOpen)
            {
                throw ServiceErrors.NotFound($"Batch operation {request.JobId} already completed.");
            }

            job.S.StopReason = request.Reason;
            job.S.StopIdentity = request.Identity;
            job.Close(step, WorkflowExecutionStatus.Terminated);
            return new StopBatchOperationResponse();
        });
    }

    public Task<DescribeBatchOperationResponse> DescribeBatchOperation(DescribeBatchOperationRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.JobId, "JobId");
        return Engine.Run(step =>
        {
            var job = Find(step, space, request.JobId);
            var response = new DescribeBatchOperationResponse
            {
                OperationType = BatchOperations.TypeOf(job.Request),
                JobId = job.Id,
                State = StateOf(job.S.Status),
                StartTime = Instant.ToTimestamp(job.S.Started),
                CloseTime = Instant.ToTimestamp(job.S.Closed),
                TotalOperationCount = job.S.Total,
                CompleteOperationCount = job.S.Complete,
                FailureOperationCount = job.S.Failed,
                Identity = IdentityOf(job.Request),
                Reason = job.Request.Reason,
                Query = job.Request.VisibilityQuery,
            };
            response.Executions.AddRange(BatchRunner.Executions(job.Request).Select(execution =>
                new Temporalio.Api.Common.V1.Execution { Type = TypeOf(job.Request), BusinessId = execution.Id, RunId = execution.RunId }));
            return response;
        });
    }

    public Task<ListBatchOperationsResponse> ListBatchOperations(ListBatchOperationsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var size = request.PageSize is > 0 and <= MaxPage ? request.PageSize : MaxPage;
        var page = Visible.List(Engine, EntityKind.Batch, space, "", size, request.NextPageToken);
        var response = new ListBatchOperationsResponse { NextPageToken = ByteString.CopyFrom(page.Next.Span) };
        response.OperationInfo.AddRange(page.Records.Select(static record => new BatchOperationInfo
        {
            JobId = record.Id,
            State = StateOf(record.Status),
            StartTime = Instant.ToTimestamp(Instant.From(record.StartTime)),
            CloseTime = record.CloseTime is { } closed ? Instant.ToTimestamp(Instant.From(closed)) : null,
            OperationType = Enum.Parse<BatchOperationType>(record.Type),
        }));
        return Task.FromResult(response);
    }

    private void Check(StartBatchOperationRequest request)
    {
        RequireId(request.JobId, "JobId");
        RequireId(request.Reason, "Reason");
        RequireBlob(request, "StartBatchOperationRequest");
        var listed = BatchRunner.Executions(request);
        if (request.VisibilityQuery.Length == 0 == (listed.Count == 0))
        {
            throw ServiceErrors.InvalidArgument("Either VisibilityQuery or Executions must be set on request, and not both.");
        }

        if (listed.Count > MaxExecutions)
        {
            throw ServiceErrors.InvalidArgument($"batch operation executions exceed limit: {listed.Count} > {MaxExecutions}");
        }

        foreach (var (workflowId, runId) in listed)
        {
            RequireExecution(new WorkflowExecution { WorkflowId = workflowId, RunId = runId });
        }

        var type = TypeOf(request);
        if (request.TargetExecutions.FirstOrDefault(execution => execution.Type != ExecutionType.Unspecified && execution.Type != type) is { } other)
        {
            throw ServiceErrors.InvalidArgument($"TargetExecutions: {other.BusinessId} is a {other.Type}, but the operation is for a {type}.");
        }

        if (!(request.MaxOperationsPerSecond >= 0))
        {
            throw ServiceErrors.InvalidArgument("MaxOperationsPerSecond is negative or no number.");
        }

        BatchOperations.Check(request);
    }

    private static BatchJob Find(Step step, NamespaceEntry space, string jobId) => step.TryFindCurrent<BatchJob>(EntityKind.Batch, space.Id, jobId, out var job)
        ? job
        : throw ServiceErrors.NotFound($"Batch operation {jobId} not found.");

    private static ExecutionType TypeOf(StartBatchOperationRequest request) =>
        BatchOperations.KindOf(request) == EntityKind.Activity ? ExecutionType.Activity : ExecutionType.Workflow;

    private static BatchOperationState StateOf(int status) => (WorkflowExecutionStatus)status switch
    {
        WorkflowExecutionStatus.Running => BatchOperationState.Running,
        WorkflowExecutionStatus.Completed => BatchOperationState.Completed,
        _ => BatchOperationState.Failed,
    };

    private static string IdentityOf(StartBatchOperationRequest request) =>
        request.TerminationOperation?.Identity
        ?? request.CancellationOperation?.Identity
        ?? request.SignalOperation?.Identity
        ?? request.DeletionOperation?.Identity
        ?? request.ResetOperation?.Identity
        ?? request.UpdateWorkflowOptionsOperation?.Identity
        ?? request.UnpauseActivitiesOperation?.Identity
        ?? request.ResetActivitiesOperation?.Identity
        ?? request.UpdateActivityOptionsOperation?.Identity
        ?? request.CancelActivitiesOperation?.Identity
        ?? request.TerminateActivitiesOperation?.Identity
        ?? "";
}
