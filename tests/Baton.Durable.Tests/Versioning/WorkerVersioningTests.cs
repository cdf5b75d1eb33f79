using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Versioning;

/// <summary>Official workers of two versions, and where workflows go.</summary>
public sealed class WorkerVersioningTests
{
    private const string Queue = "q";

    [Fact]
    public async Task Pinned_workflows_stay_and_others_follow_the_current_version()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var one = Worker(client, "1", typeof(StayOne), typeof(FollowOne));
        using var two = Worker(client, "2", typeof(StayTwo), typeof(FollowTwo));
        await one.ExecuteAsync(() => two.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            var stays = await client.StartWorkflowAsync("Stay", [], new(id: "stays", taskQueue: Queue));
            var follows = await client.StartWorkflowAsync("Follow", [], new(id: "follows", taskQueue: Queue));
            Assert.Equal("one", await stays.QueryAsync<string>("Where", []));
            Assert.Equal("one", await follows.QueryAsync<string>("Where", []));

            await SetCurrentAsync(client, "2");
            await stays.SignalAsync("Release", []);
            await follows.SignalAsync("Release", []);

            Assert.Equal("one", await stays.GetResultAsync<string>());
            Assert.Equal("two", await follows.GetResultAsync<string>());
            Assert.Equal("two", await client.ExecuteWorkflowAsync<string>("Stay", [true], new(id: "new", taskQueue: Queue)));
            var info = await DescribeAsync(client, "stays");
            Assert.Equal(Temporalio.Api.Enums.V1.VersioningBehavior.Pinned, info.WorkflowExecutionInfo.VersioningInfo.Behavior);
            Assert.Equal("1", info.WorkflowExecutionInfo.VersioningInfo.DeploymentVersion.BuildId);
            Assert.Equal("2", (await DescribeAsync(client, "follows")).WorkflowExecutionInfo.VersioningInfo.DeploymentVersion.BuildId);
            Assert.Equal(1, (await client.CountWorkflowsAsync("TemporalWorkerDeploymentVersion = 'shop:1' AND TemporalWorkflowVersioningBehavior = 'Pinned'")).Count);
        }));
    }

    [Fact]
    public async Task Without_a_current_version_tasks_wait_and_go_to_it_once_it_is_set()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        var early = await client.StartWorkflowAsync("Stay", [true], new(id: "early", taskQueue: Queue));
        using var one = Worker(client, "1", typeof(StayOne));
        await one.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            Assert.Equal("one", await early.GetResultAsync<string>());
        });
    }

    [Fact]
    public async Task A_full_ramp_takes_all_and_none_takes_nothing()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var one = Worker(client, "1", typeof(StayOne));
        using var two = Worker(client, "2", typeof(StayTwo));
        await one.ExecuteAsync(() => two.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            await RampAsync("2", 100);
            Assert.Equal("two", await client.ExecuteWorkflowAsync<string>("Stay", [true], new(id: "a", taskQueue: Queue)));
            await RampAsync("2", 0);
            Assert.Equal("one", await client.ExecuteWorkflowAsync<string>("Stay", [true], new(id: "b", taskQueue: Queue)));
            await RampAsync("2", 50);
            await SetCurrentAsync(client, "2");
            var described = await client.WorkflowService.DescribeWorkerDeploymentAsync(new() { Namespace = "default", DeploymentName = "shop" });
            Assert.Equal("2", described.WorkerDeploymentInfo.RoutingConfig.CurrentDeploymentVersion.BuildId);
            Assert.Null(described.WorkerDeploymentInfo.RoutingConfig.RampingDeploymentVersion);
        }));

        Task RampAsync(string buildId, float percentage) => client.WorkflowService.SetWorkerDeploymentRampingVersionAsync(
            new() { Namespace = "default", DeploymentName = "shop", BuildId = buildId, Percentage = percentage });
    }

    [Fact]
    public async Task An_override_pins_to_a_version_or_lets_go_of_one()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var one = Worker(client, "1", typeof(StayOne));
        using var two = Worker(client, "2", typeof(StayTwo));
        await one.ExecuteAsync(() => two.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            var pinned = new WorkflowOptions(id: "pinned", taskQueue: Queue) { VersioningOverride = new VersioningOverride.Pinned(new("shop", "2")) };
            await WaitForVersionAsync(client, "2");
            Assert.Equal("two", await client.ExecuteWorkflowAsync<string>("Stay", [true], pinned));
            var unknown = new WorkflowOptions(id: "unknown", taskQueue: Queue) { VersioningOverride = new VersioningOverride.Pinned(new("shop", "9")) };
            Assert.Equal(
                RpcException.StatusCode.FailedPrecondition,
                (await Assert.ThrowsAsync<RpcException>(() => client.StartWorkflowAsync("Stay", [true], unknown))).Code);

            var moved = await client.StartWorkflowAsync("Stay", [], new(id: "moved", taskQueue: Queue));
            Assert.Equal("one", await moved.QueryAsync<string>("Where", []));
            await client.WorkflowService.UpdateWorkflowExecutionOptionsAsync(new()
            {
                Namespace = "default", WorkflowExecution = new() { WorkflowId = "moved" }, UpdateMask = new() { Paths = { "versioning_override" } },
                WorkflowExecutionOptions = new()
                {
                    VersioningOverride = new() { Pinned = new() { Behavior = Temporalio.Api.Workflow.V1.VersioningOverride.Types.PinnedOverrideBehavior.Pinned, Version = new() { DeploymentName = "shop", BuildId = "2" } } },
                },
            });
            await moved.SignalAsync("Release", []);
            Assert.Equal("two", await moved.GetResultAsync<string>());
            Assert.Contains((await moved.FetchHistoryAsync()).Events, item => item.EventType == EventType.WorkflowExecutionOptionsUpdated);
        }));
    }

    [Fact]
    public async Task Children_and_continued_runs_of_a_pinned_workflow_are_pinned_too()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var one = Worker(client, "1", typeof(StayOne), typeof(ParentOne));
        using var two = Worker(client, "2", typeof(StayTwo));
        await one.ExecuteAsync(() => two.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            var parent = await client.StartWorkflowAsync("Parent", [false], new(id: "parent", taskQueue: Queue));
            Assert.Equal("waits", await parent.QueryAsync<string>("Where", []));
            await SetCurrentAsync(client, "2");
            await parent.SignalAsync("Release", []);

            // The parent continued as new, and that run's child ran where the parent began.
            Assert.Equal("one", await parent.GetResultAsync<string>());
            var started = (await client.GetWorkflowHandle("parent").FetchHistoryAsync()).Events.First().WorkflowExecutionStartedEventAttributes;
            Assert.Equal("1", started.InheritedPinnedVersion.BuildId);
        }));
    }

    [Fact]
    public async Task Activities_go_with_their_workflow()
    {
        await using var server = await DurableServer.StartAsync();
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var one = Worker(client, "1", [typeof(CallerOne)], "one");
        using var two = Worker(client, "2", [typeof(StayTwo)], "two");
        await one.ExecuteAsync(() => two.ExecuteAsync(async () =>
        {
            await SetCurrentAsync(client, "1");
            var caller = await client.StartWorkflowAsync("Caller", [], new(id: "caller", taskQueue: Queue));
            Assert.Equal("waits", await caller.QueryAsync<string>("Where", []));
            await SetCurrentAsync(client, "2");
            await caller.SignalAsync("Release", []);
            Assert.Equal("one", await caller.GetResultAsync<string>());
        }));
    }

    private static TemporalWorker Worker(TemporalClient client, string buildId, params Type[] workflows) => Worker(client, buildId, workflows, buildId);

    private static TemporalWorker Worker(TemporalClient client, string buildId, Type[] workflows, string activityResult)
    {
        var options = new TemporalWorkerOptions(Queue)
        {
            DeploymentOptions = new(new("shop", buildId), true) { DefaultVersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned },
        };
        foreach (var workflow in workflows)
        {
            options.AddWorkflow(workflow);
        }

        options.AddActivity(Temporalio.Activities.ActivityDefinition.Create("Where", typeof(string), [], 0, _ => activityResult));
        return new TemporalWorker(client, options);
    }

    private static async Task SetCurrentAsync(TemporalClient client, string buildId)
    {
        await WaitForVersionAsync(client, buildId);
        await client.WorkflowService.SetWorkerDeploymentCurrentVersionAsync(new() { Namespace = "default", DeploymentName = "shop", BuildId = buildId });
    }

    /// <summary>Workers make their version known with their first polls.</summary>
    private static async Task WaitForVersionAsync(TemporalClient client, string buildId)
    {
        while (true)
        {
            try
            {
                var described = await client.WorkflowService.DescribeWorkerDeploymentVersionAsync(
                    new() { Namespace = "default", DeploymentVersion = new() { DeploymentName = "shop", BuildId = buildId } });
                if (described.VersionTaskQueues.Count >= 2)
                {
                    return;
                }
            }
            catch (RpcException missing) when (missing.Code == RpcException.StatusCode.NotFound)
            {
            }
        }
    }

    private static Task<Temporalio.Api.WorkflowService.V1.DescribeWorkflowExecutionResponse> DescribeAsync(TemporalClient client, string id) =>
        client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = "default", Execution = new() { WorkflowId = id } });

    /// <summary>A workflow that waits for a signal, and tells which version it runs as.</summary>
    public abstract class Waits(string version)
    {
        private bool released;

        [WorkflowSignal]
        public Task ReleaseAsync()
        {
            released = true;
            return Task.CompletedTask;
        }

        [WorkflowQuery]
        public string Where() => version;

        protected async Task<string> ReleasedAsync(bool atOnce = false)
        {
            await Workflow.WaitConditionAsync(() => atOnce || released);
            return version;
        }
    }

    [Workflow("Stay", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class StayOne() : Waits("one")
    {
        [WorkflowRun]
        public Task<string> RunAsync(bool atOnce = false) => ReleasedAsync(atOnce);
    }

    [Workflow("Stay", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class StayTwo() : Waits("two")
    {
        [WorkflowRun]
        public Task<string> RunAsync(bool atOnce = false) => ReleasedAsync(atOnce);
    }

    [Workflow("Follow", VersioningBehavior = Temporalio.Common.VersioningBehavior.AutoUpgrade)]
    public class FollowOne() : Waits("one")
    {
        [WorkflowRun]
        public Task<string> RunAsync() => ReleasedAsync();
    }

    [Workflow("Follow", VersioningBehavior = Temporalio.Common.VersioningBehavior.AutoUpgrade)]
    public class FollowTwo() : Waits("two")
    {
        [WorkflowRun]
        public Task<string> RunAsync() => ReleasedAsync();
    }

    [Workflow("Parent", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class ParentOne() : Waits("waits")
    {
        [WorkflowRun]
        public async Task<string> RunAsync(bool continued)
        {
            if (continued)
            {
                return await Workflow.ExecuteChildWorkflowAsync<string>("Stay", [true]);
            }

            await ReleasedAsync();
            throw Workflow.CreateContinueAsNewException("Parent", [true]);
        }
    }

    [Workflow("Caller", VersioningBehavior = Temporalio.Common.VersioningBehavior.Pinned)]
    public class CallerOne() : Waits("waits")
    {
        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await ReleasedAsync();
            return await Workflow.ExecuteActivityAsync<string>("Where", [], new() { StartToCloseTimeout = TimeSpan.FromMinutes(1), DisableEagerActivityExecution = true });
        }
    }
}
