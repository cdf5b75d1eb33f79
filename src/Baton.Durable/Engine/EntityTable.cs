using Baton.Durable.Storage;

namespace Baton.Durable.Engine;

/// <summary>
/// Entities in memory, and how they are found there or in the store. What is newer than the disk stays here until it is written: changed
/// entities, the current run of an id, deletions.
/// </summary>
internal sealed class EntityTable(IEntityReader store)
{
    private const int CacheLimit = 10_000;

    private readonly Dictionary<EntityKind, Func<EntityRecord, Entity>> factories = [];
    private readonly Dictionary<long, Entity> cache = [];
    private readonly Dictionary<string, long> runIds = [];
    private readonly Dictionary<(EntityKind, string, string), (long? RunKey, Batch Batch)> current = [];

    // Run keys whose deletion is not yet on disk.
    private readonly HashSet<long> deleting = [];
    private long useCounter;
    private int trimAbove = CacheLimit;

    public IEnumerable<Entity> InMemory => cache.Values;

    public int Count => cache.Count;

    public void Register(EntityKind kind, Func<EntityRecord, Entity> load) => factories.Add(kind, load);

    public bool Contains(Entity entity) => cache.ContainsKey(entity.RunKey);

    /// <summary>The entity, from memory or from the store; null when there is none, or when it was deleted.</summary>
    public Entity? Load(long runKey)
    {
        if (!cache.TryGetValue(runKey, out var entity))
        {
            if (deleting.Contains(runKey) || store.Load(runKey) is not { } record)
            {
                return null;
            }

            entity = factories[record.Kind](record);
            Add(entity);
        }

        entity.LastUse = ++useCounter;
        return entity;
    }

    public void Add(Entity entity)
    {
        cache.Add(entity.RunKey, entity);
        runIds[entity.RunId] = entity.RunKey;
        entity.LastUse = ++useCounter;
    }

    public void Delete(Entity entity, Batch batch)
    {
        Forget(entity);
        deleting.Add(entity.RunKey);
        batch.Deleted.Add(entity.RunKey);
    }

    public long? FindCurrent(EntityKind kind, string namespaceId, string id) =>
        current.TryGetValue((kind, namespaceId, id), out var entry) ? entry.RunKey : store.FindCurrent(kind, namespaceId, id);

    public long? FindRun(EntityKind kind, string namespaceId, string id, string runId)
    {
        if (runIds.TryGetValue(runId, out var key) && cache.TryGetValue(key, out var entity))
        {
            return entity.Kind == kind && entity.NamespaceId == namespaceId && (id.Length == 0 || entity.Id == id) ? key : null;
        }

        return store.FindRun(kind, namespaceId, id, runId) is { } found && !deleting.Contains(found) ? found : null;
    }

    public void SetCurrent(EntityKind kind, string namespaceId, string id, long? runKey, Batch batch)
    {
        current[(kind, namespaceId, id)] = (runKey, batch);
        batch.Writes.Current[(kind, namespaceId, id)] = runKey;
    }

    /// <summary>The batch is on disk: what it held here may leave.</summary>
    public void Committed(Batch batch)
    {
        deleting.ExceptWith(batch.Deleted);
        foreach (var entity in batch.Dirty.Values)
        {
            if (--entity.InFlight == 0 && !entity.IsDirty)
            {
                entity.OnCommitted();
            }
        }

        foreach (var key in batch.Writes.Current.Keys)
        {
            if (current.TryGetValue(key, out var entry) && ReferenceEquals(entry.Batch, batch))
            {
                current.Remove(key);
            }
        }

        Trim();
    }

    /// <summary>Forgets all, written or not.</summary>
    public void Clear()
    {
        cache.Clear();
        runIds.Clear();
        current.Clear();
        deleting.Clear();
        trimAbove = CacheLimit;
    }

    /// <summary>Lets the entities go that were not used for longest. Those that somebody waits on, or that are not on disk, stay.</summary>
    private void Trim()
    {
        if (cache.Count <= trimAbove)
        {
            return;
        }

        var leaving = cache.Values.Where(static entity => entity.InFlight == 0 && !entity.IsDirty && !entity.IsPinned)
            .OrderBy(static entity => entity.LastUse).Take(cache.Count - (CacheLimit * 3 / 4)).ToList();
        leaving.ForEach(Forget);

        // When most had to stay, the next look is worth its cost only after as many again have come.
        trimAbove = Math.Max(CacheLimit, cache.Count + (CacheLimit / 4));
    }

    private void Forget(Entity entity)
    {
        cache.Remove(entity.RunKey);
        runIds.Remove(entity.RunId);
    }
}
