using Baton.Durable.Visibility;
using Baton.Durable.Visibility.Stored;
using Google.Protobuf;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>Writes what lists and counts see: a row per record, and a row per value of each search attribute.</summary>
internal sealed class VisibilityWriter
{
    private readonly SqliteConnection connection;
    private readonly NameTable namespaces;
    private readonly NameTable attributes;

    // Keys above it have no row: such a record is inserted without looking for it first.
    private long maxRow;
    private long committedMaxRow;

    public VisibilityWriter(SqliteConnection connection, NameTable namespaces, NameTable attributes)
    {
        this.connection = connection;
        this.namespaces = namespaces;
        this.attributes = attributes;
        maxRow = committedMaxRow = connection.Scalar("SELECT max(run_key) FROM visibility");
    }

    public void Apply(WriteBatch batch)
    {
        foreach ((var runKey, var record) in batch.Visibility)
        {
            if (record is null)
            {
                Prepare("DELETE FROM visibility WHERE run_key = ?").Bind(runKey).Run();
                DeleteValues(runKey);
            }
            else
            {
                Put(record);
            }
        }
    }

    public void Committed() => committedMaxRow = maxRow;

    public void RolledBack() => maxRow = committedMaxRow;

    private SqliteStatement Prepare(string sql) => connection.Prepare(sql).Begin();

    private void Put(VisibilityRecord record)
    {
        var attributes = StoredAttributeCodec.Encode(record.Attributes);
        if (record.RunKey > maxRow)
        {
            Insert(record, attributes);
            InsertValues(record);
            maxRow = record.RunKey;
            return;
        }
        var sameAttributes = HasAttributes(record.RunKey, attributes);
        if (!Update(record, attributes))
        {
            Insert(record, attributes);
        }

        if (sameAttributes)
        {
            return;
        }

        DeleteValues(record.RunKey);
        InsertValues(record);
    }

    private bool HasAttributes(long runKey, byte[] attributes)
    {
        using var row = Prepare("SELECT attributes FROM visibility WHERE run_key = ?").Bind(runKey);
        return row.Step() && row.Span(0).SequenceEqual(attributes);
    }

    // Columns that never change in the life of a run are compared, not set: setting one would rewrite each index it is in, changed or not.
    private bool Update(VisibilityRecord record, byte[] attributes) => Prepare("""
        UPDATE visibility SET type = ?, task_queue = ?, status = ?, execution_time = ?, close_time = ?, delete_at = ?, history_length = ?, history_size = ?,
            state_transitions = ?, memo = ?, attributes = ?, extra = ?
        WHERE run_key = ? AND kind = ? AND namespace = ? AND id = ? AND run_id = ? AND start_time = ?
            AND parent_id IS ? AND parent_run_id IS ? AND root_id IS ? AND root_run_id IS ?
        """)
        .Bind(record.Type).Bind(record.TaskQueue).Bind(record.Status).Bind(record.ExecutionTime.UtcTicks).Bind(record.CloseTime?.UtcTicks).Bind(record.DeleteAt?.UtcTicks)
        .Bind(record.HistoryLength).Bind(record.HistorySizeBytes).Bind(record.StateTransitionCount).Bind(record.Memo.Span).Bind(attributes.AsSpan()).Bind(record.Extra.Span)
        .Bind(record.RunKey).Bind((long)record.Kind).Bind(namespaces.Intern(record.NamespaceId)).Bind(record.Id).Bind(record.RunId).Bind(record.StartTime.UtcTicks)
        .BindOrNull(record.ParentId).BindOrNull(record.ParentRunId).BindOrNull(record.RootId).BindOrNull(record.RootRunId)
        .Run() > 0;

    private void Insert(VisibilityRecord record, byte[] attributes) => Prepare("""
        INSERT OR REPLACE INTO visibility (run_key, kind, namespace, id, run_id, type, task_queue, status, start_time, execution_time, close_time, delete_at,
            history_length, history_size, state_transitions, parent_id, parent_run_id, root_id, root_run_id, memo, attributes, extra)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
        .Bind(record.RunKey).Bind((long)record.Kind).Bind(namespaces.Intern(record.NamespaceId)).Bind(record.Id).Bind(record.RunId).Bind(record.Type).Bind(record.TaskQueue)
        .Bind(record.Status).Bind(record.StartTime.UtcTicks).Bind(record.ExecutionTime.UtcTicks).Bind(record.CloseTime?.UtcTicks).Bind(record.DeleteAt?.UtcTicks)
        .Bind(record.HistoryLength).Bind(record.HistorySizeBytes).Bind(record.StateTransitionCount)
        .BindOrNull(record.ParentId).BindOrNull(record.ParentRunId).BindOrNull(record.RootId).BindOrNull(record.RootRunId)
        .Bind(record.Memo.Span).Bind(attributes.AsSpan()).Bind(record.Extra.Span).Run();

    private void InsertValues(VisibilityRecord record)
    {
        foreach ((var name, var value) in record.Attributes)
        {
            var attribute = VisibilityAttribute.Named(name, value.Type);
            var number = attributes.Intern(attribute.StoredName);
            IEnumerable<object> values = attribute.IsScalar
                ? attribute.Read(record) is { } scalar ? [scalar] : []
                : attribute.ReadMany(record);
            foreach (var stored in values)
            {
                Prepare("INSERT INTO visibility_values (run_key, attribute, value) VALUES (?, ?, ?)").Bind(record.RunKey).Bind(number).BindValue(stored).Run();
            }
        }
    }

    private void DeleteValues(long runKey) => Prepare("DELETE FROM visibility_values WHERE run_key = ?").Bind(runKey).Run();
}

/// <inheritdoc cref="IVisibilityReader"/>
internal sealed class VisibilityReader(ReaderPool pool, NameTable namespaces, NameTable attributes) : IVisibilityReader
{
    private const string Columns = """
        v.run_key, v.kind, v.namespace, v.id, v.run_id, v.type, v.task_queue, v.status, v.start_time, v.execution_time, v.close_time, v.delete_at,
        v.history_length, v.history_size, v.state_transitions, v.parent_id, v.parent_run_id, v.root_id, v.root_run_id, v.memo, v.attributes, v.extra
        """;

    public VisibilityPage List(EntityKind kind, string namespaceId, VisibilityQuery query, int pageSize, ReadOnlyMemory<byte> after)
    {
        var ordering = new VisibilityOrdering(kind, namespaceId, query);
        var position = ordering.Read(after);
        if (namespaces.Find(namespaceId) is not { } ns)
        {
            return new VisibilityPage([], default);
        }
        // One more than asked for tells whether there is a next page.
        var sql = VisibilitySql.List(Columns, ns, kind, query, ordering, position, pageSize + 1, attributes.Find);
        var records = new List<VisibilityRecord>();
        using var reader = pool.Rent();
        using (var rows = Begin(reader, sql))
        {
            while (rows.Step())
            {
                records.Add(ReadRecord(rows));
            }
        }
        if (records.Count <= pageSize)
        {
            return new VisibilityPage(records, default);
        }

        records.RemoveAt(pageSize);
        return new VisibilityPage(records, ordering.PositionOf(records[^1]));
    }

    public long Count(EntityKind kind, string namespaceId, VisibilityQuery query)
    {
        if (namespaces.Find(namespaceId) is not { } ns)
        {
            return 0;
        }

        using var reader = pool.Rent();
        using var row = Begin(reader, VisibilitySql.Count(ns, kind, query, attributes.Find));
        row.Step();
        return row.Long(0);
    }

    public IReadOnlyList<(IReadOnlyList<AttributeValue?> Values, long Count)> CountGroups(EntityKind kind, string namespaceId, VisibilityQuery query)
    {
        if (namespaces.Find(namespaceId) is not { } ns)
        {
            return [];
        }

        using var reader = pool.Rent();
        using var rows = Begin(reader, VisibilitySql.CountGroups(ns, kind, query, attributes.Find));
        var groups = new List<(IReadOnlyList<AttributeValue?>, long)>();
        while (rows.Step())
        {
            groups.Add(([.. query.GroupBy.Select((attribute, i) => attribute.FromStored(rows.Value(i + 1), kind))], rows.Long(0)));
        }

        return groups;
    }

    public VisibilityRecord? Get(long runKey)
    {
        using var reader = pool.Rent();
        using var row = reader.Begin($"SELECT {Columns} FROM visibility v WHERE run_key = ?").Bind(runKey);
        return row.Step() ? ReadRecord(row) : null;
    }

    private static SqliteStatement Begin(ReaderPool.Lease reader, VisibilitySql sql)
    {
        var statement = reader.Begin(sql.Text);
        foreach (var value in sql.Parameters)
        {
            statement.BindValue(value);
        }

        return statement;
    }

    private VisibilityRecord ReadRecord(SqliteStatement row) => new()
    {
        RunKey = row.Long(0),
        Kind = (EntityKind)row.Long(1),
        NamespaceId = namespaces.NameOf(row.Long(2)),
        Id = row.Text(3),
        RunId = row.Text(4),
        Type = row.Text(5),
        TaskQueue = row.Text(6),
        Status = (int)row.Long(7),
        StartTime = Time(row.Long(8)),
        ExecutionTime = Time(row.Long(9)),
        CloseTime = row.LongOrNull(10) is { } closed ? Time(closed) : null,
        DeleteAt = row.LongOrNull(11) is { } delete ? Time(delete) : null,
        HistoryLength = row.Long(12),
        HistorySizeBytes = row.Long(13),
        StateTransitionCount = row.Long(14),
        ParentId = row.Text(15),
        ParentRunId = row.Text(16),
        RootId = row.Text(17),
        RootRunId = row.Text(18),
        Memo = row.ByteString(19),
        Attributes = StoredAttributeCodec.Decode(row.Span(20)),
        Extra = row.ByteString(21),
    };

    private static DateTimeOffset Time(long utcTicks) => new(utcTicks, TimeSpan.Zero);
}

/// <summary>Search attributes as bytes, in the order of their names so that equal attributes are equal bytes.</summary>
internal static class StoredAttributeCodec
{
    private static readonly Dictionary<string, AttributeValue> None = [];

    public static byte[] Encode(IReadOnlyDictionary<string, AttributeValue> attributes)
    {
        if (attributes.Count == 0)
        {
            return [];
        }

        var stored = new StoredAttributes();
        foreach ((var name, var value) in attributes.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            var item = new StoredAttribute { Name = name, Type = (int)value.Type };
            switch (value.Value)
            {
                case string text:
                    item.Texts.Add(text);
                    break;
                case IEnumerable<string> texts:
                    item.Texts.Add(texts);
                    break;
                case double real:
                    item.Real = real;
                    break;
                default:
                    item.Number = (long)VisibilityAttribute.ToStored(value)!;
                    break;
            }
            stored.Items.Add(item);
        }
        return stored.ToByteArray();
    }

    public static IReadOnlyDictionary<string, AttributeValue> Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return None;
        }

        return StoredAttributes.Parser.ParseFrom(bytes).Items.ToDictionary(item => item.Name, item => new AttributeValue((AttributeType)item.Type, (AttributeType)item.Type switch
        {
            AttributeType.Text or AttributeType.Keyword => item.Texts[0],
            AttributeType.KeywordList => item.Texts.ToArray(),
            AttributeType.Double => item.Real,
            AttributeType.Bool => item.Number != 0,
            AttributeType.Datetime => new DateTimeOffset(item.Number, TimeSpan.Zero),
            _ => item.Number,
        }));
    }
}
