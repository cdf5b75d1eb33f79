using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>
/// The deployment calls of API v0.30, in which a "deployment" was one build id of a "series": today's version of a worker deployment. They show
/// and change the same versions as <see cref="DeploymentHandler"/>.
/// </summary>
internal sealed class OlderDeploymentHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxPage = 1000;

    public Task<DescribeDeploymentResponse> DescribeDeployment(DescribeDeploymentRequest request, CallContext call)
    {
        var (space, version) = Require(request.Namespace, request.Deployment);
        return Engine.Run(step => new DescribeDeploymentResponse { DeploymentInfo = Info(Find(step, space, version), version.BuildId) });
    }

    public Task<ListDeploymentsResponse> ListDeployments(ListDeploymentsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var after = request.NextPageToken.ToStringUtf8();
        var size = request.PageSize is > 0 and <= MaxPage ? request.PageSize : MaxPage;
        return Engine.Run(step =>
        {
            var left = step.Core.Deployments.Of(space.Id)
                .Where(state => request.SeriesName.Length == 0 || state.Name == request.SeriesName)
                .SelectMany(static state => state.Versions.Values.Select(version => (State: state, Version: version, Name: new WorkerVersion(state.Name, version.BuildId).ToString())))
                .OrderBy(static item => item.Name, StringComparer.Ordinal)
                .Where(item => string.CompareOrdinal(item.Name, after) > 0)
                .ToList();
            var response = new ListDeploymentsResponse();
            response.Deployments.AddRange(left.Take(size).Select(static item => new DeploymentListInfo
            {
                Deployment = new Deployment { SeriesName = item.State.Name, BuildId = item.Version.BuildId },
                CreateTime = Instant.ToTimestamp(item.Version.Created),
                IsCurrent = item.State.CurrentBuildId == item.Version.BuildId,
            }));
            if (left.Count > size)
            {
                response.NextPageToken = ByteString.CopyFromUtf8(left[size - 1].Name);
            }

            return response;
        });
    }

    public Task<GetCurrentDeploymentResponse> GetCurrentDeployment(GetCurrentDeploymentRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.SeriesName);
        return Engine.Run(step => new GetCurrentDeploymentResponse
        {
            CurrentDeploymentInfo = step.Core.Deployments.Find(space.Id, request.SeriesName) is { } state ? Info(state, state.CurrentBuildId) : null,
        });
    }

    public Task<SetCurrentDeploymentResponse> SetCurrentDeployment(SetCurrentDeploymentRequest request, CallContext call)
    {
        var (space, version) = Require(request.Namespace, request.Deployment);
        RequireLength(request.Identity, "Identity");
        RequireBlob(request.UpdateMetadata, "UpdateMetadata");
        return Engine.Run(step =>
        {
            var old = Find(step, space, version);
            DeploymentHandler.RequireManager(old, request.Identity);
            var changed = old;
            if (request.UpdateMetadata is { } update)
            {
                changed = old.Clone();
                DeploymentChanges.UpdateMetadata(changed.Versions[version.BuildId], update.UpsertEntries, update.RemoveEntries);
                step.Core.Deployments.Put(step, changed);
            }

            DeploymentChanges.SetCurrent(step, changed, version.BuildId, request.Identity, ignoreMissingQueues: true);
            return new SetCurrentDeploymentResponse
            {
                CurrentDeploymentInfo = Info(Find(step, space, version), version.BuildId),
                PreviousDeploymentInfo = Info(old, old.CurrentBuildId),
            };
        });
    }

    public async Task<GetDeploymentReachabilityResponse> GetDeploymentReachability(GetDeploymentReachabilityRequest request, CallContext call)
    {
        var (space, version) = Require(request.Namespace, request.Deployment);
        var state = await Engine.Run(step => Find(step, space, version));
        return new GetDeploymentReachabilityResponse
        {
            DeploymentInfo = Info(state, version.BuildId),
            LastUpdateTime = Instant.ToTimestamp(Engine.Clock.Now()),
            Reachability = state.CurrentBuildId == version.BuildId || Exists(space, version, "ExecutionStatus IN ('Running', 'Paused')") ? DeploymentReachability.Reachable
                : Exists(space, version, "NOT ExecutionStatus IN ('Running', 'Paused')") ? DeploymentReachability.ClosedWorkflowsOnly
                : DeploymentReachability.Unreachable,
        };
    }

    private bool Exists(NamespaceEntry space, WorkerVersion version, string status) => Engine.Store.Visibility.Count(
        EntityKind.Workflow,
        space.Id,
        VisibilityQuery.Parse($"TemporalWorkerDeploymentVersion = {VisibilityQuery.Quote(version.ToString())} AND {status}", space.CustomAttributes, EntityKind.Workflow)) > 0;

    private (NamespaceEntry Space, WorkerVersion Version) Require(string ns, Deployment? deployment)
    {
        var space = Namespace(ns);
        if (deployment is null)
        {
            throw ServiceErrors.InvalidArgument("Deployment is not set on request.");
        }

        DeploymentNames.Require(deployment.SeriesName, deployment.BuildId);
        return (space, new WorkerVersion(deployment.SeriesName, deployment.BuildId));
    }

    private static DeploymentState Find(Step step, NamespaceEntry space, WorkerVersion version) =>
        step.Core.Deployments.Find(space.Id, version.Deployment) is { } state && state.Versions.ContainsKey(version.BuildId)
            ? state
            : throw ServiceErrors.NotFound($"deployment with series name '{version.Deployment}' and build ID '{version.BuildId}' not found");

    /// <summary>Null for workers without versions.</summary>
    private static DeploymentInfo? Info(DeploymentState state, string buildId)
    {
        if (!state.Versions.TryGetValue(buildId, out var version))
        {
            return null;
        }

        var info = new DeploymentInfo
        {
            Deployment = new Deployment { SeriesName = state.Name, BuildId = buildId },
            CreateTime = Instant.ToTimestamp(version.Created),
            IsCurrent = state.CurrentBuildId == buildId,
            Metadata = { DeploymentView.Metadata(version).Entries },
        };
        info.TaskQueueInfos.AddRange(version.TaskQueues.Select(static queue => new DeploymentInfo.Types.TaskQueueInfo { Name = queue.Name, Type = DeploymentView.TypeOf((TaskKind)queue.Kind) }));
        return info;
    }
}
