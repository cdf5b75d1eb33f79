using Temporalio.Common;
using Temporalio.Exceptions;
using Temporalio.Workflows;

namespace Deploy;

/// <summary>
/// Deploys a revision of a repository: (1) fetch; (2) build and test; (3) wait for a person; (4) switch and restart;
/// (5) check, and (6) go back to what was live before when the check fails.
/// </summary>
[Workflow]
public sealed class DeployWorkflow
{
    private static readonly TimeSpan ReminderAfter = TimeSpan.FromHours(1);
    private static readonly TimeSpan ExpiresAfter = TimeSpan.FromDays(1);

    private DeployStatus status;
    private bool? approved;

    [WorkflowInit]
    public DeployWorkflow(string repo, string @ref) =>
        status = new DeployStatus(DeployPhase.Fetching, repo, @ref, null, null);

    [WorkflowQuery("status")]
    public DeployStatus Status() => status;

    /// <param name="by">Who approves, for the record.</param>
    [WorkflowSignal("approve")]
    public Task ApproveAsync(string? by = null) => DecideAsync(true, by is null ? "approved" : $"approved by {by}");

    /// <param name="reason">Why, for the record.</param>
    [WorkflowSignal("reject")]
    public Task RejectAsync(string? reason = null) => DecideAsync(false, reason is null ? "rejected" : $"rejected: {reason}");

    [WorkflowRun]
    public async Task<DeployResult> RunAsync(string repo, string @ref)
    {
        try
        {
            return await DeployAsync(repo, @ref);
        }
        finally
        {
            // Also when it was cancelled: the scratch folder goes, whatever the outcome.
            await Run(activities => activities.CleanUpAsync(), TimeSpan.FromMinutes(5), CancellationToken.None);
            Enter(DeployPhase.Done);
        }
    }

    private async Task<DeployResult> DeployAsync(string repo, string @ref)
    {
        var source = await Run(activities => activities.FetchAsync(repo, @ref), TimeSpan.FromMinutes(10));
        status = status with { Revision = source.Revision };

        Enter(DeployPhase.Building);
        await Run(activities => activities.BuildAsync(source), TimeSpan.FromMinutes(30));
        Enter(DeployPhase.Testing);
        await Run(activities => activities.TestAsync(source), TimeSpan.FromMinutes(30));

        Enter(DeployPhase.AwaitingApproval);
        await DecisionAsync(source.Revision);
        var before = await Run(activities => activities.LiveAsync(), TimeSpan.FromMinutes(1));
        if (approved is not true)
        {
            return new DeployResult(approved is null ? DeployOutcome.Expired : DeployOutcome.Rejected, before, status.Decision);
        }

        // From the first switch to the last check it is all or nothing: a cancellation waits.
        var unhealthy = await SwitchAsync(source.Revision);
        if (unhealthy is null)
        {
            return new DeployResult(DeployOutcome.Deployed, source.Revision);
        }
        if (before is null || before == source.Revision)
        {
            return new DeployResult(DeployOutcome.Unhealthy, source.Revision, unhealthy);
        }
        Enter(DeployPhase.RollingBack);
        return await SwitchAsync(before) is { } alsoUnhealthy
            ? throw new ApplicationFailureException($"{unhealthy}; and after going back to {before}: {alsoUnhealthy}", "RollbackFailed", nonRetryable: true)
            : new DeployResult(DeployOutcome.RolledBack, before, unhealthy);
    }

    private async Task DecisionAsync(string revision)
    {
        if (await Workflow.WaitConditionAsync(() => approved is not null, ReminderAfter))
        {
            return;
        }
        await Run(activities => activities.NotifyAsync($"{status.Repo} {status.Ref} ({revision}) waits for approval"), TimeSpan.FromMinutes(1));
        if (!await Workflow.WaitConditionAsync(() => approved is not null, ExpiresAfter - ReminderAfter))
        {
            status = status with { Decision = "nobody decided within a day" };
        }
    }

    /// <summary>Makes a release live. Answers why it is not healthy, or null when it is.</summary>
    private async Task<string?> SwitchAsync(string revision)
    {
        var goingBack = status.Phase == DeployPhase.RollingBack;
        Enter(goingBack ? DeployPhase.RollingBack : DeployPhase.Deploying);
        await Run(activities => activities.ActivateAsync(revision), TimeSpan.FromMinutes(1), CancellationToken.None);
        await Run(activities => activities.RestartAsync(), TimeSpan.FromMinutes(5), CancellationToken.None);
        Enter(goingBack ? DeployPhase.RollingBack : DeployPhase.CheckingHealth);
        try
        {
            await Run(activities => activities.CheckHealthAsync(revision), TimeSpan.FromMinutes(10), CancellationToken.None);
            return null;
        }
        catch (ActivityFailureException failure) when (failure.InnerException is ApplicationFailureException { ErrorType: DeployActivities.Unhealthy } cause)
        {
            return cause.Message;
        }
    }

    private Task DecideAsync(bool approve, string words)
    {
        // The first decision stands.
        if (approved is null)
        {
            approved = approve;
            status = status with { Decision = words };
        }
        return Task.CompletedTask;
    }

    private void Enter(DeployPhase phase) => status = status with { Phase = phase };

    private static Task Run(System.Linq.Expressions.Expression<Func<DeployActivities, Task>> call, TimeSpan limit, CancellationToken? cancel = null) =>
        Workflow.ExecuteActivityAsync(call, Options(limit, cancel));

    private static Task<T> Run<T>(System.Linq.Expressions.Expression<Func<DeployActivities, Task<T>>> call, TimeSpan limit, CancellationToken? cancel = null) =>
        Workflow.ExecuteActivityAsync(call, Options(limit, cancel));

    // Attempts are not limited: an activity knows which of its failures another attempt cannot mend and says so, and all
    // others (a killed worker, a service manager that is down) pass. Heartbeats tell a killed worker within seconds.
    private static ActivityOptions Options(TimeSpan limit, CancellationToken? cancel) => new()
    {
        StartToCloseTimeout = limit,
        HeartbeatTimeout = TimeSpan.FromSeconds(10),
        RetryPolicy = new RetryPolicy
        {
            InitialInterval = TimeSpan.FromSeconds(1),
            BackoffCoefficient = 2,
            MaximumInterval = TimeSpan.FromSeconds(30),
        },
        CancellationToken = cancel ?? Workflow.CancellationToken,
    };
}
