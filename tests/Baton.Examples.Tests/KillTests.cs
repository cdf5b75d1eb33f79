using System.Net;
using Deploy;
using Temporalio.Client;

namespace Baton.Examples.Tests;

/// <summary>
/// Kills service, worker, and server with supervisor, with SIGKILL, in every phase of a deploy: the outcome is that of
/// an undisturbed one.
/// </summary>
public abstract class KillTests : IAsyncDisposable
{
    private protected DeployProject Project { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await Project.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Waits until the deploy stands at a gate, kills everything, each time until it stands there again, and opens the gate.</summary>
    private protected async Task KillEverythingAtAsync(string gate)
    {
        await ArriveAsync(gate, 1);
        await Project.KillAsync("web");
        await Project.KillAsync("worker");
        await ArriveAsync(gate, 2);
        await Project.KillHostAsync();
        await ArriveAsync(gate, 3);
        Project.Gates.Open(gate);
    }

    private protected async Task<DeployResult> ResultAsync(WorkflowHandle<DeployWorkflow, DeployResult> deploy)
    {
        try
        {
            return await deploy.GetResultAsync();
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"the deploy failed; the host said:\n{Project.Log()}", exception);
        }
    }

    private protected async Task AssertLiveAsync(string revision)
    {
        await Eventually.HoldsAsync($"{revision} answers", async () => await Project.HealthAsync() == (HttpStatusCode.OK, revision));
        Assert.Empty(Project.Scratch());
    }

    private Task ArriveAsync(string gate, int times) => Eventually.HoldsAsync(
        $"attempt {times} stands at {gate}\n{Project.Log()}", () => Project.Gates.Arrivals(gate) >= times);
}

public sealed class KilledDeployTests(SampleService service) : KillTests
{
    [Fact]
    public async Task A_deploy_killed_in_every_phase_is_deployed()
    {
        await Project.StartAsync(service.Published);
        var deploy = await Project.DeployAsync("good");

        await KillEverythingAtAsync("build");
        await KillEverythingAtAsync("test");

        await AwaitsApprovalAsync(deploy);
        await Project.KillAsync("worker");
        await Project.KillHostAsync();
        await AwaitsApprovalAsync(deploy);
        await deploy.SignalAsync(workflow => workflow.ApproveAsync("ada"));

        await KillEverythingAtAsync("before-restart");
        await KillEverythingAtAsync("after-restart");

        var revision = await Project.RevisionOfAsync("good");
        Assert.Equal(new DeployResult(DeployOutcome.Deployed, revision), await ResultAsync(deploy));
        await AssertLiveAsync(revision);
    }

    private static Task AwaitsApprovalAsync(WorkflowHandle<DeployWorkflow, DeployResult> deploy) => Eventually.HoldsAsync(
        "it awaits approval", async () => (await deploy.QueryAsync(workflow => workflow.Status())).Phase == DeployPhase.AwaitingApproval);
}

public sealed class KilledRollbackTests(SampleService service) : KillTests
{
    [Fact]
    public async Task A_rollback_killed_in_every_phase_is_rolled_back()
    {
        await Project.StartAsync(service.Published);
        string[] gates = ["build", "test", "before-restart", "after-restart"];
        Array.ForEach(gates, Project.Gates.Open);
        var first = await Project.DeployAsync("good");
        await first.SignalAsync(workflow => workflow.ApproveAsync(null));
        var good = await Project.RevisionOfAsync("good");
        Assert.Equal(new DeployResult(DeployOutcome.Deployed, good), await ResultAsync(first));

        Project.Gates.Close("before-restart");
        Project.Gates.Close("after-restart");
        var second = await Project.DeployAsync("bad");
        await second.SignalAsync(workflow => workflow.ApproveAsync(null));
        await KillEverythingAtAsync("before-restart");
        await KillEverythingAtAsync("after-restart");
        Project.Gates.Close("before-restart");

        // The release is unhealthy; the health check takes its whole patience, and is killed in the midst of it.
        await Eventually.HoldsAsync("the bad release answers", async () => (await Project.HealthAsync()).Code == HttpStatusCode.ServiceUnavailable);
        await Project.KillAsync("worker");
        await Project.KillHostAsync();

        await KillEverythingAtAsync("before-restart");

        var result = await ResultAsync(second);
        Assert.Equal((DeployOutcome.RolledBack, good), (result.Outcome, result.Live));
        Assert.Contains("GREETINGS_DATABASE is not set", result.Detail, StringComparison.Ordinal);
        await AssertLiveAsync(good);
    }
}
