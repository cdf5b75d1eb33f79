using Baton.Durable.Engine;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>
/// Tasks and pollers of one queue. Tasks go out by priority (1 first), within a priority fairly between fairness keys by weight, then in order of
/// arrival.
/// </summary>
/// <remarks>
/// Fairness is stride scheduling: each key's next task carries a pass number that grows by 1/weight, and starts no lower than the pass that was
/// served last, so that a key that was away gains no credit.
/// </remarks>
internal sealed class TaskQueue(QueueKey key)
{
    private readonly PriorityQueue<TaskRef, (int Priority, double Pass, long Sequence)> backlog = new();
    private readonly HashSet<(long RunKey, long Id, int Attempt, int Stamp)> keys = [];
    private readonly Dictionary<(int Priority, string Key), double> passes = [];
    private readonly Dictionary<int, double> served = [];
    private readonly LinkedList<Poller> pollers = new();
    private readonly LinkedList<QueryTask> queries = new();
    private readonly Dictionary<string, PollerSeen> seen = [];
    private readonly Dictionary<int, int> countByPriority = [];
    private long sequence;

    public QueueKey Key { get; } = key;

    public int BacklogCount => backlog.Count;

    public long LastPollAt { get; private set; }

    public bool HasPoller => pollers.Count > 0;

    public TaskRateLimiter Limiter { get; } = new();

    public long AddedCount { get; private set; }

    public long DispatchedCount { get; private set; }

    public IReadOnlyDictionary<int, int> CountByPriority => countByPriority;

    public IEnumerable<PollerSeen> Seen => seen.Values;

    public bool IsEmpty => backlog.Count == 0 && pollers.Count == 0 && queries.Count == 0;

    public bool Add(TaskRef task)
    {
        if (!keys.Add(KeyOf(task)))
        {
            return false;
        }

        var priority = task.PriorityKey <= 0 ? 3 : task.PriorityKey;
        var pass = Math.Max(passes.GetValueOrDefault((priority, task.FairnessKey)), served.GetValueOrDefault(priority));
        if (passes.Count > 10_000)
        {
            passes.Clear();
        }

        passes[(priority, task.FairnessKey)] = pass + (1 / Math.Clamp(task.FairnessWeight <= 0 ? 1f : task.FairnessWeight, 0.001f, 1000f));
        countByPriority[priority] = countByPriority.GetValueOrDefault(priority) + 1;
        backlog.Enqueue(task, (priority, pass, sequence++));
        AddedCount++;
        return true;
    }

    public TaskRef? Take()
    {
        if (!backlog.TryDequeue(out var task, out var order))
        {
            return null;
        }

        keys.Remove(KeyOf(task));
        served[order.Priority] = Math.Max(served.GetValueOrDefault(order.Priority), order.Pass);
        if (--countByPriority[order.Priority] == 0)
        {
            countByPriority.Remove(order.Priority);
        }

        DispatchedCount++;
        return task;
    }

    public long OldestCreatedMs() => backlog.Count == 0 ? 0 : backlog.UnorderedItems.Min(static item => item.Element.CreatedMs);

    public void Add(QueryTask query) => queries.AddLast(query);

    public QueryTask? TakeQuery(long now)
    {
        while (queries.First is { } node)
        {
            queries.RemoveFirst();
            if (node.Value.ExpiresAt > now)
            {
                return node.Value;
            }
        }

        return null;
    }

    public void Add(Poller poller) => pollers.AddLast(poller);

    public void AddFirst(Poller poller) => pollers.AddFirst(poller);

    public Poller? TakePoller()
    {
        while (pollers.First is { } node)
        {
            pollers.RemoveFirst();
            if (!node.Value.IsDone)
            {
                return node.Value;
            }
        }

        return null;
    }

    public void Remove(Poller poller) => pollers.Remove(poller);

    public List<Poller> PollersOf(string workerInstance, string identity) =>
        [.. pollers.Where(poller => workerInstance.Length > 0 ? poller.WorkerInstance == workerInstance : poller.Identity == identity)];

    public List<Poller> TakeAllPollers()
    {
        var all = pollers.ToList();
        pollers.Clear();
        return all;
    }

    public void See(Poller poller, long now)
    {
        LastPollAt = now;
        if (seen.Count > 1000)
        {
            foreach (var old in seen.Where(pair => pair.Value.At < now - (5 * Instant.Minute)).Select(static pair => pair.Key).ToList())
            {
                seen.Remove(old);
            }
        }

        seen[poller.Identity + "\n" + poller.BuildId] = new PollerSeen(poller.Identity, poller.DeploymentName, poller.BuildId, now, poller.RateLimit);
    }

    /// <summary>The worker said that it stops: nothing more goes to it by this queue.</summary>
    public void Forget(string identity)
    {
        foreach (var old in seen.Where(pair => pair.Value.Identity == identity).Select(static pair => pair.Key).ToList())
        {
            seen.Remove(old);
        }

        if (seen.Count == 0)
        {
            LastPollAt = 0;
        }
    }

    public void ClearTasks()
    {
        backlog.Clear();
        keys.Clear();
        passes.Clear();
        served.Clear();
        countByPriority.Clear();
        queries.Clear();
    }

    public List<TaskRef> TakeAll()
    {
        var all = backlog.UnorderedItems.OrderBy(static item => item.Priority).Select(static item => item.Element).ToList();
        backlog.Clear();
        keys.Clear();
        countByPriority.Clear();
        return all;
    }

    private static (long, long, int, int) KeyOf(TaskRef task) => (task.RunKey, task.Id, task.Attempt, task.Stamp);
}

internal sealed record PollerSeen(string Identity, string DeploymentName, string BuildId, long At, double? RateLimit);

/// <summary>A token bucket of one second's worth of tasks, set by the workers of a queue (MaxTaskQueueActivitiesPerSecond).</summary>
internal sealed class TaskRateLimiter
{
    private double tokens;
    private long filledAt;

    public double? Rate { get; private set; }

    public void Set(double? rate)
    {
        if (Rate != rate)
        {
            Rate = rate;
            tokens = Math.Min(tokens, Burst);
        }
    }

    private double Burst => Math.Max(1, Rate ?? 0);

    /// <summary>Takes one token, or says when there will be one.</summary>
    public bool TryTake(long now, out long retryAt)
    {
        retryAt = 0;
        if (Rate is not { } rate)
        {
            return true;
        }

        if (rate <= 0)
        {
            retryAt = now + Instant.Second;
            return false;
        }

        if (filledAt == 0)
        {
            tokens = Burst;
        }

        tokens = Math.Min(Burst, tokens + ((now - filledAt) * rate / Instant.Second));
        filledAt = now;
        if (tokens >= 1)
        {
            tokens--;
            return true;
        }

        retryAt = now + (long)Math.Ceiling((1 - tokens) * Instant.Second / rate);
        return false;
    }
}
