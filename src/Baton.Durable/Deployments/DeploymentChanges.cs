using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Deployments;

/// <summary>How deployments change. Each change checks first, works on a copy and puts it to the registry.</summary>
internal static class DeploymentChanges
{
    /// <summary>A worker of a version polls a queue: what is new of that is remembered.</summary>
    /// <exception cref="ServiceException">RESOURCE_EXHAUSTED: there are too many already.</exception>
    public static void Register(Step step, string namespaceId, WorkerVersion version, string queue, TaskKind kind)
    {
        var deployments = step.Core.Deployments;
        if (deployments.HasQueue(namespaceId, version, queue, kind))
        {
            return;
        }

        var state = deployments.Find(namespaceId, version.Deployment)?.Clone() ?? New(step, namespaceId, version.Deployment);
        var known = AddVersion(step, state, version.BuildId);
        if (known.TaskQueues.Count >= DeploymentRegistry.MaxQueues)
        {
            throw TooMany($"cannot add task queue {queue} since maximum number of task queues ({DeploymentRegistry.MaxQueues}) have been registered in deployment");
        }

        known.TaskQueues.Add(new VersionTaskQueue { Name = queue, Kind = (int)kind });
        deployments.Put(step, state);
    }

    public static DeploymentState New(Step step, string namespaceId, string name) =>
        step.Core.Deployments.Of(namespaceId).Count() < DeploymentRegistry.MaxDeployments
            ? new DeploymentState { NamespaceId = namespaceId, Name = name, Created = step.Now, Revision = 1 }
            : throw TooMany($"reached maximum deployments in namespace ({DeploymentRegistry.MaxDeployments})");

    /// <summary>The version of a copy, made when it is not there. When there are too many the oldest that nobody needs goes.</summary>
    public static DeploymentVersionState AddVersion(Step step, DeploymentState copy, string buildId)
    {
        if (copy.Versions.TryGetValue(buildId, out var known))
        {
            return known;
        }

        if (copy.Versions.Count >= DeploymentRegistry.MaxVersions)
        {
            var oldest = copy.Versions.Values.OrderBy(static version => version.Created).FirstOrDefault(version => WhyNotDelete(step, copy, version, skipDrainage: false) is null)
                ?? throw TooMany($"cannot add version {new WorkerVersion(copy.Name, buildId)} since maximum number of versions ({DeploymentRegistry.MaxVersions}) have been registered in the deployment");
            copy.Versions.Remove(oldest.BuildId);
        }

        return copy.Versions[buildId] = new DeploymentVersionState { BuildId = buildId, Created = step.Now };
    }

    /// <param name="buildId">Empty for workers without versions.</param>
    public static void SetCurrent(Step step, DeploymentState old, string buildId, string identity, bool ignoreMissingQueues)
    {
        if (old.CurrentBuildId == buildId && old.LastModifier == identity && (buildId.Length == 0 || old.Versions.ContainsKey(buildId)))
        {
            return;
        }

        var version = new WorkerVersion(old.Name, buildId);
        if (buildId.Length > 0 && !ignoreMissingQueues && IsMissingQueues(step, old, buildId))
        {
            throw ServiceErrors.FailedPrecondition(
                $"proposed current version '{version}' is missing active task queues from the current version; these would become unversioned if it is set as the current version");
        }

        var state = Changed(old, identity);
        if (state.CurrentBuildId != buildId)
        {
            Deactivate(step, state, state.CurrentBuildId);
            state.CurrentBuildId = buildId;
            state.CurrentChanged = step.Now;
        }

        if (state.HasRamp && state.RampingBuildId == buildId)
        {
            EndRamp(step, state);
        }

        if (state.Versions.TryGetValue(buildId, out var current))
        {
            Activate(step, current, identity);
            current.RampingSince = 0;
            current.CurrentSince = current.CurrentSince == 0 ? step.Now : current.CurrentSince;
            current.LastCurrent = step.Now;
        }

        step.Core.Deployments.Put(step, state);
    }

    /// <param name="buildId">Empty for workers without versions, or with no percentage to end the ramp.</param>
    public static void SetRamp(Step step, DeploymentState old, string buildId, float percentage, string identity, bool ignoreMissingQueues)
    {
        var ends = buildId.Length == 0 && percentage == 0;
        if (ends ? !old.HasRamp : old.HasRamp && old.RampingBuildId == buildId && old.RampPercentage == percentage && old.LastModifier == identity)
        {
            return;
        }

        var version = new WorkerVersion(old.Name, buildId);
        if (!ends && old.CurrentBuildId == buildId)
        {
            throw ServiceErrors.FailedPrecondition($"requested ramping version {(version.IsNone ? WorkerVersion.UnversionedName : version.ToString())} is already current");
        }

        if (buildId.Length > 0 && !ignoreMissingQueues && !(old.HasRamp && old.RampingBuildId == buildId) && IsMissingQueues(step, old, buildId))
        {
            throw ServiceErrors.FailedPrecondition(
                $"proposed ramping version '{version}' is missing active task queues from the current version; these would become unversioned if it is set as the ramping version");
        }

        var state = Changed(old, identity);
        if (state.HasRamp && (ends || state.RampingBuildId != buildId))
        {
            Deactivate(step, state, state.RampingBuildId);
            EndRamp(step, state);
        }

        if (!ends)
        {
            if (!state.HasRamp)
            {
                state.RampingChanged = step.Now;
            }

            state.HasRamp = true;
            state.RampingBuildId = buildId;
            state.RampPercentage = percentage;
            state.RampPercentageChanged = step.Now;
            if (state.Versions.TryGetValue(buildId, out var ramping))
            {
                Activate(step, ramping, identity);
                ramping.RampingSince = ramping.RampingSince == 0 ? step.Now : ramping.RampingSince;
            }
        }

        step.Core.Deployments.Put(step, state);
    }

    public static void SetManager(Step step, DeploymentState old, string manager, string identity)
    {
        var state = Changed(old, identity);
        state.Manager = manager;
        step.Core.Deployments.Put(step, state);
    }

    public static void DeleteVersion(Step step, DeploymentState old, DeploymentVersionState version, bool skipDrainage, string identity)
    {
        if (WhyNotDelete(step, old, version, skipDrainage) is { } reason)
        {
            throw ServiceErrors.FailedPrecondition($"version '{new WorkerVersion(old.Name, version.BuildId)}' cannot be deleted since it {reason}");
        }

        var state = Changed(old, identity);
        state.Versions.Remove(version.BuildId);
        step.Core.Deployments.Put(step, state);
    }

    /// <summary>No open run is pinned to a draining version any more; or one is again to a drained one.</summary>
    public static void SetDrainage(Step step, DeploymentState old, string buildId, VersionDrainageStatus status)
    {
        var state = old.Clone();
        var version = state.Versions[buildId];
        version.DrainageChecked = step.Now;
        if (version.Drainage != (int)status)
        {
            version.Drainage = (int)status;
            version.DrainageChanged = step.Now;
        }

        step.Core.Deployments.Put(step, state);
    }

    public static void UpdateMetadata(DeploymentVersionState copy, IEnumerable<KeyValuePair<string, Payload>> upsert, IEnumerable<string> remove)
    {
        foreach (var name in remove)
        {
            copy.Metadata.Remove(name);
        }

        foreach (var (name, payload) in upsert)
        {
            copy.Metadata[name] = payload.ToByteString();
        }
    }

    /// <summary>A run is being pinned to a version by hand: if that was drained, it is no longer.</summary>
    public static void Reactivate(Step step, string namespaceId, WorkerVersion version)
    {
        if (step.Core.Deployments.Find(namespaceId, version) is { Drainage: (int)VersionDrainageStatus.Drained })
        {
            SetDrainage(step, step.Core.Deployments.Find(namespaceId, version.Deployment)!, version.BuildId, VersionDrainageStatus.Draining);
        }
    }

    private static string? WhyNotDelete(Step step, DeploymentState state, DeploymentVersionState version, bool skipDrainage)
    {
        if (state.CurrentBuildId == version.BuildId || (state.HasRamp && state.RampingBuildId == version.BuildId))
        {
            return "is current or ramping";
        }

        if (!skipDrainage && version.Drainage == (int)VersionDrainageStatus.Draining)
        {
            return "is draining";
        }

        var key = new WorkerVersion(state.Name, version.BuildId);
        return version.TaskQueues.Any(queue => step.Core.Matcher.VersionsOf(state.NamespaceId, queue.Name, (TaskKind)queue.Kind)
            .Any(waiting => waiting.Key.Deployment == key.Deployment && waiting.Key.BuildId == key.BuildId && (waiting.HasPoller || waiting.Seen(step.Now).Any())))
            ? "has active pollers"
            : null;
    }

    /// <summary>Queues that are in use and go to the current version now would have no workers of a version.</summary>
    private static bool IsMissingQueues(Step step, DeploymentState state, string buildId)
    {
        if (!state.Versions.TryGetValue(state.CurrentBuildId, out var current) || !state.Versions.TryGetValue(buildId, out var next))
        {
            return false;
        }

        return current.TaskQueues.Except(next.TaskQueues).Any(queue =>
        {
            var kind = (TaskKind)queue.Kind;
            return step.Core.Deployments.RoutingOf(state.NamespaceId, queue.Name, kind).Current == new WorkerVersion(state.Name, state.CurrentBuildId)
                && step.Core.Matcher.VersionsOf(state.NamespaceId, queue.Name, kind).Any(waiting => waiting.Backlog.Count > 0 || waiting.Added.Rate(step.Now) > 0);
        });
    }

    private static DeploymentState Changed(DeploymentState old, string identity)
    {
        var state = old.Clone();
        state.Revision++;
        state.LastModifier = identity;
        return state;
    }

    private static void Activate(Step step, DeploymentVersionState version, string identity)
    {
        version.RoutingChanged = step.Now;
        version.FirstActivated = version.FirstActivated == 0 ? step.Now : version.FirstActivated;
        version.Drainage = (int)VersionDrainageStatus.Unspecified;
        version.DrainageChanged = 0;
        version.DrainageChecked = 0;
        version.LastModifier = identity;
    }

    private static void Deactivate(Step step, DeploymentState state, string buildId)
    {
        if (state.Versions.TryGetValue(buildId, out var version))
        {
            version.LastCurrent = version.CurrentSince > 0 ? step.Now : version.LastCurrent;
            version.CurrentSince = 0;
            version.RampingSince = 0;
            version.RoutingChanged = step.Now;
            version.LastDeactivated = step.Now;
            version.Drainage = (int)VersionDrainageStatus.Draining;
            version.DrainageChanged = step.Now;
            version.DrainageChecked = step.Now;
        }
    }

    private static void EndRamp(Step step, DeploymentState state)
    {
        state.HasRamp = false;
        state.RampingBuildId = "";
        state.RampPercentage = 0;
        state.RampingChanged = step.Now;
        state.RampPercentageChanged = step.Now;
    }

    private static ServiceException TooMany(string message) => ServiceErrors.ResourceExhausted(ResourceExhaustedCause.ConcurrentLimit, message);
}
