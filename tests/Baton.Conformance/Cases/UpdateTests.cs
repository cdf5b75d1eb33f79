namespace Baton.Conformance.Cases;

public class UpdateTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task An_update_answers_with_its_result_and_leaves_two_events() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        Assert.Equal(1, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("one")));
        Assert.Equal(2, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("two")));
        var accepted = await EventsAsync(handle, EventType.WorkflowExecutionUpdateAccepted);
        var completed = await EventsAsync(handle, EventType.WorkflowExecutionUpdateCompleted);
        Assert.Equal(2, accepted.Count);
        Assert.Equal(
            accepted.Select(found => found.WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest.Meta.UpdateId),
            completed.Select(found => found.WorkflowExecutionUpdateCompletedEventAttributes.Meta.UpdateId));
        await EndAsync(handle);
    });

    [Fact]
    public Task A_rejected_update_leaves_no_event() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        await handle.ExecuteUpdateAsync(wf => wf.PutAsync("one"));
        await Eventually.AssertAsync(async () => Assert.Equal(EventType.WorkflowExecutionUpdateCompleted, (await EventsAsync(handle))[^1].EventType));
        var before = await EventsAsync(handle);
        var error = await Assert.ThrowsAsync<WorkflowUpdateFailedException>(() => handle.ExecuteUpdateAsync(wf => wf.PutAsync("")));
        Assert.Equal("EmptyItem", Assert.IsType<ApplicationFailureException>(error.InnerException).ErrorType);
        Assert.Equal(before, await EventsAsync(handle));
        Assert.Equal(2, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("two")));
        await EndAsync(handle);
    });

    [Fact]
    public Task A_rejected_first_update_leaves_the_start_alone() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        await Eventually.AssertAsync(async () => Assert.Equal(EventType.WorkflowTaskCompleted, (await EventsAsync(handle))[^1].EventType));
        await Assert.ThrowsAsync<WorkflowUpdateFailedException>(() => handle.ExecuteUpdateAsync(wf => wf.PutAsync("")));
        Assert.Equal(4, (await EventsAsync(handle)).Count);
        await EndAsync(handle);
    });

    [Fact]
    public Task A_failed_update_carries_its_failure() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var error = await Assert.ThrowsAsync<WorkflowUpdateFailedException>(() => handle.ExecuteUpdateAsync(wf => wf.PutAsync("throw")));
        Assert.Equal("update failed", Assert.IsType<ApplicationFailureException>(error.InnerException).Message);
        Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionUpdateCompleted));
        await EndAsync(handle);
    });

    [Fact]
    public Task An_unknown_update_is_rejected() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var error = await Assert.ThrowsAsync<WorkflowUpdateFailedException>(() => handle.ExecuteUpdateAsync("NoSuchUpdate", []));
        Assert.Contains("NoSuchUpdate", error.InnerException!.Message);
        await EndAsync(handle);
    });

    [Fact]
    public Task The_accepted_stage_is_answered_before_the_result() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var update = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new(WorkflowUpdateStage.Accepted));
        Assert.Empty(await EventsAsync(handle, EventType.WorkflowExecutionUpdateCompleted));
        var polled = handle.GetUpdateHandle<int>(update.Id).GetResultAsync();
        await handle.SignalAsync(wf => wf.AddAsync("go"));
        Assert.Equal(2, await update.GetResultAsync());
        Assert.Equal(2, await polled);
        await EndAsync(handle);
    });

    [Fact]
    public Task The_same_update_id_runs_once() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var first = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new("same", WorkflowUpdateStage.Accepted));
        var second = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new("same", WorkflowUpdateStage.Accepted));
        Assert.Equal(first.Id, second.Id);
        await handle.SignalAsync(wf => wf.AddAsync("go"));
        Assert.Equal(2, await first.GetResultAsync());
        Assert.Equal(2, await second.GetResultAsync());
        Assert.Equal(2, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("other"), new("same")));
        Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionUpdateAccepted));
        await EndAsync(handle);
    });

    [Fact]
    public Task The_same_id_is_deduplicated_while_none_has_answered() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => handle.ExecuteUpdateAsync(wf => wf.PutAsync("once"), new("same"))));
        Assert.All(results, result => Assert.Equal(1, result));
        Assert.Equal(["once"], await handle.QueryAsync(wf => wf.Received()));
        await EndAsync(handle);
    });

    [Fact]
    public Task An_update_before_the_first_worker_waits_for_it()
    {
        return RunAsync();
        async Task RunAsync()
        {
            var handle = await StartAsync();
            var update = handle.ExecuteUpdateAsync(wf => wf.PutAsync("early"));
            await WithWorkerAsync<Mailbox>(async () =>
            {
                Assert.Equal(1, await update);
                await EndAsync(handle);
            });
        }
    }

    [Fact]
    public async Task An_accepted_update_survives_the_worker()
    {
        var handle = await StartAsync();
        WorkflowUpdateHandle<int> update = null!;
        await WithWorkerAsync<Mailbox>(async () => update = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new(WorkflowUpdateStage.Accepted)));
        await WithWorkerAsync<Mailbox>(async () =>
        {
            await handle.SignalAsync(wf => wf.AddAsync("go"));
            Assert.Equal(2, await update.GetResultAsync());
            await EndAsync(handle);
        });
    }

    [Fact]
    public Task The_eleventh_update_in_flight_is_refused() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        for (var count = 0; count < 10; count++)
        {
            await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new(WorkflowUpdateStage.Accepted));
        }
        var error = await RpcErrorAsync(
            RpcException.StatusCode.ResourceExhausted,
            () => Service.UpdateWorkflowExecutionAsync(UpdateRequest(handle, "put eleven"), new() { Timeout = Eventually.Deadline, Retry = false }));
        Assert.Contains("limit on number of concurrent in-flight updates has been reached (10)", error.Message);
        await handle.SignalAsync(wf => wf.AddAsync("go"));
        Assert.Equal(12, await handle.ExecuteUpdateAsync(wf => wf.PutAsync("twelve")));
        await EndAsync(handle);
    });

    [Fact]
    public Task A_closed_or_unknown_workflow_is_not_found() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        await handle.ExecuteUpdateAsync(wf => wf.PutAsync("one"), new("known"));
        await EndAsync(handle);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.ExecuteUpdateAsync(wf => wf.PutAsync("late")));
        // What completed before the close can still be asked for.
        Assert.Equal(1, await handle.GetUpdateHandle<int>("known").GetResultAsync());
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.GetUpdateHandle<int>("unknown").GetResultAsync());
        await RpcErrorAsync(
            RpcException.StatusCode.NotFound, () => Client.GetWorkflowHandle<Mailbox>(NewId()).ExecuteUpdateAsync(wf => wf.PutAsync("lost")));
    });

    [Fact]
    public Task An_update_left_open_by_the_close_fails() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var update = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:never"), new(WorkflowUpdateStage.Accepted));
        await handle.TerminateAsync();
        var error = await Assert.ThrowsAnyAsync<Exception>(() => update.GetResultAsync());
        Assert.True(
            error is WorkflowUpdateFailedException { InnerException: ApplicationFailureException { ErrorType: "AcceptedUpdateCompletedWorkflow" } }
                or RpcException { Code: RpcException.StatusCode.NotFound },
            error.ToString());
    });

    [Fact]
    public Task Update_with_start_starts_once_and_updates_each_time() => WithWorkerAsync<Mailbox>(async () =>
    {
        var id = NewId();
        var results = new List<int>();
        for (var count = 0; count < 3; count++)
        {
            var start = WithStartWorkflowOperation.Create(
                (Mailbox wf) => wf.RunAsync(), new(id, TaskQueue) { IdConflictPolicy = WorkflowIdConflictPolicy.UseExisting });
            results.Add(await Client.ExecuteUpdateWithStartWorkflowAsync((Mailbox wf) => wf.PutAsync("item"), new(start)));
            Assert.Equal(id, (await start.GetHandleAsync()).Id);
        }
        Assert.Equal([1, 2, 3], results);
        await EndAsync(Client.GetWorkflowHandle<Mailbox>(id));
    });

    [Fact]
    public Task Update_with_start_fails_whole_when_the_id_is_taken() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await StartAsync();
        var start = WithStartWorkflowOperation.Create(
            (Mailbox wf) => wf.RunAsync(), new(handle.Id, TaskQueue) { IdConflictPolicy = WorkflowIdConflictPolicy.Fail });
        await Assert.ThrowsAsync<WorkflowAlreadyStartedException>(() => Client.ExecuteUpdateWithStartWorkflowAsync((Mailbox wf) => wf.PutAsync("item"), new(start)));
        Assert.Empty(await handle.QueryAsync(wf => wf.Received()));
        await EndAsync(handle);
    });

    [Fact]
    public Task Update_with_start_keeps_the_run_when_the_update_is_rejected() => WithWorkerAsync<Mailbox>(async () =>
    {
        var start = WithStartWorkflowOperation.Create(
            (Mailbox wf) => wf.RunAsync(), new(NewId(), TaskQueue) { IdConflictPolicy = WorkflowIdConflictPolicy.UseExisting });
        await Assert.ThrowsAsync<WorkflowUpdateFailedException>(() => Client.ExecuteUpdateWithStartWorkflowAsync((Mailbox wf) => wf.PutAsync(""), new(start)));
        var handle = await start.GetHandleAsync();
        Assert.Equal(WorkflowExecutionStatus.Running, (await handle.DescribeAsync()).Status);
        await EndAsync(handle);
    });

    [Fact]
    public async Task A_poll_for_the_outcome_ends_empty_at_its_deadline()
    {
        var handle = await StartAsync();
        await WithWorkerAsync<Mailbox>(async () =>
        {
            var update = await handle.StartUpdateAsync(wf => wf.PutAsync("wait:go"), new(WorkflowUpdateStage.Accepted));
            var options = new RpcOptions { Timeout = TimeSpan.FromSeconds(1) };
            await Assert.ThrowsAnyAsync<Exception>(() => update.GetResultAsync(options));
            await handle.SignalAsync(wf => wf.AddAsync("go"));
            Assert.Equal(2, await update.GetResultAsync());
            await EndAsync(handle);
        });
    }

    private Task<WorkflowHandle<Mailbox, IReadOnlyCollection<string>>> StartAsync() => Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());

    private static async Task EndAsync(WorkflowHandle<Mailbox> handle)
    {
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await handle.GetResultAsync();
    }

    private static UpdateWorkflowExecutionRequest UpdateRequest(WorkflowHandle handle, string item) => new()
    {
        Namespace = ServerFixture.Namespace,
        WorkflowExecution = new() { WorkflowId = handle.Id },
        WaitPolicy = new() { LifecycleStage = UpdateWorkflowExecutionLifecycleStage.Accepted },
        Request = new()
        {
            Meta = new() { UpdateId = NewId("update"), Identity = "conformance" },
            Input = new() { Name = "Put", Args = Json(item) },
        },
    };
}
