using Google.Protobuf;

namespace Baton.Durable.Storage;

/// <summary>
/// Where the engine keeps everything that must outlive a crash. Two implementations, SQLite and volatile, are held to one
/// compliance suite.
/// </summary>
/// <remarks>
/// What an implementer must do:
/// <list type="number">
/// <item><see cref="Commit"/> is atomic and durable: when it returns, a killed process or machine finds all of the batch again;
/// when it throws, nothing of the batch is visible, now or after a restart, and the store is usable for the next batch.</item>
/// <item><see cref="Commit"/> is called from one thread at a time; reads come from any thread, while a commit is under way too, and see
/// whole batches only.</item>
/// <item>Byte sequences come back exactly as they were given.</item>
/// <item>A failure of the medium (full disk, I/O error) is a <see cref="StoreException"/>, never another type.</item>
/// </list>
/// The contract is split by table group so that a group may move to a file of its own.
/// </remarks>
internal interface IDurableStore : IAsyncDisposable
{
    IEntityReader Entities { get; }

    IHistoryReader Histories { get; }

    IVisibilityReader Visibility { get; }

    IDocumentReader Documents { get; }

    /// <summary>Applies the whole batch or nothing. Durable on return.</summary>
    /// <exception cref="StoreException">The medium refused; nothing of the batch was applied.</exception>
    void Commit(WriteBatch batch);

    /// <summary>
    /// Housekeeping off the commit path: folds the write-ahead log into the main file and gives free pages back to the file system.
    /// Called from the committer between batches. Interruptible by a kill at any point without loss. Does a bounded piece of work, cheap
    /// when there is nothing to do; true when another call would find more (a large history to purge, pages to give back).
    /// </summary>
    /// <exception cref="StoreException">The medium refused; nothing is lost.</exception>
    bool Maintain();

    /// <summary>Reads every row: not for a path that somebody waits on.</summary>
    StoreStatistics GetStatistics();
}

/// <summary>Sizes in bytes and counts of rows, for <c>baton storage</c>, the benchmark and the retention tests.</summary>
internal sealed record StoreStatistics(long FileBytes, long LogBytes, long FreeBytes, long Entities, long HistoryBatches, long HistoryBytes);

/// <summary>The medium failed (full disk, I/O error, a file that is no database). Callers see UNAVAILABLE.</summary>
internal sealed class StoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>State machines by run key, the current run of each id, and the small index that start-up reads whole.</summary>
internal interface IEntityReader
{
    EntityRecord? Load(long runKey);

    /// <summary>The newest run of an id (open or closed), or null when the id was never used or its last run was deleted.</summary>
    long? FindCurrent(EntityKind kind, string namespaceId, string id);

    /// <summary>A run by its run id. The id must match too when it is not empty.</summary>
    long? FindRun(EntityKind kind, string namespaceId, string id, string runId);

    /// <summary>Every row of the wake index, in no order. 100,000 rows must take well under a second.</summary>
    IEnumerable<WakeRecord> LoadWakes();

    /// <summary>The highest run key ever committed, 0 when there was none. Keys of deleted runs are never given again.</summary>
    long MaxRunKey();

    /// <summary>Closed runs whose <see cref="WakeRecord"/> is gone and whose <see cref="VisibilityRecord.DeleteAt"/> passed, oldest first.</summary>
    IReadOnlyList<long> ListExpired(DateTimeOffset now, int limit);
}

/// <summary>History batches: serialized <c>temporal.api.history.v1.History</c> fragments, so that bytes concatenate to a History message.</summary>
internal interface IHistoryReader
{
    /// <summary>
    /// Batches that hold events from <paramref name="fromEventId"/> on and below <paramref name="untilEventId"/> (exclusive), in order; the first batch may
    /// begin before <paramref name="fromEventId"/>. Stops after the batch that passes <paramref name="maxBytes"/> or <paramref name="maxEvents"/>; at least one batch is given if any is there.
    /// </summary>
    IReadOnlyList<HistoryBatch> Read(long runKey, long fromEventId, long untilEventId, int maxEvents, int maxBytes);

    /// <summary>The same, from the end: batches in descending order of first event id that hold events at or below <paramref name="fromEventId"/>.</summary>
    IReadOnlyList<HistoryBatch> ReadReverse(long runKey, long fromEventId, int maxEvents, int maxBytes);
}

internal interface IVisibilityReader
{
    /// <summary>
    /// One page of records that match. Default order: open ones first, then by close time descending, then start time
    /// descending, then run key descending; a query's own ORDER BY replaces it. <paramref name="after"/> is the opaque position that the
    /// last page returned, empty for the first page; <see cref="VisibilityPage.Next"/> is empty after the last.
    /// </summary>
    /// <exception cref="Visibility.VisibilityQueryException">The position was changed, or is of a list in another order.</exception>
    VisibilityPage List(EntityKind kind, string namespaceId, Visibility.VisibilityQuery query, int pageSize, ReadOnlyMemory<byte> after);

    long Count(EntityKind kind, string namespaceId, Visibility.VisibilityQuery query);

    /// <summary>Counts by the values of the query's GROUP BY attribute.</summary>
    IReadOnlyList<(IReadOnlyList<Visibility.AttributeValue?> Values, long Count)> CountGroups(EntityKind kind, string namespaceId, Visibility.VisibilityQuery query);

    VisibilityRecord? Get(long runKey);
}

/// <summary>Small settings-like things by kind and key: namespaces, search attributes, Nexus endpoints, worker deployments.</summary>
internal interface IDocumentReader
{
    byte[]? Get(string kind, string key);

    IReadOnlyList<(string Key, byte[] Value)> List(string kind);
}

/// <summary>What an entity is. Numbers are stored; never renumber.</summary>
internal enum EntityKind
{
    Workflow = 1,
    Schedule = 2,
    Activity = 3,
    Batch = 4,
    NexusOperation = 5,
}

/// <param name="RunKey">Given by the engine, ascending, never reused. Kind, namespace, id and run id are those of the first write of the key.</param>
/// <param name="Id">Workflow id, schedule id, activity id ...</param>
/// <param name="State">Serialized state machine (see Protos/state.proto).</param>
internal sealed record EntityRecord(long RunKey, EntityKind Kind, string NamespaceId, string Id, string RunId, byte[] State)
{
    /// <summary>Filled on load. Written by <see cref="WriteBatch.Parts"/>, so that a large state is not written whole for a small change.</summary>
    public IReadOnlyList<(long Part, byte[] Bytes)> Parts { get; init; } = [];
}

/// <summary>
/// The part of an open entity that start-up needs without loading it: when it must be woken, and which tasks it has for workers.
/// </summary>
/// <param name="WakeAt">Unix time in milliseconds, or null when only an outside event can move it.</param>
/// <param name="Dispatch">Serialized <c>DispatchList</c> (see Protos/state.proto), empty when it has no task waiting.</param>
internal sealed record WakeRecord(long RunKey, long? WakeAt, byte[] Dispatch);

/// <param name="Events">Serialized <c>History</c> fragment with <paramref name="EventCount"/> events, the first of which has id <paramref name="FirstEventId"/>.</param>
internal readonly record struct HistoryBatch(long FirstEventId, int EventCount, ByteString Events);

internal sealed record VisibilityPage(IReadOnlyList<VisibilityRecord> Records, ReadOnlyMemory<byte> Next);

/// <summary>What lists, counts and retention see of a run. Times have millisecond precision or better.</summary>
internal sealed record VisibilityRecord
{
    public required long RunKey { get; init; }
    public required EntityKind Kind { get; init; }
    public required string NamespaceId { get; init; }
    public required string Id { get; init; }
    public required string RunId { get; init; }
    public string Type { get; init; } = "";
    public string TaskQueue { get; init; } = "";

    /// <summary>Number of <c>WorkflowExecutionStatus</c> (or the kind's own status enum).</summary>
    public int Status { get; init; }
    public DateTimeOffset StartTime { get; init; }
    public DateTimeOffset ExecutionTime { get; init; }
    public DateTimeOffset? CloseTime { get; init; }

    /// <summary>When retention may delete it; null while open.</summary>
    public DateTimeOffset? DeleteAt { get; init; }
    public long HistoryLength { get; init; }
    public long HistorySizeBytes { get; init; }
    public long StateTransitionCount { get; init; }
    public string ParentId { get; init; } = "";
    public string ParentRunId { get; init; } = "";
    public string RootId { get; init; } = "";
    public string RootRunId { get; init; } = "";

    /// <summary>Serialized <c>temporal.api.common.v1.Memo</c>.</summary>
    public ByteString Memo { get; init; } = ByteString.Empty;

    /// <summary>Custom and built-in (BuildIds, BatcherUser, TemporalChangeVersion, TemporalSchedulePaused ...) search attributes with their values, by name.</summary>
    public IReadOnlyDictionary<string, Visibility.AttributeValue> Attributes { get; init; } = new Dictionary<string, Visibility.AttributeValue>();

    /// <summary>Bytes that the kind wants back in lists and that no query looks into (schedule info, for example).</summary>
    public ByteString Extra { get; init; } = ByteString.Empty;
}

/// <summary>
/// All writes of one group commit. Later writes to the same key replace earlier ones; history appends keep their order.
/// Applied in one transaction.
/// </summary>
internal sealed class WriteBatch
{
    /// <summary>Null deletes the entity (its wake, current pointer, visibility and history are deleted by their own entries).</summary>
    public Dictionary<long, EntityRecord?> Entities { get; } = [];

    /// <summary>Parts of an entity's state, by a number that the entity gives. Null removes one; deleting the entity removes all. Applied after <see cref="Entities"/>.</summary>
    public Dictionary<(long RunKey, long Part), byte[]?> Parts { get; } = [];

    /// <summary>Null removes the row.</summary>
    public Dictionary<long, WakeRecord?> Wakes { get; } = [];

    /// <summary>Null removes the pointer.</summary>
    public Dictionary<(EntityKind Kind, string NamespaceId, string Id), long?> Current { get; } = [];

    public List<(long RunKey, HistoryBatch Batch)> History { get; } = [];

    /// <summary>Runs whose whole history goes. Applied before <see cref="History"/>.</summary>
    public HashSet<long> HistoryDeletes { get; } = [];

    public Dictionary<long, VisibilityRecord?> Visibility { get; } = [];

    /// <summary>Null deletes the document.</summary>
    public Dictionary<(string Kind, string Key), byte[]?> Documents { get; } = [];

    public bool IsEmpty => Entities.Count == 0 && Parts.Count == 0 && Wakes.Count == 0 && Current.Count == 0 && History.Count == 0
        && HistoryDeletes.Count == 0 && Visibility.Count == 0 && Documents.Count == 0;
}
