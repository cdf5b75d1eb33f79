using Baton.Durable.Engine;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>A query whose caller waits.</summary>
internal sealed record PendingQuery(string Id, WorkflowQuery Query, Reply<QueryWorkflowResponse> Reply)
{
    /// <summary>A worker has it, on its own or in a workflow task.</summary>
    public bool IsWithWorker { get; set; }
}

/// <summary>
/// Queries of a run. Those that find a workflow task pending ride with it, so that they see its effect; the others go to a worker alone.
/// </summary>
internal sealed class QueryRegistry
{
    private readonly Dictionary<string, PendingQuery> queries = [];

    public bool IsPinned => queries.Count > 0;

    public IEnumerable<PendingQuery> All => queries.Values;

    /// <summary>Queries that wait for a workflow task to ride with.</summary>
    public HashSet<string> Buffered { get; } = [];

    public void Add(PendingQuery query) => queries[query.Id] = query;

    public PendingQuery? Find(string id) => queries.GetValueOrDefault(id);

    public PendingQuery? Take(string id)
    {
        Buffered.Remove(id);
        return queries.Remove(id, out var query) ? query : null;
    }

    public void Abandon(Exception reason)
    {
        foreach (var query in queries.Values)
        {
            query.Reply.Reject(reason);
        }

        queries.Clear();
        Buffered.Clear();
    }
}
