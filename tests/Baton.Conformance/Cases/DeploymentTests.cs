using Temporalio.Api.Deployment.V1;

namespace Baton.Conformance.Cases;

/// <summary>Worker deployments: versions, the current and the ramping one, pinned and moving workflows.</summary>
public class DeploymentTests(ServerFixture server) : ConformanceTest(server)
{
    private readonly string _deployment = $"deployment-{Guid.NewGuid():N}";

    [Workflow("Versioned", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class PinnedOne : VersionedBase
    {
        [WorkflowRun]
        public Task<string> RunAsync() => RunAsync("one");

        [WorkflowSignal]
        public Task EndAsync() => End();
    }

    [Workflow("Versioned", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class PinnedTwo : VersionedBase
    {
        [WorkflowRun]
        public Task<string> RunAsync() => RunAsync("two");

        [WorkflowSignal]
        public Task EndAsync() => End();
    }

    [Workflow("Versioned", VersioningBehavior = Temporalio.Common.VersioningBehavior.AutoUpgrade)]
    public class MovingOne : VersionedBase
    {
        [WorkflowRun]
        public Task<string> RunAsync() => RunAsync("one");

        [WorkflowSignal]
        public Task EndAsync() => End();
    }

    [Workflow("Versioned", VersioningBehavior = Temporalio.Common.VersioningBehavior.AutoUpgrade)]
    public class MovingTwo : VersionedBase
    {
        [WorkflowRun]
        public Task<string> RunAsync() => RunAsync("two");

        [WorkflowSignal]
        public Task EndAsync() => End();
    }

    public abstract class VersionedBase
    {
        private bool _end;

        protected async Task<string> RunAsync(string version)
        {
            await Workflow.WaitConditionAsync(() => _end);
            return version;
        }

        protected Task End()
        {
            _end = true;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Pinned_workflows_stay_and_new_ones_take_the_current_version()
    {
        // Both versions answer to one type name, so replay needs the one that ran.
        SkipReplay();
        await WithVersionsAsync<PinnedOne, PinnedTwo>(async () =>
        {
            await SetCurrentAsync("1.0");
            var first = await StartAsync();
            await EventAsync(first, EventType.WorkflowTaskCompleted);
            await SetCurrentAsync("2.0");
            var second = await StartAsync();
            await first.SignalAsync("End", []);
            await second.SignalAsync("End", []);
            Assert.Equal("one", await first.GetResultAsync<string>());
            Assert.Equal("two", await second.GetResultAsync<string>());
            var info = (await DescribeRawAsync(first)).WorkflowExecutionInfo.VersioningInfo;
            Assert.Equal(Temporalio.Api.Enums.V1.VersioningBehavior.Pinned, info.Behavior);
            Assert.Equal(new Temporalio.Api.Deployment.V1.WorkerDeploymentVersion { DeploymentName = _deployment, BuildId = "1.0" }, info.DeploymentVersion);
        });
    }

    [Fact]
    public async Task Moving_workflows_follow_the_current_version()
    {
        SkipReplay();
        await WithVersionsAsync<MovingOne, MovingTwo>(async () =>
        {
            await SetCurrentAsync("1.0");
            var handle = await StartAsync();
            await EventAsync(handle, EventType.WorkflowTaskCompleted);
            await SetCurrentAsync("2.0");
            await handle.SignalAsync("End", []);
            Assert.Equal("two", await handle.GetResultAsync<string>());
        });
    }

    [Fact]
    public async Task Ramping_takes_its_share()
    {
        SkipReplay();
        await WithVersionsAsync<PinnedOne, PinnedTwo>(async () =>
        {
            await SetCurrentAsync("1.0");
            await SetRampingAsync("2.0", 100);
            Assert.Equal("two", await RunOneAsync());
            await SetRampingAsync("2.0", 0);
            Assert.Equal("one", await RunOneAsync());
            var described = await DescribeAsync();
            Assert.Equal("1.0", described.RoutingConfig.CurrentDeploymentVersion.BuildId);
            Assert.Equal("2.0", described.RoutingConfig.RampingDeploymentVersion.BuildId);
            Assert.Equal(["1.0", "2.0"], described.VersionSummaries.Select(each => each.DeploymentVersion.BuildId).Order());
        });
    }

    [Fact]
    public async Task An_override_pins_a_workflow_to_its_version()
    {
        SkipReplay();
        await WithVersionsAsync<MovingOne, MovingTwo>(async () =>
        {
            await SetCurrentAsync("1.0");
            var options = Options();
            options.VersioningOverride = new VersioningOverride.Pinned(new(_deployment, "2.0"));
            var pinned = await Client.StartWorkflowAsync("Versioned", [], options);
            await pinned.SignalAsync("End", []);
            Assert.Equal("two", await pinned.GetResultAsync<string>());

            var handle = await StartAsync();
            await EventAsync(handle, EventType.WorkflowTaskCompleted);
            await Service.UpdateWorkflowExecutionOptionsAsync(new()
            {
                Namespace = ServerFixture.Namespace,
                WorkflowExecution = ExecutionOf(handle),
                WorkflowExecutionOptions = new() { VersioningOverride = new() { Pinned = new() { Behavior = Temporalio.Api.Workflow.V1.VersioningOverride.Types.PinnedOverrideBehavior.Pinned, Version = new() { DeploymentName = _deployment, BuildId = "2.0" } } } },
                UpdateMask = new() { Paths = { "versioning_override" } },
            });
            await handle.SignalAsync("End", []);
            Assert.Equal("two", await handle.GetResultAsync<string>());
            Assert.Single(await EventsAsync(handle, EventType.WorkflowExecutionOptionsUpdated));
        });
    }

    [Fact]
    public async Task Deployments_are_listed_and_deleted()
    {
        SkipReplay();
        await WithVersionsAsync<PinnedOne, PinnedTwo>(async () =>
        {
            var token = (await Service.SetWorkerDeploymentCurrentVersionAsync(Current("1.0"))).ConflictToken;
            var stale = Current("2.0");
            stale.ConflictToken = Google.Protobuf.ByteString.CopyFromUtf8("stale");
            await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => Service.SetWorkerDeploymentCurrentVersionAsync(stale));
            Assert.False(token.IsEmpty);
            await Eventually.TrueAsync(async () => (await Service.ListWorkerDeploymentsAsync(new() { Namespace = ServerFixture.Namespace }))
                .WorkerDeployments.Any(each => each.Name == _deployment));
            await RpcErrorAsync(RpcException.StatusCode.FailedPrecondition, () => Service.DeleteWorkerDeploymentVersionAsync(new()
            {
                Namespace = ServerFixture.Namespace, DeploymentVersion = new() { DeploymentName = _deployment, BuildId = "1.0" },
            }));
        });
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.DescribeWorkerDeploymentAsync(
            new() { Namespace = ServerFixture.Namespace, DeploymentName = NewId("unknown") }));
    }

    private Task<WorkflowHandle> StartAsync() => Client.StartWorkflowAsync("Versioned", [], Options());

    private async Task<string> RunOneAsync()
    {
        var handle = await StartAsync();
        await handle.SignalAsync("End", []);
        return await handle.GetResultAsync<string>();
    }

    private SetWorkerDeploymentCurrentVersionRequest Current(string buildId) => new()
    {
        Namespace = ServerFixture.Namespace, DeploymentName = _deployment, BuildId = buildId,
    };

    private Task SetCurrentAsync(string buildId) => Service.SetWorkerDeploymentCurrentVersionAsync(Current(buildId));

    private Task SetRampingAsync(string buildId, float percentage) => Service.SetWorkerDeploymentRampingVersionAsync(new()
    {
        Namespace = ServerFixture.Namespace, DeploymentName = _deployment, BuildId = buildId, Percentage = percentage,
    });

    private async Task<WorkerDeploymentInfo> DescribeAsync() => (await Service.DescribeWorkerDeploymentAsync(
        new() { Namespace = ServerFixture.Namespace, DeploymentName = _deployment })).WorkerDeploymentInfo;

    private Task WithVersionsAsync<TFirst, TSecond>(Func<Task> body)
    {
        return WithWorkerAsync(options => Version<TFirst>(options, "1.0"), () => WithWorkerAsync(options => Version<TSecond>(options, "2.0"), async () =>
        {
            // Both versions are known once their workers have polled.
            await Eventually.AssertAsync(async () => Assert.Equal(
                2, (await Record.ExceptionAsync(DescribeAsync)) is null ? (await DescribeAsync()).VersionSummaries.Count : 0));
            await body();
        }));

        void Version<TWorkflow>(TemporalWorkerOptions options, string buildId)
        {
            options.AddWorkflow<TWorkflow>();
            options.DeploymentOptions = new(new(_deployment, buildId), useWorkerVersioning: true);
        }
    }
}
