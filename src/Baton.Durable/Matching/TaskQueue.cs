using Baton.Durable.Engine;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>Tasks, queries and pollers of one queue of one worker version.</summary>
internal sealed class TaskQueue(QueueKey key, TaskQueueSettings settings, MatchCounts counts)
{
    /// <summary>A worker that has not asked for this long is no longer shown.</summary>
    public const long SeenFor = 5 * Instant.Minute;

    private readonly LinkedList<Poller> pollers = new();
    private readonly LinkedList<QueryTask> queries = new();
    private readonly Dictionary<(string Identity, string BuildId, string Instance), PollerSeen> seen = [];

    public QueueKey Key { get; } = key;

    public TaskQueueSettings Settings { get; } = settings;

    public TaskBacklog Backlog { get; } = new(settings, counts);

    public MatchCounts Counts { get; } = counts;

    public RateMeter Added { get; } = new();

    public RateMeter Dispatched { get; } = new();

    public long LastPollAt { get; private set; }

    public bool HasPoller => pollers.Count > 0;

    public bool HasQuery => queries.Count > 0;

    /// <summary>Nothing is given out before this instant: a rate is used up. 0 when none is.</summary>
    public long ThrottledUntil { get; set; }

    public bool IsEmpty => Backlog.Count == 0 && pollers.Count == 0 && queries.Count == 0;

    public bool Add(TaskRef task, long now)
    {
        if (!Backlog.Add(task))
        {
            return false;
        }

        Added.Add(now);
        return true;
    }

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

    public List<QueryTask> TakeAllQueries()
    {
        var all = queries.ToList();
        queries.Clear();
        return all;
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

    public List<Poller> PollersWhere(Func<Poller, bool> isMeant) => [.. pollers.Where(isMeant)];

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
            foreach (var old in seen.Where(pair => pair.Value.At < now - SeenFor).Select(static pair => pair.Key).ToList())
            {
                seen.Remove(old);
            }
        }

        seen[(poller.Identity, poller.Worker.BuildId, poller.WorkerInstance)] = new PollerSeen(poller, now);
    }

    /// <summary>Workers that asked lately, the last one first.</summary>
    public IEnumerable<PollerSeen> Seen(long now) => seen.Values.Where(poller => poller.At >= now - SeenFor).OrderByDescending(static poller => poller.At);

    /// <summary>Workers said that they stop: they are no longer shown, and a sticky queue without one is gone.</summary>
    public void Forget(Func<PollerSeen, bool> isGone)
    {
        foreach (var old in seen.Where(pair => isGone(pair.Value)).Select(static pair => pair.Key).ToList())
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
        Backlog.Clear();
        queries.Clear();
        ThrottledUntil = 0;
    }
}

/// <summary>A poll as it is remembered.</summary>
internal sealed record PollerSeen(string Identity, string WorkerInstance, PollingWorker Worker, double? RateLimit, long At)
{
    public PollerSeen(Poller poller, long now)
        : this(poller.Identity, poller.WorkerInstance, poller.Worker, poller.RateLimit, now)
    {
    }
}
