namespace Baton.Conformance.Cases;

/// <summary>Starting: id reuse, id conflict, request ids, delays, eager starts.</summary>
public class StartTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Returns
    {
        [WorkflowRun]
        public Task<string> RunAsync(string value) =>
            value == "fail" ? throw new ApplicationFailureException("asked to", nonRetryable: true) : Task.FromResult(value);
    }

    [Fact]
    public Task A_started_workflow_gives_its_result() => WithWorkerAsync<Returns>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Returns wf) => wf.RunAsync("done"), Options());
        Assert.Equal("done", await handle.GetResultAsync());
        Assert.Equal(
            [
                EventType.WorkflowExecutionStarted, EventType.WorkflowTaskScheduled, EventType.WorkflowTaskStarted,
                EventType.WorkflowTaskCompleted, EventType.WorkflowExecutionCompleted,
            ],
            (await EventsAsync(handle)).Select(found => found.EventType));
    });

    [Theory]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicate, true, true)]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicateFailedOnly, false, true)]
    [InlineData(WorkflowIdReusePolicy.RejectDuplicate, false, false)]
    public Task Reuse_policy_decides_when_the_id_is_closed(WorkflowIdReusePolicy policy, bool afterSuccess, bool afterFailure) => WithWorkerAsync<Returns>(async () =>
    {
        foreach (var (value, allowed) in new[] { ("done", afterSuccess), ("fail", afterFailure) })
        {
            var options = Options();
            var first = await Client.StartWorkflowAsync((Returns wf) => wf.RunAsync(value), options);
            await Record.ExceptionAsync(() => first.GetResultAsync());
            options.IdReusePolicy = policy;
            Task<WorkflowHandle<Returns, string>> Again() => Client.StartWorkflowAsync((Returns wf) => wf.RunAsync("again"), options);
            if (allowed)
            {
                var second = await Again();
                Assert.NotEqual(first.ResultRunId, second.ResultRunId);
                Assert.Equal("again", await second.GetResultAsync());
            }
            else
            {
                var error = await Assert.ThrowsAsync<WorkflowAlreadyStartedException>(Again);
                Assert.Equal(first.Id, error.WorkflowId);
                Assert.Equal(first.ResultRunId, error.RunId);
            }
        }
    });

    [Fact]
    public async Task An_open_id_is_refused_by_default_and_names_the_run()
    {
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        foreach (var policy in new[] { WorkflowIdReusePolicy.AllowDuplicate, WorkflowIdReusePolicy.AllowDuplicateFailedOnly, WorkflowIdReusePolicy.RejectDuplicate })
        {
            var error = await Assert.ThrowsAsync<WorkflowAlreadyStartedException>(() => Client.StartWorkflowAsync(
                (Mailbox wf) => wf.RunAsync(), new(first.Id, TaskQueue) { IdReusePolicy = policy, IdConflictPolicy = WorkflowIdConflictPolicy.Fail }));
            Assert.Equal(first.ResultRunId, error.RunId);
        }
        Assert.Equal(first.ResultRunId, (await first.DescribeAsync()).RunId);
    }

    [Theory]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicate)]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicateFailedOnly)]
    [InlineData(WorkflowIdReusePolicy.RejectDuplicate)]
    public async Task Use_existing_gives_the_open_run(WorkflowIdReusePolicy reuse)
    {
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var second = await Client.StartWorkflowAsync(
            (Mailbox wf) => wf.RunAsync(), new(first.Id, TaskQueue) { IdReusePolicy = reuse, IdConflictPolicy = WorkflowIdConflictPolicy.UseExisting });
        Assert.Equal(first.ResultRunId, second.ResultRunId);
    }

    [Theory]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicate)]
    [InlineData(WorkflowIdReusePolicy.AllowDuplicateFailedOnly)]
    public async Task Terminate_existing_replaces_the_open_run(WorkflowIdReusePolicy reuse)
    {
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var second = await Client.StartWorkflowAsync(
            (Mailbox wf) => wf.RunAsync(), new(first.Id, TaskQueue) { IdReusePolicy = reuse, IdConflictPolicy = WorkflowIdConflictPolicy.TerminateExisting });
        Assert.NotEqual(first.ResultRunId, second.ResultRunId);
        Assert.Equal(WorkflowExecutionStatus.Terminated, (await Client.GetWorkflowHandle(first.Id, first.ResultRunId).DescribeAsync()).Status);
        Assert.Equal(WorkflowExecutionStatus.Running, (await second.DescribeAsync()).Status);
    }

    [Fact]
    public async Task Legacy_terminate_if_running_replaces_the_open_run()
    {
        var first = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
#pragma warning disable CS0612, CS0618 // The deprecated policy is part of the protocol that older clients speak.
        var policy = WorkflowIdReusePolicy.TerminateIfRunning;
#pragma warning restore CS0612, CS0618
        var second = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), new(first.Id, TaskQueue) { IdReusePolicy = policy });
        Assert.NotEqual(first.ResultRunId, second.ResultRunId);
        Assert.Equal(WorkflowExecutionStatus.Terminated, (await Client.GetWorkflowHandle(first.Id, first.ResultRunId).DescribeAsync()).Status);
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Client.StartWorkflowAsync(
            (Mailbox wf) => wf.RunAsync(), new(first.Id, TaskQueue) { IdReusePolicy = policy, IdConflictPolicy = WorkflowIdConflictPolicy.Fail }));
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Client.StartWorkflowAsync(
            (Mailbox wf) => wf.RunAsync(),
            new(first.Id, TaskQueue) { IdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate, IdConflictPolicy = WorkflowIdConflictPolicy.TerminateExisting }));
    }

    [Fact]
    public async Task The_same_request_id_gives_the_same_run()
    {
        var request = StartRequest();
        var first = await Service.StartWorkflowExecutionAsync(request);
        var second = await Service.StartWorkflowExecutionAsync(request);
        Assert.True(first.Started);
        Assert.Equal(first.RunId, second.RunId);
        request.RequestId = NewId("request");
        await RpcErrorAsync(RpcException.StatusCode.AlreadyExists, () => Service.StartWorkflowExecutionAsync(request));
    }

    [Fact]
    public Task Start_delay_holds_the_first_task_back() => WithWorkerAsync<Returns>(async () =>
    {
        var options = Options();
        options.StartDelay = TimeSpan.FromMilliseconds(700);
        var handle = await Client.StartWorkflowAsync((Returns wf) => wf.RunAsync("late"), options);
        Assert.Equal("late", await handle.GetResultAsync());
        var events = await EventsAsync(handle);
        Assert.Equal(0.7, events[0].WorkflowExecutionStartedEventAttributes.FirstWorkflowTaskBackoff.ToTimeSpan().TotalSeconds, 3);
        Assert.True(events[1].EventTime.ToDateTime() - events[0].EventTime.ToDateTime() >= TimeSpan.FromMilliseconds(690));
        var description = await handle.DescribeAsync();
        Assert.True(description.ExecutionTime - description.StartTime >= TimeSpan.FromMilliseconds(690));
    });

    [Fact]
    public async Task A_signal_waits_for_the_start_delay()
    {
        var options = Options();
        options.StartDelay = TimeSpan.FromHours(1);
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        await handle.SignalAsync(wf => wf.AddAsync("early"));
        Assert.Equal(
            [EventType.WorkflowExecutionStarted, EventType.WorkflowExecutionSignaled],
            (await EventsAsync(handle)).Select(found => found.EventType));
        await handle.TerminateAsync();
    }

    [Fact]
    public Task An_eager_start_brings_the_first_task_along() => WithWorkerAsync<Returns>(async () =>
    {
        var request = StartRequest(nameof(Returns));
        request.Input = Json("eager");
        request.RequestEagerExecution = true;
        var answer = await Service.StartWorkflowExecutionAsync(request);
        Assert.NotNull(answer.EagerWorkflowTask);
        Assert.NotEmpty(answer.EagerWorkflowTask.TaskToken);
        Assert.Equal(EventType.WorkflowTaskStarted, answer.EagerWorkflowTask.History.Events[^1].EventType);
        var completion = new RespondWorkflowTaskCompletedRequest { Namespace = request.Namespace, TaskToken = answer.EagerWorkflowTask.TaskToken, Identity = "eager" };
        completion.Commands.Add(new Temporalio.Api.Command.V1.Command
        {
            CommandType = CommandType.CompleteWorkflowExecution,
            CompleteWorkflowExecutionCommandAttributes = new() { Result = Json("eager") },
        });
        await Service.RespondWorkflowTaskCompletedAsync(completion);
        Assert.Equal("eager", await Client.GetWorkflowHandle(request.WorkflowId).GetResultAsync<string>());
    });

    [Fact]
    public Task An_eager_start_through_the_worker_completes() => WithWorkerAsync<Returns>(async () =>
    {
        var options = Options();
        options.RequestEagerStart = true;
        Assert.Equal("eager", await Client.ExecuteWorkflowAsync((Returns wf) => wf.RunAsync("eager"), options));
    });

    private StartWorkflowExecutionRequest StartRequest(string type = nameof(Mailbox)) => new()
    {
        Namespace = ServerFixture.Namespace,
        WorkflowId = NewId(),
        WorkflowType = new() { Name = type },
        TaskQueue = new() { Name = TaskQueue },
        RequestId = NewId("request"),
        Identity = "conformance",
    };
}
