namespace Baton.Conformance.Cases;

/// <summary>Activities that a client starts without a workflow.</summary>
public class StandaloneActivityTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task An_activity_gives_its_result_without_a_workflow() => WithActivitiesAsync(async () =>
    {
        var handle = await Client.StartActivityAsync(() => Standalone.GreetAsync("Ada"), ActivityOptions());
        Assert.Equal("Hello, Ada!", await handle.GetResultAsync());
        var description = await handle.DescribeAsync();
        Assert.Equal(ActivityExecutionStatus.Completed, description.Status);
        Assert.Equal("Greet", description.ActivityType);
        Assert.Equal(TaskQueue, description.TaskQueue);
        Assert.Equal(1, description.Attempt);
        Assert.NotNull(description.CloseTime);
    });

    [Fact]
    public Task A_failing_one_is_retried_then_fails() => WithActivitiesAsync(async () =>
    {
        var options = ActivityOptions();
        options.RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(10), MaximumAttempts = 3 };
        var handle = await Client.StartActivityAsync(() => Standalone.FailAsync(), options);
        var error = await Assert.ThrowsAsync<ActivityFailedException>(() => handle.GetResultAsync());
        Assert.Equal("attempt 3", Assert.IsType<ApplicationFailureException>(error.InnerException).Message);
        Assert.Equal(ActivityExecutionStatus.Failed, (await handle.DescribeAsync()).Status);
    });

    [Fact]
    public Task One_is_cancelled_and_one_terminated() => WithActivitiesAsync(async () =>
    {
        var cancelled = await Client.StartActivityAsync(() => Standalone.BlockAsync(), ActivityOptions());
        await Eventually.TrueAsync(async () => (await cancelled.DescribeAsync()).RunState == PendingActivityState.Started);
        await cancelled.CancelAsync();
        var error = await Assert.ThrowsAsync<ActivityFailedException>(() => cancelled.GetResultAsync());
        Assert.IsType<CanceledFailureException>(error.InnerException);
        Assert.Equal(ActivityExecutionStatus.Canceled, (await cancelled.DescribeAsync()).Status);

        var terminated = await Client.StartActivityAsync(() => Standalone.BlockAsync(), ActivityOptions());
        await terminated.TerminateAsync(new() { Reason = "enough" });
        error = await Assert.ThrowsAsync<ActivityFailedException>(() => terminated.GetResultAsync());
        Assert.IsType<TerminatedFailureException>(error.InnerException);
        Assert.Equal(ActivityExecutionStatus.Terminated, (await terminated.DescribeAsync()).Status);
    });

    [Fact]
    public Task Timeouts_end_one() => WithActivitiesAsync(async () =>
    {
        var options = ActivityOptions();
        options.StartToCloseTimeout = TimeSpan.FromMilliseconds(200);
        options.RetryPolicy = new() { MaximumAttempts = 1 };
        var handle = await Client.StartActivityAsync(() => Standalone.BlockAsync(), options);
        var error = await Assert.ThrowsAsync<ActivityFailedException>(() => handle.GetResultAsync());
        Assert.Equal(TimeoutType.StartToClose, Assert.IsType<TimeoutFailureException>(error.InnerException).TimeoutType);
        Assert.Equal(ActivityExecutionStatus.TimedOut, (await handle.DescribeAsync()).Status);
    });

    [Fact]
    public async Task Ids_follow_the_policies()
    {
        var options = ActivityOptions();
        var first = await Client.StartActivityAsync(() => Standalone.GreetAsync("Ada"), options);
        var error = await Assert.ThrowsAsync<ActivityAlreadyStartedException>(() => Client.StartActivityAsync(() => Standalone.GreetAsync("Ada"), options));
        Assert.Equal(first.Id, error.ActivityId);
        options.IdConflictPolicy = ActivityIdConflictPolicy.UseExisting;
        Assert.Equal(first.RunId, (await Client.StartActivityAsync(() => Standalone.GreetAsync("Ada"), options)).RunId);
        await first.TerminateAsync();
        options.IdConflictPolicy = ActivityIdConflictPolicy.Fail;
        options.IdReusePolicy = ActivityIdReusePolicy.RejectDuplicate;
        await Assert.ThrowsAsync<ActivityAlreadyStartedException>(() => Client.StartActivityAsync(() => Standalone.GreetAsync("Ada"), options));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.GetActivityHandle(NewId("unknown")).DescribeAsync());
    }

    [Fact]
    public Task They_are_listed_and_counted() => WithActivitiesAsync(async () =>
    {
        foreach (var name in new[] { "a", "b", "c" })
        {
            await (await Client.StartActivityAsync(() => Standalone.GreetAsync(name), ActivityOptions())).GetResultAsync();
        }
        var query = $"TaskQueue = '{TaskQueue}' AND ExecutionStatus = 'Completed'";
        await Eventually.TrueAsync(async () => (await Client.CountActivitiesAsync(query)).Count == 3);
        var listed = new List<ActivityExecution>();
        await foreach (var each in Client.ListActivitiesAsync(query))
        {
            listed.Add(each);
        }
        Assert.Equal(3, listed.Count);
        Assert.All(listed, each => Assert.Equal("Greet", each.ActivityType));
        // They are no workflows.
        Assert.Equal(0, (await Client.CountWorkflowsAsync($"TaskQueue = '{TaskQueue}'")).Count);
    });

    private static class Standalone
    {
        [Activity]
        public static Task<string> GreetAsync(string name) => Task.FromResult($"Hello, {name}!");

        [Activity]
        public static Task FailAsync() => throw new ApplicationFailureException($"attempt {ActivityExecutionContext.Current.Info.Attempt}");

        [Activity]
        public static async Task BlockAsync()
        {
            while (true)
            {
                ActivityExecutionContext.Current.Heartbeat();
                await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System, ActivityExecutionContext.Current.CancellationToken);
            }
        }
    }

    private StartActivityOptions ActivityOptions() => new(NewId("activity"), TaskQueue)
    {
        StartToCloseTimeout = TimeSpan.FromSeconds(20),
        HeartbeatTimeout = TimeSpan.FromSeconds(5),
    };

    private Task WithActivitiesAsync(Func<Task> body) => WithWorkerAsync(
        options =>
        {
            options.MaxHeartbeatThrottleInterval = options.DefaultHeartbeatThrottleInterval = TimeSpan.FromMilliseconds(20);
            options.AddActivity(Standalone.GreetAsync).AddActivity(Standalone.FailAsync).AddActivity(Standalone.BlockAsync);
        },
        body);
}
