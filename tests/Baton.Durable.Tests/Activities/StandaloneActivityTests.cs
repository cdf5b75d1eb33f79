using Temporalio.Activities;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Xunit;

namespace Baton.Durable.Tests.Activities;

/// <summary>Standalone activities with the official client and worker.</summary>
public sealed class StandaloneActivityTests : IAsyncLifetime
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("baton-activity-");
    private readonly string queue = "q-" + Guid.NewGuid();
    private readonly Work work = new();
    private DurableServer server = null!;
    private TemporalClient client = null!;

    public async ValueTask InitializeAsync()
    {
        server = await DurableServer.StartAsync(new() { DatabasePath = Path.Combine(folder.FullName, "baton.db") }, TestContext.Current.CancellationToken);
        client = await TemporalClient.ConnectAsync(new(server.Address));
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public Task An_activity_runs_and_answers() => RunWorkerAsync(async () =>
    {
        var handle = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));

        Assert.Equal("Hello, Ada", await handle.GetResultAsync<string>());
        var response = await DescribeAsync("a1", all: true);
        Assert.Equal(ActivityExecutionStatus.Completed, response.Info.Status);
        Assert.Equal(handle.RunId, response.RunId);
        Assert.Equal("\"Ada\"", Assert.Single(response.Input.Payloads_).Data.ToStringUtf8());
        Assert.Equal("\"Hello, Ada\"", Assert.Single(response.Outcome.Result.Payloads_).Data.ToStringUtf8());
        Assert.NotNull(response.Info.CloseTime);
        var count = await client.WorkflowService.CountActivityExecutionsAsync(new() { Namespace = "default", Query = "ActivityType = 'Greet' AND ExecutionStatus = 'Completed'" });
        Assert.Equal(1, count.Count);
        var listed = await client.WorkflowService.ListActivityExecutionsAsync(new() { Namespace = "default", Query = "ActivityId = 'a1'" });
        Assert.Equal(ActivityExecutionStatus.Completed, Assert.Single(listed.Executions).Status);
    });

    [Fact]
    public Task A_failing_attempt_is_followed_by_another() => RunWorkerAsync(async () =>
    {
        var handle = await client.StartActivityAsync("FailUntil", [3], Options("a1", retry: new() { InitialInterval = TimeSpan.FromMilliseconds(10) }));

        Assert.Equal(3, await handle.GetResultAsync<int>());
        Assert.Equal(3, (await DescribeAsync("a1")).Info.Attempt);
    });

    [Fact]
    public Task The_last_failure_is_the_outcome() => RunWorkerAsync(async () =>
    {
        var handle = await client.StartActivityAsync("FailUntil", [9], Options("a1", retry: new() { MaximumAttempts = 1 }));

        var error = await Assert.ThrowsAnyAsync<TemporalException>(() => handle.GetResultAsync());
        Assert.Equal("not yet", Assert.IsType<ApplicationFailureException>(error.InnerException).Message);
        var response = await DescribeAsync("a1", all: true);
        Assert.Equal(ActivityExecutionStatus.Failed, response.Info.Status);
        Assert.Equal("not yet", response.Info.LastFailure.Message);
        Assert.Equal(RetryState.MaximumAttemptsReached, response.Outcome.RetryState);
    });

    [Fact]
    public async Task One_that_no_worker_takes_times_out()
    {
        var options = Options("a1");
        options.ScheduleToStartTimeout = TimeSpan.FromMilliseconds(200);
        var handle = await client.StartActivityAsync("Greet", ["Ada"], options);

        var error = await Assert.ThrowsAnyAsync<TemporalException>(() => handle.GetResultAsync());
        Assert.Equal(TimeoutType.ScheduleToStart, Assert.IsType<TimeoutFailureException>(error.InnerException).TimeoutType);
        Assert.Equal(ActivityExecutionStatus.TimedOut, (await DescribeAsync("a1")).Info.Status);
    }

    [Fact]
    public Task Cancelling_reaches_the_worker_by_its_heartbeat() => RunWorkerAsync(async () =>
    {
        var options = Options("a1");
        options.HeartbeatTimeout = TimeSpan.FromSeconds(2);
        var handle = await client.StartActivityAsync("WaitForCancel", [], options);
        await work.Started.Task.WaitAsync(TestContext.Current.CancellationToken);

        await handle.CancelAsync(new() { Reason = "enough" });
        var error = await Assert.ThrowsAnyAsync<TemporalException>(() => handle.GetResultAsync());
        Assert.IsType<CanceledFailureException>(error.InnerException);
        var info = (await DescribeAsync("a1")).Info;
        Assert.Equal(ActivityExecutionStatus.Canceled, info.Status);
        Assert.Equal("enough", info.CanceledReason);
        Assert.True(info.TotalHeartbeatCount > 0);
    });

    [Fact]
    public async Task One_that_nobody_has_is_cancelled_at_once()
    {
        var handle = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));

        await handle.CancelAsync();
        Assert.Equal(ActivityExecutionStatus.Canceled, (await DescribeAsync("a1")).Info.Status);
        var error = await Assert.ThrowsAsync<RpcException>(() => handle.TerminateAsync());
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, error.Code);
    }

    [Fact]
    public async Task A_terminated_one_wakes_who_waits_for_it()
    {
        var handle = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));
        var result = handle.GetResultAsync();

        await handle.TerminateAsync(new() { Reason = "no need" });
        var error = await Assert.ThrowsAnyAsync<TemporalException>(() => result);
        Assert.Equal("no need", Assert.IsType<TerminatedFailureException>(error.InnerException).Message);
    }

    [Fact]
    public async Task An_id_in_use_is_refused_shared_or_reused_as_policies_say()
    {
        var first = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));
        var refused = await Assert.ThrowsAnyAsync<TemporalException>(() => client.StartActivityAsync("Greet", ["Bob"], Options("a1")));
        Assert.Contains("already", refused.Message, StringComparison.OrdinalIgnoreCase);
        var options = Options("a1");
        options.IdConflictPolicy = ActivityIdConflictPolicy.UseExisting;
        Assert.Equal(first.RunId, (await client.StartActivityAsync("Greet", ["Bob"], options)).RunId);

        await first.TerminateAsync();
        options = Options("a1");
        options.IdReusePolicy = ActivityIdReusePolicy.RejectDuplicate;
        await Assert.ThrowsAnyAsync<TemporalException>(() => client.StartActivityAsync("Greet", ["Bob"], options));
        options = Options("a1");
        options.IdReusePolicy = ActivityIdReusePolicy.AllowDuplicateFailedOnly;
        Assert.NotEqual(first.RunId, (await client.StartActivityAsync("Greet", ["Bob"], options)).RunId);
    }

    [Fact]
    public async Task A_paused_one_waits_and_goes_on_when_unpaused()
    {
        var handle = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));
        await client.WorkflowService.PauseActivityExecutionAsync(new() { Namespace = "default", ActivityId = "a1", Identity = "me", Reason = "wait" });
        var info = (await DescribeAsync("a1")).Info;
        Assert.Equal((PendingActivityState.Paused, ActivityExecutionStatus.Paused), (info.RunState, info.Status));

        await RunWorkerAsync(async () =>
        {
            await client.WorkflowService.UnpauseActivityExecutionAsync(new() { Namespace = "default", ActivityId = "a1" });
            Assert.Equal("Hello, Ada", await handle.GetResultAsync<string>());
        });
    }

    [Fact]
    public async Task Options_change_by_mask_and_come_back()
    {
        await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));

        var changed = await client.WorkflowService.UpdateActivityExecutionOptionsAsync(new()
        {
            Namespace = "default",
            ActivityId = "a1",
            ActivityOptions = new() { TaskQueue = new() { Name = "other" } },
            UpdateMask = new() { Paths = { "task_queue.name" } },
        });
        Assert.Equal("other", changed.ActivityOptions.TaskQueue.Name);
        Assert.Equal("other", (await DescribeAsync("a1")).Info.TaskQueue);
        var restored = await client.WorkflowService.UpdateActivityExecutionOptionsAsync(new() { Namespace = "default", ActivityId = "a1", RestoreOriginal = true });
        Assert.Equal(queue, restored.ActivityOptions.TaskQueue.Name);
    }

    [Fact]
    public Task It_is_completed_by_id_from_outside() => RunWorkerAsync(async () =>
    {
        var handle = await client.StartActivityAsync("CompleteLater", [], Options("a1"));
        await work.Started.Task.WaitAsync(TestContext.Current.CancellationToken);

        await client.WorkflowService.RespondActivityTaskCompletedByIdAsync(new()
        {
            Namespace = "default",
            ActivityId = "a1",
            RunId = handle.RunId,
            Result = new() { Payloads_ = { client.Options.DataConverter.PayloadConverter.ToPayload("from outside") } },
        });
        Assert.Equal("from outside", await handle.GetResultAsync<string>());
    });

    [Fact]
    public async Task Describing_with_a_token_answers_when_something_changed()
    {
        var handle = await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));
        var first = await DescribeAsync("a1");
        var waiting = client.WorkflowService.DescribeActivityExecutionAsync(new()
        {
            Namespace = "default", ActivityId = "a1", RunId = handle.RunId, LongPollToken = (await DescribeAsync("a1")).LongPollToken,
        });

        await handle.TerminateAsync();
        Assert.Equal(ActivityExecutionStatus.Terminated, (await waiting).Info.Status);
        Assert.NotEqual(first.LongPollToken, (await waiting).LongPollToken);
    }

    [Fact]
    public async Task It_outlives_the_server_and_waits_for_its_delay()
    {
        var options = Options("a1");
        options.StartDelay = TimeSpan.FromMilliseconds(300);
        await client.StartActivityAsync("Greet", ["Ada"], options);
        await server.DisposeAsync();
        await InitializeAsync();

        await RunWorkerAsync(async () => Assert.Equal("Hello, Ada", await client.GetActivityHandle<string>("a1").GetResultAsync()));
        var info = (await DescribeAsync("a1")).Info;
        Assert.True(info.LastStartedTime.ToDateTime() >= info.ScheduleTime.ToDateTime() + TimeSpan.FromMilliseconds(300));
    }

    [Fact]
    public async Task A_deleted_one_is_gone()
    {
        await client.StartActivityAsync("Greet", ["Ada"], Options("a1"));

        await client.WorkflowService.DeleteActivityExecutionAsync(new() { Namespace = "default", ActivityId = "a1" });
        var error = await Assert.ThrowsAsync<RpcException>(() => DescribeAsync("a1"));
        Assert.Equal(RpcException.StatusCode.NotFound, error.Code);
    }

    private StartActivityOptions Options(string id, Temporalio.Common.RetryPolicy? retry = null) =>
        new(id, queue) { StartToCloseTimeout = TimeSpan.FromSeconds(30), RetryPolicy = retry };

    private Task<DescribeActivityExecutionResponse> DescribeAsync(string id, bool all = false) => client.WorkflowService.DescribeActivityExecutionAsync(new()
    {
        Namespace = "default", ActivityId = id, IncludeInput = all, IncludeOutcome = all, IncludeLastFailure = all,
    });

    private async Task RunWorkerAsync(Func<Task> body)
    {
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(queue).AddAllActivities(work));
        await worker.ExecuteAsync(body, TestContext.Current.CancellationToken);
    }

    public sealed class Work
    {
        private int attempts;

        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        [Activity]
        public Task<string> GreetAsync(string name) => Task.FromResult($"Hello, {name}");

        [Activity]
        public Task<int> FailUntilAsync(int attempt) =>
            Interlocked.Increment(ref attempts) is var now && now >= attempt ? Task.FromResult(now) : throw new ApplicationFailureException("not yet");

        [Activity]
        public async Task WaitForCancelAsync()
        {
            Started.SetResult();
            var context = ActivityExecutionContext.Current;
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
            while (await timer.WaitForNextTickAsync(context.CancellationToken))
            {
                context.Heartbeat();
            }
        }

        [Activity]
        public Task<string> CompleteLaterAsync()
        {
            Started.SetResult();
            throw new CompleteAsyncException();
        }
    }
}
