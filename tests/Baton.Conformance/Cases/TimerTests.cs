namespace Baton.Conformance.Cases;

public class TimerTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow]
    public class Sleeps
    {
        [WorkflowRun]
        public Task RunAsync(int milliseconds) =>
            Workflow.DelayWithOptionsAsync(new(TimeSpan.FromMilliseconds(milliseconds), summary: "a nap"));
    }

    [Fact]
    public Task A_timer_fires_not_before_its_time() => WithWorkerAsync<Sleeps>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Sleeps wf) => wf.RunAsync(300), Options());
        await handle.GetResultAsync();
        var started = Assert.Single(await EventsAsync(handle, EventType.TimerStarted));
        var fired = Assert.Single(await EventsAsync(handle, EventType.TimerFired));
        Assert.Equal(started.TimerStartedEventAttributes.TimerId, fired.TimerFiredEventAttributes.TimerId);
        Assert.True(fired.EventTime.ToDateTime() - started.EventTime.ToDateTime() >= TimeSpan.FromMilliseconds(300));
        Assert.Contains("a nap", started.UserMetadata.Summary.Data.ToStringUtf8());
    });

    [Workflow]
    public class CancelsTimer
    {
        [WorkflowRun]
        public async Task<bool> RunAsync()
        {
            using var source = new CancellationTokenSource();
            var timer = Workflow.DelayAsync(TimeSpan.FromHours(1), source.Token);
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(10));
            source.Cancel();
            try
            {
                await timer;
                return false;
            }
            catch (TaskCanceledException)
            {
                return true;
            }
        }
    }

    [Fact]
    public Task A_cancelled_timer_never_fires() => WithWorkerAsync<CancelsTimer>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((CancelsTimer wf) => wf.RunAsync(), Options());
        Assert.True(await handle.GetResultAsync());
        Assert.Single(await EventsAsync(handle, EventType.TimerCanceled));
        Assert.Single(await EventsAsync(handle, EventType.TimerFired));
    });

    [Workflow]
    public class WaitsWithTimeout
    {
        private bool _released;

        [WorkflowRun]
        public Task<bool> RunAsync(int milliseconds) => Workflow.WaitConditionAsync(() => _released, TimeSpan.FromMilliseconds(milliseconds));

        [WorkflowSignal]
        public Task ReleaseAsync()
        {
            _released = true;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public Task A_wait_ends_by_its_condition_or_its_timer() => WithWorkerAsync<WaitsWithTimeout>(async () =>
    {
        Assert.False(await Client.ExecuteWorkflowAsync((WaitsWithTimeout wf) => wf.RunAsync(50), Options()));
        var handle = await Client.StartWorkflowAsync((WaitsWithTimeout wf) => wf.RunAsync(3_600_000), Options());
        await handle.SignalAsync(wf => wf.ReleaseAsync());
        Assert.True(await handle.GetResultAsync());
    });

    [Workflow]
    public class SleepsInParallel
    {
        [WorkflowRun]
        public async Task<int[]> RunAsync(int[] milliseconds)
        {
            var order = new List<int>();
            await Workflow.WhenAllAsync(milliseconds.Select(async each =>
            {
                await Workflow.DelayAsync(each);
                order.Add(each);
            }));
            return [.. order];
        }
    }

    [Fact]
    public Task Timers_fire_in_the_order_of_their_times() => WithWorkerAsync<SleepsInParallel>(async () =>
    {
        int[] times = [500, 20, 260, 130, 380];
        Assert.Equal(times.Order(), await Client.ExecuteWorkflowAsync((SleepsInParallel wf) => wf.RunAsync(times), Options()));
    });
}
