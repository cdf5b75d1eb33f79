using Baton.Durable.Engine;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Worker.V1;

namespace Baton.Durable.Workers;

/// <summary>
/// What workers told of themselves in heartbeats. In memory, as they tell it again every minute; bounded, and forgotten after a day without one.
/// </summary>
internal sealed class WorkerRegistry(EngineClock clock, int capacity = 10_000)
{
    private const string SystemQueues = "temporal-sys";
    private const long Lifetime = Instant.Day;

    private static readonly Dictionary<string, AttributeType> attributes = new()
    {
        ["WorkerInstanceKey"] = AttributeType.Keyword,
        ["WorkerIdentity"] = AttributeType.Keyword,
        ["HostName"] = AttributeType.Keyword,
        ["WorkerGroupingKey"] = AttributeType.Keyword,
        ["ProcessId"] = AttributeType.Keyword,
        ["DeploymentName"] = AttributeType.Keyword,
        ["BuildId"] = AttributeType.Keyword,
        ["SdkName"] = AttributeType.Keyword,
        ["SdkVersion"] = AttributeType.Keyword,
        ["Status"] = AttributeType.Keyword,
        ["WorkerStatus"] = AttributeType.Keyword,
        ["HeartbeatTime"] = AttributeType.Datetime,
        ["LastHeartbeatTime"] = AttributeType.Datetime,
    };

    private readonly Lock gate = new();
    private readonly Dictionary<(string NamespaceId, string InstanceKey), LinkedListNode<Entry>> workers = [];

    // The one that was heard of longest ago comes first.
    private readonly LinkedList<Entry> order = new();

    public void Record(string namespaceId, WorkerHeartbeat heartbeat)
    {
        lock (gate)
        {
            var key = (namespaceId, heartbeat.WorkerInstanceKey);
            if (workers.Remove(key, out var known))
            {
                order.Remove(known);
            }

            Expire();
            while (workers.Count >= capacity)
            {
                RemoveOldest();
            }

            workers.Add(key, order.AddLast(new Entry(namespaceId, heartbeat, clock.Now())));
        }
    }

    public WorkerHeartbeat? Find(string namespaceId, string instanceKey)
    {
        lock (gate)
        {
            Expire();
            return workers.TryGetValue((namespaceId, instanceKey), out var node) ? node.Value.Heartbeat : null;
        }
    }

    /// <summary>Workers of a namespace that a query selects, by instance key.</summary>
    /// <param name="query">In the language of visibility, over the fields of a heartbeat.</param>
    /// <param name="withSystem">Includes workers on the queues that SDKs keep for themselves.</param>
    /// <exception cref="VisibilityQueryException">The query is broken.</exception>
    public List<WorkerHeartbeat> List(string namespaceId, string query, bool withSystem)
    {
        var filter = VisibilityQuery.Parse(query, attributes, EntityKind.Workflow).Filter;
        lock (gate)
        {
            Expire();
            return
            [
                .. order.Where(entry => entry.NamespaceId == namespaceId)
                    .Select(static entry => entry.Heartbeat)
                    .Where(worker => withSystem || !worker.TaskQueue.StartsWith(SystemQueues, StringComparison.Ordinal))
                    .Where(worker => VisibilityPredicate.Matches(filter, ToRecord(namespaceId, worker)))
                    .OrderBy(static worker => worker.WorkerInstanceKey, StringComparer.Ordinal),
            ];
        }
    }

    private void Expire()
    {
        var before = clock.Now() - Lifetime;
        while (order.First is { } oldest && oldest.Value.SeenAt < before)
        {
            RemoveOldest();
        }
    }

    private void RemoveOldest()
    {
        var oldest = order.First!.Value;
        order.RemoveFirst();
        workers.Remove((oldest.NamespaceId, oldest.Heartbeat.WorkerInstanceKey));
    }

    private static VisibilityRecord ToRecord(string namespaceId, WorkerHeartbeat worker)
    {
        var values = new Dictionary<string, AttributeValue>();
        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                values[name] = new AttributeValue(AttributeType.Keyword, value);
            }
        }

        Add("WorkerInstanceKey", worker.WorkerInstanceKey);
        Add("WorkerIdentity", worker.WorkerIdentity);
        Add("HostName", worker.HostInfo?.HostName);
        Add("WorkerGroupingKey", worker.HostInfo?.WorkerGroupingKey);
        Add("ProcessId", worker.HostInfo?.ProcessId);
        Add("DeploymentName", worker.DeploymentVersion?.DeploymentName);
        Add("BuildId", worker.DeploymentVersion?.BuildId);
        Add("SdkName", worker.SdkName);
        Add("SdkVersion", worker.SdkVersion);
        Add("Status", worker.Status == WorkerStatus.Unspecified ? "" : worker.Status.ToString());
        Add("WorkerStatus", worker.Status == WorkerStatus.Unspecified ? "" : worker.Status.ToString());
        if (worker.HeartbeatTime is { } heard)
        {
            values["HeartbeatTime"] = values["LastHeartbeatTime"] = new AttributeValue(AttributeType.Datetime, heard.ToDateTimeOffset());
        }

        return new VisibilityRecord
        {
            RunKey = 0,
            Kind = EntityKind.Workflow,
            NamespaceId = namespaceId,
            Id = worker.WorkerInstanceKey,
            RunId = "",
            TaskQueue = worker.TaskQueue,
            StartTime = worker.StartTime?.ToDateTimeOffset() ?? default,
            Attributes = values,
        };
    }

    private sealed record Entry(string NamespaceId, WorkerHeartbeat Heartbeat, long SeenAt);
}
