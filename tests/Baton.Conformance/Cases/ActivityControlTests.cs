using System.Collections.Concurrent;

namespace Baton.Conformance.Cases;

/// <summary>Activities from outside: heartbeats, cancellation, completion by token and by id, pause and reset.</summary>
public class ActivityControlTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Holds
    {
        private readonly CancellationTokenSource _cancel = new();

        [WorkflowRun]
        public async Task<string> RunAsync(ActivityCancellationType cancellation, int heartbeatMs)
        {
            try
            {
                return await Workflow.ExecuteActivityAsync<string>("Body", [], new()
                {
                    ActivityId = "held",
                    StartToCloseTimeout = TimeSpan.FromSeconds(30),
                    HeartbeatTimeout = heartbeatMs == 0 ? null : TimeSpan.FromMilliseconds(heartbeatMs),
                    CancellationType = cancellation,
                    CancellationToken = _cancel.Token,
                    RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(20), BackoffCoefficient = 1 },
                });
            }
            catch (ActivityFailureException error) when (error.InnerException is CanceledFailureException canceled)
            {
                return $"canceled {canceled.Details?.Count ?? 0}";
            }
        }

        [WorkflowSignal]
        public Task CancelActivityAsync()
        {
            _cancel.Cancel();
            return Task.CompletedTask;
        }
    }

    private readonly ConcurrentQueue<ActivityInfo> _attempts = new();

    [Fact]
    public Task Heartbeat_details_reach_the_next_attempt() => WithBodyAsync(
        async context =>
        {
            if (context.Info.Attempt == 1)
            {
                context.Heartbeat("progress", 7);
                throw new ApplicationFailureException("after heartbeat");
            }
            return $"{await context.Info.HeartbeatDetailAtAsync<string>(0)}-{await context.Info.HeartbeatDetailAtAsync<int>(1)}";
        },
        async () => Assert.Equal("progress-7", await (await StartAsync()).GetResultAsync()));

    [Fact]
    public Task Heartbeats_keep_an_activity_alive_beyond_its_timeout() => WithBodyAsync(
        async context =>
        {
            for (var beat = 0; beat < 40; beat++)
            {
                context.Heartbeat(beat);
                await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System, context.CancellationToken);
            }
            return $"attempt {context.Info.Attempt}";
        },
        async () => Assert.Equal("attempt 1", await (await StartAsync(heartbeatMs: 800)).GetResultAsync()));

    [Fact]
    public Task Cancellation_reaches_the_activity_through_its_heartbeat() => WithBodyAsync(
        BeatUntilCanceledAsync,
        async () =>
        {
            var handle = await StartAsync(ActivityCancellationType.WaitCancellationCompleted, heartbeatMs: 5000);
            await Eventually.TrueAsync(() => !_attempts.IsEmpty);
            await handle.SignalAsync(wf => wf.CancelActivityAsync());
            Assert.StartsWith("canceled", await handle.GetResultAsync());
            Assert.Single(await EventsAsync(handle, EventType.ActivityTaskCancelRequested));
            Assert.Single(await EventsAsync(handle, EventType.ActivityTaskCanceled));
        });

    [Fact]
    public Task Try_cancel_does_not_wait_for_the_activity() => WithBodyAsync(
        BeatUntilCanceledAsync,
        async () =>
        {
            var handle = await StartAsync(ActivityCancellationType.TryCancel, heartbeatMs: 5000);
            await Eventually.TrueAsync(() => !_attempts.IsEmpty);
            await handle.SignalAsync(wf => wf.CancelActivityAsync());
            Assert.StartsWith("canceled", await handle.GetResultAsync());
        });

    [Fact]
    public Task Abandon_tells_the_server_nothing() => WithBodyAsync(
        BeatUntilCanceledAsync,
        async () =>
        {
            var handle = await StartAsync(ActivityCancellationType.Abandon, heartbeatMs: 5000);
            await Eventually.TrueAsync(() => !_attempts.IsEmpty);
            await handle.SignalAsync(wf => wf.CancelActivityAsync());
            Assert.StartsWith("canceled", await handle.GetResultAsync());
            Assert.Empty(await EventsAsync(handle, EventType.ActivityTaskCancelRequested));
        });

    [Fact]
    public async Task Cancelling_before_any_worker_took_it_cancels_at_once()
    {
        // The worker runs workflows only, so that the activity stays scheduled.
        await WithWorkerAsync<Holds>(async () =>
        {
            var handle = await StartAsync(ActivityCancellationType.WaitCancellationCompleted);
            await EventAsync(handle, EventType.ActivityTaskScheduled);
            await handle.SignalAsync(wf => wf.CancelActivityAsync());
            Assert.StartsWith("canceled", await handle.GetResultAsync());
        });
    }

    [Fact]
    public Task An_activity_is_completed_by_its_token() => WithBodyAsync(
        _ => throw new CompleteAsyncException(),
        async () =>
        {
            var handle = await StartAsync(heartbeatMs: 10_000);
            var info = await AttemptAsync();
            var activity = Client.GetAsyncActivityHandle(info.TaskToken);
            await activity.HeartbeatAsync(new() { Details = ["beat"] });
            await activity.CompleteAsync("by token");
            Assert.Equal("by token", await handle.GetResultAsync());
            await RpcErrorAsync(RpcException.StatusCode.NotFound, () => activity.CompleteAsync("twice"));
        });

    [Fact]
    public Task An_activity_is_completed_by_its_id() => WithBodyAsync(
        _ => throw new CompleteAsyncException(),
        async () =>
        {
            var handle = await StartAsync(heartbeatMs: 10_000);
            await AttemptAsync();
            var activity = Client.GetAsyncActivityHandle(handle.Id, handle.ResultRunId!, "held");
            await activity.HeartbeatAsync();
            await activity.CompleteAsync("by id");
            Assert.Equal("by id", await handle.GetResultAsync());
        });

    [Fact]
    public Task An_activity_is_failed_by_its_id_and_retried() => WithBodyAsync(
        context => context.Info.Attempt == 1 ? throw new CompleteAsyncException() : Task.FromResult("retried"),
        async () =>
        {
            var handle = await StartAsync();
            await AttemptAsync();
            await Client.GetAsyncActivityHandle(handle.Id, handle.ResultRunId!, "held").FailAsync(new ApplicationFailureException("outside"));
            Assert.Equal("retried", await handle.GetResultAsync());
            var started = Assert.Single(await EventsAsync(handle, EventType.ActivityTaskStarted));
            Assert.Equal("outside", started.ActivityTaskStartedEventAttributes.LastFailure.Message);
        });

    [Fact]
    public Task Cancellation_is_reported_from_outside() => WithBodyAsync(
        _ => throw new CompleteAsyncException(),
        async () =>
        {
            var handle = await StartAsync(ActivityCancellationType.WaitCancellationCompleted, heartbeatMs: 10_000);
            var info = await AttemptAsync();
            var activity = Client.GetAsyncActivityHandle(info.TaskToken);
            await handle.SignalAsync(wf => wf.CancelActivityAsync());
            await EventAsync(handle, EventType.ActivityTaskCancelRequested);
            await Assert.ThrowsAsync<AsyncActivityCanceledException>(() => activity.HeartbeatAsync());
            await activity.ReportCancellationAsync(new() { Details = ["why"] });
            Assert.Equal("canceled 1", await handle.GetResultAsync());
        });

    [Fact]
    public async Task An_unknown_activity_is_not_found()
    {
        var handle = await Client.StartWorkflowAsync((Holds wf) => wf.RunAsync(ActivityCancellationType.TryCancel, 0), Options());
        await RpcErrorAsync(
            RpcException.StatusCode.NotFound, () => Client.GetAsyncActivityHandle(handle.Id, handle.ResultRunId!, "nothing").CompleteAsync("lost"));
        await RpcErrorAsync(
            RpcException.StatusCode.NotFound, () => Client.GetAsyncActivityHandle(NewId(), Guid.NewGuid().ToString(), "held").HeartbeatAsync());
    }

    [Fact]
    public Task Describe_shows_a_pending_activity() => WithBodyAsync(
        async context =>
        {
            if (context.Info.Attempt == 1)
            {
                throw new ApplicationFailureException("first", "First");
            }
            context.Heartbeat("at work");
            return await BeatUntilCanceledAsync(context);
        },
        async () =>
        {
            var handle = await StartAsync(heartbeatMs: 5000);
            var pending = (await Eventually.GetAsync(
                () => DescribeRawAsync(handle),
                description => description.PendingActivities is [{ HeartbeatDetails: not null }])).PendingActivities[0];
            Assert.Equal("held", pending.ActivityId);
            Assert.Equal("Body", pending.ActivityType.Name);
            Assert.Equal(PendingActivityState.Started, pending.State);
            Assert.Equal(2, pending.Attempt);
            Assert.Equal("first", pending.LastFailure.Message);
            Assert.Equal("conformance", pending.LastWorkerIdentity);
            await handle.TerminateAsync();
        });

    [Fact]
    public Task A_paused_activity_waits_until_it_is_unpaused() => WithBodyAsync(
        context => context.Info.Attempt == 1 ? throw new ApplicationFailureException("first") : Task.FromResult($"attempt {context.Info.Attempt}"),
        async () =>
        {
            var options = Options();
            var handle = await Client.StartWorkflowAsync((HoldsSlowly wf) => wf.RunAsync(), options);
            await AttemptAsync();
            await Service.PauseActivityAsync(new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), Id = "held", Identity = "operator" });
            var paused = await Eventually.GetAsync(
                () => DescribeRawAsync(handle), description => description.PendingActivities is [{ Paused: true, State: PendingActivityState.Paused }]);
            Assert.Equal(PendingActivityState.Paused, paused.PendingActivities[0].State);
            await Service.UnpauseActivityAsync(new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), Id = "held", Identity = "operator" });
            Assert.Equal("attempt 2", await handle.GetResultAsync());
        });

    [Fact]
    public Task Reset_starts_attempts_anew() => WithBodyAsync(
        context => _attempts.Count < 2 ? throw new ApplicationFailureException("first") : Task.FromResult($"attempt {context.Info.Attempt}"),
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((HoldsSlowly wf) => wf.RunAsync(), Options());
            await AttemptAsync();
            await Eventually.TrueAsync(async () => (await DescribeRawAsync(handle)).PendingActivities is [{ State: PendingActivityState.Scheduled }]);
            await Service.ResetActivityAsync(new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), Id = "held", Identity = "operator" });
            Assert.Equal("attempt 1", await handle.GetResultAsync());
        });

    [Fact]
    public Task Options_of_a_pending_activity_can_be_changed() => WithBodyAsync(
        context => context.Info.Attempt == 1 ? throw new ApplicationFailureException("first") : Task.FromResult("second"),
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((HoldsSlowly wf) => wf.RunAsync(), Options());
            await AttemptAsync();
            await Eventually.TrueAsync(async () => (await DescribeRawAsync(handle)).PendingActivities is [{ State: PendingActivityState.Scheduled }]);
            var answer = await Service.UpdateActivityOptionsAsync(new()
            {
                Namespace = ServerFixture.Namespace,
                Execution = ExecutionOf(handle),
                Id = "held",
                ActivityOptions = new() { RetryPolicy = new() { InitialInterval = new() { Nanos = 50_000_000 } } },
                UpdateMask = new() { Paths = { "retry_policy.initial_interval" } },
            });
            Assert.Equal(50_000_000, answer.ActivityOptions.RetryPolicy.InitialInterval.Nanos);
            Assert.Equal("second", await handle.GetResultAsync());
        });

    /// <summary>Waits an hour between attempts, so that only an operator moves it on.</summary>
    [Workflow]
    public class HoldsSlowly
    {
        [WorkflowRun]
        public Task<string> RunAsync() => Workflow.ExecuteActivityAsync<string>("Body", [], new()
        {
            ActivityId = "held",
            StartToCloseTimeout = TimeSpan.FromSeconds(30),
            RetryPolicy = new() { InitialInterval = TimeSpan.FromHours(1) },
        });
    }

    private static async Task<string> BeatUntilCanceledAsync(ActivityExecutionContext context)
    {
        while (true)
        {
            context.Heartbeat("beat");
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System, context.CancellationToken);
        }
    }

    private Task<WorkflowHandle<Holds, string>> StartAsync(ActivityCancellationType cancellation = ActivityCancellationType.TryCancel, int heartbeatMs = 0) =>
        Client.StartWorkflowAsync((Holds wf) => wf.RunAsync(cancellation, heartbeatMs), Options());

    private async Task<ActivityInfo> AttemptAsync()
    {
        await Eventually.TrueAsync(() => !_attempts.IsEmpty);
        Assert.True(_attempts.TryPeek(out var info));
        return info;
    }

    private Task WithBodyAsync(Func<ActivityExecutionContext, Task<string>> body, Func<Task> run) => WithWorkerAsync<Holds>(
        run,
        options =>
        {
            options.AddWorkflow<HoldsSlowly>();
            // The default throttle would hold heartbeats back for longer than a case lasts.
            options.MaxHeartbeatThrottleInterval = options.DefaultHeartbeatThrottleInterval = TimeSpan.FromMilliseconds(20);
            options.AddActivity(ActivityDefinition.Create("Body", typeof(Task<string>), [], 0, object? (_) =>
            {
                _attempts.Enqueue(ActivityExecutionContext.Current.Info);
                return body(ActivityExecutionContext.Current);
            }));
        });
}
