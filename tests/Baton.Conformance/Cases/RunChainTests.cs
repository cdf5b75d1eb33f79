using Temporalio.Converters;

namespace Baton.Conformance.Cases;

/// <summary>Runs that follow one another under one id: continue-as-new, workflow retry, cron, and the timeouts that end them.</summary>
public class RunChainTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Counts
    {
        [WorkflowRun]
        public async Task<string> RunAsync(int left)
        {
            // Every run has a life of its own: some work, then the next.
            await Workflow.DelayAsync(1);
            if (left > 0)
            {
                throw Workflow.CreateContinueAsNewException((Counts wf) => wf.RunAsync(left - 1), new()
                {
                    Memo = new Dictionary<string, object> { ["left"] = left - 1 },
                });
            }
            return $"{Workflow.Info.ContinuedRunId is not null} {Workflow.PayloadConverter.ToValue<int>(Workflow.Memo["left"])}";
        }
    }

    [Fact]
    public Task Continue_as_new_goes_on_in_another_run() => WithWorkerAsync<Counts>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Counts wf) => wf.RunAsync(3), Options());
        Assert.Equal("True 0", await handle.GetResultAsync());
        var error = await Assert.ThrowsAsync<WorkflowContinuedAsNewException>(() => handle.GetResultAsync(followRuns: false));
        var first = (await EventsAsync(handle))[^1].WorkflowExecutionContinuedAsNewEventAttributes;
        Assert.Equal(error.NewRunId, first.NewExecutionRunId);
        var second = (await EventsAsync(handle.Id, error.NewRunId))[0].WorkflowExecutionStartedEventAttributes;
        Assert.Equal(handle.ResultRunId, second.ContinuedExecutionRunId);
        Assert.Equal(handle.ResultRunId, second.FirstExecutionRunId);
        Assert.Equal(ContinueAsNewInitiator.Workflow, second.Initiator);
        await Eventually.TrueAsync(async () => (await Client.CountWorkflowsAsync($"WorkflowId = '{handle.Id}'")).Count == 4);
    });

    [Fact]
    public Task Without_a_run_id_the_last_run_is_meant() => WithWorkerAsync<Counts>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Counts wf) => wf.RunAsync(1), Options());
        await handle.GetResultAsync();
        var last = await Client.GetWorkflowHandle(handle.Id).DescribeAsync();
        Assert.NotEqual(handle.ResultRunId, last.RunId);
        Assert.Equal(WorkflowExecutionStatus.Completed, last.Status);
        Assert.Equal(WorkflowExecutionStatus.ContinuedAsNew, (await Client.GetWorkflowHandle(handle.Id, handle.ResultRunId).DescribeAsync()).Status);
    });

    [Workflow]
    public class ContinuesWhenSuggested
    {
        [WorkflowRun]
        public async Task<bool> RunAsync(bool second)
        {
            if (second)
            {
                return !Workflow.ContinueAsNewSuggested;
            }
            while (!Workflow.ContinueAsNewSuggested)
            {
                // Markers are cheap events: 200 in a task.
                for (var count = 0; count < 200; count++)
                {
                    Workflow.UpsertMemo(MemoUpdate.ValueSet("count", count));
                }
                await Workflow.DelayAsync(1);
            }
            throw Workflow.CreateContinueAsNewException((ContinuesWhenSuggested wf) => wf.RunAsync(true));
        }
    }

    [Fact]
    public Task Continue_as_new_is_suggested_for_a_long_history() => WithWorkerAsync<ContinuesWhenSuggested>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((ContinuesWhenSuggested wf) => wf.RunAsync(false), Options());
        Assert.True(await handle.GetResultAsync());
        Assert.InRange((await EventsAsync(handle)).Count, 4096, 5000);
    });

    [Workflow]
    public class FailsUntil
    {
        [WorkflowRun]
        public Task<string> RunAsync(int attempt) => Workflow.Info.Attempt < attempt
            ? throw new ApplicationFailureException($"attempt {Workflow.Info.Attempt}", "NotYet")
            : Task.FromResult($"attempt {Workflow.Info.Attempt}, after {Workflow.Info.LastFailure?.Message}");
    }

    [Fact]
    public Task A_workflow_with_a_retry_policy_is_tried_again() => WithWorkerAsync<FailsUntil>(async () =>
    {
        var options = Options();
        options.RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(20), BackoffCoefficient = 1 };
        var handle = await Client.StartWorkflowAsync((FailsUntil wf) => wf.RunAsync(3), options);
        Assert.Equal("attempt 3, after attempt 2", await handle.GetResultAsync());
        var failed = (await EventsAsync(handle))[^1].WorkflowExecutionFailedEventAttributes;
        Assert.Equal(RetryState.InProgress, failed.RetryState);
        Assert.NotEmpty(failed.NewExecutionRunId);
        var second = (await EventsAsync(handle.Id, failed.NewExecutionRunId))[0].WorkflowExecutionStartedEventAttributes;
        Assert.Equal(ContinueAsNewInitiator.Retry, second.Initiator);
        Assert.Equal(2, second.Attempt);
        Assert.Equal("attempt 1", second.ContinuedFailure.Message);
    });

    [Fact]
    public Task Attempts_of_a_workflow_end_at_their_maximum() => WithWorkerAsync<FailsUntil>(async () =>
    {
        var options = Options();
        options.RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(20), MaximumAttempts = 2 };
        var handle = await Client.StartWorkflowAsync((FailsUntil wf) => wf.RunAsync(10), options);
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        Assert.Equal("attempt 2", error.InnerException!.Message);
        Assert.Equal(RetryState.MaximumAttemptsReached, (await EventsAsync(handle.Id))[^1].WorkflowExecutionFailedEventAttributes.RetryState);
    });

    [Fact]
    public Task A_workflow_without_a_retry_policy_fails_once() => WithWorkerAsync<FailsUntil>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((FailsUntil wf) => wf.RunAsync(10), Options());
        await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        Assert.Equal(RetryState.RetryPolicyNotSet, (await EventsAsync(handle))[^1].WorkflowExecutionFailedEventAttributes.RetryState);
    });

    [Workflow]
    public class RunsByCron
    {
        [WorkflowRun]
        public Task<int> RunAsync() => Task.FromResult(Workflow.Info.LastResult is { Count: > 0 } last
            ? Workflow.PayloadConverter.ToValue<int>(last.First()) + 1
            : 1);
    }

    [Fact]
    public Task Cron_starts_run_after_run_with_the_last_result() => WithWorkerAsync<RunsByCron>(async () =>
    {
        var options = Options();
        options.CronSchedule = "@every 1s";
        var handle = await Client.StartWorkflowAsync((RunsByCron wf) => wf.RunAsync(), options);
        var first = await Eventually.GetAsync(() => EventsAsync(handle), events => HistoryShape.IsClose(events[^1].EventType));
        Assert.True(first[0].WorkflowExecutionStartedEventAttributes.FirstWorkflowTaskBackoff.ToTimeSpan() > TimeSpan.Zero);
        var nextRunId = first[^1].WorkflowExecutionCompletedEventAttributes.NewExecutionRunId;
        Assert.NotEmpty(nextRunId);
        var second = await Eventually.GetAsync(() => EventsAsync(handle.Id, nextRunId), events => HistoryShape.IsClose(events[^1].EventType));
        Assert.Equal(ContinueAsNewInitiator.CronSchedule, second[0].WorkflowExecutionStartedEventAttributes.Initiator);
        Assert.Equal("2", second[^1].WorkflowExecutionCompletedEventAttributes.Result.Payloads_[0].Data.ToStringUtf8());
        await Client.GetWorkflowHandle(handle.Id).TerminateAsync();
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Run_and_execution_timeouts_end_a_workflow(bool execution)
    {
        var options = Options();
        options.ExecutionTimeout = execution ? TimeSpan.FromMilliseconds(300) : null;
        options.RunTimeout = execution ? null : TimeSpan.FromMilliseconds(300);
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        Assert.Equal(TimeoutType.StartToClose, Assert.IsType<TimeoutFailureException>(error.InnerException).TimeoutType);
        Assert.Equal(WorkflowExecutionStatus.TimedOut, (await handle.DescribeAsync()).Status);
    }

    [Fact]
    public async Task The_execution_timeout_bounds_all_retries()
    {
        var options = Options();
        options.ExecutionTimeout = TimeSpan.FromMilliseconds(900);
        options.RunTimeout = TimeSpan.FromMilliseconds(200);
        options.RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(10), BackoffCoefficient = 1 };
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        Assert.IsType<TimeoutFailureException>(error.InnerException);
        Assert.True((await Client.CountWorkflowsAsync($"WorkflowId = '{handle.Id}'")).Count >= 2);
    }

    [Fact]
    public async Task A_task_that_its_worker_lost_is_handed_out_again()
    {
        var options = Options();
        options.TaskTimeout = TimeSpan.FromSeconds(1);
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        var lost = await Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, Identity = "lost" });
        var again = await Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, Identity = "again" });
        Assert.Equal(lost.WorkflowExecution, again.WorkflowExecution);
        Assert.Equal(2, again.Attempt);
        var timedOut = Assert.Single(await EventsAsync(handle, EventType.WorkflowTaskTimedOut));
        Assert.Equal(TimeoutType.StartToClose, timedOut.WorkflowTaskTimedOutEventAttributes.TimeoutType);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = ServerFixture.Namespace, TaskToken = lost.TaskToken }));
        await Service.RespondWorkflowTaskCompletedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = again.TaskToken });
        Assert.Equal(EventType.WorkflowTaskCompleted, (await EventsAsync(handle))[^1].EventType);
        await handle.TerminateAsync();
    }

    [Workflow]
    public class FailsItsTask
    {
        public static int Failures;

        [WorkflowRun]
        public Task<string> RunAsync() => Interlocked.Increment(ref Failures) < 3
            ? throw new InvalidOperationException("a bug that is fixed by a new deployment")
            : Task.FromResult("fixed");
    }

    [Fact]
    public Task A_failing_task_is_tried_again_with_one_trace() => WithWorkerAsync<FailsItsTask>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((FailsItsTask wf) => wf.RunAsync(), Options());
        Assert.Equal("fixed", await handle.GetResultAsync());
        var events = await EventsAsync(handle);
        // Attempts after the first are transient: they leave no trace unless they complete.
        Assert.Single(events, found => found.EventType == EventType.WorkflowTaskFailed);
        var scheduled = events.Last(found => found.EventType == EventType.WorkflowTaskScheduled).WorkflowTaskScheduledEventAttributes;
        Assert.Equal(3, scheduled.Attempt);
    });
}
