namespace Baton.Conformance.Cases;

/// <summary>What an operator does to a run: cancel, terminate, reset, delete.</summary>
public class LifecycleTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class CleansUp
    {
        [WorkflowRun]
        public async Task<string> RunAsync(bool swallow)
        {
            try
            {
                await Workflow.DelayAsync(TimeSpan.FromHours(1));
                return "slept";
            }
            catch (TaskCanceledException) when (swallow)
            {
                return "cleaned up";
            }
        }
    }

    [Fact]
    public Task Cancellation_is_a_request_that_the_workflow_may_answer() => WithWorkerAsync<CleansUp>(async () =>
    {
        var obeys = await Client.StartWorkflowAsync((CleansUp wf) => wf.RunAsync(false), Options());
        await obeys.CancelAsync();
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => obeys.GetResultAsync());
        Assert.IsType<CanceledFailureException>(error.InnerException);
        Assert.Equal(WorkflowExecutionStatus.Canceled, (await obeys.DescribeAsync()).Status);

        var cleansUp = await Client.StartWorkflowAsync((CleansUp wf) => wf.RunAsync(true), Options());
        await EventAsync(cleansUp, EventType.TimerStarted);
        await cleansUp.CancelAsync();
        Assert.Equal("cleaned up", await cleansUp.GetResultAsync());
        Assert.Single(await EventsAsync(cleansUp, EventType.WorkflowExecutionCancelRequested));
    });

    [Fact]
    public async Task Cancelling_again_with_the_same_request_changes_nothing()
    {
        var handle = await Client.StartWorkflowAsync((CleansUp wf) => wf.RunAsync(false), Options());
        var request = new RequestCancelWorkflowExecutionRequest
        {
            Namespace = ServerFixture.Namespace,
            WorkflowExecution = new() { WorkflowId = handle.Id },
            RequestId = NewId("request"),
            Reason = "no longer wanted",
        };
        await Service.RequestCancelWorkflowExecutionAsync(request);
        await Service.RequestCancelWorkflowExecutionAsync(request);
        var requested = Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionCancelRequested));
        Assert.Equal("no longer wanted", requested.WorkflowExecutionCancelRequestedEventAttributes.Cause);
        request.FirstExecutionRunId = Guid.NewGuid().ToString();
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.RequestCancelWorkflowExecutionAsync(request));
        await handle.TerminateAsync();

        // A run that has ended needs no cancellation; asking for it succeeds and leaves nothing.
        await handle.CancelAsync();
        Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionCancelRequested));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.GetWorkflowHandle(NewId()).CancelAsync());
    }

    [Fact]
    public async Task Termination_ends_at_once_with_its_reason()
    {
        var handle = await Client.StartWorkflowAsync((CleansUp wf) => wf.RunAsync(false), Options());
        await handle.TerminateAsync("runaway", new() { Details = ["detail"] });
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        Assert.Equal("runaway", Assert.IsType<TerminatedFailureException>(error.InnerException).Message);
        var terminated = (await EventsAsync(handle))[^1].WorkflowExecutionTerminatedEventAttributes;
        Assert.Equal("runaway", terminated.Reason);
        Assert.Equal("\"detail\"", terminated.Details.Payloads_[0].Data.ToStringUtf8());
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.TerminateAsync());
    }

    [Fact]
    public Task Reset_runs_again_from_a_task_and_reapplies_what_came_after() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        await handle.SignalAsync(wf => wf.AddAsync("signal"));
        Assert.Equal(2, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("update")));
        await handle.SignalAsync(wf => wf.EndAsync("fail"));
        await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());

        var answer = await Service.ResetWorkflowExecutionAsync(ResetRequest(handle, 4));
        Assert.NotEqual(handle.ResultRunId, answer.RunId);
        var again = Client.GetWorkflowHandle<Mailbox, IReadOnlyCollection<string>>(handle.Id, answer.RunId);
        // The re-applied signals and updates take it to the same end.
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => again.GetResultAsync());
        Assert.Equal("told to fail", error.InnerException!.Message);
        Assert.Equal(["signal", "update"], await again.QueryAsync(wf => wf.Received()));
        var failed = Assert.Single(await EventsAsync(again.Id, answer.RunId), found => found.EventType == EventType.WorkflowTaskFailed).WorkflowTaskFailedEventAttributes;
        Assert.Equal(WorkflowTaskFailedCause.ResetWorkflow, failed.Cause);
        Assert.Equal(handle.ResultRunId, failed.BaseRunId);
        Assert.Equal(answer.RunId, failed.NewRunId);
    });

    [Fact]
    public Task Reset_of_an_open_run_terminates_it() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        var request = ResetRequest(handle, 4);
        var answer = await Service.ResetWorkflowExecutionAsync(request);
        // The same request is the same reset.
        Assert.Equal(answer.RunId, (await Service.ResetWorkflowExecutionAsync(request)).RunId);
        Assert.Equal(WorkflowExecutionStatus.Terminated, (await Client.GetWorkflowHandle(handle.Id, handle.ResultRunId).DescribeAsync()).Status);
        var again = Client.GetWorkflowHandle<Mailbox, IReadOnlyCollection<string>>(handle.Id, answer.RunId);
        await again.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Empty(await again.GetResultAsync());
    });

    [Fact]
    public Task Reset_may_leave_signals_out() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        await handle.SignalAsync(wf => wf.EndAsync("fail"));
        await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        var request = ResetRequest(handle, 4);
        request.ResetReapplyExcludeTypes.Add(ResetReapplyExcludeType.Signal);
        var answer = await Service.ResetWorkflowExecutionAsync(request);
        var again = Client.GetWorkflowHandle<Mailbox, IReadOnlyCollection<string>>(handle.Id, answer.RunId);
        await again.SignalAsync(wf => wf.AddAsync("other"));
        await again.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Equal(["other"], await again.GetResultAsync());
    });

    [Fact]
    public Task Reset_asks_for_the_end_of_a_task() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        foreach (var wrong in new[] { 1L, 2L, 99L })
        {
            await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ResetWorkflowExecutionAsync(ResetRequest(handle, wrong)));
        }
        Assert.Equal(WorkflowExecutionStatus.Running, (await handle.DescribeAsync()).Status);
        await handle.TerminateAsync();
    });

    [Fact]
    public async Task Deletion_takes_the_run_away()
    {
        var closed = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await closed.TerminateAsync();
        var open = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        foreach (var handle in new[] { closed, open })
        {
            await Service.DeleteWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = ExecutionOf(handle) });
            await Eventually.AssertAsync(async () =>
            {
                var error = await Record.ExceptionAsync(() => handle.DescribeAsync());
                Assert.Equal(RpcException.StatusCode.NotFound, (error as RpcException)?.Code);
            });
            await Eventually.TrueAsync(async () => (await Client.CountWorkflowsAsync($"WorkflowId = '{handle.Id}'")).Count == 0);
            await RpcErrorAsync(RpcException.StatusCode.NotFound, () => EventsAsync(handle));
        }
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.DeleteWorkflowExecutionAsync(
            new() { Namespace = ServerFixture.Namespace, WorkflowExecution = new() { WorkflowId = NewId() } }));
    }

    private static ResetWorkflowExecutionRequest ResetRequest(WorkflowHandle handle, long eventId) => new()
    {
        Namespace = ServerFixture.Namespace,
        WorkflowExecution = new() { WorkflowId = handle.Id, RunId = handle.ResultRunId },
        WorkflowTaskFinishEventId = eventId,
        Reason = "conformance",
        RequestId = NewId("request"),
    };
}
