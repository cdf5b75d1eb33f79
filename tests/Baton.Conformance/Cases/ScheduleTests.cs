using Temporalio.Client.Schedules;

namespace Baton.Conformance.Cases;

public class ScheduleTests(ServerFixture server) : ConformanceTest(server)
{
    private static readonly ScheduleSpec Hourly = new() { Intervals = [new(TimeSpan.FromHours(1))] };

    [Fact]
    public async Task A_schedule_is_described_as_it_was_created()
    {
        var handle = await CreateAsync(
            new ScheduleSpec
            {
                Calendars =
                [
                    new()
                    {
                        Second = [new(1, 10, 2)], Minute = [new(2)], Hour = [new(0, 23)], DayOfMonth = [new(1, 31)], Month = [new(1, 12)],
                        Year = [new(2080)], DayOfWeek = [new(0, 6)], Comment = "a calendar",
                    },
                ],
                Intervals = [new(TimeSpan.FromDays(10), TimeSpan.FromDays(2))],
                CronExpressions = ["0 12 * * MON"],
                Skip = [new() { Year = [new(2050)] }],
                StartAt = new(2060, 7, 8, 9, 10, 11, DateTimeKind.Utc),
                Jitter = TimeSpan.FromSeconds(80),
            },
            schedule => schedule with
            {
                Policy = new() { Overlap = ScheduleOverlapPolicy.BufferOne, CatchupWindow = TimeSpan.FromMinutes(5), PauseOnFailure = true },
                State = new() { Note = "a note", Paused = true, LimitedActions = true, RemainingActions = 30 },
            },
            new()
            {
                Memo = new Dictionary<string, object> { ["owner"] = "operations" },
                TypedSearchAttributes = new SearchAttributeCollection.Builder().Set(TestAttributes.Keyword, TaskQueue).ToSearchAttributeCollection(),
            });
        var found = await handle.DescribeAsync();
        Assert.Equal(handle.Id, found.Id);
        Assert.Equal("owner", Assert.Single(found.Memo).Key);
        Assert.Equal(TaskQueue, found.TypedSearchAttributes.Get(TestAttributes.Keyword));
        var spec = found.Schedule.Spec;
        Assert.Equal(new ScheduleRange(1, 10, 2), spec.Calendars.First().Second.Single());
        Assert.Equal("a calendar", spec.Calendars.First().Comment);
        // Cron expressions become calendars.
        Assert.Equal(2, spec.Calendars.Count);
        Assert.Empty(spec.CronExpressions);
        var cron = spec.Calendars.Last();
        Assert.Equal(12, Assert.Single(cron.Hour).Start);
        Assert.Equal(1, Assert.Single(cron.DayOfWeek).Start);
        Assert.Equal(new ScheduleIntervalSpec(TimeSpan.FromDays(10), TimeSpan.FromDays(2)), Assert.Single(spec.Intervals));
        Assert.Equal(2050, Assert.Single(Assert.Single(spec.Skip).Year).Start);
        Assert.Equal(new DateTime(2060, 7, 8, 9, 10, 11, DateTimeKind.Utc), spec.StartAt);
        Assert.Equal(TimeSpan.FromSeconds(80), spec.Jitter);
        Assert.Equal(ScheduleOverlapPolicy.BufferOne, found.Schedule.Policy.Overlap);
        Assert.Equal(TimeSpan.FromMinutes(5), found.Schedule.Policy.CatchupWindow);
        Assert.True(found.Schedule.Policy.PauseOnFailure);
        Assert.Equal(new ScheduleState { Note = "a note", Paused = true, LimitedActions = true, RemainingActions = 30 }, found.Schedule.State);
        var action = Assert.IsType<ScheduleActionStartWorkflow>(found.Schedule.Action);
        Assert.Equal("Mailbox", action.Workflow);
        Assert.Equal(TaskQueue, action.Options.TaskQueue);
        await handle.DeleteAsync();
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.DescribeAsync());
    }

    [Fact]
    public async Task Ids_are_taken_once_and_bad_specs_refused()
    {
        var handle = await CreateAsync(Hourly, Paused);
        await Assert.ThrowsAsync<ScheduleAlreadyRunningException>(() => Client.CreateScheduleAsync(handle.Id, new(Action(), Hourly)));
        await handle.DeleteAsync();
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => handle.DeleteAsync());
        var again = await Client.CreateScheduleAsync(handle.Id, new(Action(), Hourly) { State = new() { Paused = true } });
        await again.DeleteAsync();
        foreach (var bad in new ScheduleSpec[]
        {
            new() { CronExpressions = ["not a cron"] },
            new() { CronExpressions = ["61 * * * *"] },
            new() { Calendars = [new() { Hour = [new(25)] }] },
            new() { Intervals = [new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2))] },
            new() { CronExpressions = ["0 1 * * *"], TimeZoneName = "Not/AZone" },
        })
        {
            await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Client.CreateScheduleAsync(NewId("schedule"), new(Action(), bad)));
        }
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Client.GetScheduleHandle(NewId("unknown")).TriggerAsync());
    }

    [Fact]
    public async Task Next_times_follow_the_spec_and_its_time_zone()
    {
        var handle = await CreateAsync(
            new() { CronExpressions = ["30 8 * * *"], TimeZoneName = "America/New_York", StartAt = new(2060, 1, 1, 0, 0, 0, DateTimeKind.Utc) }, Paused);
        var next = (await handle.DescribeAsync()).Info.NextActionTimes.ToList();
        Assert.Equal(10, next.Count);
        Assert.Equal(new DateTime(2060, 1, 1, 13, 30, 0, DateTimeKind.Utc), next[0]);
        Assert.Equal(new DateTime(2060, 1, 10, 13, 30, 0, DateTimeKind.Utc), next[9]);
        var matching = await Service.ListScheduleMatchingTimesAsync(new()
        {
            Namespace = ServerFixture.Namespace,
            ScheduleId = handle.Id,
            StartTime = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(new(2060, 7, 1, 0, 0, 0, DateTimeKind.Utc)),
            EndTime = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(new(2060, 7, 3, 0, 0, 0, DateTimeKind.Utc)),
        });
        // Daylight saving: an hour earlier in UTC.
        Assert.Equal([new DateTime(2060, 7, 1, 12, 30, 0, DateTimeKind.Utc), new DateTime(2060, 7, 2, 12, 30, 0, DateTimeKind.Utc)],
            matching.StartTime.Select(time => time.ToDateTime()));
        await handle.DeleteAsync();
    }

    [Fact]
    public Task An_interval_starts_workflows_until_its_actions_are_used_up() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await CreateAsync(
            new() { Intervals = [new(TimeSpan.FromSeconds(1))] },
            schedule => schedule with { State = new() { LimitedActions = true, RemainingActions = 2 }, Policy = new() { Overlap = ScheduleOverlapPolicy.AllowAll } });
        var done = await Eventually.GetAsync(() => handle.DescribeAsync(), found => found.Info.NumActions == 2);
        Assert.Equal(0, done.Schedule.State.RemainingActions);
        Assert.Equal(2, done.Info.RecentActions.Count);
        foreach (var action in done.Info.RecentActions)
        {
            var started = Assert.IsType<ScheduleActionExecutionStartWorkflow>(action.Action);
            // The id carries the nominal time of the action.
            Assert.Equal($"{ActionId}-{action.ScheduledAt:yyyy-MM-ddTHH:mm:ssZ}", started.WorkflowId);
            var description = await Client.GetWorkflowHandle(started.WorkflowId).DescribeAsync();
            Assert.Equal(handle.Id, description.TypedSearchAttributes.Get(SearchAttributeKey.CreateKeyword("TemporalScheduledById")));
            Assert.Equal(action.ScheduledAt, description.TypedSearchAttributes.Get(SearchAttributeKey.CreateDateTimeOffset("TemporalScheduledStartTime")).UtcDateTime);
            await Client.GetWorkflowHandle(started.WorkflowId).TerminateAsync();
        }
        await handle.DeleteAsync();
    });

    [Fact]
    public async Task Pause_unpause_update_and_trigger()
    {
        var handle = await CreateAsync(Hourly, Paused);
        await handle.UnpauseAsync("go on");
        var found = await handle.DescribeAsync();
        Assert.False(found.Schedule.State.Paused);
        Assert.Equal("go on", found.Schedule.State.Note);
        await handle.PauseAsync("hold on");
        Assert.True((await handle.DescribeAsync()).Schedule.State.Paused);

        await handle.UpdateAsync(input => new ScheduleUpdate(input.Description.Schedule with { Spec = new() { Intervals = [new(TimeSpan.FromDays(3))] } }));
        found = await handle.DescribeAsync();
        Assert.Equal(TimeSpan.FromDays(3), Assert.Single(found.Schedule.Spec.Intervals).Every);
        Assert.NotNull(found.Info.LastUpdatedAt);
        Assert.True(found.Schedule.State.Paused);

        // A trigger works on a paused schedule too.
        await handle.TriggerAsync();
        found = await Eventually.GetAsync(() => handle.DescribeAsync(), each => each.Info.NumActions == 1);
        var running = Assert.IsType<ScheduleActionExecutionStartWorkflow>(Assert.Single(found.Info.RunningActions));
        await Client.GetWorkflowHandle(running.WorkflowId).TerminateAsync();
        await Eventually.TrueAsync(async () => (await handle.DescribeAsync()).Info.RunningActions.Count == 0);
        await handle.DeleteAsync();
    }

    [Fact]
    public async Task Backfill_takes_the_actions_of_a_time_that_passed()
    {
        var handle = await CreateAsync(new() { Intervals = [new(TimeSpan.FromMinutes(1))] }, Paused);
        var end = new DateTime(2024, 1, 1, 10, 0, 0, DateTimeKind.Utc);
        await handle.BackfillAsync([new(end.AddMinutes(-5), end.AddSeconds(-1), ScheduleOverlapPolicy.AllowAll)]);
        var found = await Eventually.GetAsync(() => handle.DescribeAsync(), each => each.Info.NumActions == 5);
        Assert.Equal(end.AddMinutes(-5), found.Info.RecentActions.Min(action => action.ScheduledAt));
        await handle.DeleteAsync();
        await TerminateAllAsync();
    }

    [Fact]
    public async Task Overlap_skip_leaves_the_second_out()
    {
        var handle = await TriggeredAsync(ScheduleOverlapPolicy.Skip);
        await handle.TriggerAsync(new() { Overlap = ScheduleOverlapPolicy.Skip });
        await Eventually.TrueAsync(async () => (await handle.DescribeAsync()).Info.NumActionsSkippedOverlap == 1);
        Assert.Single(await RunsAsync());
        await EndAsync(handle);
    }

    [Theory]
    [InlineData(ScheduleOverlapPolicy.BufferOne, 2)]
    [InlineData(ScheduleOverlapPolicy.BufferAll, 3)]
    public async Task Overlap_buffers_run_one_after_another(ScheduleOverlapPolicy policy, int total)
    {
        var handle = await TriggeredAsync(policy);
        // Triggers within one second would share a workflow id.
        await TriggerLaterAsync(handle, policy);
        await TriggerLaterAsync(handle, policy);
        for (var ended = 0; ended < total; ended++)
        {
            var open = await Eventually.GetAsync(RunsAsync, runs => runs.Count(run => run.Status == WorkflowExecutionStatus.Running) == 1);
            Assert.Equal(ended + 1, open.Count);
            await Client.GetWorkflowHandle(open.Single(run => run.Status == WorkflowExecutionStatus.Running).Id).TerminateAsync();
        }
        await Eventually.TrueAsync(async () => (await handle.DescribeAsync()).Info is { RunningActions.Count: 0 } info && info.NumActions == total);
        await EndAsync(handle);
    }

    [Theory]
    [InlineData(ScheduleOverlapPolicy.CancelOther, WorkflowExecutionStatus.Canceled)]
    [InlineData(ScheduleOverlapPolicy.TerminateOther, WorkflowExecutionStatus.Terminated)]
    public Task Overlap_ends_the_other(ScheduleOverlapPolicy policy, WorkflowExecutionStatus status) => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await TriggeredAsync(policy);
        await TriggerLaterAsync(handle, policy);
        var runs = await Eventually.GetAsync(RunsAsync, found => found.Count == 2);
        Assert.Equal([WorkflowExecutionStatus.Running, status], runs.OrderByDescending(run => run.StartTime).Select(run => run.Status));
        await EndAsync(handle);
    });

    [Fact]
    public async Task Overlap_allow_all_runs_side_by_side()
    {
        var handle = await TriggeredAsync(ScheduleOverlapPolicy.AllowAll);
        await TriggerLaterAsync(handle, ScheduleOverlapPolicy.AllowAll);
        await Eventually.TrueAsync(async () => (await RunsAsync()).Count(run => run.Status == WorkflowExecutionStatus.Running) == 2);
        await EndAsync(handle);
    }

    [Fact]
    public Task A_failure_pauses_where_the_policy_asks() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await CreateAsync(Hourly, schedule => schedule with { Policy = new() { PauseOnFailure = true } });
        await handle.TriggerAsync();
        var run = Assert.Single(await Eventually.GetAsync(RunsAsync, runs => runs.Count == 1));
        await Client.GetWorkflowHandle<Mailbox>(run.Id).SignalAsync(wf => wf.EndAsync("fail"));
        var found = await Eventually.GetAsync(() => handle.DescribeAsync(), each => each.Schedule.State.Paused);
        Assert.Contains("paused due to workflow failure", found.Schedule.State.Note);
        await handle.DeleteAsync();
    });

    [Fact]
    public async Task Schedules_are_listed_by_query()
    {
        var ids = new List<string>();
        for (var index = 0; index < 3; index++)
        {
            var index1 = index;
            var handle = await CreateAsync(
                Hourly,
                schedule => schedule with { State = new() { Paused = index1 == 0, Note = $"note {index1}" } },
                new() { TypedSearchAttributes = new SearchAttributeCollection.Builder().Set(TestAttributes.Keyword, TaskQueue).ToSearchAttributeCollection() });
            ids.Add(handle.Id);
        }
        await Eventually.AssertAsync(async () => Assert.Equal(ids.Order(), (await ListAsync($"ConformanceKeyword = '{TaskQueue}'")).Select(each => each.Id).Order()));
        await Eventually.AssertAsync(async () =>
        {
            var paused = Assert.Single(await ListAsync($"ConformanceKeyword = '{TaskQueue}' AND TemporalSchedulePaused = true"));
            Assert.Equal(ids[0], paused.Id);
            Assert.Equal("note 0", paused.Schedule!.State.Note);
            Assert.Equal("Mailbox", Assert.IsType<ScheduleListActionStartWorkflow>(paused.Schedule.Action).Workflow);
        });
        foreach (var id in ids)
        {
            await Client.GetScheduleHandle(id).DeleteAsync();
        }
        await Eventually.TrueAsync(async () => (await ListAsync($"ConformanceKeyword = '{TaskQueue}'")).Count == 0);
    }

    private string ActionId => $"{TaskQueue}-run";

    private static Schedule Paused(Schedule schedule) => schedule with { State = new() { Paused = true } };

    private ScheduleActionStartWorkflow Action() => ScheduleActionStartWorkflow.Create((Mailbox wf) => wf.RunAsync(), new(ActionId, TaskQueue));

    private Task<ScheduleHandle> CreateAsync(ScheduleSpec spec, Func<Schedule, Schedule> change, ScheduleOptions? options = null) =>
        Client.CreateScheduleAsync(NewId("schedule"), change(new(Action(), spec)), options);

    /// <summary>A schedule that has one action running.</summary>
    private async Task<ScheduleHandle> TriggeredAsync(ScheduleOverlapPolicy policy)
    {
        var handle = await CreateAsync(Hourly, schedule => schedule with { State = new() { Paused = true }, Policy = new() { Overlap = policy } });
        await handle.TriggerAsync();
        await Eventually.TrueAsync(async () => (await RunsAsync()).Count == 1);
        return handle;
    }

    /// <summary>Triggers in a later second than the newest run began in, because the second is in its id.</summary>
    private async Task TriggerLaterAsync(ScheduleHandle handle, ScheduleOverlapPolicy policy)
    {
        var second = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        await Eventually.TrueAsync(() => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() > second);
        await handle.TriggerAsync(new() { Overlap = policy });
    }

    private async Task<IReadOnlyList<Temporalio.Client.WorkflowExecution>> RunsAsync()
    {
        var found = new List<Temporalio.Client.WorkflowExecution>();
        await foreach (var run in Client.ListWorkflowsAsync($"TaskQueue = '{TaskQueue}'"))
        {
            found.Add(run);
        }
        return found;
    }

    private async Task<List<ScheduleListDescription>> ListAsync(string query)
    {
        var found = new List<ScheduleListDescription>();
        await foreach (var each in Client.ListSchedulesAsync(new() { Query = query }))
        {
            found.Add(each);
        }
        return found;
    }

    private async Task EndAsync(ScheduleHandle handle)
    {
        await handle.DeleteAsync();
        await TerminateAllAsync();
    }

    private async Task TerminateAllAsync()
    {
        foreach (var run in (await RunsAsync()).Where(run => run.Status == WorkflowExecutionStatus.Running))
        {
            await Client.GetWorkflowHandle(run.Id, run.RunId).TerminateAsync();
        }
    }
}
