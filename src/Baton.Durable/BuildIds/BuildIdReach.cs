using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.BuildIds;

/// <summary>Whether workers of a build id may still be given tasks, so that they may not be stopped yet. Asked of visibility, which is never behind.</summary>
internal static class BuildIdReach
{
    private const string Open = "ExecutionStatus IN ('Running', 'Paused')";

    /// <summary>By version sets of a queue.</summary>
    /// <param name="buildId">Empty for workers without one.</param>
    public static List<TaskReachability> OfSets(IDurableStore store, NamespaceEntry space, BuildIdState? state, string queue, string buildId, TaskReachability wanted)
    {
        var sets = state?.Sets ?? [];
        bool isDefault;
        IEnumerable<string> marks;
        if (buildId.Length == 0)
        {
            (isDefault, marks) = (sets.Count == 0, ["unversioned"]);
        }
        else if (state is not null && BuildIdSets.Find(state, buildId) is { } set && set.BuildIds[^1] == buildId)
        {
            (isDefault, marks) = (set == sets[^1], set.BuildIds.Select(static id => "versioned:" + id));
        }
        else
        {
            return [];
        }

        List<TaskReachability> found = isDefault ? [TaskReachability.NewWorkflows] : [];
        var filter = In(marks);
        if (isDefault && wanted != TaskReachability.ClosedWorkflows)
        {
            // Also those that no worker has seen yet.
            filter = $"(BuildIds IS NULL OR {filter})";
        }

        var status = wanted switch
        {
            TaskReachability.OpenWorkflows => " AND " + Open,
            TaskReachability.ClosedWorkflows => $" AND NOT {Open}",
            TaskReachability.Unspecified or TaskReachability.ExistingWorkflows => "",
            TaskReachability.NewWorkflows => null,
            _ => throw ServiceErrors.InvalidArgument($"Unsupported reachability type: {wanted}"),
        };
        if (status is not null && Exists(store, space, queue, filter + status))
        {
            found.Add(wanted == TaskReachability.Unspecified ? TaskReachability.ExistingWorkflows : wanted);
        }

        return found;
    }

    /// <summary>By versioning rules of a queue.</summary>
    /// <param name="hasBacklog">Whether tasks wait for workers of a build id.</param>
    public static BuildIdTaskReachability OfRules(IDurableStore store, NamespaceEntry space, BuildIdState state, string buildId, Func<string, bool> hasBacklog)
    {
        if (BuildIdRules.IsRedirected(state, buildId))
        {
            return BuildIdTaskReachability.Unreachable;
        }

        var all = BuildIdRules.Upstream(state, buildId);
        if (all.Any(id => BuildIdRules.IsAssignable(state, id) || hasBacklog(id)) || Exists(store, space, state.Queue, $"{Marked(all, "assigned:")} AND {Open}"))
        {
            return BuildIdTaskReachability.Reachable;
        }

        return Exists(store, space, state.Queue, $"{Marked(all, "versioned:")} AND NOT {Open}")
            ? BuildIdTaskReachability.ClosedWorkflowsOnly
            : BuildIdTaskReachability.Unreachable;
    }

    private static string Marked(HashSet<string> buildIds, string prefix)
    {
        var filter = In(buildIds.Select(id => id.Length == 0 ? "unversioned" : prefix + id));
        return buildIds.Contains("") ? $"(BuildIds IS NULL OR {filter})" : filter;
    }

    private static string In(IEnumerable<string> values) => $"BuildIds IN ({string.Join(", ", values.Select(VisibilityQuery.Quote))})";

    private static bool Exists(IDurableStore store, NamespaceEntry space, string queue, string filter) =>
        store.Visibility.Count(EntityKind.Workflow, space.Id, VisibilityQuery.Parse($"TaskQueue = {VisibilityQuery.Quote(queue)} AND {filter}", space.CustomAttributes, EntityKind.Workflow)) > 0;
}
