namespace Baton.Conformance.Cases;

/// <summary>The worker's side: sticky queues, eviction, shutdown, patches, task queue descriptions.</summary>
public class WorkerTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task Without_a_cache_every_task_brings_the_whole_history() => WithWorkerAsync<Mailbox>(
        async () =>
        {
            var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            for (var count = 1; count <= 5; count++)
            {
                await handle.SignalAsync(wf => wf.AddAsync("item"));
                Assert.Equal(count, (await handle.QueryAsync(wf => wf.Received())).Count);
            }
            await handle.SignalAsync(wf => wf.EndAsync("complete"));
            Assert.Equal(5, (await handle.GetResultAsync()).Count);
            Assert.All(
                await EventsAsync(handle, EventType.WorkflowTaskScheduled),
                scheduled => Assert.Equal(TaskQueueKind.Normal, scheduled.WorkflowTaskScheduledEventAttributes.TaskQueue.Kind));
        },
        options => options.MaxCachedWorkflows = 0);

    [Fact]
    public Task With_a_cache_later_tasks_are_sticky() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await handle.GetResultAsync();
        var scheduled = await EventsAsync(handle, EventType.WorkflowTaskScheduled);
        Assert.Equal(TaskQueueKind.Normal, scheduled[0].WorkflowTaskScheduledEventAttributes.TaskQueue.Kind);
        Assert.Equal(TaskQueueKind.Sticky, scheduled[1].WorkflowTaskScheduledEventAttributes.TaskQueue.Kind);
        Assert.Equal(TaskQueue, scheduled[1].WorkflowTaskScheduledEventAttributes.TaskQueue.NormalName);
    });

    [Fact]
    public Task A_small_cache_evicts_and_goes_on() => WithWorkerAsync<Mailbox>(
        async () =>
        {
            var handles = new List<WorkflowHandle<Mailbox, IReadOnlyCollection<string>>>();
            for (var count = 0; count < 5; count++)
            {
                handles.Add(await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options()));
            }
            foreach (var item in new[] { "a", "b", "c" })
            {
                await Task.WhenAll(handles.Select(handle => handle.SignalAsync(wf => wf.AddAsync(item))));
            }
            await Task.WhenAll(handles.Select(handle => handle.SignalAsync(wf => wf.EndAsync("complete"))));
            foreach (var handle in handles)
            {
                Assert.Equal(["a", "b", "c"], await handle.GetResultAsync());
            }
        },
        options => options.MaxCachedWorkflows = 2);

    [Fact]
    public async Task Another_worker_takes_over_without_waiting_for_the_sticky_timeout()
    {
        WorkflowHandle<Mailbox, IReadOnlyCollection<string>> handle = null!;
        await WithWorkerAsync<Mailbox>(async () =>
        {
            handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            await handle.SignalAsync(wf => wf.AddAsync("first worker"));
            Assert.Single(await handle.QueryAsync(wf => wf.Received()));
        });
        await WithWorkerAsync<Mailbox>(async () =>
        {
            await handle.SignalAsync(wf => wf.AddAsync("second worker"));
            await handle.SignalAsync(wf => wf.EndAsync("complete"));
            Assert.Equal(["first worker", "second worker"], await handle.GetResultAsync());
        });
        // The first worker said good-bye, so nothing had to time out.
        Assert.DoesNotContain(
            await EventsAsync(handle, EventType.WorkflowTaskTimedOut),
            found => found.WorkflowTaskTimedOutEventAttributes.TimeoutType == TimeoutType.StartToClose);
    }

    [Workflow("Patching")]
    public class Unpatched
    {
        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(1));
            return "old";
        }
    }

    [Workflow("Patching")]
    public class PatchedOnce
    {
        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            if (Workflow.Patched("second-way"))
            {
                return "new";
            }
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(1));
            return "old";
        }
    }

    [Fact]
    public Task A_patch_leaves_its_marker_and_search_attribute() => WithWorkerAsync<PatchedOnce>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((PatchedOnce wf) => wf.RunAsync(), Options());
        Assert.Equal("new", await handle.GetResultAsync());
        Assert.Equal("core_patch", Assert.Single(await EventsAsync(handle, EventType.MarkerRecorded)).MarkerRecordedEventAttributes.MarkerName);
        await Eventually.TrueAsync(async () => (await Client.CountWorkflowsAsync($"WorkflowId = '{handle.Id}' AND TemporalChangeVersion = 'second-way'")).Count == 1);
    });

    [Fact]
    public async Task A_history_from_before_the_patch_replays_the_old_way()
    {
        WorkflowHistory history = null!;
        await WithWorkerAsync<Unpatched>(async () =>
        {
            var handle = await Client.StartWorkflowAsync((Unpatched wf) => wf.RunAsync(), Options());
            await handle.GetResultAsync();
            history = await handle.FetchHistoryAsync();
        });
        var result = await new WorkflowReplayer(new WorkflowReplayerOptions().AddWorkflow<PatchedOnce>()).ReplayWorkflowAsync(history);
        Assert.Null(result.ReplayFailure);
    }

    [Fact]
    public Task A_task_queue_names_its_pollers() => WithWorkerAsync<Mailbox>(
        () => Eventually.AssertAsync(async () =>
        {
            foreach (var type in new[] { TaskQueueType.Workflow, TaskQueueType.Activity })
            {
                var described = await Service.DescribeTaskQueueAsync(new()
                {
                    Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, TaskQueueType = type,
                });
                Assert.Contains(described.Pollers, poller => poller.Identity == "conformance");
            }
        }),
        options => options.AddActivity(SharedActivities.Greet));

    [Fact]
    public async Task A_task_queue_reports_its_backlog()
    {
        for (var count = 0; count < 3; count++)
        {
            await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        }
        await Eventually.AssertAsync(async () =>
        {
            var described = await Service.DescribeTaskQueueAsync(new()
            {
                Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, TaskQueueType = TaskQueueType.Workflow, ReportStats = true,
            });
            Assert.Equal(3, described.Stats.ApproximateBacklogCount);
        });
    }

    [Fact]
    public async Task The_server_tells_what_it_can()
    {
        var system = await Service.GetSystemInfoAsync(new());
        Assert.True(system.Capabilities.SignalAndQueryHeader);
        Assert.True(system.Capabilities.InternalErrorDifferentiation);
        Assert.True(system.Capabilities.ActivityFailureIncludeHeartbeat);
        Assert.True(system.Capabilities.SupportsSchedules);
        Assert.True(system.Capabilities.EncodedFailureAttributes);
        Assert.True(system.Capabilities.SdkMetadata);
        Assert.True(system.Capabilities.EagerWorkflowStart);
        Assert.True(system.Capabilities.CountGroupByExecutionStatus);
        Assert.NotEmpty((await Service.GetClusterInfoAsync(new())).ServerVersion);
        var described = await Service.DescribeNamespaceAsync(new() { Namespace = ServerFixture.Namespace });
        Assert.Equal(ServerFixture.Namespace, described.NamespaceInfo.Name);
        Assert.Equal(NamespaceState.Registered, described.NamespaceInfo.State);
        Assert.True(await Client.Connection.CheckHealthAsync());
    }

    [Fact]
    public async Task Namespaces_are_registered_updated_and_kept_apart()
    {
        var name = NewId("namespace");
        await Service.RegisterNamespaceAsync(new() { Namespace = name, Description = "first", WorkflowExecutionRetentionPeriod = new() { Seconds = 86400 } });
        await RpcErrorAsync(RpcException.StatusCode.AlreadyExists, () => Service.RegisterNamespaceAsync(
            new() { Namespace = name, WorkflowExecutionRetentionPeriod = new() { Seconds = 86400 } }));
        await Service.UpdateNamespaceAsync(new() { Namespace = name, UpdateInfo = new() { Description = "second" } });
        Assert.Equal("second", (await Service.DescribeNamespaceAsync(new() { Namespace = name })).NamespaceInfo.Description);
        Assert.Contains((await Service.ListNamespacesAsync(new())).Namespaces, each => each.NamespaceInfo.Name == name);

        var other = await ServerFixture.ConnectAsync(Server.Address, name);
        var id = NewId();
        await other.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), new(id, TaskQueue));
        await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), new(id, TaskQueue));
        Assert.Equal(1, (await other.CountWorkflowsAsync("")).Count);
        await other.GetWorkflowHandle(id).TerminateAsync();
        Assert.Equal(WorkflowExecutionStatus.Running, (await Client.GetWorkflowHandle(id).DescribeAsync()).Status);
    }
}
