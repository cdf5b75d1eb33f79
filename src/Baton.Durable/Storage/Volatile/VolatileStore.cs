using Baton.Durable.Visibility;

namespace Baton.Durable.Storage.Volatile;

/// <summary>
/// The store in memory: for tests and for a server that is to keep nothing. A commit changes everything under one lock after it has been
/// checked, so it is whole or nothing; reads take the lock for as long as they copy references.
/// </summary>
internal sealed class VolatileStore : IDurableStore, IEntityReader, IHistoryReader, IVisibilityReader, IDocumentReader
{
    private readonly Lock gate = new();
    private readonly Dictionary<long, EntityRecord> entities = [];
    private readonly Dictionary<string, HashSet<long>> runIds = new(StringComparer.Ordinal);
    private readonly Dictionary<long, SortedList<long, byte[]>> partsByRun = [];
    private readonly Dictionary<long, WakeRecord> wakes = [];
    private readonly Dictionary<(EntityKind, string, string), long> currentRuns = [];
    private readonly Dictionary<long, SortedList<long, HistoryBatch>> histories = [];
    private readonly Dictionary<long, VisibilityRecord> visibility = [];
    private readonly Dictionary<string, SortedList<string, byte[]>> documentsByKind = new(StringComparer.Ordinal);
    private long maxRunKey;

    public IEntityReader Entities => this;

    public IHistoryReader Histories => this;

    public IVisibilityReader Visibility => this;

    public IDocumentReader Documents => this;

    public void Commit(WriteBatch batch)
    {
        lock (gate)
        {
            CheckHistory(batch);
            foreach ((var runKey, var entity) in batch.Entities)
            {
                PutEntity(runKey, entity);
            }

            foreach (((var runKey, var part), var bytes) in batch.Parts)
            {
                PutPart(runKey, part, bytes);
            }

            foreach ((var runKey, var wake) in batch.Wakes)
            {
                PutOrRemove(wakes, runKey, wake);
            }

            foreach (((EntityKind, string, string) id, var runKey) in batch.Current)
            {
                if (runKey is { } current)
                {
                    currentRuns[id] = current;
                }
                else
                {
                    currentRuns.Remove(id);
                }
            }
            foreach (var runKey in batch.HistoryDeletes)
            {
                histories.Remove(runKey);
            }

            foreach ((var runKey, var events) in batch.History)
            {
                if (!histories.TryGetValue(runKey, out var history))
                {
                    histories[runKey] = history = [];
                }

                history.Add(events.FirstEventId, events);
            }
            foreach ((var runKey, var record) in batch.Visibility)
            {
                PutOrRemove(visibility, runKey, record);
            }

            foreach (((var kind, var key), var value) in batch.Documents)
            {
                if (!documentsByKind.TryGetValue(kind, out var documents))
                {
                    documentsByKind[kind] = documents = new SortedList<string, byte[]>(Comparer<string>.Create(StoredOrder.Compare));
                }

                if (value is null)
                {
                    documents.Remove(key);
                }
                else
                {
                    documents[key] = value;
                }
            }
        }
    }

    public bool Maintain() => false;

    public StoreStatistics GetStatistics()
    {
        lock (gate)
        {
            var batches = histories.Values.SelectMany(history => history.Values);
            return new StoreStatistics(0, 0, 0, entities.Count, batches.Count(), batches.Sum(batch => (long)batch.Events.Length));
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public EntityRecord? Load(long runKey)
    {
        lock (gate)
        {
            var entity = entities.GetValueOrDefault(runKey);
            return entity is not null && partsByRun.TryGetValue(runKey, out var parts) ? entity with { Parts = [.. parts.Select(part => (part.Key, part.Value))] } : entity;
        }
    }

    public long? FindCurrent(EntityKind kind, string namespaceId, string id)
    {
        lock (gate)
        {
            return currentRuns.TryGetValue((kind, namespaceId, id), out var runKey) ? runKey : null;
        }
    }

    public long? FindRun(EntityKind kind, string namespaceId, string id, string runId)
    {
        lock (gate)
        {
            foreach (var runKey in runIds.GetValueOrDefault(runId, []))
            {
                var entity = entities[runKey];
                if (entity.Kind == kind && entity.NamespaceId == namespaceId && (id.Length == 0 || entity.Id == id))
                {
                    return runKey;
                }
            }
            return null;
        }
    }

    public IEnumerable<WakeRecord> LoadWakes()
    {
        lock (gate)
        {
            return wakes.Values.ToArray();
        }
    }

    public long MaxRunKey()
    {
        lock (gate)
        {
            return maxRunKey;
        }
    }

    public IReadOnlyList<long> ListExpired(DateTimeOffset now, int limit)
    {
        lock (gate)
        {
            return [.. visibility.Values.Where(record => record.DeleteAt <= now && !wakes.ContainsKey(record.RunKey))
                .OrderBy(record => record.DeleteAt).ThenBy(record => record.RunKey).Take(limit).Select(record => record.RunKey)];
        }
    }

    public IReadOnlyList<HistoryBatch> Read(long runKey, long fromEventId, long untilEventId, int maxEvents, int maxBytes)
    {
        lock (gate)
        {
            return !histories.TryGetValue(runKey, out var history)
                ? []
                : Page(history.Values.SkipWhile(batch => batch.FirstEventId + batch.EventCount <= fromEventId).TakeWhile(batch => batch.FirstEventId < untilEventId), maxEvents, maxBytes);
        }
    }

    public IReadOnlyList<HistoryBatch> ReadReverse(long runKey, long fromEventId, int maxEvents, int maxBytes)
    {
        lock (gate)
        {
            return !histories.TryGetValue(runKey, out var history)
                ? []
                : Page(history.Values.Reverse().SkipWhile(batch => batch.FirstEventId > fromEventId), maxEvents, maxBytes);
        }
    }

    public VisibilityPage List(EntityKind kind, string namespaceId, VisibilityQuery query, int pageSize, ReadOnlyMemory<byte> after)
    {
        var ordering = new VisibilityOrdering(kind, namespaceId, query);
        var position = ordering.Read(after);
        VisibilityRecord[] found = [.. Matching(kind, namespaceId, query)
            .Where(record => position is null || ordering.IsAfter(record, position)).Order(ordering).Take(pageSize + 1)];
        return found.Length <= pageSize ? new VisibilityPage(found, default) : new VisibilityPage(found[..pageSize], ordering.PositionOf(found[pageSize - 1]));
    }

    public long Count(EntityKind kind, string namespaceId, VisibilityQuery query) => Matching(kind, namespaceId, query).LongCount();

    public IReadOnlyList<(IReadOnlyList<AttributeValue?> Values, long Count)> CountGroups(EntityKind kind, string namespaceId, VisibilityQuery query) =>
        [.. Matching(kind, namespaceId, query)
            .GroupBy(record => query.GroupBy.Select(attribute => attribute.Read(record)).ToArray(), new ValuesComparer())
            .Select(group => ((IReadOnlyList<AttributeValue?>)[.. query.GroupBy.Select((attribute, i) => attribute.FromStored(group.Key[i], kind))], group.LongCount()))];

    VisibilityRecord? IVisibilityReader.Get(long runKey)
    {
        lock (gate)
        {
            return visibility.GetValueOrDefault(runKey);
        }
    }

    byte[]? IDocumentReader.Get(string kind, string key)
    {
        lock (gate)
        {
            return documentsByKind.TryGetValue(kind, out var documents) ? documents.GetValueOrDefault(key) : null;
        }
    }

    IReadOnlyList<(string Key, byte[] Value)> IDocumentReader.List(string kind)
    {
        lock (gate)
        {
            return documentsByKind.TryGetValue(kind, out var documents) ? [.. documents.Select(document => (document.Key, document.Value))] : [];
        }
    }

    /// <summary>The one rule that a batch can break: an event id is written once.</summary>
    private void CheckHistory(WriteBatch batch)
    {
        var added = new HashSet<(long, long)>();
        foreach ((var runKey, var events) in batch.History)
        {
            var stored = !batch.HistoryDeletes.Contains(runKey) && histories.TryGetValue(runKey, out var history) && history.ContainsKey(events.FirstEventId);
            if (stored || !added.Add((runKey, events.FirstEventId)))
            {
                throw new StoreException($"A write broke a rule of the store: run {runKey} already has a history batch at event {events.FirstEventId}.");
            }
        }
    }

    private void PutEntity(long runKey, EntityRecord? entity)
    {
        if (entities.Remove(runKey, out var old) && runIds.TryGetValue(old.RunId, out var sameRunId) && sameRunId.Remove(runKey) && sameRunId.Count == 0)
        {
            runIds.Remove(old.RunId);
        }

        if (entity is null)
        {
            partsByRun.Remove(runKey);
            return;
        }
        // A run keeps the identity it was first written with.
        entity = old is null ? entity : old with { State = entity.State };
        entities[runKey] = entity;
        if (!runIds.TryGetValue(entity.RunId, out sameRunId))
        {
            runIds[entity.RunId] = sameRunId = [];
        }

        sameRunId.Add(runKey);
        maxRunKey = Math.Max(maxRunKey, runKey);
    }

    private void PutPart(long runKey, long part, byte[]? bytes)
    {
        if (!partsByRun.TryGetValue(runKey, out var parts))
        {
            partsByRun[runKey] = parts = [];
        }

        if (bytes is not null)
        {
            parts[part] = bytes;
        }
        else if (parts.Remove(part) && parts.Count == 0)
        {
            partsByRun.Remove(runKey);
        }
    }

    private static void PutOrRemove<T>(Dictionary<long, T> rows, long runKey, T? row)
        where T : class
    {
        if (row is null)
        {
            rows.Remove(runKey);
        }
        else
        {
            rows[runKey] = row;
        }
    }

    private IEnumerable<VisibilityRecord> Matching(EntityKind kind, string namespaceId, VisibilityQuery query)
    {
        VisibilityRecord[] records;
        lock (gate)
        {
            records = [.. visibility.Values];
        }

        return records.Where(record => record.Kind == kind && record.NamespaceId == namespaceId && VisibilityPredicate.Matches(query.Filter, record));
    }

    private static List<HistoryBatch> Page(IEnumerable<HistoryBatch> batches, int maxEvents, int maxBytes)
    {
        var page = new List<HistoryBatch>();
        long events = 0, bytes = 0;
        foreach (var batch in batches)
        {
            page.Add(batch);
            events += batch.EventCount;
            bytes += batch.Events.Length;
            if (events >= maxEvents || bytes >= maxBytes)
            {
                break;
            }
        }
        return page;
    }

    private sealed class ValuesComparer : IEqualityComparer<object?[]>
    {
        public bool Equals(object?[]? x, object?[]? y) => x!.AsSpan().SequenceEqual(y);

        public int GetHashCode(object?[] values)
        {
            var hash = new HashCode();
            foreach (var value in values)
            {
                hash.Add(value);
            }

            return hash.ToHashCode();
        }
    }
}
