using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.OperatorService.V1;

namespace Baton.Durable.Services;

/// <summary>Search attributes and namespaces, as operators manage them.</summary>
internal sealed class OperatorHandler(DurableEngine engine, string clusterId) : HandlerBase(engine)
{
    private static readonly Dictionary<string, IndexedValueType> system = new()
    {
        ["WorkflowId"] = IndexedValueType.Keyword,
        ["RunId"] = IndexedValueType.Keyword,
        ["WorkflowType"] = IndexedValueType.Keyword,
        ["StartTime"] = IndexedValueType.Datetime,
        ["ExecutionTime"] = IndexedValueType.Datetime,
        ["CloseTime"] = IndexedValueType.Datetime,
        ["ExecutionStatus"] = IndexedValueType.Keyword,
        ["TaskQueue"] = IndexedValueType.Keyword,
        ["HistoryLength"] = IndexedValueType.Int,
        ["HistorySizeBytes"] = IndexedValueType.Int,
        ["ExecutionDuration"] = IndexedValueType.Int,
        ["StateTransitionCount"] = IndexedValueType.Int,
        ["ParentWorkflowId"] = IndexedValueType.Keyword,
        ["ParentRunId"] = IndexedValueType.Keyword,
        ["RootWorkflowId"] = IndexedValueType.Keyword,
        ["RootRunId"] = IndexedValueType.Keyword,
    };

    public static IReadOnlyDictionary<string, IndexedValueType> SystemAttributes => system;

    public Task<AddSearchAttributesResponse> AddSearchAttributes(AddSearchAttributesRequest request, CallContext call)
    {
        if (request.SearchAttributes.Count == 0)
        {
            throw ServiceErrors.InvalidArgument("SearchAttributes are not set on request.");
        }

        foreach (var (name, type) in request.SearchAttributes)
        {
            RequireId(name, "SearchAttributes name");
            if (system.ContainsKey(name) || SearchAttributeCodec.Predefined.ContainsKey(name))
            {
                throw ServiceErrors.InvalidArgument($"Search attribute {name} is reserved by system.");
            }

            if (type is < IndexedValueType.Text or > IndexedValueType.KeywordList)
            {
                throw ServiceErrors.InvalidArgument($"Unknown search attribute type: {type} of {name}.");
            }
        }

        return Engine.Run(step =>
        {
            var state = Namespace(request.Namespace).State.Clone();
            foreach (var (name, type) in request.SearchAttributes)
            {
                if (state.SearchAttributes.TryGetValue(name, out var existing) && existing != (int)type)
                {
                    throw ServiceErrors.AlreadyExists($"Search attribute {name} already exists with type {(AttributeType)existing}.");
                }

                state.SearchAttributes[name] = (int)type;
            }

            step.Core.Namespaces.Put(step, state);
            return new AddSearchAttributesResponse();
        });
    }

    public Task<RemoveSearchAttributesResponse> RemoveSearchAttributes(RemoveSearchAttributesRequest request, CallContext call) => Engine.Run(step =>
    {
        var state = Namespace(request.Namespace).State.Clone();
        foreach (var name in request.SearchAttributes)
        {
            if (system.ContainsKey(name) || SearchAttributeCodec.Predefined.ContainsKey(name))
            {
                throw ServiceErrors.InvalidArgument($"Unable to remove non-custom search attributes: {name}.");
            }

            if (!state.SearchAttributes.Remove(name))
            {
                throw ServiceErrors.NotFound($"Search attribute {name} doesn't exist.");
            }
        }

        step.Core.Namespaces.Put(step, state);
        return new RemoveSearchAttributesResponse();
    });

    public Task<ListSearchAttributesResponse> ListSearchAttributes(ListSearchAttributesRequest request, CallContext call) => Engine.Run(_ =>
    {
        var response = new ListSearchAttributesResponse();
        foreach (var (name, type) in Namespace(request.Namespace).State.SearchAttributes)
        {
            response.CustomAttributes.Add(name, (IndexedValueType)type);
            response.StorageSchema.Add(name, ((AttributeType)type).ToString());
        }

        response.SystemAttributes.Add(system);
        foreach (var (name, type) in SearchAttributeCodec.Predefined)
        {
            response.SystemAttributes.Add(name, (IndexedValueType)type);
        }

        return response;
    });

    /// <summary>Deletes a namespace with all its executions.</summary>
    public async Task<DeleteNamespaceResponse> DeleteNamespace(DeleteNamespaceRequest request, CallContext call)
    {
        var entry = request.NamespaceId.Length > 0
            ? Engine.Core.Namespaces.TryGetById(request.NamespaceId, out var byId) ? byId : throw ServiceErrors.NamespaceNotFound(request.NamespaceId)
            : Namespace(request.Namespace);
        var deletedName = $"{entry.Name}-deleted-{entry.Id[..5]}";

        // Nothing new can begin under the old name while executions go, some at a time.
        await Engine.Run(step =>
        {
            var state = entry.State.Clone();
            state.Name = deletedName;
            state.State = (int)NamespaceState.Deleted;
            return step.Core.Namespaces.Put(step, state);
        });
        foreach (var kind in Enum.GetValues<EntityKind>())
        {
            while (true)
            {
                var page = Engine.Store.Visibility.List(kind, entry.Id, VisibilityQuery.All, 200, ReadOnlyMemory<byte>.Empty);
                if (page.Records.Count == 0)
                {
                    break;
                }

                await Engine.Run(step =>
                {
                    foreach (var record in page.Records)
                    {
                        if (step.Load<Entity>(record.RunKey) is { } entity)
                        {
                            step.Delete(entity);
                        }
                    }

                    return true;
                });
            }
        }

        await Engine.Run(step =>
        {
            step.Core.Namespaces.Remove(step, step.Core.Namespaces.TryGetById(entry.Id, out var current) ? current : entry);
            return true;
        });
        return new DeleteNamespaceResponse { DeletedNamespace = deletedName };
    }

    public Task<ListClustersResponse> ListClusters(ListClustersRequest request, CallContext call) => Task.FromResult(new ListClustersResponse
    {
        Clusters =
        {
            new ClusterMetadata
            {
                ClusterName = SystemHandler.ClusterName,
                ClusterId = clusterId,
                InitialFailoverVersion = SystemHandler.InitialFailoverVersion,
                HistoryShardCount = 1,
                IsConnectionEnabled = true,
            },
        },
    });

    /// <summary>Clusters replicate global namespaces, and every namespace here is local.</summary>
    public Task<AddOrUpdateRemoteClusterResponse> AddOrUpdateRemoteCluster(AddOrUpdateRemoteClusterRequest request, CallContext call) =>
        throw ServiceErrors.InvalidArgument("Cannot add remote cluster as global namespace is not enabled");

    public Task<RemoveRemoteClusterResponse> RemoveRemoteCluster(RemoveRemoteClusterRequest request, CallContext call) =>
        throw (request.ClusterName == SystemHandler.ClusterName
            ? ServiceErrors.Internal("Unable to delete cluster info with error: Cannot delete current cluster metadata.")
            : ServiceErrors.NotFound("The cluster to be deleted cannot be found in clusters cache."));
}
