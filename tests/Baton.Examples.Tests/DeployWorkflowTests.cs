using Deploy;
using Temporalio.Activities;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Testing;
using Temporalio.Worker;

namespace Baton.Examples.Tests;

/// <summary>What the workflow decides, with activities that only record, on the time-skipping server that the SDK starts.</summary>
public sealed class DeployWorkflowTests : IAsyncLifetime
{
    private const string TaskQueue = "deploy";

    private readonly RecordedActivities world = new();
    private WorkflowEnvironment environment = null!;

    public async ValueTask InitializeAsync() => environment = await WorkflowEnvironment.StartTimeSkippingAsync(
        new() { TestServer = new() { ExistingPath = Path.Combine(AppContext.BaseDirectory, "baton") } });

    public async ValueTask DisposeAsync() => await environment.DisposeAsync();

    [Fact]
    public async Task Approved_and_healthy_is_deployed()
    {
        var result = await RunAsync(async deploy => await deploy.SignalAsync(workflow => workflow.ApproveAsync("ada")));

        Assert.Equal(new DeployResult(DeployOutcome.Deployed, "new"), result);
        Assert.Equal(["fetch repo ref", "build new", "test new", "activate new", "restart", "check new", "clean up"], world.Acts);
    }

    [Fact]
    public async Task Unhealthy_goes_back_to_what_was_live()
    {
        world.Unhealthy = "new";

        var result = await RunAsync(async deploy => await deploy.SignalAsync(workflow => workflow.ApproveAsync(null)));

        Assert.Equal(new DeployResult(DeployOutcome.RolledBack, "old", "new is ill"), result);
        Assert.Equal(["activate new", "restart", "check new", "activate old", "restart", "check old", "clean up"], world.Acts[3..]);
    }

    [Fact]
    public async Task Unhealthy_with_nothing_before_says_so()
    {
        world.Live = null;
        world.Unhealthy = "new";

        var result = await RunAsync(async deploy => await deploy.SignalAsync(workflow => workflow.ApproveAsync(null)));

        Assert.Equal(new DeployResult(DeployOutcome.Unhealthy, "new", "new is ill"), result);
    }

    [Fact]
    public async Task Rejected_changes_nothing_and_the_first_decision_stands()
    {
        var result = await RunAsync(async deploy =>
        {
            await deploy.SignalAsync(workflow => workflow.RejectAsync("not on a Friday"));
            await deploy.SignalAsync(workflow => workflow.ApproveAsync(null));
        });

        Assert.Equal(new DeployResult(DeployOutcome.Rejected, "old", "rejected: not on a Friday"), result);
        Assert.DoesNotContain("activate new", world.Acts);
    }

    [Fact]
    public async Task Nobody_decides_it_reminds_and_expires_after_a_day()
    {
        var before = await environment.GetCurrentTimeAsync();

        var result = await RunAsync(_ => Task.CompletedTask);

        Assert.Equal(DeployOutcome.Expired, result.Outcome);
        Assert.Equal("old", result.Live);
        Assert.Single(world.Acts, act => act.StartsWith("notify", StringComparison.Ordinal));
        Assert.InRange(await environment.GetCurrentTimeAsync() - before, TimeSpan.FromDays(1), TimeSpan.FromDays(1.1));
    }

    [Fact]
    public async Task A_failing_test_is_not_tried_again_and_nothing_is_deployed()
    {
        world.TestsFail = true;

        var failure = await Assert.ThrowsAsync<WorkflowFailedException>(() => RunAsync(_ => Task.CompletedTask));

        Assert.Contains("the tests failed", failure.InnerException!.InnerException!.Message, StringComparison.Ordinal);
        Assert.Equal(["fetch repo ref", "build new", "test new", "clean up"], world.Acts);
    }

    [Fact]
    public async Task Status_tells_the_phase_and_the_decision()
    {
        await RunAsync(async deploy =>
        {
            while ((await deploy.QueryAsync(workflow => workflow.Status())).Phase != DeployPhase.AwaitingApproval)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
            }
            await deploy.SignalAsync(workflow => workflow.ApproveAsync("ada"));
            Assert.Equal("approved by ada", (await deploy.QueryAsync(workflow => workflow.Status())).Decision);
        });
    }

    private async Task<DeployResult> RunAsync(Func<WorkflowHandle<DeployWorkflow, DeployResult>, Task> act)
    {
        using var worker = new TemporalWorker(
            environment.Client, new TemporalWorkerOptions(TaskQueue).AddWorkflow<DeployWorkflow>().AddAllActivities(world));
        return await worker.ExecuteAsync(async () =>
        {
            var deploy = await environment.Client.StartWorkflowAsync(
                (DeployWorkflow workflow) => workflow.RunAsync("repo", "ref"),
                new(id: $"deploy-{Guid.NewGuid()}", taskQueue: TaskQueue) { IdConflictPolicy = WorkflowIdConflictPolicy.Fail });
            await act(deploy);
            return await deploy.GetResultAsync();
        });
    }

    /// <summary>Activities of the names that the workflow calls, which do nothing but remember.</summary>
    private sealed class RecordedActivities
    {
        public List<string> Acts { get; } = [];

        public string? Live { get; set; } = "old";

        public string? Unhealthy { get; set; }

        public bool TestsFail { get; set; }

        [Activity]
        public Source Fetch(string repo, string @ref)
        {
            Acts.Add($"fetch {repo} {@ref}");
            return new Source("clone", "new");
        }

        [Activity]
        public void Build(Source source) => Acts.Add($"build {source.Revision}");

        [Activity]
        public void Test(Source source)
        {
            Acts.Add($"test {source.Revision}");
            if (TestsFail)
            {
                throw new ApplicationFailureException("the tests failed", "TestsFailed", nonRetryable: true);
            }
        }

        [Activity]
        public void Notify(string message) => Acts.Add($"notify {message}");

        [Activity("Live")]
        public string? LiveRelease() => Live;

        [Activity]
        public void Activate(string revision) => Acts.Add($"activate {revision}");

        [Activity]
        public void Restart() => Acts.Add("restart");

        [Activity]
        public void CheckHealth(string revision)
        {
            Acts.Add($"check {revision}");
            if (revision == Unhealthy)
            {
                throw new ApplicationFailureException($"{revision} is ill", DeployActivities.Unhealthy, nonRetryable: true);
            }
        }

        [Activity]
        public void CleanUp() => Acts.Add("clean up");
    }
}
