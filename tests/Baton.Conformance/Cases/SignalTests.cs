namespace Baton.Conformance.Cases;

public class SignalTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task Signals_arrive_once_and_in_order() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var sent = Enumerable.Range(0, 30).Select(index => $"item-{index}").ToList();
        foreach (var item in sent)
        {
            await handle.SignalAsync(wf => wf.AddAsync(item));
        }
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Equal(sent, await handle.GetResultAsync());
    });

    [Fact]
    public Task Signals_sent_at_once_all_arrive() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var sent = Enumerable.Range(0, 100).Select(index => $"item-{index}").ToList();
        await Task.WhenAll(sent.Select(item => handle.SignalAsync(wf => wf.AddAsync(item))));
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Equal(sent.Order(), (await handle.GetResultAsync()).Order());
    });

    [Fact]
    public async Task Signals_before_the_first_worker_wait_for_it()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.AddAsync("early"));
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await WithWorkerAsync<Mailbox>(async () => Assert.Equal(["early"], await handle.GetResultAsync()));
        // Both were there when the task was handed out, so one task saw both.
        Assert.Single(await EventsAsync(handle, EventType.WorkflowTaskCompleted));
    }

    [Fact]
    public async Task A_signal_during_a_started_task_is_buffered_and_refuses_completion()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var task = await PollAsync();
        await handle.SignalAsync(wf => wf.AddAsync("buffered"));
        // The history of a started task does not change under the worker.
        Assert.Equal(3, (await EventsAsync(handle)).Count);
        var completion = new RespondWorkflowTaskCompletedRequest { Namespace = ServerFixture.Namespace, TaskToken = task.TaskToken };
        completion.Commands.Add(new Temporalio.Api.Command.V1.Command
        {
            CommandType = CommandType.CompleteWorkflowExecution,
            CompleteWorkflowExecutionCommandAttributes = new(),
        });
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.RespondWorkflowTaskCompletedAsync(completion));
        Assert.Contains("UnhandledCommand", error.Message);
        var events = await EventsAsync(handle);
        Assert.Equal(WorkflowTaskFailedCause.UnhandledCommand, events[3].WorkflowTaskFailedEventAttributes.Cause);
        Assert.Equal(EventType.WorkflowExecutionSignaled, events[4].EventType);
        await WithWorkerAsync<Mailbox>(async () =>
        {
            await handle.SignalAsync(wf => wf.EndAsync("complete"));
            Assert.Equal(["buffered"], await handle.GetResultAsync());
        });
    }

    [Fact]
    public Task Signal_with_start_starts_then_only_signals() => WithWorkerAsync<Mailbox>(async () =>
    {
        var options = Options();
        options.SignalWithStart((Mailbox wf) => wf.AddAsync("first"));
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        options = Options(first.Id);
        options.SignalWithStart((Mailbox wf) => wf.AddAsync("second"));
        var second = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        Assert.Equal(first.ResultRunId, second.ResultRunId);
        await second.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Equal(["first", "second"], await first.GetResultAsync());
        var events = await EventsAsync(first);
        Assert.Equal(EventType.WorkflowExecutionSignaled, events[1].EventType);

        // The id is closed now: another run begins.
        options = Options(first.Id);
        options.SignalWithStart((Mailbox wf) => wf.EndAsync("complete"));
        var third = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        Assert.NotEqual(first.ResultRunId, third.ResultRunId);
        Assert.Empty(await third.GetResultAsync());
    });

    [Fact]
    public async Task Signal_with_start_honours_the_reuse_policy()
    {
        var options = Options();
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        await first.TerminateAsync();
        options = Options(first.Id);
        options.IdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate;
        options.SignalWithStart((Mailbox wf) => wf.AddAsync("item"));
        await Assert.ThrowsAsync<WorkflowAlreadyStartedException>(() => Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options));
    }

    [Fact]
    public async Task A_repeated_request_id_signals_once()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var request = new SignalWorkflowExecutionRequest
        {
            Namespace = ServerFixture.Namespace,
            WorkflowExecution = new() { WorkflowId = handle.Id },
            SignalName = "Add",
            Input = Json("once"),
            RequestId = NewId("request"),
        };
        await Service.SignalWorkflowExecutionAsync(request);
        await Service.SignalWorkflowExecutionAsync(request);
        Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionSignaled));
    }

    [Fact]
    public Task A_closed_or_unknown_workflow_is_not_found() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await handle.GetResultAsync();
        var closed = await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.SignalAsync(wf => wf.AddAsync("late")));
        Assert.Contains("workflow execution already completed", closed.Message);
        var unknown = Client.GetWorkflowHandle<Mailbox>(NewId("unknown"));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => unknown.SignalAsync(wf => wf.AddAsync("lost")));
        var otherRun = Client.GetWorkflowHandle<Mailbox>(handle.Id, Guid.NewGuid().ToString());
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => otherRun.SignalAsync(wf => wf.AddAsync("lost")));
    });

    private Task<PollWorkflowTaskQueueResponse> PollAsync() => Service.PollWorkflowTaskQueueAsync(
        new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, Identity = "raw" });
}
