using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;

namespace Baton.Conformance.Cases;

/// <summary>The time of single workflows that skip, on a server whose own time passes as usual.</summary>
public class WorkflowTimeTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Sleeps
    {
        [WorkflowRun]
        public async Task<double> RunAsync(double seconds)
        {
            var start = Workflow.UtcNow;
            await Workflow.DelayAsync(TimeSpan.FromSeconds(seconds));
            return (Workflow.UtcNow - start).TotalSeconds;
        }
    }

    [Workflow]
    public class TwoSignals
    {
        private int _signals;

        [WorkflowRun]
        public async Task<bool> RunAsync() => await Workflow.WaitConditionAsync(() => _signals >= 2, TimeSpan.FromHours(10));

        [WorkflowSignal]
        public Task ProceedAsync()
        {
            _signals++;
            return Task.CompletedTask;
        }
    }

    [Workflow]
    public class FailsOnce
    {
        [WorkflowRun]
        public async Task<int> RunAsync()
        {
            await Workflow.DelayAsync(TimeSpan.FromHours(1));
            return Workflow.Info.Attempt < 2 ? throw new ApplicationFailureException("the first attempt fails") : Workflow.Info.Attempt;
        }
    }

    [Workflow]
    public class Continues
    {
        [WorkflowRun]
        public async Task<string> RunAsync(int runs)
        {
            await Workflow.DelayAsync(TimeSpan.FromHours(1));
            return runs > 1 ? throw Workflow.CreateContinueAsNewException((Continues wf) => wf.RunAsync(runs - 1)) : "done";
        }
    }

    [Workflow]
    public class Parent
    {
        [WorkflowRun]
        public async Task<double> RunAsync(string childId, double seconds)
        {
            await Workflow.DelayAsync(TimeSpan.FromHours(1));
            return await Workflow.ExecuteChildWorkflowAsync((Sleeps wf) => wf.RunAsync(seconds), new() { Id = childId });
        }
    }

    [Workflow]
    public class Retries
    {
        [WorkflowRun]
        public async Task<int> RunAsync() => await Workflow.ExecuteActivityAsync(
            () => ThirdTimeLucky(),
            new() { StartToCloseTimeout = TimeSpan.FromMinutes(1), RetryPolicy = new() { InitialInterval = TimeSpan.FromHours(3), BackoffCoefficient = 1, MaximumInterval = TimeSpan.FromHours(3) } });
    }

    [Activity]
    public static int ThirdTimeLucky() =>
        ActivityExecutionContext.Current.Info.Attempt < 3 ? throw new ApplicationFailureException("again") : ActivityExecutionContext.Current.Info.Attempt;

    [Fact]
    public async Task A_workflow_skips_its_timers_and_the_one_beside_it_does_not()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var beside = await Client.StartWorkflowAsync((Sleeps wf) => wf.RunAsync(3600), new(NewId(), TaskQueue));
            var handle = await StartAsync("Sleeps", new() { Enabled = true }, 3600.0);
            Assert.InRange(await handle.GetResultAsync<double>(), 3600, 3610);
            var events = await EventsAsync(handle);
            var skip = Assert.Single(events, static e => e.EventType == EventType.WorkflowExecutionTimeSkippingTransitioned);
            var attributes = skip.WorkflowExecutionTimeSkippingTransitionedEventAttributes;
            Assert.False(attributes.DisabledAfterFastForward);
            Assert.InRange(attributes.TargetTime.ToDateTime() - attributes.WallClockTime.ToDateTime(), TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(61));
            Assert.Equal(events.Select(static e => e.EventTime.ToDateTime()).Order(), events.Select(static e => e.EventTime.ToDateTime()));
            var description = await handle.DescribeAsync();
            Assert.InRange(description.CloseTime!.Value - description.StartTime, TimeSpan.FromHours(1), TimeSpan.FromMinutes(61));
            Assert.Equal(WorkflowExecutionStatus.Running, (await beside.DescribeAsync()).Status);
            Assert.Null((await InfoAsync(beside)).TimeSkippingInfo);
            await beside.TerminateAsync();
        });
    }

    [Fact]
    public async Task A_fast_forward_ends_where_it_was_to()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var handle = await Client.StartWorkflowAsync((TwoSignals wf) => wf.RunAsync(), new(NewId(), TaskQueue));
            for (var hour = 1; hour <= 2; hour++)
            {
                Assert.Equal(FastForwardPollingResult.FastForwardCompleted, (await ForwardAsync(handle, $"ff-{hour}", TimeSpan.FromHours(1))).FastForwardPollingResult);
                var info = (await InfoAsync(handle)).TimeSkippingInfo;
                Assert.False(info.EffectiveConfig.Enabled);
                Assert.True(info.FastForwardInfo.HasCompleted);
                Assert.InRange(info.CurrentTime.ToDateTime() - TimeProvider.System.GetUtcNow().UtcDateTime, TimeSpan.FromHours(hour - 0.01), TimeSpan.FromHours(hour + 0.01));
                await handle.SignalAsync(wf => wf.ProceedAsync());
            }
            Assert.True(await handle.GetResultAsync());
            Assert.Equal(2, (await EventsAsync(handle)).Count(static e => e.WorkflowExecutionTimeSkippingTransitionedEventAttributes is { DisabledAfterFastForward: true }));
        });
    }

    [Fact]
    public async Task A_fast_forward_goes_on_through_retries_and_continued_runs()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var retried = await Client.StartWorkflowAsync(
                (FailsOnce wf) => wf.RunAsync(),
                new(NewId(), TaskQueue) { RetryPolicy = new() { InitialInterval = TimeSpan.FromHours(1), BackoffCoefficient = 1, MaximumAttempts = 2 } });
            Assert.Equal(FastForwardPollingResult.FastForwardCompleted, (await ForwardAsync(retried, "retry", TimeSpan.FromMinutes(150))).FastForwardPollingResult);
            await SetAsync(retried, new() { Enabled = true });
            Assert.Equal(2, await retried.GetResultAsync());

            var continued = await Client.StartWorkflowAsync((Continues wf) => wf.RunAsync(3), new(NewId(), TaskQueue));
            Assert.Equal(FastForwardPollingResult.FastForwardCompleted, (await ForwardAsync(continued, "chain", TimeSpan.FromHours(2.5))).FastForwardPollingResult);
            await SetAsync(continued, new() { Enabled = true });
            Assert.Equal("done", await continued.GetResultAsync());
        });
    }

    [Fact]
    public async Task A_fast_forward_goes_on_through_the_runs_of_a_cron_schedule()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var handle = await Client.StartWorkflowAsync((Sleeps wf) => wf.RunAsync(60), new(NewId(), TaskQueue) { CronSchedule = "@every 1h" });
            Assert.Equal(FastForwardPollingResult.FastForwardCompleted, (await ForwardAsync(handle, "cron", TimeSpan.FromHours(3.5))).FastForwardPollingResult);
            await Eventually.TrueAsync(async () => await Client.CountWorkflowsAsync($"WorkflowId = '{handle.Id}'") is { Count: 4 });
            await Client.GetWorkflowHandle(handle.Id).TerminateAsync();
        });
    }

    [Fact]
    public async Task A_fast_forward_fails_when_the_workflow_ends_before_it()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var handle = await Client.StartWorkflowAsync((Sleeps wf) => wf.RunAsync(100_000), new(NewId(), TaskQueue) { ExecutionTimeout = TimeSpan.FromMinutes(30) });
            var answer = await ForwardAsync(handle, "late", TimeSpan.FromHours(1));
            Assert.Equal(FastForwardPollingResult.FastForwardFailed, answer.FastForwardPollingResult);
            Assert.Equal("the execution ended before the fast-forward completed", answer.FailedReason);
            Assert.Equal(WorkflowExecutionStatus.TimedOut, (await handle.DescribeAsync()).Status);
            Assert.Equal(FastForwardPollingResult.FastForwardFailed, (await PollAsync(handle, "another")).FastForwardPollingResult);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Children_begin_at_their_parents_time_and_skip_unless_that_is_off(bool off)
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var childId = NewId();
            var handle = await StartAsync("Parent", new() { Enabled = true, DisablePropagation = off }, childId, off ? 1.0 : 3600.0);
            Assert.InRange(await handle.GetResultAsync<double>(), off ? 1 : 3600, off ? 60 : 3660);
            var child = await EventsAsync(Client.GetWorkflowHandle(childId));
            Assert.Equal(!off, child.Any(static e => e.EventType == EventType.WorkflowExecutionTimeSkippingTransitioned));
            Assert.InRange(
                child[0].WorkflowExecutionStartedEventAttributes.TimeSkippingStatePropagation.InitialSkippedDuration.ToTimeSpan(), TimeSpan.FromMinutes(59), TimeSpan.FromMinutes(61));
        });
    }

    [Fact]
    public async Task Backoff_of_activities_is_skipped_as_often_as_the_configuration_allows()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var handle = await StartAsync("Retries", new() { Enabled = true });
            Assert.Equal(3, await handle.GetResultAsync<int>());

            var limited = await StartAsync("Retries", new() { Enabled = true, MaxSessionSkipCount = 1 });
            await Eventually.TrueAsync(async () => (await InfoAsync(limited)).TimeSkippingInfo.EffectiveConfig is { Enabled: false, MaxSessionSkipCount: 1 });
            Assert.Equal(WorkflowExecutionStatus.Running, (await limited.DescribeAsync()).Status);
            await limited.TerminateAsync();
        });
    }

    [Fact]
    public async Task A_reset_run_is_where_the_first_was()
    {
        await WithWorkerAsync(Configure, async () =>
        {
            var handle = await StartAsync("Parent", new() { Enabled = true }, NewId(), 7200.0);
            await handle.GetResultAsync<double>();
            var events = await EventsAsync(handle);
            var completed = events.Where(static e => e.EventType == EventType.WorkflowTaskCompleted).ElementAt(1);
            var reset = await Service.ResetWorkflowExecutionAsync(new()
            {
                Namespace = Client.Options.Namespace,
                WorkflowExecution = new() { WorkflowId = handle.Id },
                WorkflowTaskFinishEventId = completed.EventId,
                RequestId = NewId(),
                Reason = "again",
            });
            var again = Client.GetWorkflowHandle(handle.Id, reset.RunId);
            Assert.InRange(await again.GetResultAsync<double>(), 7200, 7260);
            var times = (await EventsAsync(again)).Where(e => e.EventId > completed.EventId).Select(static e => e.EventTime.ToDateTime()).ToList();
            Assert.True(times[0] >= completed.EventTime.ToDateTime().AddMinutes(-1), $"{times[0]} {completed.EventTime}");
        });
    }

    [Fact]
    public async Task Wrong_configurations_are_refused()
    {
        async Task RefusesAsync(TimeSkippingConfig config) =>
            Assert.Equal(RpcException.StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => StartAsync("Sleeps", config, 1.0))).Code);
        await RefusesAsync(new() { Enabled = true, MaxSessionSkipCount = -1 });
        await RefusesAsync(new() { Enabled = true, FastForwardConfig = new() { Duration = Duration.FromTimeSpan(TimeSpan.FromHours(1)) } });
        await RefusesAsync(new() { Enabled = true, FastForwardConfig = new() { Id = "ff" } });
    }

    private static void Configure(TemporalWorkerOptions options) => options
        .AddWorkflow<Sleeps>().AddWorkflow<TwoSignals>().AddWorkflow<FailsOnce>().AddWorkflow<Continues>().AddWorkflow<Parent>().AddWorkflow<Retries>().AddActivity(ThirdTimeLucky);

    /// <summary>The SDK has no option for it yet.</summary>
    private async Task<WorkflowHandle> StartAsync(string type, TimeSkippingConfig config, params object[] arguments)
    {
        var id = NewId();
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = Client.Options.Namespace,
            WorkflowId = id,
            RequestId = NewId(),
            WorkflowType = new() { Name = type },
            TaskQueue = new() { Name = TaskQueue },
            Input = new(),
            TimeSkippingConfig = config,
        };
        request.Input.Payloads_.AddRange(arguments.Select(Client.Options.DataConverter.PayloadConverter.ToPayload));
        await Service.StartWorkflowExecutionAsync(request);
        return Client.GetWorkflowHandle(id);
    }

    private async Task SetAsync(WorkflowHandle handle, TimeSkippingConfig config) => await Service.UpdateWorkflowExecutionOptionsAsync(new()
    {
        Namespace = Client.Options.Namespace,
        WorkflowExecution = new() { WorkflowId = handle.Id },
        WorkflowExecutionOptions = new() { TimeSkippingConfig = config },
        UpdateMask = new() { Paths = { "time_skipping_config" } },
    });

    private async Task<PollWorkflowExecutionTimeSkippingResponse> ForwardAsync(WorkflowHandle handle, string id, TimeSpan duration)
    {
        await SetAsync(handle, new() { Enabled = true, FastForwardConfig = new() { Id = id, Duration = Duration.FromTimeSpan(duration) } });
        return await PollAsync(handle, id);
    }

    private async Task<PollWorkflowExecutionTimeSkippingResponse> PollAsync(WorkflowHandle handle, string id) =>
        await Service.PollWorkflowExecutionTimeSkippingAsync(
            new() { Namespace = Client.Options.Namespace, WorkflowExecution = new() { WorkflowId = handle.Id }, FastForwardId = id });

    private async Task<Temporalio.Api.Workflow.V1.WorkflowExecutionExtendedInfo> InfoAsync(WorkflowHandle handle) =>
        (await Service.DescribeWorkflowExecutionAsync(new() { Namespace = Client.Options.Namespace, Execution = new() { WorkflowId = handle.Id } })).WorkflowExtendedInfo;
}
