using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Visibility;
using Baton.Durable.Workers;
using Google.Protobuf;
using Temporalio.Api.Worker.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Worker processes: what they say of themselves, and that they stop.</summary>
internal sealed class WorkerHandler(DurableEngine engine, WorkerRegistry registry) : HandlerBase(engine)
{
    private const int MaxPage = 1000;

    /// <summary>
    /// A worker stops: its polls are answered with nothing, now and those still under way, so that it need not wait for them; its sticky queue is gone.
    /// </summary>
    public Task<ShutdownWorkerResponse> ShutdownWorker(ShutdownWorkerRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        if (request.WorkerHeartbeat is { WorkerInstanceKey.Length: > 0 } last)
        {
            registry.Record(space.Id, last);
        }

        return Engine.Run(step =>
        {
            step.Core.Matcher.Shutdown(step, space.Id, request.WorkerInstanceKey, request.Identity, request.StickyTaskQueue);
            return new ShutdownWorkerResponse();
        });
    }

    public Task<RecordWorkerHeartbeatResponse> RecordWorkerHeartbeat(RecordWorkerHeartbeatRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        foreach (var heartbeat in request.WorkerHeartbeat)
        {
            RequireId(heartbeat.WorkerInstanceKey, "WorkerInstanceKey");
        }

        foreach (var heartbeat in request.WorkerHeartbeat)
        {
            registry.Record(space.Id, heartbeat);
        }

        return Task.FromResult(new RecordWorkerHeartbeatResponse());
    }

    public Task<ListWorkersResponse> ListWorkers(ListWorkersRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var after = request.NextPageToken.ToStringUtf8();
        var size = request.PageSize is > 0 and <= MaxPage ? request.PageSize : MaxPage;
        var left = Select(space, request.Query, request.IncludeSystemWorkers)
            .Where(worker => string.CompareOrdinal(worker.WorkerInstanceKey, after) > 0)
            .ToList();
        var response = new ListWorkersResponse();
        foreach (var worker in left.Take(size))
        {
            response.WorkersInfo.Add(new WorkerInfo { WorkerHeartbeat = worker });
            response.Workers.Add(Summary(worker));
        }

        if (left.Count > size)
        {
            response.NextPageToken = ByteString.CopyFromUtf8(left[size - 1].WorkerInstanceKey);
        }

        return Task.FromResult(response);
    }

    public Task<CountWorkersResponse> CountWorkers(CountWorkersRequest request, CallContext call) => Task.FromResult(new CountWorkersResponse
    {
        Count = Select(Namespace(request.Namespace), request.Query, request.IncludeSystemWorkers).Count,
    });

    public Task<DescribeWorkerResponse> DescribeWorker(DescribeWorkerRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.WorkerInstanceKey, "WorkerInstanceKey");
        var worker = registry.Find(space.Id, request.WorkerInstanceKey) ?? throw ServiceErrors.NotFound($"Worker {request.WorkerInstanceKey} not found");
        return Task.FromResult(new DescribeWorkerResponse { WorkerInfo = new WorkerInfo { WorkerHeartbeat = worker } });
    }

    private List<WorkerHeartbeat> Select(NamespaceEntry space, string query, bool withSystem)
    {
        try
        {
            return registry.List(space.Id, query, withSystem);
        }
        catch (VisibilityQueryException problem)
        {
            throw ServiceErrors.InvalidArgument(problem.Message);
        }
    }

    private static WorkerListInfo Summary(WorkerHeartbeat worker)
    {
        var info = new WorkerListInfo
        {
            WorkerInstanceKey = worker.WorkerInstanceKey,
            WorkerIdentity = worker.WorkerIdentity,
            TaskQueue = worker.TaskQueue,
            DeploymentVersion = worker.DeploymentVersion,
            SdkName = worker.SdkName,
            SdkVersion = worker.SdkVersion,
            Status = worker.Status,
            StartTime = worker.StartTime,
            HostName = worker.HostInfo?.HostName ?? "",
            WorkerGroupingKey = worker.HostInfo?.WorkerGroupingKey ?? "",
            ProcessId = worker.HostInfo?.ProcessId ?? "",
        };
        info.Plugins.AddRange(worker.Plugins);
        info.Drivers.AddRange(worker.Drivers);
        return info;
    }
}
