using Baton.CrashTesting;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// Writes histories. Rows lie in the order of their commits, so that a commit of many runs touches few pages; an index finds them by run.
/// </summary>
/// <remarks>
/// A deleted history can be 50 MB in 50,000 rows. The commit that deletes it takes the first <see cref="Bite"/> rows away and names the
/// run in <c>doomed_histories</c> when there are more; readers see a doomed run as empty at once, and <see cref="Purge"/>, called
/// between commits, takes the rest away a bite at a time, after a crash too. A run that is written to again loses the rest first.
/// </remarks>
internal sealed class HistoryWriter
{
    private const int Bite = 256;

    private readonly SqliteConnection connection;
    private readonly HashSet<long> doomed = [];

    // What this transaction changed in doomed, last change last.
    private readonly List<(long RunKey, bool Added)> uncommitted = [];

    public HistoryWriter(SqliteConnection connection)
    {
        this.connection = connection;
        using var rows = Prepare("SELECT run_key FROM doomed_histories");
        while (rows.Step())
        {
            doomed.Add(rows.Long(0));
        }
    }

    public void Apply(WriteBatch batch)
    {
        foreach (var runKey in batch.HistoryDeletes)
        {
            if (DeleteBite(runKey) < Bite || doomed.Contains(runKey))
            {
                continue;
            }

            Prepare("INSERT INTO doomed_histories (run_key) VALUES (?)").Bind(runKey).Run();
            doomed.Add(runKey);
            uncommitted.Add((runKey, Added: true));
        }
        foreach ((var runKey, var events) in batch.History)
        {
            if (doomed.Count > 0 && doomed.Contains(runKey))
            {
                DeleteRest(runKey);
            }

            Prepare("INSERT INTO history (run_key, first_event_id, event_count, events) VALUES (?, ?, ?, ?)").Bind(runKey).Bind(events.FirstEventId).Bind(events.EventCount).Bind(events.Events.Span).Run();
        }
    }

    /// <summary>Takes one bite off a doomed history, in the caller's transaction. False when there is none.</summary>
    public bool Purge()
    {
        if (doomed.Count == 0)
        {
            return false;
        }

        var runKey = doomed.First();
        if (DeleteBite(runKey) < Bite)
        {
            Undoom(runKey);
        }

        return true;
    }

    public bool HasDoomed => doomed.Count > 0;

    public void Committed() => uncommitted.Clear();

    public void RolledBack()
    {
        for (var i = uncommitted.Count - 1; i >= 0; i--)
        {
            if (uncommitted[i].Added)
            {
                doomed.Remove(uncommitted[i].RunKey);
            }
            else
            {
                doomed.Add(uncommitted[i].RunKey);
            }
        }
        uncommitted.Clear();
    }

    private SqliteStatement Prepare(string sql) => connection.Prepare(sql).Begin();

    private int DeleteBite(long runKey)
    {
        var deleted = Prepare("DELETE FROM history WHERE seq IN (SELECT seq FROM history WHERE run_key = ? LIMIT ?)").Bind(runKey).Bind(Bite).Run();
        CrashPoint.Pass(CrashPoints.DuringRetention);
        return deleted;
    }

    private void DeleteRest(long runKey)
    {
        Prepare("DELETE FROM history WHERE run_key = ?").Bind(runKey).Run();
        Undoom(runKey);
    }

    private void Undoom(long runKey)
    {
        Prepare("DELETE FROM doomed_histories WHERE run_key = ?").Bind(runKey).Run();
        doomed.Remove(runKey);
        uncommitted.Add((runKey, Added: false));
    }
}

/// <inheritdoc cref="IHistoryReader"/>
internal sealed class HistoryReader(ReaderPool pool) : IHistoryReader
{
    public IReadOnlyList<HistoryBatch> Read(long runKey, long fromEventId, long untilEventId, int maxEvents, int maxBytes)
    {
        using var reader = pool.Rent();
        using var rows = reader.Begin("""
            SELECT first_event_id, event_count, events FROM history
            WHERE run_key = ?1 AND first_event_id < ?3
              AND first_event_id >= coalesce((SELECT max(first_event_id) FROM history WHERE run_key = ?1 AND first_event_id <= ?2), ?2)
              AND first_event_id + event_count > ?2
              AND NOT EXISTS (SELECT 1 FROM doomed_histories WHERE run_key = ?1)
            ORDER BY first_event_id
            """).Bind(runKey).Bind(fromEventId).Bind(untilEventId);
        return Collect(rows, maxEvents, maxBytes);
    }

    public IReadOnlyList<HistoryBatch> ReadReverse(long runKey, long fromEventId, int maxEvents, int maxBytes)
    {
        using var reader = pool.Rent();
        using var rows = reader.Begin("""
            SELECT first_event_id, event_count, events FROM history
            WHERE run_key = ?1 AND first_event_id <= ?2 AND NOT EXISTS (SELECT 1 FROM doomed_histories WHERE run_key = ?1)
            ORDER BY first_event_id DESC
            """).Bind(runKey).Bind(fromEventId);
        return Collect(rows, maxEvents, maxBytes);
    }

    private static List<HistoryBatch> Collect(SqliteStatement rows, int maxEvents, int maxBytes)
    {
        var batches = new List<HistoryBatch>();
        long events = 0, bytes = 0;
        while (rows.Step())
        {
            var batch = new HistoryBatch(rows.Long(0), (int)rows.Long(1), rows.ByteString(2));
            batches.Add(batch);
            events += batch.EventCount;
            bytes += batch.Events.Length;
            if (events >= maxEvents || bytes >= maxBytes)
            {
                break;
            }
        }
        return batches;
    }
}
