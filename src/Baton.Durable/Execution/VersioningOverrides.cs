using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Workflow.V1;
using PinnedBehavior = Temporalio.Api.Workflow.V1.VersioningOverride.Types.PinnedOverrideBehavior;

namespace Baton.Durable.Execution;

/// <summary>Versioning overrides: what they say in their newer and older fields, and whether they can be followed.</summary>
internal static class VersioningOverrides
{
    public static VersioningBehavior BehaviorOf(VersioningOverride wanted) => wanted.OverrideCase switch
    {
        VersioningOverride.OverrideOneofCase.AutoUpgrade => VersioningBehavior.AutoUpgrade,
        VersioningOverride.OverrideOneofCase.Pinned => VersioningBehavior.Pinned,
        _ => wanted.Behavior,
    };

    /// <summary>None unless it pins.</summary>
    public static WorkerVersion PinnedTo(VersioningOverride wanted) => BehaviorOf(wanted) != VersioningBehavior.Pinned ? WorkerVersion.None
        : wanted.Pinned?.Version is { } version ? WorkerVersion.Of(version)
        : wanted.Deployment is { } deployment ? new WorkerVersion(deployment.SeriesName, deployment.BuildId)
        : WorkerVersion.ParseOlder(wanted.PinnedVersion) ?? WorkerVersion.None;

    /// <exception cref="ServiceException">INVALID_ARGUMENT: it contradicts itself. FAILED_PRECONDITION: its version does not serve the queue.</exception>
    public static VersioningOverride Require(Step step, string namespaceId, string queue, VersioningOverride wanted)
    {
        if (Problem(wanted) is { } problem)
        {
            throw ServiceErrors.InvalidArgument(problem);
        }

        if (PinnedTo(wanted) is { IsNone: false } version && !step.Core.Deployments.HasQueue(namespaceId, version, queue, TaskKind.Workflow))
        {
            throw ServiceErrors.FailedPrecondition($"Pinned version '{version}' is not present in task queue '{queue}' of type 'Workflow'");
        }

        return Normalize(wanted);
    }

    public static bool IsUsable(Step step, string namespaceId, string queue, VersioningOverride wanted) =>
        Problem(wanted) is null
        && (PinnedTo(wanted) is { IsNone: true } || step.Core.Deployments.HasQueue(namespaceId, PinnedTo(wanted), queue, TaskKind.Workflow));

    /// <summary>In the newer fields, whichever it came in; the older ones stay for clients that read them.</summary>
    public static VersioningOverride Normalize(VersioningOverride wanted)
    {
        var full = wanted.Clone();
        full.Behavior = BehaviorOf(wanted);
        if (full.Behavior == VersioningBehavior.AutoUpgrade)
        {
            full.AutoUpgrade = true;
            return full;
        }

        var version = PinnedTo(wanted);
        full.Pinned = new() { Behavior = PinnedBehavior.Pinned, Version = version.ToApi() };
        full.PinnedVersion = version.ToOlderString();
        return full;
    }

    private static string? Problem(VersioningOverride wanted) => wanted switch
    {
        { OverrideCase: VersioningOverride.OverrideOneofCase.OneTime } => "one-time versioning overrides are not supported by this server.",
        { OverrideCase: VersioningOverride.OverrideOneofCase.AutoUpgrade } => null,
        { Pinned.Version: null } => "must provide version if override is pinned.",
        { Pinned.Behavior: PinnedBehavior.Unspecified } => "must specify pinned override behavior if override is pinned.",
        { Pinned: not null } => null,
        { Behavior: VersioningBehavior.Pinned, Deployment: null, PinnedVersion: "" } => "must provide deployment (deprecated) or pinned version if behavior is 'PINNED'",
        { Behavior: VersioningBehavior.Pinned } => PinnedTo(wanted).IsNone
            ? $"invalid version string \"{wanted.PinnedVersion}\", expected format is \"<deployment_name>.<build_id>\""
            : null,
        { Behavior: VersioningBehavior.AutoUpgrade, Deployment: not null } => "only provide deployment if behavior is 'PINNED'",
        { Behavior: VersioningBehavior.AutoUpgrade, PinnedVersion.Length: > 0 } => "only provide pinned version if behavior is 'PINNED'",
        { Behavior: VersioningBehavior.AutoUpgrade } => null,
        _ => "override behavior is required",
    };
}
