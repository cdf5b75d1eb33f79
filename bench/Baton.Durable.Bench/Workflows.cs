using Temporalio.Activities;
using Temporalio.Workflows;

namespace Baton.Durable.Bench;

/// <summary>What a workflow of the load does. Restate has the same ones (bench/restate/service.mjs).</summary>
internal enum Scenario
{
    /// <summary>Returns at once: one workflow task, nothing else.</summary>
    OneTask,

    /// <summary>Three activities, one after the other, that return at once.</summary>
    ThreeActivities,

    /// <summary>The same as local activities.</summary>
    ThreeLocalActivities,
}

public static class Steps
{
    [Activity]
    public static int Next(int n) => n + 1;
}

[Workflow]
public sealed class OneTask
{
    [WorkflowRun]
    public Task<int> RunAsync() => Task.FromResult(3);
}

[Workflow]
public sealed class ThreeActivities
{
    private static readonly ActivityOptions Options = new() { StartToCloseTimeout = TimeSpan.FromMinutes(1) };

    [WorkflowRun]
    public async Task<int> RunAsync()
    {
        var n = 0;
        for (var i = 0; i < 3; i++)
        {
            n = await Workflow.ExecuteActivityAsync(() => Steps.Next(n), Options);
        }
        return n;
    }
}

[Workflow]
public sealed class ThreeLocalActivities
{
    private static readonly LocalActivityOptions Options = new() { StartToCloseTimeout = TimeSpan.FromMinutes(1) };

    [WorkflowRun]
    public async Task<int> RunAsync()
    {
        var n = 0;
        for (var i = 0; i < 3; i++)
        {
            n = await Workflow.ExecuteLocalActivityAsync(() => Steps.Next(n), Options);
        }
        return n;
    }
}

/// <summary>Stays open until the signal comes.</summary>
[Workflow]
public sealed class Waiting
{
    private bool released;

    [WorkflowRun]
    public Task RunAsync() => Workflow.WaitConditionAsync(() => released);

    [WorkflowSignal]
    public Task ReleaseAsync()
    {
        released = true;
        return Task.CompletedTask;
    }
}
