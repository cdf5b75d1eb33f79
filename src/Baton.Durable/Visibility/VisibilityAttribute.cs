using System.Collections.Frozen;
using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>
/// What a query may name: a column that every record has, or a search attribute that a record may carry.
/// </summary>
/// <remarks>
/// Each store sees the same values in the same form, called stored form: text as string, whole numbers as long, bool as 0 or 1,
/// times as <see cref="DateTimeOffset.UtcTicks"/>, and double. Comparing stored forms is all that a predicate or an SQL statement does.
/// </remarks>
internal sealed class VisibilityAttribute
{
    private readonly Func<VisibilityRecord, object?>? read;

    private VisibilityAttribute(string name, AttributeType type, string? column, bool nullable, Func<VisibilityRecord, object?>? read)
    {
        Name = name;
        Type = type;
        Column = column;
        Nullable = nullable;
        this.read = read;
    }

    public string Name { get; }

    public AttributeType Type { get; }

    /// <summary>SQL expression over the <c>visibility</c> table, or null when the value is in <c>visibility_values</c>.</summary>
    public string? Column { get; }

    /// <summary>
    /// SQL column that orders records by it, those without a value as the highest. Null when there is none and <see cref="Column"/> serves.
    /// </summary>
    public string? OrderColumn { get; private init; }

    /// <summary>Whether a record may be without it.</summary>
    public bool Nullable { get; }

    /// <summary>Whether a record has at most one value of it, so that records can be sorted and grouped by it.</summary>
    public bool IsScalar => Type is not (AttributeType.Text or AttributeType.KeywordList);

    /// <summary>Key of the attribute in <c>visibility_values</c>. The type is part of it: a value of another type is another attribute.</summary>
    public string StoredName => StoredNameOf(Name, Type);

    public static string StoredNameOf(string name, AttributeType type) => $"{(int)type}:{name}";

    /// <summary>A search attribute kept by name in <see cref="VisibilityRecord.Attributes"/>.</summary>
    public static VisibilityAttribute Named(string name, AttributeType type) => new(name, type, null, nullable: true, read: null);

    /// <summary>The record's value in stored form, null when it has none. For scalar attributes.</summary>
    public object? Read(VisibilityRecord record)
    {
        if (read is not null)
        {
            return read(record);
        }

        return record.Attributes.TryGetValue(Name, out var value) && value.Type == Type ? ToStored(value) : null;
    }

    /// <summary>The record's values in stored form: the words of a text, the items of a list. Empty when it has none.</summary>
    public IEnumerable<string> ReadMany(VisibilityRecord record) =>
        record.Attributes.TryGetValue(Name, out var value) && value.Type == Type ? ToStoredMany(value) : [];

    /// <summary>Stored form of a scalar. Null for a double that is no number: it equals nothing and has no order.</summary>
    public static object? ToStored(AttributeValue value) => value.Value switch
    {
        bool flag => flag ? 1L : 0L,
        int number => (long)number,
        double.NaN => null,
        DateTimeOffset time => time.UtcTicks,
        _ => value.Value,
    };

    /// <summary>The words of a Text, the items of a KeywordList.</summary>
    // A text without any word still has a value; the empty word stands for that, and no query can ask for it.
    public static IEnumerable<string> ToStoredMany(AttributeValue value) => value.Value switch
    {
        string text => TextWords.Of(text) is { Count: > 0 } words ? words : [""],
        IEnumerable<string> items => items.Distinct(StringComparer.Ordinal),
        _ => throw new ArgumentException($"A {value.Type} attribute holds a {value.Value.GetType().Name}.", nameof(value)),
    };

    /// <summary>The other way round, for the values of GROUP BY.</summary>
    public AttributeValue? FromStored(object? stored, EntityKind kind)
    {
        if (stored is null)
        {
            return null;
        }

        if (Name == ExecutionStatus)
        {
            return new AttributeValue(AttributeType.Keyword, StatusNames.NameOf(kind, (long)stored));
        }

        return new AttributeValue(Type, Type switch
        {
            AttributeType.Bool => (long)stored != 0,
            AttributeType.Datetime => new DateTimeOffset((long)stored, TimeSpan.Zero),
            _ => stored,
        });
    }

    public const string ExecutionStatus = "ExecutionStatus";
    public const string ExecutionDuration = "ExecutionDuration";

    private static readonly FrozenDictionary<string, VisibilityAttribute> System = new VisibilityAttribute[]
    {
        Text("WorkflowId", "id", r => r.Id),
        Text("RunId", "run_id", r => r.RunId),
        Text("WorkflowType", "type", r => r.Type),
        Text("TaskQueue", "task_queue", r => r.TaskQueue),
        Number(ExecutionStatus, AttributeType.Keyword, "status", r => (long)r.Status),
        Number("StartTime", AttributeType.Datetime, "start_time", r => r.StartTime.UtcTicks),
        Number("ExecutionTime", AttributeType.Datetime, "execution_time", r => r.ExecutionTime.UtcTicks),
        new("CloseTime", AttributeType.Datetime, "close_time", nullable: true, r => r.CloseTime?.UtcTicks) { OrderColumn = "close_order" },
        Number("HistoryLength", AttributeType.Int, "history_length", r => r.HistoryLength),
        Number("HistorySizeBytes", AttributeType.Int, "history_size", r => r.HistorySizeBytes),
        Number("StateTransitionCount", AttributeType.Int, "state_transitions", r => r.StateTransitionCount),
        new(ExecutionDuration, AttributeType.Int, "((close_time - execution_time) * 100)", nullable: true, r => (r.CloseTime - r.ExecutionTime)?.Ticks * 100),
        TextOrNull("ParentWorkflowId", "parent_id", r => r.ParentId),
        TextOrNull("ParentRunId", "parent_run_id", r => r.ParentRunId),
        TextOrNull("RootWorkflowId", "root_id", r => r.RootId),
        TextOrNull("RootRunId", "root_run_id", r => r.RootRunId),
        Named("BuildIds", AttributeType.KeywordList),
        Named("BatcherUser", AttributeType.Keyword),
        Named("BatcherNamespace", AttributeType.Keyword),
        Named("BinaryChecksums", AttributeType.KeywordList),
        Named("TemporalChangeVersion", AttributeType.KeywordList),
        Named("TemporalScheduledStartTime", AttributeType.Datetime),
        Named("TemporalScheduledById", AttributeType.Keyword),
        Named("TemporalSchedulePaused", AttributeType.Bool),
        Named("TemporalNamespaceDivision", AttributeType.Keyword),
        Named("TemporalWorkflowVersioningBehavior", AttributeType.Keyword),
        Named("TemporalWorkerDeployment", AttributeType.Keyword),
        Named("TemporalWorkerDeploymentVersion", AttributeType.Keyword),
        Named("TemporalUsedWorkerDeploymentVersions", AttributeType.KeywordList),
        Named("TemporalPauseInfo", AttributeType.KeywordList),
        Named("TemporalReportedProblems", AttributeType.KeywordList),
    }.ToFrozenDictionary(attribute => attribute.Name, StringComparer.Ordinal);

    // Other kinds of entity call the id and the type by names of their own.
    private static readonly FrozenDictionary<(EntityKind, string), string> Aliases = new Dictionary<(EntityKind, string), string>
    {
        [(EntityKind.Workflow, "ScheduleId")] = "WorkflowId",
        [(EntityKind.Schedule, "ScheduleId")] = "WorkflowId",
        [(EntityKind.Activity, "ActivityId")] = "WorkflowId",
        [(EntityKind.Activity, "ActivityType")] = "WorkflowType",
        [(EntityKind.Batch, "BatchId")] = "WorkflowId",
        [(EntityKind.NexusOperation, "OperationId")] = "WorkflowId",
        [(EntityKind.NexusOperation, "Operation")] = "WorkflowType",
    }.ToFrozenDictionary();

    /// <summary>Names that no custom search attribute may take.</summary>
    public static IEnumerable<string> SystemNames => System.Keys;

    /// <summary>
    /// The attribute of that name, null when there is none: a system attribute, then a custom one, then an alias, then a system attribute
    /// that lacks, or has too much, the prefix <c>Temporal</c>.
    /// </summary>
    public static VisibilityAttribute? Find(string name, EntityKind kind, IReadOnlyDictionary<string, AttributeType> customAttributes)
    {
        const string Prefix = "Temporal";
        if (System.TryGetValue(name, out var attribute))
        {
            return attribute;
        }

        if (customAttributes.TryGetValue(name, out var type))
        {
            return Named(name, type);
        }

        if (Aliases.TryGetValue((kind, name), out var alias))
        {
            return System[alias];
        }

        return name == Prefix + "BuildIds" ? System["BuildIds"] : System.GetValueOrDefault(Prefix + name);
    }

    /// <summary>A system attribute by its own name.</summary>
    public static VisibilityAttribute OfSystem(string name) => System[name];

    private static VisibilityAttribute Text(string name, string column, Func<VisibilityRecord, string> read) =>
        new(name, AttributeType.Keyword, column, nullable: false, read);

    private static VisibilityAttribute TextOrNull(string name, string column, Func<VisibilityRecord, string> read) =>
        new(name, AttributeType.Keyword, column, nullable: true, record => read(record) is { Length: > 0 } text ? text : null);

    private static VisibilityAttribute Number(string name, AttributeType type, string column, Func<VisibilityRecord, long> read) =>
        new(name, type, column, nullable: false, record => read(record));
}
