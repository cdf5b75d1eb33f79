using Baton.Durable.Visibility;

namespace Baton.Durable.Storage.Volatile;

/// <summary>
/// The store in memory: for tests and for a server that is to keep nothing. A commit changes everything under one lock after it has been
/// checked, so it is whole or nothing; reads take the lock for as long as they copy references.
/// </summary>
internal sealed class VolatileStore : IDurableStore, IEntityReader, IHistoryReader, IVisibilityReader, IDocumentReader
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, EntityRecord> _entities = [];
    private readonly Dictionary<string, HashSet<long>> _runIds = new(StringComparer.Ordinal);
    private readonly Dictionary<long, SortedList<long, byte[]>> _parts = [];
    private readonly Dictionary<long, WakeRecord> _wakes = [];
    private readonly Dictionary<(EntityKind, string, string), long> _current = [];
    private readonly Dictionary<long, SortedList<long, HistoryBatch>> _histories = [];
    private readonly Dictionary<long, VisibilityRecord> _visibility = [];
    private readonly Dictionary<string, SortedList<string, byte[]>> _documents = new(StringComparer.Ordinal);
    private long _maxRunKey;

    public IEntityReader Entities => this;

    public IHistoryReader Histories => this;

    public IVisibilityReader Visibility => this;

    public IDocumentReader Documents => this;

    public void Commit(WriteBatch batch)
    {
        lock (_lock)
        {
            CheckHistory(batch);
            foreach ((long runKey, EntityRecord? entity) in batch.Entities)
                PutEntity(runKey, entity);
            foreach (((long runKey, long part), byte[]? bytes) in batch.Parts)
                PutPart(runKey, part, bytes);
            foreach ((long runKey, WakeRecord? wake) in batch.Wakes)
                PutOrRemove(_wakes, runKey, wake);
            foreach (((EntityKind, string, string) id, long? runKey) in batch.Current)
            {
                if (runKey is { } current)
                    _current[id] = current;
                else
                    _current.Remove(id);
            }
            foreach (long runKey in batch.HistoryDeletes)
                _histories.Remove(runKey);
            foreach ((long runKey, HistoryBatch events) in batch.History)
            {
                if (!_histories.TryGetValue(runKey, out SortedList<long, HistoryBatch>? history))
                    _histories[runKey] = history = [];
                history.Add(events.FirstEventId, events);
            }
            foreach ((long runKey, VisibilityRecord? record) in batch.Visibility)
                PutOrRemove(_visibility, runKey, record);
            foreach (((string kind, string key), byte[]? value) in batch.Documents)
            {
                if (!_documents.TryGetValue(kind, out SortedList<string, byte[]>? documents))
                    _documents[kind] = documents = new SortedList<string, byte[]>(Comparer<string>.Create(StoredOrder.Compare));
                if (value is null)
                    documents.Remove(key);
                else
                    documents[key] = value;
            }
        }
    }

    public bool Maintain() => false;

    public StoreStatistics GetStatistics()
    {
        lock (_lock)
        {
            IEnumerable<HistoryBatch> batches = _histories.Values.SelectMany(history => history.Values);
            return new StoreStatistics(0, 0, 0, _entities.Count, batches.Count(), batches.Sum(batch => (long)batch.Events.Length));
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public EntityRecord? Load(long runKey)
    {
        lock (_lock)
        {
            EntityRecord? entity = _entities.GetValueOrDefault(runKey);
            return entity is not null && _parts.TryGetValue(runKey, out SortedList<long, byte[]>? parts) ? entity with { Parts = [.. parts.Select(part => (part.Key, part.Value))] } : entity;
        }
    }

    public long? FindCurrent(EntityKind kind, string namespaceId, string id)
    {
        lock (_lock)
            return _current.TryGetValue((kind, namespaceId, id), out long runKey) ? runKey : null;
    }

    public long? FindRun(EntityKind kind, string namespaceId, string id, string runId)
    {
        lock (_lock)
        {
            foreach (long runKey in _runIds.GetValueOrDefault(runId, []))
            {
                EntityRecord entity = _entities[runKey];
                if (entity.Kind == kind && entity.NamespaceId == namespaceId && (id.Length == 0 || entity.Id == id))
                    return runKey;
            }
            return null;
        }
    }

    public IEnumerable<WakeRecord> LoadWakes()
    {
        lock (_lock)
            return _wakes.Values.ToArray();
    }

    public long MaxRunKey()
    {
        lock (_lock)
            return _maxRunKey;
    }

    public IReadOnlyList<long> ListExpired(DateTimeOffset now, int limit)
    {
        lock (_lock)
        {
            return [.. _visibility.Values.Where(record => record.DeleteAt <= now && !_wakes.ContainsKey(record.RunKey))
                .OrderBy(record => record.DeleteAt).ThenBy(record => record.RunKey).Take(limit).Select(record => record.RunKey)];
        }
    }

    public IReadOnlyList<HistoryBatch> Read(long runKey, long fromEventId, long untilEventId, int maxEvents, int maxBytes)
    {
        lock (_lock)
        {
            return !_histories.TryGetValue(runKey, out SortedList<long, HistoryBatch>? history)
                ? []
                : Page(history.Values.SkipWhile(batch => batch.FirstEventId + batch.EventCount <= fromEventId).TakeWhile(batch => batch.FirstEventId < untilEventId), maxEvents, maxBytes);
        }
    }

    public IReadOnlyList<HistoryBatch> ReadReverse(long runKey, long fromEventId, int maxEvents, int maxBytes)
    {
        lock (_lock)
        {
            return !_histories.TryGetValue(runKey, out SortedList<long, HistoryBatch>? history)
                ? []
                : Page(history.Values.Reverse().SkipWhile(batch => batch.FirstEventId > fromEventId), maxEvents, maxBytes);
        }
    }

    public VisibilityPage List(EntityKind kind, string namespaceId, VisibilityQuery query, int pageSize, ReadOnlyMemory<byte> after)
    {
        var ordering = new VisibilityOrdering(kind, namespaceId, query);
        VisibilityOrdering.Position? position = ordering.Read(after);
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
        lock (_lock)
            return _visibility.GetValueOrDefault(runKey);
    }

    byte[]? IDocumentReader.Get(string kind, string key)
    {
        lock (_lock)
            return _documents.TryGetValue(kind, out SortedList<string, byte[]>? documents) ? documents.GetValueOrDefault(key) : null;
    }

    IReadOnlyList<(string Key, byte[] Value)> IDocumentReader.List(string kind)
    {
        lock (_lock)
            return _documents.TryGetValue(kind, out SortedList<string, byte[]>? documents) ? [.. documents.Select(document => (document.Key, document.Value))] : [];
    }

    /// <summary>The one rule that a batch can break: an event id is written once.</summary>
    private void CheckHistory(WriteBatch batch)
    {
        var added = new HashSet<(long, long)>();
        foreach ((long runKey, HistoryBatch events) in batch.History)
        {
            bool stored = !batch.HistoryDeletes.Contains(runKey) && _histories.TryGetValue(runKey, out SortedList<long, HistoryBatch>? history) && history.ContainsKey(events.FirstEventId);
            if (stored || !added.Add((runKey, events.FirstEventId)))
                throw new StoreException($"A write broke a rule of the store: run {runKey} already has a history batch at event {events.FirstEventId}.");
        }
    }

    private void PutEntity(long runKey, EntityRecord? entity)
    {
        if (_entities.Remove(runKey, out EntityRecord? old) && _runIds.TryGetValue(old.RunId, out HashSet<long>? sameRunId) && sameRunId.Remove(runKey) && sameRunId.Count == 0)
            _runIds.Remove(old.RunId);
        if (entity is null)
        {
            _parts.Remove(runKey);
            return;
        }
        // A run keeps the identity it was first written with.
        entity = old is null ? entity : old with { State = entity.State };
        _entities[runKey] = entity;
        if (!_runIds.TryGetValue(entity.RunId, out sameRunId))
            _runIds[entity.RunId] = sameRunId = [];
        sameRunId.Add(runKey);
        _maxRunKey = Math.Max(_maxRunKey, runKey);
    }

    private void PutPart(long runKey, long part, byte[]? bytes)
    {
        if (!_parts.TryGetValue(runKey, out SortedList<long, byte[]>? parts))
            _parts[runKey] = parts = [];
        if (bytes is not null)
            parts[part] = bytes;
        else if (parts.Remove(part) && parts.Count == 0)
            _parts.Remove(runKey);
    }

    private static void PutOrRemove<T>(Dictionary<long, T> rows, long runKey, T? row)
        where T : class
    {
        if (row is null)
            rows.Remove(runKey);
        else
            rows[runKey] = row;
    }

    private IEnumerable<VisibilityRecord> Matching(EntityKind kind, string namespaceId, VisibilityQuery query)
    {
        VisibilityRecord[] records;
        lock (_lock)
            records = [.. _visibility.Values];
        return records.Where(record => record.Kind == kind && record.NamespaceId == namespaceId && VisibilityPredicate.Matches(query.Filter, record));
    }

    private static List<HistoryBatch> Page(IEnumerable<HistoryBatch> batches, int maxEvents, int maxBytes)
    {
        var page = new List<HistoryBatch>();
        long events = 0, bytes = 0;
        foreach (HistoryBatch batch in batches)
        {
            page.Add(batch);
            events += batch.EventCount;
            bytes += batch.Events.Length;
            if (events >= maxEvents || bytes >= maxBytes)
                break;
        }
        return page;
    }

    private sealed class ValuesComparer : IEqualityComparer<object?[]>
    {
        public bool Equals(object?[]? x, object?[]? y) => x!.AsSpan().SequenceEqual(y);

        public int GetHashCode(object?[] values)
        {
            var hash = new HashCode();
            foreach (object? value in values)
                hash.Add(value);
            return hash.ToHashCode();
        }
    }
}
