using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.Replication.V1;
using Temporalio.Api.WorkflowService.V1;
using NamespaceState = Temporalio.Api.Enums.V1.NamespaceState;

namespace Baton.Durable.Services;

internal sealed class NamespaceHandler(DurableEngine engine) : HandlerBase(engine)
{
    private static readonly long minRetention = Instant.Minute;

    public Task<RegisterNamespaceResponse> RegisterNamespace(RegisterNamespaceRequest request, CallContext call)
    {
        RequireId(request.Namespace, "Namespace");
        var retention = RequireRetention(request.WorkflowExecutionRetentionPeriod);
        return Engine.Run(step =>
        {
            if (step.Core.Namespaces.TryGet(request.Namespace, out _))
            {
                throw ServiceErrors.NamespaceAlreadyExists($"Namespace already exists: {request.Namespace}.");
            }

            var state = new State.NamespaceState
            {
                Id = Guid.NewGuid().ToString("D"),
                Name = request.Namespace,
                Description = request.Description,
                OwnerEmail = request.OwnerEmail,
                Retention = retention,
                State = (int)NamespaceState.Registered,
                Created = step.Now,
            };
            state.Data.Add(request.Data);
            step.Core.Namespaces.Put(step, state);
            return new RegisterNamespaceResponse();
        });
    }

    public Task<DescribeNamespaceResponse> DescribeNamespace(DescribeNamespaceRequest request, CallContext call)
    {
        if (request.Namespace.Length == 0 && request.Id.Length == 0)
        {
            throw ServiceErrors.InvalidArgument("Namespace not set on request.");
        }

        return Engine.Run(step =>
        {
            var entry = request.Id.Length > 0
                ? step.Core.Namespaces.TryGetById(request.Id, out var byId) ? byId : throw ServiceErrors.NamespaceNotFound(request.Id)
                : Namespace(request.Namespace);
            return Describe(entry);
        });
    }

    public Task<ListNamespacesResponse> ListNamespaces(ListNamespacesRequest request, CallContext call) => Engine.Run(step =>
    {
        var all = step.Core.Namespaces.All.OrderBy(static entry => entry.Name, StringComparer.Ordinal).ToList();
        var after = request.NextPageToken.ToStringUtf8();
        var size = request.PageSize > 0 ? Math.Min(request.PageSize, 1000) : 100;
        var page = all.Where(entry => string.CompareOrdinal(entry.Name, after) > 0).Take(size).ToList();
        var response = new ListNamespacesResponse();
        response.Namespaces.AddRange(page.Select(Describe));
        if (page.Count == size && page[^1] != all[^1])
        {
            response.NextPageToken = Google.Protobuf.ByteString.CopyFromUtf8(page[^1].Name);
        }

        return response;
    });

    public Task<UpdateNamespaceResponse> UpdateNamespace(UpdateNamespaceRequest request, CallContext call) => Engine.Run(step =>
    {
        var state = Namespace(request.Namespace).State.Clone();
        if (request.UpdateInfo is { } info)
        {
            state.Description = info.Description.Length > 0 ? info.Description : state.Description;
            state.OwnerEmail = info.OwnerEmail.Length > 0 ? info.OwnerEmail : state.OwnerEmail;
            state.State = info.State != NamespaceState.Unspecified ? (int)info.State : state.State;
            foreach (var (key, value) in info.Data)
            {
                state.Data[key] = value;
            }
        }

        if (request.Config?.WorkflowExecutionRetentionTtl is { } retention)
        {
            state.Retention = RequireRetention(retention);
        }

        var described = Describe(step.Core.Namespaces.Put(step, state));
        return new UpdateNamespaceResponse
        {
            NamespaceInfo = described.NamespaceInfo,
            Config = described.Config,
            ReplicationConfig = described.ReplicationConfig,
            FailoverVersion = described.FailoverVersion,
        };
    });

    public Task<DeprecateNamespaceResponse> DeprecateNamespace(DeprecateNamespaceRequest request, CallContext call) => Engine.Run(step =>
    {
        var state = Namespace(request.Namespace).State.Clone();
        state.State = (int)NamespaceState.Deprecated;
        step.Core.Namespaces.Put(step, state);
        return new DeprecateNamespaceResponse();
    });

    private static long RequireRetention(Google.Protobuf.WellKnownTypes.Duration? period)
    {
        var retention = Instant.From(period);
        if (retention < minRetention)
        {
            throw ServiceErrors.InvalidArgument("A valid retention period is not set on request: it must be at least one minute.");
        }

        return retention;
    }

    private DescribeNamespaceResponse Describe(NamespaceEntry entry)
    {
        var state = entry.State;
        var info = new NamespaceInfo
        {
            Name = state.Name,
            Id = state.Id,
            State = (NamespaceState)state.State,
            Description = state.Description,
            OwnerEmail = state.OwnerEmail,
            SupportsSchedules = true,
            Capabilities = new()
            {
                EagerWorkflowStart = true,
                SyncUpdate = true,
                AsyncUpdate = true,
                StandaloneActivities = true,
                StandaloneActivityStartDelay = true,
                StandaloneActivityOperatorCommands = true,
                StandaloneNexusOperation = true,
                WorkerHeartbeats = true,
                WorkerPollCompleteOnShutdown = true,
                PollerAutoscaling = true,
                ReportedProblemsSearchAttribute = true,
                WorkflowPause = true,
                WorkflowUpdateCallbacks = true,
                WorkflowTaskCompletionPagination = Limits.PagedTaskCompletions,
            },
            Limits = new() { BlobSizeLimitError = Limits.BlobSize, MemoSizeLimitError = Limits.MemoSize },
        };
        info.Data.Add(state.Data);
        return new DescribeNamespaceResponse
        {
            NamespaceInfo = info,
            Config = new NamespaceConfig
            {
                WorkflowExecutionRetentionTtl = Instant.ToDuration(state.Retention),
                HistoryArchivalState = ArchivalState.Disabled,
                VisibilityArchivalState = ArchivalState.Disabled,
                BadBinaries = new BadBinaries(),
                CustomSearchAttributeAliases = { state.SearchAttributes.ToDictionary(static pair => pair.Key, static pair => pair.Key) },
            },
            ReplicationConfig = new NamespaceReplicationConfig
            {
                ActiveClusterName = SystemHandler.ClusterName,
                Clusters = { new ClusterReplicationConfig { ClusterName = SystemHandler.ClusterName } },
                State = ReplicationState.Normal,
            },
        };
    }
}
