using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Worker deployments and their versions: which is current, which is ramped up, which is drained.</summary>
internal sealed class DeploymentHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxPage = 1000;

    public Task<SetWorkerDeploymentCurrentVersionResponse> SetWorkerDeploymentCurrentVersion(SetWorkerDeploymentCurrentVersionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        var buildId = DeploymentNames.RequireBuildId(request.DeploymentName, request.BuildId, request.Version);
        return Engine.Run(step =>
        {
            var old = FindForRouting(step, space, request.DeploymentName, buildId, request.Identity, request.ConflictToken, request.AllowNoPollers);
            DeploymentChanges.SetCurrent(step, old, buildId, request.Identity, request.IgnoreMissingTaskQueues);
            var previous = old.CurrentBuildId.Length == 0 ? WorkerVersion.None : new WorkerVersion(old.Name, old.CurrentBuildId);
            return new SetWorkerDeploymentCurrentVersionResponse
            {
                ConflictToken = DeploymentView.ConflictToken(Find(step, space, old.Name)),
                PreviousVersion = previous.ToOlderString(),
                PreviousDeploymentVersion = previous.ToApi(),
            };
        });
    }

    public Task<SetWorkerDeploymentRampingVersionResponse> SetWorkerDeploymentRampingVersion(SetWorkerDeploymentRampingVersionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        var buildId = DeploymentNames.RequireBuildId(request.DeploymentName, request.BuildId, request.Version);
        if (!(request.Percentage is >= 0 and <= 100))
        {
            throw ServiceErrors.InvalidArgument("Percentage must be between 0 and 100 (inclusive)");
        }

        return Engine.Run(step =>
        {
            var old = FindForRouting(step, space, request.DeploymentName, buildId, request.Identity, request.ConflictToken, request.AllowNoPollers);
            DeploymentChanges.SetRamp(step, old, buildId, request.Percentage, request.Identity, request.IgnoreMissingTaskQueues);
            var previous = old.RampingBuildId.Length == 0 ? WorkerVersion.None : new WorkerVersion(old.Name, old.RampingBuildId);
            return new SetWorkerDeploymentRampingVersionResponse
            {
                ConflictToken = DeploymentView.ConflictToken(Find(step, space, old.Name)),
                PreviousVersion = old.HasRamp ? previous.ToOlderString() : "",
                PreviousDeploymentVersion = previous.ToApi(),
                PreviousPercentage = old.RampPercentage,
            };
        });
    }

    public Task<SetWorkerDeploymentManagerResponse> SetWorkerDeploymentManager(SetWorkerDeploymentManagerRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        if (request.NewManagerIdentityCase == SetWorkerDeploymentManagerRequest.NewManagerIdentityOneofCase.None)
        {
            throw ServiceErrors.InvalidArgument("NewManagerIdentity is not set on request.");
        }

        RequireLength(request.ManagerIdentity, "ManagerIdentity");
        return Engine.Run(step =>
        {
            var old = Find(step, space, request.DeploymentName);
            RequireToken(old, request.ConflictToken);
            DeploymentChanges.SetManager(step, old, request.Self ? request.Identity : request.ManagerIdentity, request.Identity);
            return new SetWorkerDeploymentManagerResponse
            {
                ConflictToken = DeploymentView.ConflictToken(Find(step, space, old.Name)),
                PreviousManagerIdentity = old.Manager,
            };
        });
    }

    public async Task<DescribeWorkerDeploymentResponse> DescribeWorkerDeployment(DescribeWorkerDeploymentRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        await CheckDrainageAsync(space, request.DeploymentName);
        return await Engine.Run(step =>
        {
            var state = Find(step, space, request.DeploymentName);
            return new DescribeWorkerDeploymentResponse { ConflictToken = DeploymentView.ConflictToken(state), WorkerDeploymentInfo = DeploymentView.Info(state) };
        });
    }

    public async Task<DescribeWorkerDeploymentVersionResponse> DescribeWorkerDeploymentVersion(DescribeWorkerDeploymentVersionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var version = DeploymentNames.RequireVersion(request.DeploymentVersion, request.Version);
        await CheckDrainageAsync(space, version.Deployment);
        return await Engine.Run(step =>
        {
            var (state, found) = FindVersion(step, space, version);
            var response = new DescribeWorkerDeploymentVersionResponse { WorkerDeploymentVersionInfo = DeploymentView.Info(state, found) };
            foreach (var queue in found.TaskQueues)
            {
                var kind = (TaskKind)queue.Kind;
                response.VersionTaskQueues.Add(new DescribeWorkerDeploymentVersionResponse.Types.VersionTaskQueue
                {
                    Name = queue.Name,
                    Type = DeploymentView.TypeOf(kind),
                    Stats = request.ReportTaskQueueStats ? Stats(step, space, version, queue.Name, kind) : null,
                });
            }

            return response;
        });
    }

    public Task<ListWorkerDeploymentsResponse> ListWorkerDeployments(ListWorkerDeploymentsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var after = request.NextPageToken.ToStringUtf8();
        var size = request.PageSize is > 0 and <= MaxPage ? request.PageSize : MaxPage;
        return Engine.Run(step =>
        {
            var left = step.Core.Deployments.Of(space.Id).Where(state => string.CompareOrdinal(state.Name, after) > 0).ToList();
            var response = new ListWorkerDeploymentsResponse();
            response.WorkerDeployments.AddRange(left.Take(size).Select(Summary));
            if (left.Count > size)
            {
                response.NextPageToken = ByteString.CopyFromUtf8(left[size - 1].Name);
            }

            return response;
        });
    }

    public Task<DeleteWorkerDeploymentVersionResponse> DeleteWorkerDeploymentVersion(DeleteWorkerDeploymentVersionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var version = DeploymentNames.RequireVersion(request.DeploymentVersion, request.Version);
        return DeleteAsync();

        async Task<DeleteWorkerDeploymentVersionResponse> DeleteAsync()
        {
            await CheckDrainageAsync(space, version.Deployment);
            return await Engine.Run(step =>
            {
                var (state, found) = FindVersion(step, space, version);
                RequireManager(state, request.Identity);
                DeploymentChanges.DeleteVersion(step, state, found, request.SkipDrainage, request.Identity);
                return new DeleteWorkerDeploymentVersionResponse();
            });
        }
    }

    public Task<DeleteWorkerDeploymentResponse> DeleteWorkerDeployment(DeleteWorkerDeploymentRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        return Engine.Run(step =>
        {
            if (step.Core.Deployments.Find(space.Id, request.DeploymentName) is { } state)
            {
                RequireManager(state, request.Identity);
                if (state.Versions.Count > 0)
                {
                    throw ServiceErrors.FailedPrecondition("deployment has versions, can't be deleted");
                }

                step.Core.Deployments.Remove(step, state);
            }

            return new DeleteWorkerDeploymentResponse();
        });
    }

    public Task<CreateWorkerDeploymentResponse> CreateWorkerDeployment(CreateWorkerDeploymentRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        DeploymentNames.RequireDeployment(request.DeploymentName);
        return Engine.Run(step =>
        {
            if (step.Core.Deployments.Find(space.Id, request.DeploymentName) is not { } state)
            {
                state = DeploymentChanges.New(step, space.Id, request.DeploymentName);
                state.CreateRequestId = request.RequestId;
                state.LastModifier = request.Identity;
                step.Core.Deployments.Put(step, state);
            }
            else if (request.RequestId.Length == 0 || state.CreateRequestId != request.RequestId)
            {
                throw ServiceErrors.AlreadyExists($"Worker Deployment '{request.DeploymentName}' already exists");
            }

            return new CreateWorkerDeploymentResponse { ConflictToken = DeploymentView.ConflictToken(state) };
        });
    }

    public Task<CreateWorkerDeploymentVersionResponse> CreateWorkerDeploymentVersion(CreateWorkerDeploymentVersionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var version = DeploymentNames.RequireVersion(request.DeploymentVersion, "");
        if (request.ComputeConfig is not null)
        {
            throw ServiceErrors.InvalidArgument("ComputeConfig is set on request, but this server starts no workers by itself.");
        }

        return Engine.Run(step =>
        {
            var state = Find(step, space, version.Deployment).Clone();
            if (state.Versions.TryGetValue(version.BuildId, out var known))
            {
                return request.RequestId.Length > 0 && known.CreateRequestId == request.RequestId
                    ? new CreateWorkerDeploymentVersionResponse()
                    : throw ServiceErrors.AlreadyExists($"build ID '{version.BuildId}' already exists in Worker Deployment '{version.Deployment}'");
            }

            known = DeploymentChanges.AddVersion(step, state, version.BuildId);
            known.CreateRequestId = request.RequestId;
            known.LastModifier = request.Identity;
            step.Core.Deployments.Put(step, state);
            return new CreateWorkerDeploymentVersionResponse();
        });
    }

    public Task<UpdateWorkerDeploymentVersionMetadataResponse> UpdateWorkerDeploymentVersionMetadata(UpdateWorkerDeploymentVersionMetadataRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var version = DeploymentNames.RequireVersion(request.DeploymentVersion, request.Version);
        RequireBlob(request, "Metadata");
        return Engine.Run(step =>
        {
            FindVersion(step, space, version);
            var state = Find(step, space, version.Deployment).Clone();
            var found = state.Versions[version.BuildId];
            DeploymentChanges.UpdateMetadata(found, request.UpsertEntries, request.RemoveEntries);
            found.LastModifier = request.Identity;
            step.Core.Deployments.Put(step, state);
            return new UpdateWorkerDeploymentVersionMetadataResponse { Metadata = DeploymentView.Metadata(found) };
        });
    }

    /// <summary>Whether runs are pinned to versions that are being drained is looked up when somebody asks, so that the answer is never old.</summary>
    private async Task CheckDrainageAsync(NamespaceEntry space, string deployment)
    {
        var draining = await Engine.Run(step => step.Core.Deployments.Find(space.Id, deployment)?.Versions.Values
            .Where(static version => version.Drainage == (int)VersionDrainageStatus.Draining).Select(static version => version.BuildId).ToList() ?? []);
        foreach (var buildId in draining)
        {
            var name = VisibilityQuery.Quote(new WorkerVersion(deployment, buildId).ToString());
            var query = VisibilityQuery.Parse(
                $"TemporalWorkerDeploymentVersion = {name} AND TemporalWorkflowVersioningBehavior = 'Pinned' AND ExecutionStatus IN ('Running', 'Paused')",
                space.CustomAttributes, EntityKind.Workflow);
            var status = Engine.Store.Visibility.Count(EntityKind.Workflow, space.Id, query) == 0 ? VersionDrainageStatus.Drained : VersionDrainageStatus.Draining;
            await Engine.Run(step =>
            {
                if (step.Core.Deployments.Find(space.Id, deployment) is { } state
                    && state.Versions.TryGetValue(buildId, out var version)
                    && version.Drainage == (int)VersionDrainageStatus.Draining)
                {
                    DeploymentChanges.SetDrainage(step, state, buildId, status);
                }

                return true;
            });
        }
    }

    private static DeploymentState Find(Step step, NamespaceEntry space, string name) => step.Core.Deployments.Find(space.Id, name)
        ?? throw ServiceErrors.NotFound($"no Worker Deployment found with name '{name}'; does your Worker Deployment have pollers?");

    private static (DeploymentState State, DeploymentVersionState Version) FindVersion(Step step, NamespaceEntry space, WorkerVersion version)
    {
        var state = Find(step, space, version.Deployment);
        return state.Versions.TryGetValue(version.BuildId, out var found)
            ? (state, found)
            : throw ServiceErrors.NotFound($"build ID '{version.BuildId}' not found in Worker Deployment '{version.Deployment}'");
    }

    /// <summary>The deployment whose routing is to change, with the wanted version in it.</summary>
    private static DeploymentState FindForRouting(
        Step step, NamespaceEntry space, string name, string buildId, string identity, ByteString conflictToken, bool allowNoPollers)
    {
        if (step.Core.Deployments.Find(space.Id, name) is not { } state)
        {
            state = allowNoPollers ? DeploymentChanges.New(step, space.Id, name) : Find(step, space, name);
        }

        RequireManager(state, identity);
        RequireToken(state, conflictToken);
        if (buildId.Length == 0 || state.Versions.ContainsKey(buildId))
        {
            return state;
        }

        if (!allowNoPollers)
        {
            throw ServiceErrors.FailedPrecondition($"build ID '{buildId}' not found in Worker Deployment '{name}'");
        }

        state = state.Clone();
        DeploymentChanges.AddVersion(step, state, buildId);
        return state;
    }

    public static void RequireManager(DeploymentState state, string identity)
    {
        if (state.Manager.Length > 0 && state.Manager != identity)
        {
            throw ServiceErrors.FailedPrecondition(
                $"ManagerIdentity '{state.Manager}' is set and does not match user identity '{identity}'; to proceed, set your own identity as the ManagerIdentity, remove the ManagerIdentity, or wait for the other client to do so");
        }
    }

    private static void RequireToken(DeploymentState state, ByteString token)
    {
        if (!token.IsEmpty && !token.Equals(DeploymentView.ConflictToken(state)))
        {
            throw ServiceErrors.FailedPrecondition("conflict token mismatch");
        }
    }

    private static ListWorkerDeploymentsResponse.Types.WorkerDeploymentSummary Summary(DeploymentState state)
    {
        var latest = state.Versions.Values.MaxBy(static version => version.Created);
        return new ListWorkerDeploymentsResponse.Types.WorkerDeploymentSummary
        {
            Name = state.Name,
            CreateTime = Instant.ToTimestamp(state.Created),
            RoutingConfig = DeploymentView.Routing(state),
            LatestVersionSummary = latest is null ? null : DeploymentView.SummaryOf(state, latest),
            CurrentVersionSummary = state.Versions.TryGetValue(state.CurrentBuildId, out var current) ? DeploymentView.SummaryOf(state, current) : null,
            RampingVersionSummary = state.Versions.TryGetValue(state.RampingBuildId, out var ramping) ? DeploymentView.SummaryOf(state, ramping) : null,
        };
    }

    private static TaskQueueStats Stats(Step step, NamespaceEntry space, WorkerVersion version, string queue, TaskKind kind) => TaskQueueHandler.Stats(
        step,
        [.. step.Core.Matcher.VersionsOf(space.Id, queue, kind).Where(waiting => waiting.Key.Deployment == version.Deployment && waiting.Key.BuildId == version.BuildId)]);
}
