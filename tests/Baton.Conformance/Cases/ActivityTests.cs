using System.Collections.Concurrent;

namespace Baton.Conformance.Cases;

/// <summary>Activities: results, failures, retries and the four timeouts.</summary>
public class ActivityTests(ServerFixture server) : ConformanceTest(server)
{
    private static readonly RetryPolicy Fast = new() { InitialInterval = TimeSpan.FromMilliseconds(20), BackoffCoefficient = 1 };

    [Workflow]
    public class CallsOne
    {
        [WorkflowRun]
        public Task<string> RunAsync(string activity, Call call) => Workflow.ExecuteActivityAsync<string>(activity, [], call.ToOptions());
    }

    /// <summary>Activity options that travel as a workflow argument. Milliseconds; 0 is unset.</summary>
    public record Call(int ToClose = 0, int ToStart = 0, int Run = 20_000, int Heartbeat = 0, int Interval = 20, double Backoff = 1, int Attempts = 0, string? NonRetryable = null)
    {
        public ActivityOptions ToOptions() => new()
        {
            ScheduleToCloseTimeout = Span(ToClose),
            ScheduleToStartTimeout = Span(ToStart),
            StartToCloseTimeout = Span(Run),
            HeartbeatTimeout = Span(Heartbeat),
            RetryPolicy = new()
            {
                InitialInterval = TimeSpan.FromMilliseconds(Interval),
                BackoffCoefficient = (float)Backoff,
                MaximumAttempts = Attempts,
                NonRetryableErrorTypes = NonRetryable is null ? null : [NonRetryable],
            },
        };

        private static TimeSpan? Span(int milliseconds) => milliseconds == 0 ? null : TimeSpan.FromMilliseconds(milliseconds);
    }

    [Workflow]
    public class Greets
    {
        [WorkflowRun]
        public Task<string> RunAsync(string name) =>
            Workflow.ExecuteActivityAsync(() => SharedActivities.Greet(name), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20) });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task A_result_comes_back(bool eager) => WithWorkerAsync<Greets>(
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((Greets wf) => wf.RunAsync("Ada"), Options());
            Assert.Equal("Hello, Ada!", await handle.GetResultAsync());
            Assert.Equal(
                [
                    EventType.WorkflowExecutionStarted, EventType.WorkflowTaskScheduled, EventType.WorkflowTaskStarted, EventType.WorkflowTaskCompleted,
                    EventType.ActivityTaskScheduled, EventType.ActivityTaskStarted, EventType.ActivityTaskCompleted,
                    EventType.WorkflowTaskScheduled, EventType.WorkflowTaskStarted, EventType.WorkflowTaskCompleted, EventType.WorkflowExecutionCompleted,
                ],
                (await EventsAsync(handle)).Select(found => found.EventType));
        },
        options =>
        {
            options.AddActivity(SharedActivities.Greet);
            options.DisableEagerActivityExecution = !eager;
        });

    [Fact]
    public Task A_failing_activity_is_retried_and_its_last_failure_kept() => RunCallAsync(
        attempt => attempt < 3 ? throw new ApplicationFailureException($"attempt {attempt}", "NotYet") : "third",
        new Call(),
        async (handle, attempts) =>
        {
            Assert.Equal("third", await handle.GetResultAsync());
            Assert.Equal([1, 2, 3], attempts);
            // Only the attempt that closed it is in the history, with the failure before it.
            var started = Assert.Single(await EventsAsync(handle, EventType.ActivityTaskStarted)).ActivityTaskStartedEventAttributes;
            Assert.Equal(3, started.Attempt);
            Assert.Equal("attempt 2", started.LastFailure.Message);
            Assert.Empty(await EventsAsync(handle, EventType.ActivityTaskFailed));
        });

    [Fact]
    public Task Attempts_end_at_their_maximum() => RunCallAsync(
        attempt => throw new ApplicationFailureException($"attempt {attempt}", "Never"),
        new Call(Attempts: 3),
        async (handle, attempts) =>
        {
            var failure = await ActivityFailureAsync(handle);
            Assert.Equal(RetryState.MaximumAttemptsReached, failure.RetryState);
            Assert.Equal("attempt 3", Assert.IsType<ApplicationFailureException>(failure.InnerException).Message);
            Assert.Equal([1, 2, 3], attempts);
        });

    [Fact]
    public Task A_non_retryable_failure_is_not_retried() => RunCallAsync(
        _ => throw new ApplicationFailureException("final", "Final", nonRetryable: true),
        new Call(),
        async (handle, attempts) =>
        {
            Assert.Equal(RetryState.NonRetryableFailure, (await ActivityFailureAsync(handle)).RetryState);
            Assert.Equal([1], attempts);
        });

    [Fact]
    public Task A_type_named_by_the_policy_is_not_retried() => RunCallAsync(
        attempt => throw new ApplicationFailureException("typed", attempt == 1 ? "Retried" : "Named"),
        new Call(NonRetryable: "Named"),
        async (handle, attempts) =>
        {
            var failure = await ActivityFailureAsync(handle);
            Assert.Equal(RetryState.NonRetryableFailure, failure.RetryState);
            Assert.Equal("Named", Assert.IsType<ApplicationFailureException>(failure.InnerException).ErrorType);
            Assert.Equal([1, 2], attempts);
        });

    [Fact]
    public Task The_interval_grows_by_the_coefficient() => RunCallAsync(
        attempt => attempt < 4 ? throw new ApplicationFailureException("again") : ActivityExecutionContext.Current.Info.CurrentAttemptScheduledTime.ToString("O"),
        new Call(Interval: 100, Backoff: 2),
        async (handle, attempts) =>
        {
            var last = DateTime.Parse(await handle.GetResultAsync(), null, System.Globalization.DateTimeStyles.RoundtripKind);
            var scheduled = Assert.Single(await EventsAsync(handle, EventType.ActivityTaskScheduled)).EventTime.ToDateTime();
            // 100 + 200 + 400 ms.
            Assert.True(last - scheduled >= TimeSpan.FromMilliseconds(690), $"{last - scheduled}");
            Assert.Equal([1, 2, 3, 4], attempts);
        });

    [Fact]
    public Task A_failure_may_ask_for_its_own_next_delay() => RunCallAsync(
        attempt => attempt == 1 ? throw new ApplicationFailureException("later", nextRetryDelay: TimeSpan.FromMilliseconds(50)) : "second",
        new Call(Interval: 3_600_000),
        async (handle, attempts) =>
        {
            Assert.Equal("second", await handle.GetResultAsync());
            Assert.Equal([1, 2], attempts);
        });

    [Fact]
    public Task Start_to_close_is_retried_then_fails() => RunBlockingCallAsync(
        new Call(Run: 300, Attempts: 2),
        async (handle, attempts) =>
        {
            var failure = await ActivityFailureAsync(handle);
            Assert.Equal(RetryState.MaximumAttemptsReached, failure.RetryState);
            Assert.Equal(TimeoutType.StartToClose, Assert.IsType<TimeoutFailureException>(failure.InnerException).TimeoutType);
            Assert.Equal([1, 2], attempts);
            Assert.Single(await EventsAsync(handle, EventType.ActivityTaskTimedOut));
        });

    [Fact]
    public Task A_missed_heartbeat_is_a_timeout() => RunBlockingCallAsync(
        new Call(Heartbeat: 300, Attempts: 1),
        async (handle, _) =>
        {
            var failure = await ActivityFailureAsync(handle);
            Assert.Equal(TimeoutType.Heartbeat, Assert.IsType<TimeoutFailureException>(failure.InnerException).TimeoutType);
        });

    [Fact]
    public Task Schedule_to_close_ends_retries() => RunCallAsync(
        _ => throw new ApplicationFailureException("never"),
        new Call(ToClose: 600, Interval: 200),
        async (handle, attempts) =>
        {
            var failure = await ActivityFailureAsync(handle);
            // Either no time was left for another attempt, or the time ran out in one.
            Assert.True(failure is { RetryState: RetryState.Timeout, InnerException: ApplicationFailureException }
                or { InnerException: TimeoutFailureException { TimeoutType: TimeoutType.ScheduleToClose } }, failure.ToString());
            Assert.InRange(attempts.Count, 1, 4);
        });

    [Fact]
    public Task Schedule_to_close_ends_a_running_attempt() => RunBlockingCallAsync(
        new Call(ToClose: 400, Run: 0),
        async (handle, _) =>
        {
            var failure = await ActivityFailureAsync(handle);
            Assert.Equal(TimeoutType.ScheduleToClose, Assert.IsType<TimeoutFailureException>(failure.InnerException).TimeoutType);
        });

    [Workflow]
    public class CallsElsewhere
    {
        [WorkflowRun]
        public Task RunAsync(string taskQueue) => Workflow.ExecuteActivityAsync(
            "Nobody", [], new() { TaskQueue = taskQueue, ScheduleToStartTimeout = TimeSpan.FromMilliseconds(200), StartToCloseTimeout = TimeSpan.FromSeconds(20) });
    }

    [Fact]
    public Task Schedule_to_start_is_not_retried() => WithWorkerAsync<CallsElsewhere>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((CallsElsewhere wf) => wf.RunAsync(TaskQueue + "-nobody"), Options());
        var failure = await ActivityFailureAsync(handle);
        Assert.Equal(TimeoutType.ScheduleToStart, Assert.IsType<TimeoutFailureException>(failure.InnerException).TimeoutType);
        Assert.Empty(await EventsAsync(handle, EventType.ActivityTaskStarted));
    });

    [Fact]
    public Task An_unknown_activity_type_fails_its_attempt() => WithWorkerAsync<CallsOne>(
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((CallsOne wf) => wf.RunAsync("NoSuchActivity", new Call { Attempts = 1 }), Options());
            var failure = await ActivityFailureAsync(handle);
            Assert.Contains("NoSuchActivity", failure.InnerException!.Message);
        },
        options => options.AddActivity(SharedActivities.Greet));

    [Workflow]
    public class CallsMany
    {
        [WorkflowRun]
        public async Task<string[]> RunAsync(int count) => await Workflow.WhenAllAsync(Enumerable.Range(0, count).Select(index =>
            Workflow.ExecuteActivityAsync(() => SharedActivities.Greet($"{index}"), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20) })));
    }

    [Fact]
    public Task Many_activities_at_once_all_complete() => WithWorkerAsync<CallsMany>(
        async () =>
        {
            var results = await Client.ExecuteWorkflowAsync((CallsMany wf) => wf.RunAsync(50), Options());
            Assert.Equal(Enumerable.Range(0, 50).Select(index => $"Hello, {index}!"), results);
        },
        options => options.AddActivity(SharedActivities.Greet));

    [Workflow]
    public class CallsLocally
    {
        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await Workflow.ExecuteLocalActivityAsync(
                () => SharedActivities.FailUntilAttempt(3), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20), RetryPolicy = Fast });
            return await Workflow.ExecuteLocalActivityAsync(() => SharedActivities.Greet("local"), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20) });
        }
    }

    [Fact]
    public Task Local_activities_leave_markers_only() => WithWorkerAsync<CallsLocally>(
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((CallsLocally wf) => wf.RunAsync(), Options());
            Assert.Equal("Hello, local!", await handle.GetResultAsync());
            Assert.Equal(2, (await EventsAsync(handle, EventType.MarkerRecorded)).Count);
            Assert.Empty(await EventsAsync(handle, EventType.ActivityTaskScheduled));
        },
        options => options.AddActivity(SharedActivities.Greet).AddActivity(SharedActivities.FailUntilAttempt));

    [Workflow]
    public class CallsLongLocal
    {
        [Activity]
        public static async Task UntilAsync(string file)
        {
            while (!File.Exists(file))
            {
                await Eventually.PauseAsync();
            }
        }

        [WorkflowRun]
        public Task RunAsync(string file) =>
            Workflow.ExecuteLocalActivityAsync(() => UntilAsync(file), new() { StartToCloseTimeout = TimeSpan.FromSeconds(20) });
    }

    [Fact]
    public async Task A_long_local_activity_keeps_its_task_by_heartbeats()
    {
        var file = Path.Combine(Path.GetTempPath(), NewId("local"));
        await WithWorkerAsync<CallsLongLocal>(
            async () =>
            {
                var options = Options();
                options.TaskTimeout = TimeSpan.FromSeconds(1);
                var handle = await Client.StartWorkflowAsync((CallsLongLocal wf) => wf.RunAsync(file), options);
                // More than one completed task while the activity runs: the worker asks for the next one at once.
                await Eventually.TrueAsync(async () => (await EventsAsync(handle, EventType.WorkflowTaskCompleted)).Count >= 2);
                await File.WriteAllTextAsync(file, "");
                await handle.GetResultAsync();
                Assert.Empty(await EventsAsync(handle, EventType.WorkflowTaskTimedOut));
            },
            options => options.AddActivity(CallsLongLocal.UntilAsync));
        File.Delete(file);
    }

    /// <summary>Runs one call of an activity whose body is given by attempt.</summary>
    private Task RunCallAsync(Func<int, string> body, Call call, Func<WorkflowHandle<CallsOne, string>, IReadOnlyCollection<int>, Task> check)
    {
        var attempts = new ConcurrentQueue<int>();
        return WithWorkerAsync<CallsOne>(
            async () => await check(await Client.StartWorkflowAsync((CallsOne wf) => wf.RunAsync("Body", call), Options()), attempts),
            options => options.AddActivity(ActivityDefinition.Create("Body", typeof(string), [], 0, _ =>
            {
                attempts.Enqueue(ActivityExecutionContext.Current.Info.Attempt);
                return body(ActivityExecutionContext.Current.Info.Attempt);
            })));
    }

    /// <summary>The same with a body that never ends by itself.</summary>
    private Task RunBlockingCallAsync(Call call, Func<WorkflowHandle<CallsOne, string>, IReadOnlyCollection<int>, Task> check)
    {
        var attempts = new ConcurrentQueue<int>();
        return WithWorkerAsync<CallsOne>(
            async () => await check(await Client.StartWorkflowAsync((CallsOne wf) => wf.RunAsync("Body", call), Options()), attempts),
            options => options.AddActivity(ActivityDefinition.Create("Body", typeof(Task<string>), [], 0, object? (_) =>
            {
                attempts.Enqueue(ActivityExecutionContext.Current.Info.Attempt);
                return BlockAsync();
            })));
        static async Task<string> BlockAsync()
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ActivityExecutionContext.Current.CancellationToken);
            return "";
        }
    }

    private static async Task<ActivityFailureException> ActivityFailureAsync(WorkflowHandle handle)
    {
        var failed = await Assert.ThrowsAsync<WorkflowFailedException>(() => handle.GetResultAsync());
        return Assert.IsType<ActivityFailureException>(failed.InnerException);
    }
}
