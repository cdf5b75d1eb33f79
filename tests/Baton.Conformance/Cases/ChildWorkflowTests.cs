namespace Baton.Conformance.Cases;

public class ChildWorkflowTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Parent
    {
        private readonly CancellationTokenSource _cancel = new();
        private bool _end;
        private string? _childRunId;

        /// <param name="childId">Id of the <see cref="Mailbox"/> child.</param>
        /// <param name="policy">What happens to the child when this closes.</param>
        /// <param name="wait">Whether to wait for the child's end rather than for the signal.</param>
        [WorkflowRun]
        public async Task<string> RunAsync(string childId, Temporalio.Workflows.ParentClosePolicy policy, bool wait, ChildWorkflowCancellationType cancellation)
        {
            try
            {
                var child = await Workflow.StartChildWorkflowAsync((Mailbox wf) => wf.RunAsync(), new()
                {
                    Id = childId,
                    ParentClosePolicy = policy,
                    CancellationToken = _cancel.Token,
                    CancellationType = cancellation,
                    IdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate,
                });
                _childRunId = child.FirstExecutionRunId;
                if (!wait)
                {
                    await Workflow.WaitConditionAsync(() => _end);
                    return "ended";
                }
                return string.Join(',', await child.GetResultAsync());
            }
            catch (WorkflowAlreadyStartedException)
            {
                return "already started";
            }
            catch (ChildWorkflowFailureException error)
            {
                return $"child failed: {error.InnerException?.GetType().Name} {error.InnerException?.Message}";
            }
        }

        [WorkflowSignal]
        public Task EndAsync()
        {
            _end = true;
            return Task.CompletedTask;
        }

        [WorkflowSignal]
        public Task CancelChildAsync()
        {
            _cancel.Cancel();
            return Task.CompletedTask;
        }

        [WorkflowQuery]
        public string? ChildRunId() => _childRunId;
    }

    [Fact]
    public Task A_child_gives_its_result_to_its_parent() => RunAsync(async (parent, child) =>
    {
        await child.SignalAsync(wf => wf.AddAsync("from the child"));
        await child.SignalAsync(wf => wf.EndAsync("complete"));
        Assert.Equal("from the child", await parent.GetResultAsync());
        Assert.Equal(
            [EventType.StartChildWorkflowExecutionInitiated, EventType.ChildWorkflowExecutionStarted, EventType.ChildWorkflowExecutionCompleted],
            (await EventsAsync(parent)).Select(found => found.EventType).Where(type => type.ToString().Contains("Child", StringComparison.Ordinal)));
        var started = (await EventsAsync(child))[0].WorkflowExecutionStartedEventAttributes;
        Assert.Equal(parent.Id, started.ParentWorkflowExecution.WorkflowId);
        Assert.Equal(parent.ResultRunId, started.ParentWorkflowExecution.RunId);
        Assert.Equal(parent.Id, started.RootWorkflowExecution.WorkflowId);
    });

    [Fact]
    public Task A_failed_child_fails_its_parents_call() => RunAsync(async (parent, child) =>
    {
        await child.SignalAsync(wf => wf.EndAsync("fail"));
        Assert.Equal("child failed: ApplicationFailureException told to fail", await parent.GetResultAsync());
    });

    [Fact]
    public Task A_terminated_child_fails_its_parents_call() => RunAsync(async (parent, child) =>
    {
        await child.TerminateAsync("enough");
        Assert.StartsWith("child failed: TerminatedFailureException", await parent.GetResultAsync());
        Assert.Single(await EventsAsync(parent, EventType.ChildWorkflowExecutionTerminated));
    });

    [Fact]
    public Task A_child_is_cancelled_by_its_parent() => RunAsync(async (parent, child) =>
    {
        await parent.SignalAsync(wf => wf.CancelChildAsync());
        Assert.StartsWith("child failed: CanceledFailureException", await parent.GetResultAsync());
        Assert.Equal(WorkflowExecutionStatus.Canceled, (await child.DescribeAsync()).Status);
    });

    [Theory]
    [InlineData(Temporalio.Workflows.ParentClosePolicy.Terminate, WorkflowExecutionStatus.Terminated)]
    [InlineData(Temporalio.Workflows.ParentClosePolicy.RequestCancel, WorkflowExecutionStatus.Canceled)]
    [InlineData(Temporalio.Workflows.ParentClosePolicy.Abandon, WorkflowExecutionStatus.Running)]
    public Task The_close_policy_decides_what_becomes_of_the_child(Temporalio.Workflows.ParentClosePolicy policy, WorkflowExecutionStatus status) => RunAsync(
        async (parent, child) =>
        {
            await parent.SignalAsync(wf => wf.EndAsync());
            await parent.GetResultAsync();
            await Eventually.AssertAsync(async () => Assert.Equal(status, (await child.DescribeAsync()).Status));
            if (status == WorkflowExecutionStatus.Running)
            {
                await child.SignalAsync(wf => wf.EndAsync("complete"));
                await child.GetResultAsync();
            }
        },
        policy,
        wait: false);

    [Fact]
    public Task The_close_policy_holds_for_a_terminated_parent() => RunAsync(
        async (parent, child) =>
        {
            await parent.TerminateAsync();
            await Eventually.AssertAsync(async () => Assert.Equal(WorkflowExecutionStatus.Terminated, (await child.DescribeAsync()).Status));
        },
        wait: false);

    [Fact]
    public Task A_taken_id_is_told_to_the_parent() => WithWorkerAsync<Parent>(
        async () =>
        {
            var taken = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            Assert.Equal("already started", await Client.ExecuteWorkflowAsync(
                (Parent wf) => wf.RunAsync(taken.Id, Temporalio.Workflows.ParentClosePolicy.Terminate, true, ChildWorkflowCancellationType.WaitCancellationCompleted),
                Options()));
            Assert.Equal(WorkflowExecutionStatus.Running, (await taken.DescribeAsync()).Status);
            await taken.TerminateAsync();
        },
        options => options.AddWorkflow<Mailbox>());

    [Fact]
    public Task Describe_shows_the_pending_child() => RunAsync(
        async (parent, child) =>
        {
            var pending = Assert.Single((await DescribeRawAsync(parent)).PendingChildren);
            Assert.Equal(child.Id, pending.WorkflowId);
            Assert.Equal("Mailbox", pending.WorkflowTypeName);
            Assert.Equal(parent.Id, (await child.DescribeAsync()).ParentId);
            await parent.TerminateAsync();
        },
        wait: false);

    [Workflow]
    public class ManyChildren
    {
        [WorkflowRun]
        public async Task<int> RunAsync(int count, int depth)
        {
            if (depth == 0)
            {
                return 1;
            }
            var results = await Workflow.WhenAllAsync(Enumerable.Range(0, count).Select(_ =>
                Workflow.ExecuteChildWorkflowAsync((ManyChildren wf) => wf.RunAsync(count, depth - 1))));
            return results.Sum();
        }
    }

    [Fact]
    public Task A_tree_of_children_completes() => WithWorkerAsync<ManyChildren>(async () =>
        Assert.Equal(27, await Client.ExecuteWorkflowAsync((ManyChildren wf) => wf.RunAsync(3, 3), Options())));

    [Workflow]
    public class External
    {
        [WorkflowRun]
        public async Task<string> RunAsync(string targetId, string action)
        {
            var target = Workflow.GetExternalWorkflowHandle<Mailbox>(targetId);
            try
            {
                if (action == "cancel")
                {
                    await target.CancelAsync();
                }
                else
                {
                    await target.SignalAsync(wf => wf.AddAsync(action));
                }
                return "done";
            }
            catch (ApplicationFailureException error)
            {
                return error.Message;
            }
        }
    }

    [Fact]
    public Task An_external_workflow_is_signalled_and_cancelled() => WithWorkerAsync<External>(
        async () =>
        {
            var target = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            var signaller = await Client.StartWorkflowAsync((External wf) => wf.RunAsync(target.Id, "from outside"), Options());
            Assert.Equal("done", await signaller.GetResultAsync());
            Assert.Equal(["from outside"], await target.QueryAsync(wf => wf.Received()));
            Assert.Equal(
                signaller.Id,
                Assert.Single(await EventsAsync(target, EventType.WorkflowExecutionSignaled)).WorkflowExecutionSignaledEventAttributes.ExternalWorkflowExecution.WorkflowId);
            var canceller = await Client.StartWorkflowAsync((External wf) => wf.RunAsync(target.Id, "cancel"), Options());
            Assert.Equal("done", await canceller.GetResultAsync());
            var failed = await Assert.ThrowsAsync<WorkflowFailedException>(() => target.GetResultAsync());
            Assert.IsType<CanceledFailureException>(failed.InnerException);
            Assert.Single(await EventsAsync(canceller, EventType.ExternalWorkflowExecutionCancelRequested));
        },
        options => options.AddWorkflow<Mailbox>());

    [Theory]
    [InlineData("a signal", EventType.SignalExternalWorkflowExecutionFailed)]
    [InlineData("cancel", EventType.RequestCancelExternalWorkflowExecutionFailed)]
    public Task An_unknown_external_workflow_is_told(string action, EventType failed) => WithWorkerAsync<External>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((External wf) => wf.RunAsync(NewId("unknown"), action), Options());
        Assert.Contains("not found", await handle.GetResultAsync());
        Assert.Single(await EventsAsync(handle, failed));
    });

    private Task RunAsync(
        Func<WorkflowHandle<Parent, string>, WorkflowHandle<Mailbox, IReadOnlyCollection<string>>, Task> check,
        Temporalio.Workflows.ParentClosePolicy policy = Temporalio.Workflows.ParentClosePolicy.Terminate,
        bool wait = true) => WithWorkerAsync<Parent>(
        async () =>
        {
            var childId = NewId("child");
            var parent = await Client.StartWorkflowAsync(
                (Parent wf) => wf.RunAsync(childId, policy, wait, ChildWorkflowCancellationType.WaitCancellationCompleted), Options());
            await EventAsync(parent, EventType.ChildWorkflowExecutionStarted);
            await check(parent, Client.GetWorkflowHandle<Mailbox, IReadOnlyCollection<string>>(childId));
        },
        options => options.AddWorkflow<Mailbox>());
}
