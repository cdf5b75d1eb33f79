// What is deprecated in the batch messages is what clients in the field send.
#pragma warning disable CS0612

using Temporalio.Api.Batch.V1;

namespace Baton.Conformance.Cases;

public class BatchTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public async Task A_batch_terminates_what_its_query_selects()
    {
        var handles = await StartAsync(4);
        var batch = await RunAsync(request => request.TerminationOperation = new() { Identity = "operator" });
        Assert.Equal(4, batch.TotalOperationCount);
        Assert.Equal(4, batch.CompleteOperationCount);
        Assert.Equal(0, batch.FailureOperationCount);
        Assert.Equal(BatchOperationType.Terminate, batch.OperationType);
        foreach (var handle in handles)
        {
            Assert.Equal("conformance", (await EventsAsync(handle))[^1].WorkflowExecutionTerminatedEventAttributes.Reason);
        }
        Assert.Contains((await Service.ListBatchOperationsAsync(new() { Namespace = ServerFixture.Namespace })).OperationInfo, each => each.JobId == batch.JobId);
    }

    [Fact]
    public Task A_batch_signals_and_cancels() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handles = await StartAsync(3);
        await RunAsync(request => request.SignalOperation = new BatchOperationSignal { Signal = "Add", Input = Json("from the batch") });
        foreach (var handle in handles)
        {
            Assert.Equal(["from the batch"], await handle.QueryAsync(wf => wf.Received()));
        }
        await RunAsync(request => request.CancellationOperation = new());
        foreach (var handle in handles)
        {
            await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
            Assert.Equal(WorkflowExecutionStatus.Canceled, (await handle.DescribeAsync()).Status);
        }
    });

    [Fact]
    public Task A_batch_resets_named_executions() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handles = await StartAsync(2);
        foreach (var handle in handles)
        {
            await EventAsync(handle, EventType.WorkflowTaskCompleted);
        }
        await RunAsync(request =>
        {
            request.VisibilityQuery = "";
            request.Executions.Add(handles.Select(ExecutionOf));
            request.ResetOperation = new() { Options = new() { FirstWorkflowTask = new() } };
        });
        foreach (var handle in handles)
        {
            var again = await Client.GetWorkflowHandle(handle.Id).DescribeAsync();
            Assert.NotEqual(handle.ResultRunId, again.RunId);
            await Client.GetWorkflowHandle(handle.Id).TerminateAsync();
        }
    });

    [Fact]
    public async Task A_batch_deletes()
    {
        var handles = await StartAsync(2);
        await RunAsync(request => request.DeletionOperation = new());
        foreach (var handle in handles)
        {
            await Eventually.AssertAsync(async () => Assert.IsType<RpcException>(await Record.ExceptionAsync(() => handle.DescribeAsync())));
        }
    }

    [Fact]
    public async Task A_bad_batch_is_refused()
    {
        foreach (var change in new Action<StartBatchOperationRequest>[]
        {
            request => request.JobId = "",
            request => request.Reason = "",
            request => request.VisibilityQuery = "",
            request => request.Executions.Add(new WorkflowExecution { WorkflowId = "both" }),
            request => request.TerminationOperation = null,
        })
        {
            var request = Request(each => each.TerminationOperation = new());
            change(request);
            await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.StartBatchOperationAsync(request));
        }
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.DescribeBatchOperationAsync(new() { Namespace = ServerFixture.Namespace, JobId = NewId() }));
    }

    private async Task<IReadOnlyList<WorkflowHandle<Mailbox, IReadOnlyCollection<string>>>> StartAsync(int count)
    {
        var handles = new List<WorkflowHandle<Mailbox, IReadOnlyCollection<string>>>();
        for (var index = 0; index < count; index++)
        {
            handles.Add(await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options()));
        }
        return handles;
    }

    private StartBatchOperationRequest Request(Action<StartBatchOperationRequest> operation)
    {
        var request = new StartBatchOperationRequest
        {
            Namespace = ServerFixture.Namespace, JobId = NewId("batch"), Reason = "conformance", VisibilityQuery = $"TaskQueue = '{TaskQueue}'",
        };
        operation(request);
        return request;
    }

    private async Task<DescribeBatchOperationResponse> RunAsync(Action<StartBatchOperationRequest> operation)
    {
        var request = Request(operation);
        await Service.StartBatchOperationAsync(request);
        return await Eventually.GetAsync(
            () => Service.DescribeBatchOperationAsync(new() { Namespace = ServerFixture.Namespace, JobId = request.JobId }),
            batch => batch.State == BatchOperationState.Completed);
    }
}
