using System.Runtime.InteropServices;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;

namespace Baton.Durable.Deployments;

/// <summary>
/// Worker deployments, and where they send the tasks of each queue. Documents on disk, objects in memory; all on the engine's loop.
/// </summary>
/// <remarks>
/// A queue belongs to a version once a worker of the version polled it. Tasks that are not pinned go to the version that was made current last
/// among the deployments whose current version has the queue, or, for the workflow ids that a ramp takes in, to the version that was ramped
/// up last. A queue that no current version has is served by workers without versions.
/// </remarks>
internal sealed class DeploymentRegistry
{
    public const int MaxVersions = 100;
    public const int MaxDeployments = 1000;
    public const int MaxQueues = 1000;

    /// <summary>How finely a ramp divides workflow ids.</summary>
    public const int RampSteps = 10_000;

    private const string DocumentKind = "worker-deployment";

    private readonly Dictionary<(string NamespaceId, string Name), DeploymentState> deployments = [];
    private readonly Dictionary<(string NamespaceId, string Queue, TaskKind Kind), QueueRouting> routing = [];

    public void Load(IDocumentReader documents)
    {
        deployments.Clear();
        routing.Clear();
        foreach (var (_, value) in documents.List(DocumentKind))
        {
            var state = DeploymentState.Parser.ParseFrom(value);
            deployments.Add((state.NamespaceId, state.Name), state);
        }

        foreach (var state in deployments.Values)
        {
            foreach (var queue in QueuesOf(state))
            {
                Recompute((state.NamespaceId, queue.Name, (TaskKind)queue.Kind));
            }
        }
    }

    /// <summary>Never change it in place: clone, change and <see cref="Put"/>.</summary>
    public DeploymentState? Find(string namespaceId, string name) => deployments.GetValueOrDefault((namespaceId, name));

    public DeploymentVersionState? Find(string namespaceId, WorkerVersion version) =>
        Find(namespaceId, version.Deployment) is { } state && state.Versions.TryGetValue(version.BuildId, out var found) ? found : null;

    public IEnumerable<DeploymentState> Of(string namespaceId) =>
        deployments.Values.Where(state => state.NamespaceId == namespaceId).OrderBy(static state => state.Name, StringComparer.Ordinal);

    public QueueRouting RoutingOf(string namespaceId, string queue, TaskKind kind) => routing.GetValueOrDefault((namespaceId, queue, kind));

    public bool HasQueue(string namespaceId, WorkerVersion version, string queue, TaskKind kind) =>
        Find(namespaceId, version) is { } state && HasQueue(state, queue, kind);

    /// <summary>The version that takes a task: the one that it is pinned to, else that of its queue.</summary>
    public WorkerVersion Target(string namespaceId, string queue, TaskKind kind, WorkerVersion pinned, int ramp)
    {
        // An activity or operation goes along with its workflow as far as the workflow's version has workers for it.
        if (!pinned.IsNone && (kind == TaskKind.Workflow || HasQueue(namespaceId, pinned, queue, kind)))
        {
            return pinned;
        }

        return routing.Count == 0 ? WorkerVersion.None : RoutingOf(namespaceId, queue, kind).Target(ramp);
    }

    /// <summary>Where a workflow id falls in ramps: from 1 to <see cref="RampSteps"/>, the same for ever.</summary>
    public static int RampOf(string workflowId)
    {
        // FNV-1a, then mixed, as its high bits say little about short ids.
        var hash = 2166136261u;
        foreach (var c in MemoryMarshal.AsBytes(workflowId.AsSpan()))
        {
            hash = (hash ^ c) * 16777619u;
        }

        hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
        hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
        hash ^= hash >> 16;
        return 1 + (int)(hash % RampSteps);
    }

    /// <summary>Takes in a new or changed deployment, and sends tasks that wait where they now belong.</summary>
    public void Put(Step step, DeploymentState state)
    {
        var old = Find(state.NamespaceId, state.Name);
        deployments[(state.NamespaceId, state.Name)] = state;
        step.PutDocument(DocumentKind, $"{state.NamespaceId}\n{state.Name}", state.ToByteArray());
        Reroute(step, state.NamespaceId, old is null ? QueuesOf(state) : QueuesOf(state).Union(QueuesOf(old)));
    }

    public void Remove(Step step, DeploymentState state)
    {
        deployments.Remove((state.NamespaceId, state.Name));
        step.PutDocument(DocumentKind, $"{state.NamespaceId}\n{state.Name}", null);
        Reroute(step, state.NamespaceId, QueuesOf(state));
    }

    private void Reroute(Step step, string namespaceId, IEnumerable<VersionTaskQueue> queues)
    {
        foreach (var queue in queues.ToList())
        {
            if (Recompute((namespaceId, queue.Name, (TaskKind)queue.Kind)))
            {
                step.Core.Matcher.Reroute(step, namespaceId, queue.Name, (TaskKind)queue.Kind);
            }
        }
    }

    /// <returns>Whether tasks of the queue go elsewhere than before.</returns>
    private bool Recompute((string NamespaceId, string Queue, TaskKind Kind) key)
    {
        var fresh = default(QueueRouting);
        foreach (var state in deployments.Values.Where(state => state.NamespaceId == key.NamespaceId))
        {
            var currentHasQueue = state.Versions.TryGetValue(state.CurrentBuildId, out var current) && HasQueue(current, key.Queue, key.Kind);
            if (currentHasQueue && state.CurrentChanged >= fresh.CurrentChanged)
            {
                fresh = fresh with { Current = new(state.Name, state.CurrentBuildId), CurrentChanged = state.CurrentChanged };
            }

            var rampHasQueue = state.RampingBuildId.Length == 0
                ? currentHasQueue
                : state.Versions.TryGetValue(state.RampingBuildId, out var ramping) && HasQueue(ramping, key.Queue, key.Kind);
            if (state.HasRamp && rampHasQueue && state.RampPercentageChanged >= fresh.RampChanged)
            {
                fresh = fresh with
                {
                    Ramping = state.RampingBuildId.Length == 0 ? WorkerVersion.None : new(state.Name, state.RampingBuildId),
                    Percentage = state.RampPercentage,
                    RampChanged = state.RampPercentageChanged,
                };
            }
        }

        var changed = routing.GetValueOrDefault(key) != fresh;
        if (fresh == default)
        {
            routing.Remove(key);
        }
        else
        {
            routing[key] = fresh;
        }

        return changed;
    }

    private static bool HasQueue(DeploymentVersionState version, string queue, TaskKind kind)
    {
        foreach (var known in version.TaskQueues)
        {
            if (known.Kind == (int)kind && known.Name == queue)
            {
                return true;
            }
        }

        return false;
    }

    private static IEnumerable<VersionTaskQueue> QueuesOf(DeploymentState state) => state.Versions.Values.SelectMany(static version => version.TaskQueues).Distinct();
}

/// <summary>Which versions a queue's tasks go to when nothing pins them. All default: to workers without versions.</summary>
internal readonly record struct QueueRouting(WorkerVersion? Current, long CurrentChanged, WorkerVersion? Ramping, float Percentage, long RampChanged)
{
    public WorkerVersion Target(int ramp) =>
        Ramping is { } ramping && Percentage > 0 && (Percentage >= 100 || (ramp > 0 && ramp <= Percentage * DeploymentRegistry.RampSteps / 100))
            ? ramping
            : Current ?? WorkerVersion.None;
}
