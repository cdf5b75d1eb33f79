using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;

namespace Baton.Durable.BuildIds;

/// <summary>
/// Build ids of task queues: version sets and versioning rules, the ways of versioning before deployments. Documents on disk, objects in memory;
/// all on the engine's loop.
/// </summary>
/// <remarks>
/// Tasks for a build id wait in a queue of that build id. Those for a version set wait in the queue of the build id that the set began with, so
/// that workers that ask before their build id is known wait at the right place already. Rules go before sets; no build id is in both.
/// </remarks>
internal sealed class BuildIdRegistry
{
    private const string DocumentKind = "build-ids";

    private static readonly TaskKind[] kinds = [TaskKind.Workflow, TaskKind.Activity, TaskKind.Nexus];

    private readonly Dictionary<(string NamespaceId, string Queue), BuildIdState> states = [];

    public void Load(IDocumentReader documents)
    {
        states.Clear();
        foreach (var (_, value) in documents.List(DocumentKind))
        {
            var state = BuildIdState.Parser.ParseFrom(value);
            states.Add((state.NamespaceId, state.Queue), state);
        }
    }

    /// <summary>Never change it in place: clone, change and <see cref="Put"/>.</summary>
    public BuildIdState? Find(string namespaceId, string queue) => states.GetValueOrDefault((namespaceId, queue));

    public IEnumerable<BuildIdState> Of(string namespaceId) => states.Values.Where(state => state.NamespaceId == namespaceId);

    /// <summary>Takes in a change, and sends tasks that wait, and workers, where they now belong.</summary>
    public void Put(Step step, BuildIdState state)
    {
        state.Revision++;
        states[(state.NamespaceId, state.Queue)] = state;
        step.PutDocument(DocumentKind, $"{state.NamespaceId}\n{state.Queue}", state.ToByteArray());
        foreach (var kind in kinds)
        {
            step.Core.Matcher.Reroute(step, state.NamespaceId, state.Queue, kind);
        }
    }

    /// <summary>Where a task goes.</summary>
    /// <param name="buildId">Of the workers that the task's workflow is with; empty for one that is with none.</param>
    /// <param name="byRules">No worker has had the workflow yet: rules and default set decide.</param>
    /// <param name="ramp">Where the workflow id falls in ramps.</param>
    public WorkerVersion Target(string namespaceId, string queue, string buildId, bool byRules, int ramp)
    {
        if (buildId.Length == 0 && !byRules)
        {
            return WorkerVersion.None;
        }

        var state = Find(namespaceId, queue);
        if (buildId.Length == 0)
        {
            return state is null ? WorkerVersion.None
                : BuildIdRules.Assign(state, ramp) is { Length: > 0 } assigned ? new("", BuildIdRules.Redirect(state, assigned))
                : new("", state.Sets.LastOrDefault()?.Id ?? "");
        }

        return new("", state is null ? buildId : BuildIdSets.Find(state, buildId)?.Id ?? BuildIdRules.Redirect(state, buildId));
    }

    /// <summary>The build id whose workers now take the tasks of another one, itself when none does.</summary>
    public string Successor(string namespaceId, string queue, string buildId) => Find(namespaceId, queue) is { } state
        ? BuildIdSets.Find(state, buildId)?.BuildIds[^1] ?? BuildIdRules.Redirect(state, buildId)
        : buildId;

    /// <summary>Where new workflows go that no ramp takes in; empty for workers without versioning.</summary>
    public string Default(string namespaceId, string queue) => Target(namespaceId, queue, "", byRules: true, ramp: 0).BuildId;

    public bool IsInSet(string namespaceId, string queue, string buildId) => Find(namespaceId, queue) is { } state && BuildIdSets.Find(state, buildId) is not null;

    /// <summary>Where the workers of a build id ask.</summary>
    /// <exception cref="ServiceException">OUT_OF_RANGE: a newer build takes its tasks.</exception>
    public WorkerVersion PollVersion(string namespaceId, string queue, string buildId)
    {
        var successor = Successor(namespaceId, queue, buildId);
        return successor == buildId
            ? Target(namespaceId, queue, buildId, byRules: false, ramp: 0)
            : throw ServiceErrors.NewerBuildExists(successor);
    }
}
