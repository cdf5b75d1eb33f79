namespace Baton.Durable.Storage.Sqlite;

/// <summary>Writes state machines, current pointers and wakes.</summary>
internal sealed class EntityWriter
{
    private readonly SqliteConnection connection;
    private readonly NameTable namespaces;

    // Keys above it have no row: such an entity is inserted without looking for it first.
    private long maxRow;
    private long committedMaxRow;

    public EntityWriter(SqliteConnection connection, NameTable namespaces)
    {
        this.connection = connection;
        this.namespaces = namespaces;
        maxRow = committedMaxRow = connection.Scalar("SELECT max(run_key) FROM entities");
    }

    public void Apply(WriteBatch batch)
    {
        foreach ((var runKey, var entity) in batch.Entities)
        {
            if (entity is null)
            {
                Delete(runKey);
            }
            else
            {
                Put(entity);
            }
        }
        foreach (((var runKey, var part), var bytes) in batch.Parts)
        {
            if (bytes is null)
            {
                Prepare("DELETE FROM entity_parts WHERE run_key = ? AND part = ?").Bind(runKey).Bind(part).Run();
            }
            else
            {
                Prepare("INSERT OR REPLACE INTO entity_parts (run_key, part, bytes) VALUES (?, ?, ?)").Bind(runKey).Bind(part).Bind(bytes.AsSpan()).Run();
            }
        }
        foreach ((var runKey, var wake) in batch.Wakes)
        {
            if (wake is null)
            {
                Prepare("DELETE FROM wakes WHERE run_key = ?").Bind(runKey).Run();
            }
            else
            {
                Prepare("INSERT OR REPLACE INTO wakes (run_key, wake_at, dispatch) VALUES (?, ?, ?)").Bind(runKey).Bind(wake.WakeAt).Bind(wake.Dispatch.AsSpan()).Run();
            }
        }
        foreach (((var kind, var namespaceId, var id), var runKey) in batch.Current)
        {
            if (runKey is { } current)
            {
                Prepare("INSERT OR REPLACE INTO current_runs (namespace, kind, id, run_key) VALUES (?, ?, ?, ?)").Bind(namespaces.Intern(namespaceId)).Bind((long)kind).Bind(id).Bind(current).Run();
            }
            else if (namespaces.Find(namespaceId) is { } ns)
            {
                Prepare("DELETE FROM current_runs WHERE namespace = ? AND kind = ? AND id = ?").Bind(ns).Bind((long)kind).Bind(id).Run();
            }
        }
    }

    public void Committed() => committedMaxRow = maxRow;

    public void RolledBack() => maxRow = committedMaxRow;

    private SqliteStatement Prepare(string sql) => connection.Prepare(sql).Begin();

    private void Put(EntityRecord entity)
    {
        if (entity.RunKey <= maxRow
            && Prepare("UPDATE entities SET state = ? WHERE run_key = ?").Bind(entity.State.AsSpan()).Bind(entity.RunKey).Run() > 0)
        {
            return;
        }

        Prepare("INSERT INTO entities (run_key, kind, namespace, id, run_id, state) VALUES (?, ?, ?, ?, ?, ?)")
            .Bind(entity.RunKey).Bind((long)entity.Kind).Bind(namespaces.Intern(entity.NamespaceId)).Bind(entity.Id).Bind(entity.RunId).Bind(entity.State.AsSpan()).Run();
        maxRow = Math.Max(maxRow, entity.RunKey);
    }

    private void Delete(long runKey)
    {
        // The highest key stays taken when its row goes. Noted here and not at each insert, where it would cost a page of log.
        if (runKey >= maxRow)
        {
            Prepare("INSERT INTO meta (key, value) VALUES ('max_run_key', ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)").Bind(maxRow).Run();
        }

        Prepare("DELETE FROM entities WHERE run_key = ?").Bind(runKey).Run();
        Prepare("DELETE FROM entity_parts WHERE run_key = ?").Bind(runKey).Run();
    }
}

/// <inheritdoc cref="IEntityReader"/>
internal sealed class EntityReader(ReaderPool pool, NameTable namespaces) : IEntityReader
{
    public EntityRecord? Load(long runKey)
    {
        using var reader = pool.Rent();
        // One statement, so that the state and its parts are of one commit.
        using var row = reader.Begin(
            "SELECT kind, namespace, id, run_id, state FROM entities WHERE run_key = ?1 UNION ALL SELECT 0, part, '', '', bytes FROM entity_parts WHERE run_key = ?1").Bind(runKey);
        if (!row.Step() || row.Long(0) == 0)
        {
            return null;
        }

        EntityRecord entity = new(runKey, (EntityKind)row.Long(0), namespaces.NameOf(row.Long(1)), row.Text(2), row.Text(3), row.Bytes(4));
        List<(long, byte[])> parts = [];
        while (row.Step())
        {
            parts.Add((row.Long(1), row.Bytes(4)));
        }

        return parts.Count == 0 ? entity : entity with { Parts = parts };
    }

    public long? FindCurrent(EntityKind kind, string namespaceId, string id)
    {
        if (namespaces.Find(namespaceId) is not { } ns)
        {
            return null;
        }

        using var reader = pool.Rent();
        using var row = reader.Begin("SELECT run_key FROM current_runs WHERE namespace = ? AND kind = ? AND id = ?").Bind(ns).Bind((long)kind).Bind(id);
        return row.Step() ? row.Long(0) : null;
    }

    public long? FindRun(EntityKind kind, string namespaceId, string id, string runId)
    {
        if (namespaces.Find(namespaceId) is not { } ns)
        {
            return null;
        }

        using var reader = pool.Rent();
        using var row = reader.Begin("SELECT run_key FROM entities WHERE run_id = ?1 AND namespace = ?2 AND kind = ?3 AND (?4 = '' OR id = ?4)").Bind(runId).Bind(ns).Bind((long)kind).Bind(id);
        return row.Step() ? row.Long(0) : null;
    }

    public IEnumerable<WakeRecord> LoadWakes()
    {
        using var reader = pool.Rent();
        using var rows = reader.Begin("SELECT run_key, wake_at, dispatch FROM wakes");
        while (rows.Step())
        {
            yield return new WakeRecord(rows.Long(0), rows.LongOrNull(1), rows.Bytes(2));
        }
    }

    public long MaxRunKey()
    {
        using var reader = pool.Rent();
        using var row = reader.Begin("SELECT max(coalesce((SELECT max(run_key) FROM entities), 0), coalesce((SELECT value FROM meta WHERE key = 'max_run_key'), 0))");
        return row.Step() ? row.Long(0) : 0;
    }

    public IReadOnlyList<long> ListExpired(DateTimeOffset now, int limit)
    {
        using var reader = pool.Rent();
        using var rows = reader.Begin("""
            SELECT run_key FROM visibility WHERE delete_at <= ? AND NOT EXISTS (SELECT 1 FROM wakes WHERE wakes.run_key = visibility.run_key)
            ORDER BY delete_at, run_key LIMIT ?
            """).Bind(now.UtcTicks).Bind(limit);
        var expired = new List<long>();
        while (rows.Step())
        {
            expired.Add(rows.Long(0));
        }

        return expired;
    }
}
