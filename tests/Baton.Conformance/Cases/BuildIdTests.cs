#pragma warning disable CS0612, CS0618 // The ways of versioning before deployments are marked obsolete; the server serves them still.
using Temporalio.Api.TaskQueue.V1;

namespace Baton.Conformance.Cases;

/// <summary>Version sets and versioning rules: the ways of versioning workers before deployments.</summary>
public class BuildIdTests(ServerFixture server) : ConformanceTest(server)
{
    [Workflow("BuildIdTold")]
    public class Told
    {
        private readonly List<string> _told = [];
        private bool _end;

        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await Workflow.WaitConditionAsync(() => _end);
            return string.Join(",", _told);
        }

        [WorkflowSignal]
        public Task TellAsync(string word)
        {
            _told.Add(word);
            return Task.CompletedTask;
        }

        [WorkflowSignal]
        public Task EndAsync()
        {
            _end = true;
            return Task.CompletedTask;
        }

        [WorkflowQuery]
        public string Last() => _told.LastOrDefault() ?? "";
    }

    [Fact]
    public async Task Version_sets_are_made_merged_and_promoted()
    {
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("1.0"));
        Assert.Equal("1.0", (await Sets()).DefaultBuildId);
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewCompatible("1.1", "1.0"));
        Assert.Equal("1.1", (await Sets()).DefaultBuildId);
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.PromoteBuildIdWithinSet("1.0"));
        Assert.Equal("1.0", (await Sets()).DefaultBuildId);
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("2.0"));
        Assert.Equal(["1.1", "1.0"], (await Sets()).VersionSets.First().BuildIds);
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.PromoteSetByBuildId("1.0"));
        Assert.Equal("1.0", (await Sets()).DefaultBuildId);
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.MergeSets("2.0", "1.0"));
        Assert.Equal("2.0", Assert.Single((await Sets()).VersionSets).BuildIds.Last());
        var unknown = await RpcErrorAsync(
            RpcException.StatusCode.NotFound, () => Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewCompatible("3.0", "never")));
        Assert.Contains("never not found", unknown.Message, StringComparison.Ordinal);
        await RpcErrorAsync(
            RpcException.StatusCode.InvalidArgument, () => Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("1.1")));

        async Task<WorkerBuildIdVersionSets> Sets() => (await Client.GetWorkerBuildIdCompatibilityAsync(TaskQueue, maxSets: 0))!;
    }

    [Fact]
    public async Task Workflows_stay_with_their_version_set()
    {
        await WithBuildAsync(
            async () =>
            {
                // The worker asks before its build id is known.
                await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("1.0"));
                var first = await StartAndTellAsync("one");
                await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("2.0"));
                await WithBuildAsync(
                    async () =>
                    {
                        var second = await StartAndTellAsync("two");
                        await first.SignalAsync(wf => wf.EndAsync());
                        await second.SignalAsync(wf => wf.EndAsync());
                        Assert.Equal("one", await first.GetResultAsync());
                        Assert.Equal("two", await second.GetResultAsync());
                        await CompletedByAsync(first, "1.0");
                        await CompletedByAsync(second, "2.0");
                        var info = (await DescribeRawAsync(second)).WorkflowExecutionInfo;
                        Assert.Equal("2.0", info.MostRecentWorkerVersionStamp.BuildId);
                        Assert.Equal(1, (await Client.CountWorkflowsAsync($"TaskQueue = '{TaskQueue}' AND BuildIds = 'versioned:1.0'")).Count);
                        Assert.Equal(
                            [TaskReachability.NewWorkflows, TaskReachability.ClosedWorkflows], await ReachabilityAsync("2.0", TaskReachability.ClosedWorkflows));
                        Assert.Equal([TaskReachability.ExistingWorkflows], await ReachabilityAsync("1.0", TaskReachability.ExistingWorkflows));
                        Assert.Empty(await ReachabilityAsync("1.0", TaskReachability.OpenWorkflows));
                    }, "2.0");
            }, "1.0");
    }

    [Fact]
    public async Task A_compatible_build_takes_over_and_the_older_is_told()
    {
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("1.0"));
        WorkflowHandle<Told, string>? handle = null;
        await WithBuildAsync(
            async () => handle = await StartAndTellAsync("one"), "1.0");
        await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewCompatible("1.1", "1.0"));
        await WithBuildAsync(
            async () =>
            {
                await handle!.SignalAsync(wf => wf.EndAsync());
                Assert.Equal("one", await handle.GetResultAsync());
            }, "1.1");
        Assert.Equal("1.1", (await EventsAsync(handle!, EventType.WorkflowTaskCompleted))[^1].WorkflowTaskCompletedEventAttributes.WorkerVersion.BuildId);
        await RpcErrorAsync(RpcException.StatusCode.OutOfRange, () => Service.PollWorkflowTaskQueueAsync(new()
        {
            Namespace = Client.Options.Namespace,
            TaskQueue = new() { Name = TaskQueue },
            WorkerVersionCapabilities = new() { BuildId = "1.0", UseVersioning = true },
        }));
    }

    [Fact]
    public async Task Workers_without_versions_keep_their_workflows()
    {
        await WithBuildAsync(
            async () =>
            {
                var handle = await StartAndTellAsync("none");
                await Client.UpdateWorkerBuildIdCompatibilityAsync(TaskQueue, new BuildIdOp.AddNewDefault("1.0"));
                await handle.SignalAsync(wf => wf.EndAsync());
                Assert.Equal("none", await handle.GetResultAsync());
                var attribute = (await DescribeRawAsync(handle)).WorkflowExecutionInfo.SearchAttributes.IndexedFields["BuildIds"];
                Assert.Equal("""["unversioned","unversioned:older"]""", attribute.Data.ToStringUtf8());
            }, "older", versioned: false);
    }

    [Fact]
    public async Task Rules_assign_new_workflows_and_redirect_the_tasks_of_others()
    {
        var rules = await RulesAsync(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "1.0" } } });
        await WithBuildAsync(
            async () =>
            {
                var handle = await StartAndTellAsync("one");
                Assert.Equal("1.0", (await DescribeRawAsync(handle)).WorkflowExecutionInfo.AssignedBuildId);
                await RulesAsync(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "2.0" } } });
                await WithBuildAsync(
                    async () =>
                    {
                        var second = await StartAndTellAsync("two");
                        Assert.Equal("2.0", (await DescribeRawAsync(second)).WorkflowExecutionInfo.AssignedBuildId);
                        Assert.Equal(BuildIdTaskReachability.Reachable, await ReachabilityAsync("1.0"));
                        await RulesAsync(new() { AddCompatibleRedirectRule = new() { Rule = new() { SourceBuildId = "1.0", TargetBuildId = "2.0" } } });
                        Assert.Equal(BuildIdTaskReachability.Unreachable, await ReachabilityAsync("1.0"));
                        await handle.SignalAsync(wf => wf.EndAsync());
                        Assert.Equal("one", await handle.GetResultAsync());
                        Assert.Equal("2.0", (await DescribeRawAsync(handle)).WorkflowExecutionInfo.AssignedBuildId);
                        await second.SignalAsync(wf => wf.EndAsync());
                        Assert.Equal("two", await second.GetResultAsync());
                    }, "2.0");
            }, "1.0");
        await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => Service.UpdateWorkerVersioningRulesAsync(new()
        {
            Namespace = Client.Options.Namespace,
            TaskQueue = TaskQueue,
            ConflictToken = rules.ConflictToken,
            InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "3.0" } },
        }));
    }

    [Fact]
    public async Task Rules_are_kept_whole()
    {
        await RulesAsync(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "1.0" } } });
        await RulesAsync(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "2.0", PercentageRamp = new() { RampPercentage = 45 } } } });
        await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => RulesAsync(new() { DeleteAssignmentRule = new() { RuleIndex = 1 } }));
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => RulesAsync(new() { DeleteAssignmentRule = new() { RuleIndex = 7 } }));
        await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => RulesAsync(new() { CommitBuildId = new() { TargetBuildId = "2.0" } }));
        var committed = await RulesAsync(new() { CommitBuildId = new() { TargetBuildId = "2.0", Force = true } });
        Assert.Equal("2.0", Assert.Single(committed.AssignmentRules).Rule.TargetBuildId);
        await RulesAsync(new() { AddCompatibleRedirectRule = new() { Rule = new() { SourceBuildId = "a", TargetBuildId = "b" } } });
        await RulesAsync(new() { AddCompatibleRedirectRule = new() { Rule = new() { SourceBuildId = "b", TargetBuildId = "c" } } });
        await RpcErrorAsync(
            RpcException.StatusCode.FailedPrecondition,
            () => RulesAsync(new() { AddCompatibleRedirectRule = new() { Rule = new() { SourceBuildId = "c", TargetBuildId = "a" } } }));
        await RpcErrorAsync(
            RpcException.StatusCode.AlreadyExists,
            () => RulesAsync(new() { AddCompatibleRedirectRule = new() { Rule = new() { SourceBuildId = "a", TargetBuildId = "d" } } }));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => RulesAsync(new() { DeleteCompatibleRedirectRule = new() { SourceBuildId = "z" } }));
    }

    /// <summary>Runs a worker of a build id for as long as the body runs, over a connection of its own: the SDK wants one for each build.</summary>
    private async Task WithBuildAsync(Func<Task> body, string buildId, bool versioned = true)
    {
        var client = await TemporalClient.ConnectAsync(new(Server.Address));
        using var worker = new TemporalWorker(client, WorkerOptions(options =>
        {
            options.AddWorkflow<Told>();
            (options.BuildId, options.UseWorkerVersioning) = (buildId, versioned);
        }));
        await worker.ExecuteAsync(() => body().WaitAsync(Eventually.Deadline + Eventually.Deadline, TimeProvider.System));
    }

    private async Task<WorkflowHandle<Told, string>> StartAndTellAsync(string word)
    {
        var handle = await Client.StartWorkflowAsync((Told wf) => wf.RunAsync(), Options());
        await handle.SignalAsync(wf => wf.TellAsync(word));
        await Eventually.TrueAsync(async () => await handle.QueryAsync(wf => wf.Last()) == word);
        return handle;
    }

    private async Task CompletedByAsync(WorkflowHandle handle, string buildId) => Assert.All(
        await EventsAsync(handle, EventType.WorkflowTaskCompleted), item => Assert.Equal(buildId, item.WorkflowTaskCompletedEventAttributes.WorkerVersion.BuildId));

    private async Task<IEnumerable<TaskReachability>> ReachabilityAsync(string buildId, TaskReachability wanted)
    {
        var response = await Service.GetWorkerTaskReachabilityAsync(
            new() { Namespace = Client.Options.Namespace, BuildIds = { buildId }, TaskQueues = { TaskQueue }, Reachability = wanted });
        return Assert.Single(Assert.Single(response.BuildIdReachability).TaskQueueReachability).Reachability;
    }

    private async Task<BuildIdTaskReachability> ReachabilityAsync(string buildId)
    {
        var response = await Service.DescribeTaskQueueAsync(new()
        {
            Namespace = Client.Options.Namespace,
            TaskQueue = new() { Name = TaskQueue },
            ApiMode = DescribeTaskQueueMode.Enhanced,
            Versions = new TaskQueueVersionSelection { BuildIds = { buildId } },
            ReportTaskReachability = true,
        });
        return response.VersionsInfo[buildId].TaskReachability;
    }

    private Task<UpdateWorkerVersioningRulesResponse> RulesAsync(UpdateWorkerVersioningRulesRequest request)
    {
        (request.Namespace, request.TaskQueue) = (Client.Options.Namespace, TaskQueue);
        return Service.UpdateWorkerVersioningRulesAsync(request);
    }
}
