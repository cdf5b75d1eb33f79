namespace Baton.Conformance.Cases;

public class QueryTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task A_running_workflow_answers_without_a_trace() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.AddAsync("item"));
        Assert.Equal(["item"], await handle.QueryAsync(wf => wf.Received()));
        await Eventually.AssertAsync(async () => Assert.Equal(
            EventType.WorkflowTaskCompleted, (await EventsAsync(handle))[^1].EventType));
        var before = (await EventsAsync(handle)).Count;
        Assert.Equal(["item"], await handle.QueryAsync(wf => wf.Received()));
        Assert.Equal(before, (await EventsAsync(handle)).Count);
    });

    [Fact]
    public Task A_query_sees_what_was_signalled_before_it() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        for (var count = 1; count <= 10; count++)
        {
            await handle.SignalAsync(wf => wf.AddAsync("item"));
            Assert.Equal(count, (await handle.QueryAsync(wf => wf.Received())).Count);
        }
    });

    [Fact]
    public Task Many_queries_at_once_are_answered() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.AddAsync("item"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => handle.QueryAsync(wf => wf.Received())));
        Assert.All(answers, answer => Assert.Equal(["item"], answer));
    });

    [Fact]
    public async Task A_query_before_the_first_task_waits_for_it()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.AddAsync("item"));
        var query = handle.QueryAsync(wf => wf.Received());
        await WithWorkerAsync<Mailbox>(async () => Assert.Equal(["item"], await query));
    }

    [Fact]
    public async Task A_closed_workflow_is_replayed_to_answer()
    {
        WorkflowHandle<Mailbox, IReadOnlyCollection<string>> handle = null!;
        await WithWorkerAsync<Mailbox>(async () =>
        {
            handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            await handle.SignalAsync(wf => wf.AddAsync("item"));
            await handle.SignalAsync(wf => wf.EndAsync("complete"));
            await handle.GetResultAsync();
            Assert.Equal(["item"], await handle.QueryAsync(wf => wf.Received()));
        });
        // A worker that never saw the run.
        await WithWorkerAsync<Mailbox>(async () => Assert.Equal(["item"], await handle.QueryAsync(wf => wf.Received())));
    }

    [Theory]
    [InlineData("complete", WorkflowExecutionStatus.Completed, false)]
    [InlineData("fail", WorkflowExecutionStatus.Failed, true)]
    public Task The_reject_condition_looks_at_the_status(string how, WorkflowExecutionStatus status, bool notCleanly) => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var notOpen = new WorkflowQueryOptions { RejectCondition = QueryRejectCondition.NotOpen };
        var notCompletedCleanly = new WorkflowQueryOptions { RejectCondition = QueryRejectCondition.NotCompletedCleanly };
        Assert.Empty(await handle.QueryAsync(wf => wf.Received(), notOpen));
        Assert.Empty(await handle.QueryAsync(wf => wf.Received(), notCompletedCleanly));
        await handle.SignalAsync(wf => wf.EndAsync(how));
        await Record.ExceptionAsync(() => handle.GetResultAsync());
        var error = await Assert.ThrowsAsync<WorkflowQueryRejectedException>(() => handle.QueryAsync(wf => wf.Received(), notOpen));
        Assert.Equal(status, error.WorkflowStatus);
        if (notCleanly)
        {
            await Assert.ThrowsAsync<WorkflowQueryRejectedException>(() => handle.QueryAsync(wf => wf.Received(), notCompletedCleanly));
        }
        else
        {
            Assert.Empty(await handle.QueryAsync(wf => wf.Received(), notCompletedCleanly));
        }
    });

    [Fact]
    public Task A_failing_or_unknown_query_tells_why() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var broken = await Assert.ThrowsAsync<WorkflowQueryFailedException>(() => handle.QueryAsync(wf => wf.Broken()));
        Assert.Equal("broken query", broken.Message);
        var unknown = await Assert.ThrowsAsync<WorkflowQueryFailedException>(() => handle.QueryAsync<string>("NoSuchQuery", []));
        Assert.Contains("NoSuchQuery", unknown.Message);
    });

    [Fact]
    public async Task A_query_that_no_worker_answers_ends_with_the_callers_deadline()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var options = new WorkflowQueryOptions { Rpc = new() { Timeout = TimeSpan.FromSeconds(1) } };
        await Assert.ThrowsAnyAsync<Exception>(() => handle.QueryAsync(wf => wf.Received(), options));
        Assert.Equal(2, (await EventsAsync(handle)).Count);
        await WithWorkerAsync<Mailbox>(async () => Assert.Empty(await handle.QueryAsync(wf => wf.Received())));
    }
}
