using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Matching;

/// <summary>What a poll says of its worker's version.</summary>
/// <param name="Version">The worker takes tasks of this deployment version only; none for workers of no deployment.</param>
/// <param name="UsesBuildIds">The worker takes tasks for its build id only, by version sets or rules of the queue.</param>
internal readonly record struct PollingWorker(WorkerVersion Version, string DeploymentName, string BuildId, bool UsesBuildIds)
{
    public bool IsVersioned => UsesBuildIds || !Version.IsNone;

    public static readonly PollingWorker Unversioned = new(WorkerVersion.None, "", "", UsesBuildIds: false);

    /// <exception cref="ServiceException">INVALID_ARGUMENT: a name cannot be one.</exception>
    public static PollingWorker Of(WorkerDeploymentOptions? options, WorkerVersionCapabilities? capabilities)
    {
        // Before there were deployment options, a worker named its deployment beside its build id.
        var (deployment, buildId) = options is not null ? (options.DeploymentName, options.BuildId) : (capabilities?.DeploymentSeriesName ?? "", capabilities?.BuildId ?? "");
        var isVersioned = options is not null ? options.WorkerVersioningMode == WorkerVersioningMode.Versioned : capabilities is { UseVersioning: true };
        if (!isVersioned || (options is null && deployment.Length == 0))
        {
            return new(WorkerVersion.None, deployment, buildId, UsesBuildIds: isVersioned && buildId.Length > 0);
        }

        DeploymentNames.Require(deployment, buildId);
        return new(new WorkerVersion(deployment, buildId), deployment, buildId, UsesBuildIds: false);
    }

    /// <summary>The queue that the worker waits at. What is new of its deployment is remembered.</summary>
    /// <exception cref="ServiceException">RESOURCE_EXHAUSTED: too many versions. OUT_OF_RANGE: a newer build takes this one's tasks.</exception>
    public QueueKey QueueOf(Step step, string namespaceId, string name, TaskKind kind)
    {
        if (!Version.IsNone)
        {
            DeploymentChanges.Register(step, namespaceId, Version, name, kind);
        }

        return KeyOf(step, namespaceId, name, kind);
    }

    /// <summary>A sticky queue is of one worker already.</summary>
    /// <exception cref="ServiceException">OUT_OF_RANGE: a newer build takes the tasks of this one.</exception>
    public QueueKey StickyQueueOf(Step step, string namespaceId, Temporalio.Api.TaskQueue.V1.TaskQueue queue)
    {
        if (queue.NormalName.Length > 0)
        {
            KeyOf(step, namespaceId, queue.NormalName, TaskKind.Workflow);
        }

        return new QueueKey(namespaceId, queue.Name, TaskKind.Workflow, "", "");
    }

    private QueueKey KeyOf(Step step, string namespaceId, string name, TaskKind kind)
    {
        var (deployment, build) = UsesBuildIds ? step.Core.BuildIds.PollVersion(namespaceId, name, BuildId) : Version;
        return new QueueKey(namespaceId, name, kind, deployment, build);
    }
}
