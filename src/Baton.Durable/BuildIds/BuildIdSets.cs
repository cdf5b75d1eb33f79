using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.UpdateWorkerBuildIdCompatibilityRequest.OperationOneofCase;

namespace Baton.Durable.BuildIds;

/// <summary>
/// Version sets: build ids that can go on with each other's workflows. New workflows go to the last set; the tasks of a set go to its last build id.
/// </summary>
internal static class BuildIdSets
{
    private const int MaxSets = 10;
    private const int MaxBuildIds = 100;

    public static BuildIdSet? Find(BuildIdState state, string buildId)
    {
        foreach (var set in state.Sets)
        {
            if (set.BuildIds.Contains(buildId))
            {
                return set;
            }
        }

        return null;
    }

    /// <returns>Whether the copy was changed; a request that was followed before changes nothing.</returns>
    /// <exception cref="ServiceException">INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION.</exception>
    public static bool Apply(BuildIdState copy, UpdateWorkerBuildIdCompatibilityRequest request, long now)
    {
        var changed = request.OperationCase switch
        {
            Operation.AddNewBuildIdInNewDefaultSet => AddSet(copy, request.AddNewBuildIdInNewDefaultSet, now),
            Operation.AddNewCompatibleBuildId => AddCompatible(copy, request.AddNewCompatibleBuildId, now),
            Operation.PromoteSetByBuildId => PromoteSet(copy, Require(copy, request.PromoteSetByBuildId, "version"), now),
            Operation.PromoteBuildIdWithinSet => PromoteBuildId(Require(copy, request.PromoteBuildIdWithinSet, "version"), request.PromoteBuildIdWithinSet),
            Operation.MergeSets => Merge(copy, request.MergeSets),
            _ => throw ServiceErrors.InvalidArgument("Operation is not set on request."),
        };
        if (copy.Sets.Count > MaxSets)
        {
            throw ServiceErrors.FailedPrecondition($"update would exceed number of compatible version sets permitted in namespace ({copy.Sets.Count}/{MaxSets})");
        }

        var count = copy.Sets.Sum(static set => set.BuildIds.Count);
        return count <= MaxBuildIds
            ? changed
            : throw ServiceErrors.FailedPrecondition($"update would exceed number of build IDs permitted in namespace ({count}/{MaxBuildIds})");
    }

    private static bool AddSet(BuildIdState copy, string buildId, long now)
    {
        if (copy.Sets.LastOrDefault() is { BuildIds.Count: 1 } last && last.BuildIds[0] == buildId)
        {
            return false;
        }

        RequireNew(copy, buildId);
        copy.Sets.Add(new BuildIdSet { Id = buildId, BuildIds = { buildId }, BecameDefault = now });
        return true;
    }

    private static bool AddCompatible(BuildIdState copy, UpdateWorkerBuildIdCompatibilityRequest.Types.AddNewCompatibleVersion request, long now)
    {
        var set = Require(copy, request.ExistingCompatibleBuildId, "compatible_version");
        if (Find(copy, request.NewBuildId) is { } known)
        {
            return known != set
                ? throw ServiceErrors.InvalidArgument(
                    $"{request.NewBuildId} requested to be made compatible with {request.ExistingCompatibleBuildId} but both versions exist and are incompatible")
                : request.MakeSetDefault && set != copy.Sets[^1]
                ? throw ServiceErrors.InvalidArgument($"version {request.NewBuildId} already exists and is not default for queue")
                : set.BuildIds[^1] != request.NewBuildId
                ? throw ServiceErrors.InvalidArgument($"version {request.NewBuildId} already exists and is not default in set")
                : false;
        }

        RequireNew(copy, request.NewBuildId);
        set.BuildIds.Add(request.NewBuildId);
        if (request.MakeSetDefault)
        {
            PromoteSet(copy, set, now);
        }

        return true;
    }

    private static bool PromoteSet(BuildIdState copy, BuildIdSet set, long now)
    {
        if (set == copy.Sets[^1])
        {
            return false;
        }

        copy.Sets.Remove(set);
        copy.Sets.Add(set);
        set.BecameDefault = now;
        return true;
    }

    private static bool PromoteBuildId(BuildIdSet set, string buildId)
    {
        if (set.BuildIds[^1] == buildId)
        {
            return false;
        }

        set.BuildIds.Remove(buildId);
        set.BuildIds.Add(buildId);
        return true;
    }

    /// <summary>One set instead of two, at the place of the one that became default later.</summary>
    private static bool Merge(BuildIdState copy, UpdateWorkerBuildIdCompatibilityRequest.Types.MergeSets request)
    {
        var primary = Require(copy, request.PrimarySetBuildId, "primary version");
        var secondary = Require(copy, request.SecondarySetBuildId, "secondary version");
        if (primary == secondary)
        {
            return false;
        }

        var merged = new BuildIdSet { Id = primary.Id, BuildIds = { secondary.BuildIds, primary.BuildIds }, BecameDefault = Math.Max(primary.BecameDefault, secondary.BecameDefault) };
        var (first, last) = copy.Sets.IndexOf(primary) < copy.Sets.IndexOf(secondary) ? (primary, secondary) : (secondary, primary);
        copy.Sets[copy.Sets.IndexOf(last)] = merged;
        copy.Sets.Remove(first);
        return true;
    }

    private static BuildIdSet Require(BuildIdState state, string buildId, string what) =>
        Find(state, buildId) ?? throw ServiceErrors.NotFound($"targeted {what} {buildId} not found");

    private static void RequireNew(BuildIdState state, string buildId)
    {
        if (Find(state, buildId) is not null)
        {
            throw ServiceErrors.InvalidArgument($"version {buildId} already exists");
        }

        if (BuildIdRules.Names(state, buildId))
        {
            throw ServiceErrors.FailedPrecondition($"build ID {buildId} is already named by a versioning rule of the task queue");
        }
    }
}
