using Baton.Durable.Engine;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>
/// Tasks that wait in one queue, in the order in which they go out: by priority (1 first), within a priority fairly between fairness keys by
/// weight, within a key in order of arrival.
/// </summary>
/// <remarks>
/// Fairness is stride scheduling. Each key of a priority has a lane; a lane's pass grows by 1/weight for each task that leaves it, and the
/// lane with the lowest pass is next. A lane that was empty starts no lower than the pass served last, so that a key that was away gains no
/// credit. A lane over its own rate is set aside until the rate allows its next task, and holds up nobody else.
/// </remarks>
internal sealed class TaskBacklog(TaskQueueSettings settings, MatchCounts? counts = null)
{
    private const int DefaultPriority = 3;
    private const int IdleLanes = 1000;

    private readonly SortedDictionary<int, Level> levels = [];
    private readonly HashSet<(long RunKey, long Id, int Attempt, int Stamp)> keys = [];
    private long sequence;

    public int Count => keys.Count;

    public IEnumerable<(int Priority, int Count, long OldestCreatedMs)> Levels =>
        levels.Where(static level => level.Value.Count > 0).Select(static level => (level.Key, level.Value.Count, level.Value.OldestCreatedMs()));

    /// <returns>False when the task is there already.</returns>
    public bool Add(TaskRef task)
    {
        if (!keys.Add(KeyOf(task)))
        {
            return false;
        }

        var priority = task.PriorityKey <= 0 ? DefaultPriority : task.PriorityKey;
        if (!levels.TryGetValue(priority, out var level))
        {
            levels.Add(priority, level = new Level());
        }

        if (!level.Lanes.TryGetValue(task.FairnessKey, out var lane))
        {
            level.Lanes.Add(task.FairnessKey, lane = new Lane());
        }

        lane.Tasks.Enqueue(task);
        level.Count++;
        counts?.Changed(1);
        if (lane.Tasks.Count == 1)
        {
            lane.Pass = Math.Max(lane.Pass, level.Served);
            level.Ready.Enqueue(lane, (lane.Pass, sequence++));
        }

        return true;
    }

    /// <summary>Takes the next task, or null with the instant at which a rate allows one (<see cref="Instant.Never"/> when there is none).</summary>
    public TaskRef? Take(long now, out long retryAt)
    {
        retryAt = Instant.Never;
        foreach (var level in levels.Values)
        {
            if (level.Count > 0 && Take(level, now, ref retryAt) is { } task)
            {
                keys.Remove(KeyOf(task));
                counts?.Changed(-1);
                return task;
            }
        }

        return null;
    }

    public void Clear()
    {
        counts?.Changed(-Count);
        levels.Clear();
        keys.Clear();
    }

    public List<TaskRef> TakeAll()
    {
        var all = levels.Values.SelectMany(static level => level.Lanes.Values).SelectMany(static lane => lane.Tasks).OrderBy(static task => task.CreatedMs).ToList();
        Clear();
        return all;
    }

    private TaskRef? Take(Level level, long now, ref long retryAt)
    {
        while (level.Held.TryPeek(out var free, out var at) && at <= now)
        {
            level.Held.Dequeue();
            level.Ready.Enqueue(free, (free.Pass, sequence++));
        }

        while (level.Ready.TryDequeue(out var lane, out _))
        {
            var task = lane.Tasks.Peek();
            var weight = settings.WeightOf(task);
            if (settings.RatePerKey is { } rate)
            {
                lane.Limiter.Set(rate * weight);
                if (!lane.Limiter.TryTake(now, out var at))
                {
                    level.Held.Enqueue(lane, at);
                    continue;
                }
            }

            lane.Tasks.Dequeue();
            level.Count--;
            level.Served = Math.Max(level.Served, lane.Pass);
            lane.Pass += 1 / weight;
            if (lane.Tasks.Count > 0)
            {
                level.Ready.Enqueue(lane, (lane.Pass, sequence++));
            }
            else if (level.Lanes.Count > IdleLanes)
            {
                level.DropIdle();
            }

            return task;
        }

        if (level.Held.TryPeek(out _, out var next))
        {
            retryAt = Math.Min(retryAt, next);
        }

        return null;
    }

    private static (long, long, int, int) KeyOf(TaskRef task) => (task.RunKey, task.Id, task.Attempt, task.Stamp);

    /// <summary>Tasks of one priority.</summary>
    private sealed class Level
    {
        public Dictionary<string, Lane> Lanes { get; } = [];

        public PriorityQueue<Lane, (double Pass, long Sequence)> Ready { get; } = new();

        public PriorityQueue<Lane, long> Held { get; } = new();

        /// <summary>The highest pass that was served.</summary>
        public double Served { get; set; }

        public int Count { get; set; }

        public long OldestCreatedMs() => Lanes.Values.Where(static lane => lane.Tasks.Count > 0).Min(static lane => lane.Tasks.Peek().CreatedMs);

        /// <summary>Forgets lanes that would start again at <see cref="Served"/> anyhow.</summary>
        public void DropIdle()
        {
            foreach (var idle in Lanes.Where(pair => pair.Value.Tasks.Count == 0 && pair.Value.Pass <= Served).Select(static pair => pair.Key).ToList())
            {
                Lanes.Remove(idle);
            }
        }
    }

    private sealed class Lane
    {
        public Queue<TaskRef> Tasks { get; } = new();

        public double Pass { get; set; }

        public TaskRateLimiter Limiter { get; } = new();
    }
}
