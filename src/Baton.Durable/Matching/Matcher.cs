using System.Runtime.InteropServices;
using Baton.Durable.BuildIds;
using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.TaskQueue.V1;

namespace Baton.Durable.Matching;

/// <summary>
/// Brings tasks and workers together. Holds references only: whether a task is still wanted is decided by its entity when it is started.
/// Everything here is rebuilt from entities after a crash, except the pollers, who ask again.
/// </summary>
internal sealed class Matcher(DeploymentRegistry deployments, BuildIdRegistry buildIds)
{
    private const string ConfigKind = "task-queue";
    private const int IdleQueues = 1000;
    private const long ScaleUpBacklogAge = 200 * Instant.Millisecond;
    private const long ScaleDownWait = Instant.Second;

    private readonly Dictionary<QueueKey, TaskQueue> queues = [];
    private readonly Dictionary<(string NamespaceId, string Name, TaskKind Kind), TaskQueueSettings> settings = [];
    private readonly PriorityQueue<TaskQueue, long> throttled = new();

    // Workers that said that they stop, and until when a poll of theirs may still be on its way here.
    private readonly Dictionary<string, long> stopped = [];
    private int nextSweep = IdleQueues;
    private long lastPollAt;

    /// <summary>One for each kind of task.</summary>
    public IReadOnlyList<MatchCounts> Counts { get; } = [.. Enum.GetValues<TaskKind>().Where(static kind => kind != TaskKind.None).Order().Select(static kind => new MatchCounts(kind))];

    /// <summary>When a throttled queue may give out its next task.</summary>
    public long NextAt() => throttled.TryPeek(out _, out var at) ? at : Instant.Never;

    /// <summary>A task that an entity has now: to a waiting worker, or into the backlog.</summary>
    public void Offer(Step step, TaskRef task)
    {
        var queue = Get(Route(task));
        if (queue.Add(task, step.Now) && queue.HasPoller)
        {
            Serve(step, queue, task);
        }
    }

    /// <summary>Whether two tasks are for the same workers, whichever those are now.</summary>
    public static bool GoTogether(TaskRef one, TaskRef other) =>
        one.Kind == other.Kind && one.Queue == other.Queue && one.DeploymentName == other.DeploymentName && one.BuildId == other.BuildId
        && one.ByRules == other.ByRules;

    /// <summary>A task from the wake index at start, before there are pollers.</summary>
    public void Restore(TaskRef task) => Get(Route(task)).Backlog.Add(task);

    /// <summary>Reads what was set for task queues over the API.</summary>
    public void LoadConfigs(IDocumentReader documents)
    {
        foreach (var known in settings.Values)
        {
            known.Config = null;
        }

        foreach (var (key, value) in documents.List(ConfigKind))
        {
            var parts = key.Split('\n', 3);
            SettingsOf(parts[0], parts[2], Enum.Parse<TaskKind>(parts[1])).Config = TaskQueueConfig.Parser.ParseFrom(value);
        }
    }

    public TaskQueueSettings SettingsOf(string namespaceId, string name, TaskKind kind)
    {
        ref var found = ref CollectionsMarshal.GetValueRefOrAddDefault(settings, (namespaceId, name, kind), out _);
        return found ??= new TaskQueueSettings();
    }

    /// <summary>Sets rates and weights of a queue. They hold at once, for tasks that wait already too.</summary>
    public void Configure(Step step, string namespaceId, string name, TaskKind kind, TaskQueueConfig config)
    {
        SettingsOf(namespaceId, name, kind).Config = config;
        step.PutDocument(ConfigKind, $"{namespaceId}\n{kind}\n{name}", config.ToByteArray());
        foreach (var queue in VersionsOf(namespaceId, name, kind).ToList())
        {
            queue.ThrottledUntil = 0;
            Serve(step, queue);
        }
    }

    /// <summary>The queues of all worker versions under one name.</summary>
    public IEnumerable<TaskQueue> VersionsOf(string namespaceId, string name, TaskKind kind) =>
        queues.Values.Where(queue => queue.Key.Name == name && queue.Key.Kind == kind && queue.Key.NamespaceId == namespaceId);

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
        poller.Since = lastPollAt = step.Now;
        queue.See(poller, step.Now);
        if (poller.RateLimit is { } rate)
        {
            queue.Settings.WorkerRate = rate;
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

    /// <summary>Whether workers for a build id, of version sets or rules, asked lately.</summary>
    public bool IsBuildIdPolled(string namespaceId, string name, string buildId, long now) => queues.Values.Any(queue =>
        queue.Key.Name == name && queue.Key.NamespaceId == namespaceId && queue.Seen(now).Any(seen => seen.Worker.UsesBuildIds && seen.Worker.BuildId == buildId));

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
                foreach (var poller in queue.PollersWhere(poller => poller.WorkerInstance == workerInstance))
                {
                    Leave(step, poller);
                }

                queue.Forget(seen => seen.WorkerInstance == workerInstance);
            }

            if (stickyQueue.Length > 0 && queue.Key.Name == stickyQueue)
            {
                foreach (var poller in queue.TakeAllPollers())
                {
                    Leave(step, poller);
                }

                queue.Forget(seen => seen.Identity == identity);
            }
        }
    }

    /// <summary>Gives out tasks of queues whose rate limit allows it again.</summary>
    public void ServeThrottled(Step step)
    {
        while (throttled.TryPeek(out var queue, out var at) && at <= step.Now)
        {
            throttled.Dequeue();
            if (queue.ThrottledUntil == at)
            {
                queue.ThrottledUntil = 0;
                Serve(step, queue);
            }
        }
    }

    /// <summary>The versions of workers that a queue's tasks go to changed: tasks that wait move, and workers that would wait elsewhere ask again.</summary>
    public void Reroute(Step step, string namespaceId, string name, TaskKind kind)
    {
        foreach (var poller in VersionsOf(namespaceId, name, kind).SelectMany(queue => queue.PollersWhere(IsMisplaced)).ToList())
        {
            Leave(step, poller);
        }

        foreach (var task in VersionsOf(namespaceId, name, kind).ToList().SelectMany(static queue => queue.Backlog.TakeAll()))
        {
            Get(Route(task)).Backlog.Add(task);
        }

        foreach (var queue in VersionsOf(namespaceId, name, kind).ToList())
        {
            Serve(step, queue);
        }
    }

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

    /// <param name="step">Whose effects these are.</param>
    /// <param name="queue">Whose tasks go out.</param>
    /// <param name="offered">The task that came just now; null when something else made room for one.</param>
    private void Serve(Step step, TaskQueue queue, TaskRef? offered = null)
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

            if (queue.Backlog.Count == 0 || queue.ThrottledUntil > step.Now || !ServeTask(step, queue, offered))
            {
                return;
            }
        }
    }

    /// <summary>Gives one task to a poller. False when there is no task, no poller or no token for one.</summary>
    private bool ServeTask(Step step, TaskQueue queue, TaskRef? offered)
    {
        var limiter = queue.Settings.Limiter;
        if (!limiter.TryTake(step.Now, out var retryAt))
        {
            Throttle(queue, retryAt);
            return false;
        }

        if (queue.TakePoller() is not { } poller)
        {
            limiter.GiveBack();
            return false;
        }

        while (queue.Backlog.Take(step.Now, out retryAt) is { } task)
        {
            var waited = step.Now - (task.CreatedMs * Instant.Millisecond);
            poller.ScalingDelta = step.Now - poller.Since >= ScaleDownWait ? -1 : waited >= ScaleUpBacklogAge ? 1 : 0;
            if (poller.TryStart(step, task))
            {
                queue.Dispatched.Add(step.Now);
                queue.Counts.Handed(task == offered, (double)waited / Instant.Second);
                return true;
            }
        }

        limiter.GiveBack();
        queue.AddFirst(poller);
        if (retryAt != Instant.Never)
        {
            Throttle(queue, retryAt);
        }

        return false;
    }

    /// <summary>The queue that a task goes to: a deployment version's, else a build id's or version set's, else that of workers without versions.</summary>
    public QueueKey Route(TaskRef task)
    {
        var version = WorkerVersion.None;
        if (!task.Sticky)
        {
            var asked = new WorkerVersion(task.DeploymentName, task.BuildId);
            version = asked is { Deployment: "", IsNone: false }
                ? buildIds.Target(task.NamespaceId, task.Queue, asked.BuildId, byRules: false, task.Ramp)
                : deployments.Target(task.NamespaceId, task.Queue, task.Kind, asked, task.Ramp);
            version = version.IsNone && task.ByRules ? buildIds.Target(task.NamespaceId, task.Queue, "", byRules: true, task.Ramp) : version;
        }

        return new QueueKey(task.NamespaceId, task.Queue, task.Kind, version.Deployment, version.BuildId);
    }

    private bool IsMisplaced(Poller poller) => poller.Worker.UsesBuildIds
        && (buildIds.Successor(poller.Queue.NamespaceId, poller.Queue.Name, poller.Worker.BuildId) != poller.Worker.BuildId
            || buildIds.Target(poller.Queue.NamespaceId, poller.Queue.Name, poller.Worker.BuildId, byRules: false, ramp: 0).BuildId != poller.Queue.BuildId);

    private void Throttle(TaskQueue queue, long until)
    {
        queue.ThrottledUntil = until;
        throttled.Enqueue(queue, until);
    }

    private TaskQueue Get(QueueKey key)
    {
        ref var queue = ref CollectionsMarshal.GetValueRefOrAddDefault(queues, key, out var known);
        if (!known)
        {
            queue = new TaskQueue(key, SettingsOf(key.NamespaceId, key.Name, key.Kind), Counts[(int)key.Kind - 1]);
            var added = queue;
            DropIdle(added);
            return added;
        }

        return queue!;
    }

    /// <summary>Each worker process brings a sticky queue of its own: those that nobody uses any more go.</summary>
    private void DropIdle(TaskQueue added)
    {
        if (queues.Count < nextSweep)
        {
            return;
        }

        foreach (var idle in queues.Values.Where(queue => queue != added && queue.IsEmpty && queue.LastPollAt <= lastPollAt - TaskQueue.SeenFor).ToList())
        {
            queues.Remove(idle.Key);
        }

        var used = queues.Values.Select(static queue => queue.Settings).ToHashSet();
        foreach (var (key, _) in settings.Where(pair => pair.Value.Config is null && !used.Contains(pair.Value)).ToList())
        {
            settings.Remove(key);
        }

        nextSweep = Math.Max(IdleQueues, queues.Count * 2);
    }
}
