using System.Runtime.InteropServices;
using Baton.Durable.Engine;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>
/// Brings tasks and workers together. Holds references only: whether a task is still wanted is decided by its entity when it is started.
/// Everything here is rebuilt from entities after a crash, except the pollers, who ask again.
/// </summary>
internal sealed class Matcher
{
    private readonly Dictionary<QueueKey, TaskQueue> queues = [];
    private readonly PriorityQueue<TaskQueue, long> throttled = new();

    // Workers that said that they stop, and until when a poll of theirs may still be on its way here.
    private readonly Dictionary<string, long> stopped = [];

    /// <summary>When a throttled queue may give out its next task.</summary>
    public long NextAt() => throttled.TryPeek(out _, out var at) ? at : Instant.Never;

    public IEnumerable<TaskQueue> Queues => queues.Values;

    public TaskQueue? Find(QueueKey key) => queues.GetValueOrDefault(key);

    /// <summary>A task that an entity has now: to a waiting worker, or into the backlog.</summary>
    public void Offer(Step step, TaskRef task)
    {
        var queue = Get(QueueKey.Of(task));
        if (queue.Add(task) && queue.HasPoller)
        {
            Serve(step, queue);
        }
    }

    /// <summary>A task from the wake index at start, before there are pollers.</summary>
    public void Restore(TaskRef task) => Get(QueueKey.Of(task)).Add(task);

    public void Offer(Step step, QueueKey key, QueryTask query)
    {
        var queue = Get(key);
        queue.Add(query);
        Serve(step, queue);
    }

    /// <summary>A worker asks for a task: answered now or when one comes.</summary>
    public void Poll(Step step, Poller poller)
    {
        if (stopped.Count > 0 && stopped.TryGetValue(poller.WorkerInstance, out var until) && step.Now < until)
        {
            poller.Complete(step);
            return;
        }

        var queue = Get(poller.Queue);
        queue.See(poller, step.Now);
        if (poller.RateLimit is { } rate)
        {
            queue.Limiter.Set(rate);
        }

        queue.Add(poller);
        Serve(step, queue);
    }

    public void Leave(Step step, Poller poller)
    {
        if (!poller.IsDone)
        {
            poller.IsDone = true;
            if (queues.TryGetValue(poller.Queue, out var queue))
            {
                queue.Remove(poller);
            }

            poller.Complete(step);
        }
    }

    /// <summary>Whether a worker asked this queue within the given time, or is asking now.</summary>
    public bool IsPolled(QueueKey key, long now, long within) =>
        queues.TryGetValue(key, out var queue) && (queue.HasPoller || (queue.LastPollAt > 0 && queue.LastPollAt > now - within));

    /// <summary>Ends the polls of a worker that stops, with empty answers.</summary>
    public void Shutdown(Step step, string namespaceId, string workerInstance, string identity, string stickyQueue)
    {
        if (workerInstance.Length > 0)
        {
            foreach (var (gone, _) in stopped.Where(pair => pair.Value <= step.Now).ToList())
            {
                stopped.Remove(gone);
            }

            stopped[workerInstance] = step.Now + (2 * Instant.Minute);
        }

        foreach (var queue in queues.Values.Where(queue => queue.Key.NamespaceId == namespaceId).ToList())
        {
            if (workerInstance.Length > 0)
            {
                foreach (var poller in queue.PollersOf(workerInstance, identity))
                {
                    Leave(step, poller);
                }
            }

            if (stickyQueue.Length > 0 && queue.Key.Name == stickyQueue)
            {
                foreach (var poller in queue.TakeAllPollers())
                {
                    Leave(step, poller);
                }

                queue.Forget(identity);
            }
        }
    }

    /// <summary>Gives out tasks of queues whose rate limit allows it again.</summary>
    public void ServeThrottled(Step step)
    {
        while (throttled.TryPeek(out var queue, out var at) && at <= step.Now)
        {
            throttled.Dequeue();
            Serve(step, queue);
        }
    }

    /// <summary>Takes everything that waits in a queue, to be routed anew.</summary>
    public List<TaskRef> Drain(QueueKey key) => queues.TryGetValue(key, out var queue) ? queue.TakeAll() : [];

    public void ClearTasks()
    {
        foreach (var queue in queues.Values)
        {
            queue.ClearTasks();
        }

        throttled.Clear();
    }

    public void Stop(Exception reason)
    {
        foreach (var queue in queues.Values)
        {
            foreach (var poller in queue.TakeAllPollers())
            {
                poller.Abandon(reason);
            }
        }
    }

    private void Serve(Step step, TaskQueue queue)
    {
        while (queue.HasPoller)
        {
            if (queue.TakeQuery(step.Now) is { } query)
            {
                if (queue.TakePoller() is { } reader)
                {
                    if (!reader.TryStart(step, query))
                    {
                        queue.AddFirst(reader);
                    }

                    continue;
                }

                queue.Add(query);
                return;
            }

            if (queue.BacklogCount == 0)
            {
                return;
            }

            if (!queue.Limiter.TryTake(step.Now, out var retryAt))
            {
                throttled.Enqueue(queue, retryAt);
                return;
            }

            if (queue.TakePoller() is not { } poller)
            {
                return;
            }

            var started = false;
            while (!started && queue.Take() is { } task)
            {
                started = poller.TryStart(step, task);
            }

            if (!started)
            {
                queue.AddFirst(poller);
            }
        }
    }

    private TaskQueue Get(QueueKey key)
    {
        ref var queue = ref CollectionsMarshal.GetValueRefOrAddDefault(queues, key, out _);
        return queue ??= new TaskQueue(key);
    }
}
