using Baton.Durable.BuildIds;
using Baton.Durable.Deployments;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.Nexus;
using Baton.Durable.Rules;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Baton.Durable.Engine;

/// <summary>
/// The engine without its threads: state machines in memory, the batch that is being filled, matching and wake-ups.
/// </summary>
/// <remarks>
/// Invariants:
/// <list type="number">
/// <item>All of it is touched from one thread, the loop (or a test that plays the loop).</item>
/// <item>Memory may be ahead of the disk by the batch being filled and the one being committed, never by more. No reply is
/// released before its batch, and with it all earlier ones, is on disk.</item>
/// <item>Tasks for workers and wake-ups are functions of entity state. They are looked at again after each step for the entities it touched,
/// and read from the wake index at start.</item>
/// <item>When a commit fails, or a transition breaks its word, everything that is not on disk is forgotten (<see cref="Reset"/>) and the
/// callers that waited for it get UNAVAILABLE: the same path as a start after a crash.</item>
/// </list>
/// </remarks>
internal sealed class EngineCore
{
    // An entity with more tasks than this is loaded at start instead of listing them in the wake index at each change.
    private const int DispatchLimit = 8;

    private static readonly byte[] loadAtStart = new DispatchList { LoadEntity = true }.ToByteArray();

    private readonly IDurableStore store;
    private readonly ILogger logger;
    private readonly EntityTable entities;
    private readonly WakeQueue wakes = new();
    private readonly HashSet<long> busy = [];
    private readonly List<TaskRef> collected = [];
    private long nextRunKey;
    private long lastNow;
    private bool loaded;

    public EngineCore(IDurableStore store, EngineClock clock, EngineLimits limits, ILogger logger)
    {
        this.store = store;
        this.logger = logger;
        entities = new EntityTable(store.Entities);
        Clock = clock;
        Limits = limits;
        Deployments = new DeploymentRegistry();
        BuildIds = new BuildIdRegistry();
        Matcher = new Matcher(Deployments, BuildIds);
        Namespaces = new NamespaceRegistry();
    }

    public EngineClock Clock { get; }

    public EngineLimits Limits { get; }

    public IDurableStore Store => store;

    public ILogger Logger => logger;

    public Matcher Matcher { get; }

    public NamespaceRegistry Namespaces { get; }

    public NexusEndpoints Endpoints { get; } = new();

    /// <summary>Requests of other Nexus servers, which wait in memory for workers.</summary>
    public NexusInbound Inbound { get; } = new();

    /// <summary>Carries calls to other Nexus servers. Null in an engine that stands alone; calls then time out.</summary>
    public NexusHttp? Outbound { get; set; }

    /// <summary>Where workers tell by HTTP how the Nexus operations that they started ended; null when they tell by gRPC.</summary>
    public string? WorkerCallbackUrl { get; set; }

    public DeploymentRegistry Deployments { get; }

    public BuildIdRegistry BuildIds { get; }

    public WorkflowRules Rules { get; } = new();

    public Batch Batch { get; private set; } = new();

    /// <summary>What happens at an instant for somebody who waits in memory: sleepers of a time-skipping server, queries that look for another worker.</summary>
    public PriorityQueue<Action<Step>, long> Sleepers { get; } = new();

    /// <summary>Nothing waits for a worker or is with one: skipped time may pass.</summary>
    public bool IsIdle => busy.Count == 0;

    /// <summary>Executions in memory. May be asked for by any thread.</summary>
    public int LoadedCount => entities.Count;

    /// <summary>False while the store cannot be read after a failure.</summary>
    public bool IsLoaded => loaded;

    /// <summary>Called with the store after each load, for parts that keep documents in memory.</summary>
    public event Action<IDocumentReader>? Loaded;

    /// <summary>An entity closed in this step, before the batch is handed over. Schedules listen for the runs they started.</summary>
    public event Action<Step, Entity>? Closed;

    public void Register(EntityKind kind, Func<EngineCore, EntityRecord, Entity> load) => entities.Register(kind, record => load(this, record));

    public void RaiseClosed(Step step, Entity entity) => Closed?.Invoke(step, entity);

    /// <summary>Reads what start-up needs: namespaces, other documents and the wake index.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public void Load()
    {
        loaded = false;
        Namespaces.Load(store.Documents);
        Deployments.Load(store.Documents);
        BuildIds.Load(store.Documents);
        Rules.Load(store.Documents, Namespaces);
        Matcher.LoadConfigs(store.Documents);
        Endpoints.Load(store.Documents);
        Loaded?.Invoke(store.Documents);
        nextRunKey = Math.Max(nextRunKey, store.Entities.MaxRunKey() + 1);
        List<long> large = [];
        foreach (var wake in store.Entities.LoadWakes())
        {
            if (wake.WakeAt is { } at)
            {
                wakes.Set(wake.RunKey, at >= long.MaxValue / Instant.Millisecond ? Instant.Never : at * Instant.Millisecond);
            }

            if (wake.Dispatch.Length > 0)
            {
                var dispatch = DispatchList.Parser.ParseFrom(wake.Dispatch);
                foreach (var task in dispatch.Tasks)
                {
                    Matcher.Restore(task);
                }

                if (dispatch.LoadEntity)
                {
                    large.Add(wake.RunKey);
                }
            }
        }

        loaded = true;
        foreach (var runKey in large)
        {
            collected.Clear();
            Load(runKey)?.CollectTasks(Clock.Now(), collected);
            collected.ForEach(Matcher.Restore);
        }
    }

    /// <summary>Applies one command. A refusal goes to <paramref name="reply"/>; anything unexpected resets the engine.</summary>
    public void Execute(Action<Step> apply, Reply? reply)
    {
        if (Broken is not null)
        {
            reply?.Reject(ServiceErrors.Unavailable("The server reads its state again after an error."));
            return;
        }

        if (!EnsureLoaded(reply))
        {
            return;
        }

        var step = NewStep();
        try
        {
            apply(step);
            Settle(step);
        }
        catch (ServiceException refusal) when (!step.HasChanged)
        {
            step.TakeTouched();
            reply?.Reject(refusal);
        }
        catch (StoreException failure)
        {
            EngineLog.StoreFailed(Logger, failure);
            reply?.Reject(ServiceErrors.Unavailable(failure.Message));
            Break(failure);
        }
#pragma warning disable CA1031 // a broken transition must not take the server with it
        catch (Exception broken)
#pragma warning restore CA1031
        {
            EngineLog.TransitionBroke(Logger, broken);
            reply?.Reject(ServiceErrors.Internal("The server gave up this request after an internal error; it changed nothing."));
            Break(broken);
        }
    }

    /// <summary>
    /// Memory can no longer be trusted. Nothing happens any more until <see cref="Reset"/>, which has to wait for the commit under way: to read
    /// the store before it would miss what it holds.
    /// </summary>
    public void Break(Exception reason) => Broken ??= reason;

    /// <summary>Why memory has to be read again, or null.</summary>
    public Exception? Broken { get; private set; }

    /// <summary>Wakes what is due. Returns false when nothing was.</summary>
    public bool FireDue(int limit)
    {
        if (Broken is not null || !EnsureLoaded(null))
        {
            return false;
        }

        var now = Clock.Now();
        var fired = 0;
        while (fired < limit && wakes.TryTake(now, out var runKey))
        {
            fired++;
            Execute(
                step =>
                {
                    if (Load(runKey) is { } entity)
                    {
                        entity.OnWake(step);
                        step.TouchVolatile(entity);
                    }
                },
                null);
        }

        while (Sleepers.TryPeek(out var wake, out var at) && at <= now)
        {
            Sleepers.Dequeue();
            fired++;
            Execute(wake, null);
        }

        return fired > 0;
    }

    public long NextWakeAt() => loaded ? Math.Min(wakes.NextAt(), Sleepers.TryPeek(out _, out var at) ? at : Instant.Never) : Instant.Never;

    /// <summary>Hands over the filled batch, or null when nothing waits. State is serialized here, once for each entity in the batch.</summary>
    public Batch? TakeBatch()
    {
        if (Broken is not null || Batch.IsEmpty)
        {
            return null;
        }

        var batch = Batch;
        foreach (var entity in batch.Dirty.Values)
        {
            Write(entity, batch);
        }

        Batch = new Batch();
        return batch;
    }

    /// <summary>The batch is on disk: what it pinned may leave memory.</summary>
    public void Committed(Batch batch) => entities.Committed(batch);

    /// <summary>
    /// Forgets everything that is not on disk and starts over from there. Pollers stay; other callers get UNAVAILABLE.
    /// </summary>
    public void Reset(Exception reason)
    {
        var answer = ServiceErrors.Unavailable("The server could not write to its database: " + reason.Message);
        foreach (var reply in Batch.Replies)
        {
            reply.Reject(answer);
        }

        Batch = new Batch();
        foreach (var entity in entities.InMemory)
        {
            entity.Abandon(answer);
        }

        entities.Clear();
        wakes.Clear();
        busy.Clear();
        Matcher.ClearTasks();
        loaded = false;
        Broken = null;
        EnsureLoaded(null);
    }

    /// <summary>The server stops: everybody who still waits is told.</summary>
    public void Stop(Exception reason)
    {
        foreach (var entity in entities.InMemory)
        {
            entity.Abandon(reason);
        }

        Matcher.Stop(reason);
    }

    public Entity? Load(long runKey) => entities.Load(runKey);

    public long? FindCurrent(EntityKind kind, string namespaceId, string id) => entities.FindCurrent(kind, namespaceId, id);

    public long? FindRun(EntityKind kind, string namespaceId, string id, string runId) => entities.FindRun(kind, namespaceId, id, runId);

    public long NewRunKey() => nextRunKey++;

    public void SetCurrent(EntityKind kind, string namespaceId, string id, long? runKey) => entities.SetCurrent(kind, namespaceId, id, runKey, Batch);

    internal void Insert(Entity entity) => entities.Add(entity);

    internal void Delete(Entity entity)
    {
        entity.Abandon(ServiceErrors.NotFound("The execution was deleted."));
        var writes = Batch.Writes;
        entities.Delete(entity, Batch);
        wakes.Remove(entity.RunKey);
        busy.Remove(entity.RunKey);
        Batch.Dirty.Remove(entity.RunKey);
        entity.IsDirty = false;
        writes.Entities[entity.RunKey] = null;
        writes.Wakes[entity.RunKey] = null;
        writes.Visibility[entity.RunKey] = null;
        writes.History.RemoveAll(item => item.RunKey == entity.RunKey);
        writes.HistoryDeletes.Add(entity.RunKey);
        if (FindCurrent(entity.Kind, entity.NamespaceId, entity.Id) == entity.RunKey)
        {
            SetCurrent(entity.Kind, entity.NamespaceId, entity.Id, null);
        }
    }

    private Step NewStep()
    {
        lastNow = Math.Max(lastNow, Clock.Now());
        return new Step(this, lastNow);
    }

    /// <summary>
    /// Until nothing is touched any more: new tasks of touched entities are offered to waiting workers, wake-ups are set.
    /// A task that finds a worker is started within this same step, so that scheduling and starting share one commit.
    /// </summary>
    private void Settle(Step step)
    {
        while (step.Touched.Count > 0)
        {
            foreach (var entity in step.TakeTouched())
            {
                if (entity.IsDirty && Batch.Dirty.TryAdd(entity.RunKey, entity))
                {
                    entity.InFlight++;
                }

                if (!entities.Contains(entity))
                {
                    continue;
                }

                wakes.Set(entity.RunKey, entity.NextWake(step.Now));
                SetBusy(entity);
                Offer(step, entity);
                if (!entity.IsTouched)
                {
                    entity.OnSettled(step);
                }
            }
        }
    }

    private void Offer(Step step, Entity entity)
    {
        collected.Clear();
        entity.CollectTasks(step.Now, collected);
        if (collected.Count == 0)
        {
            if (entity.Offered.Count > 0)
            {
                entity.Offered = [];
            }

            return;
        }

        var offered = new Dictionary<(TaskKind, long, int, int), TaskRef>(collected.Count);
        List<TaskRef>? fresh = null;
        foreach (var task in collected)
        {
            var key = (task.Kind, task.Id, task.Attempt, task.Stamp);
            offered[key] = task;
            if (!entity.Offered.TryGetValue(key, out var known) || (!ReferenceEquals(known, task) && !Matcher.GoTogether(known, task)))
            {
                (fresh ??= []).Add(task);
            }
        }

        entity.Offered = offered;
        foreach (var task in fresh ?? [])
        {
            Matcher.Offer(step, task);
        }
    }

    private void SetBusy(Entity entity)
    {
        if (entity.IsBusy)
        {
            busy.Add(entity.RunKey);
        }
        else
        {
            busy.Remove(entity.RunKey);
        }
    }

    private void Write(Entity entity, Batch batch)
    {
        entity.IsDirty = false;
        var writes = batch.Writes;
        writes.Entities[entity.RunKey] = new EntityRecord(entity.RunKey, entity.Kind, entity.NamespaceId, entity.Id, entity.RunId, entity.Serialize());
        entity.WriteMore(writes);
        if (entity.IsVisibilityDirty)
        {
            entity.IsVisibilityDirty = false;
            writes.Visibility[entity.RunKey] = entity.ToVisibility();
        }

        if (!entity.IsOpen)
        {
            writes.Wakes[entity.RunKey] = null;
            return;
        }

        collected.Clear();
        entity.CollectTasks(lastNow, collected);
        var dispatch = collected.Count switch
        {
            0 => [],
            > DispatchLimit => loadAtStart,
            _ => new DispatchList { Tasks = { collected } }.ToByteArray(),
        };
        var wake = entity.NextWake(lastNow);
        long? wakeAt = wake == Instant.Never ? null : Instant.ToUnixMilliseconds(wake);
        if (entity.WrittenWake is not { } written || written.WakeAt != wakeAt || !written.Dispatch.AsSpan().SequenceEqual(dispatch))
        {
            writes.Wakes[entity.RunKey] = new WakeRecord(entity.RunKey, wakeAt, dispatch);
            entity.WrittenWake = (wakeAt, dispatch);
        }
    }

    private bool EnsureLoaded(Reply? reply)
    {
        if (loaded)
        {
            return true;
        }

        try
        {
            wakes.Clear();
            Matcher.ClearTasks();
            Load();
            return true;
        }
        catch (StoreException failure)
        {
            EngineLog.StoreFailed(logger, failure);
            reply?.Reject(ServiceErrors.Unavailable(failure.Message));
            return false;
        }
    }
}
