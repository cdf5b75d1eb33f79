using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace Baton.Server.Events.Log.Sqlite;

/// <summary>
/// The tables of an event log, and the one connection that writes them. Times are microseconds since 1970, never falling from one
/// event to the next, so that a time is found by halving. A step of <see cref="Steps"/>, once released, is never edited.
/// </summary>
internal sealed class EventFile : IDisposable
{
    // "BtnE" in the file's header.
    private const long ApplicationId = 0x42746E45;

    private static readonly string[] Steps =
    [
        """
        -- `key` sorts events that must come in order; `seen` knows source and id of the events within the window.
        CREATE TABLE events (offset INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, key INTEGER NOT NULL, type TEXT NOT NULL, json BLOB NOT NULL);
        CREATE TABLE seen (identity BLOB PRIMARY KEY, offset INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX seen_by_time ON seen (at);
        CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL);
        INSERT INTO totals VALUES (1, 0);

        -- Below `position` all is settled. `deliveries` are the exceptions above it: settled, or with attempts.
        CREATE TABLE consumers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, settings TEXT NOT NULL, position INTEGER NOT NULL);
        CREATE TABLE deliveries (
            consumer INTEGER NOT NULL, offset INTEGER NOT NULL, attempts INTEGER NOT NULL, settled INTEGER NOT NULL,
            PRIMARY KEY (consumer, offset)) WITHOUT ROWID;

        -- Holds the event, which retention may take from the log. `requeued`: being delivered again.
        CREATE TABLE dead_letters (
            id INTEGER PRIMARY KEY AUTOINCREMENT, consumer INTEGER NOT NULL, offset INTEGER NOT NULL, at INTEGER NOT NULL, key INTEGER NOT NULL,
            json BLOB NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL, died_at INTEGER NOT NULL, requeued INTEGER NOT NULL);
        """,
    ];

    private readonly SqliteConnection connection;
    private readonly Dictionary<string, SqliteCommand> commands = [];

    private EventFile(SqliteConnection connection) => this.connection = connection;

    public static EventFile Open(string connectionString)
    {
        var file = new EventFile(new SqliteConnection(connectionString));
        try
        {
            file.connection.Open();
            file.Prepare();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var command in commands.Values)
        {
            command.Dispose();
        }
        connection.Dispose();
    }

    public void Begin() => Run("BEGIN IMMEDIATE");

    /// <summary>Returns when the transaction is on disk.</summary>
    public void Commit() => Run("COMMIT");

    public void Rollback() => Run("ROLLBACK");

    public long? FindSeen(UInt128 identity, long since) =>
        (long?)Scalar("SELECT offset FROM seen WHERE identity = $0 AND at >= $1", Bytes(identity), since);

    public void Insert(long offset, long at, CloudEvent cloudEvent, UInt128 identity)
    {
        Run("INSERT INTO events (offset, at, key, type, json) VALUES ($0, $1, $2, $3, $4)", offset, at, cloudEvent.Key, cloudEvent.Type, cloudEvent.Json.ToArray());
        Run("INSERT OR REPLACE INTO seen (identity, offset, at) VALUES ($0, $1, $2)", Bytes(identity), offset, at);
    }

    public void WriteBytes(long bytes) => Run("UPDATE totals SET bytes = $0", bytes);

    public long ReadBytes() => (long)Scalar("SELECT bytes FROM totals")!;

    /// <summary>The highest offset ever given, and the time of the event that has it or the last one left.</summary>
    public (long Last, long At) ReadEnd() =>
        ((long?)Scalar("SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0, (long?)Scalar("SELECT at FROM events ORDER BY offset DESC LIMIT 1") ?? 0);

    public long InsertConsumer(ConsumerSettings settings, long position)
    {
        Run("INSERT INTO consumers (name, settings, position) VALUES ($0, $1, $2)", settings.Name, JsonSerializer.Serialize(settings), position);
        return (long)Scalar("SELECT last_insert_rowid()")!;
    }

    public void UpdateConsumer(long id, ConsumerSettings settings) => Run("UPDATE consumers SET settings = $1 WHERE id = $0", id, JsonSerializer.Serialize(settings));

    public void MoveConsumer(long id, long position)
    {
        Run("UPDATE consumers SET position = $1 WHERE id = $0", id, position);
        Run("DELETE FROM deliveries WHERE consumer = $0", id);
    }

    public void DeleteConsumer(long id)
    {
        Run("DELETE FROM consumers WHERE id = $0", id);
        Run("DELETE FROM deliveries WHERE consumer = $0", id);
        Run("DELETE FROM dead_letters WHERE consumer = $0", id);
    }

    public void WriteChanges(long consumer, WindowChanges changes, long now)
    {
        foreach (var (id, attempts) in changes.Attempts)
        {
            if (id < 0)
            {
                Run("UPDATE dead_letters SET attempts = $1 WHERE id = $0", -id, attempts);
            }
            else
            {
                Run("INSERT OR REPLACE INTO deliveries (consumer, offset, attempts, settled) VALUES ($0, $1, $2, 0)", consumer, id, attempts);
            }
        }
        foreach (var id in changes.Settled)
        {
            if (id < 0)
            {
                Run("DELETE FROM dead_letters WHERE id = $0", -id);
            }
            else
            {
                Run("INSERT OR REPLACE INTO deliveries (consumer, offset, attempts, settled) VALUES ($0, $1, 0, 1)", consumer, id);
            }
        }
        foreach (var (entry, reason) in changes.Dead)
        {
            if (entry.Id < 0)
            {
                Run("UPDATE dead_letters SET attempts = $1, reason = $2, died_at = $3, requeued = 0 WHERE id = $0", -entry.Id, entry.Attempts, reason, now);
            }
            else
            {
                Run("""
                    INSERT INTO dead_letters (consumer, offset, at, key, json, attempts, reason, died_at, requeued)
                    SELECT $0, offset, at, key, json, $2, $3, $4, 0 FROM events WHERE offset = $1
                    """, consumer, entry.Offset, entry.Attempts, reason, now);
            }
        }
        Run("UPDATE consumers SET position = $1 WHERE id = $0", consumer, changes.Position);
        Run("DELETE FROM deliveries WHERE consumer = $0 AND offset < $1", consumer, changes.Position);
    }

    /// <returns>Null if there is none, or it is being delivered already.</returns>
    public (long Consumer, long Offset, long Key)? Requeue(long deadLetter)
    {
        using var row = Rows("UPDATE dead_letters SET requeued = 1, attempts = 0 WHERE id = $0 AND requeued = 0 RETURNING consumer, offset, key", deadLetter);
        return row.Read() ? (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)) : null;
    }

    public bool DeleteDeadLetter(long id) => Run("DELETE FROM dead_letters WHERE id = $0 AND requeued = 0", id) > 0;

    /// <summary>Removes the oldest of the events below <paramref name="floor"/>, a bounded number at a time.</summary>
    /// <param name="olderThan">Those before this time go,</param>
    /// <param name="excess">and as many as hold this number of bytes.</param>
    public (long Events, long Bytes, bool More) Trim(long floor, long olderThan, long excess)
    {
        const int Most = 1_000;
        long events = 0, bytes = 0, last = 0;
        using (var rows = Rows("SELECT offset, at, length(json) FROM events WHERE offset < $0 ORDER BY offset LIMIT $1", floor, Most))
        {
            while (rows.Read() && (rows.GetInt64(1) < olderThan || bytes < excess))
            {
                last = rows.GetInt64(0);
                bytes += rows.GetInt64(2);
                events++;
            }
        }
        if (events > 0)
        {
            Run("DELETE FROM events WHERE offset <= $0", last);
        }
        return (events, bytes, events == Most);
    }

    public void Forget(long seenBefore, long deadBefore)
    {
        Run("DELETE FROM seen WHERE at < $0", seenBefore);
        Run("DELETE FROM dead_letters WHERE died_at < $0 AND requeued = 0", deadBefore);
    }

    /// <summary>Gives freed pages back to the file system, a few at a time.</summary>
    public void Shrink()
    {
        using var rows = Rows("PRAGMA incremental_vacuum(1000)");
        while (rows.Read())
        {
        }
    }

    public List<(long Id, ConsumerSettings Settings, long Position)> ReadConsumers()
    {
        using var rows = Rows("SELECT id, settings, position FROM consumers ORDER BY id");
        var consumers = new List<(long, ConsumerSettings, long)>();
        while (rows.Read())
        {
            consumers.Add((rows.GetInt64(0), JsonSerializer.Deserialize<ConsumerSettings>(rows.GetString(1))!, rows.GetInt64(2)));
        }
        return consumers;
    }

    public List<(long Offset, int Attempts, bool Settled)> ReadDeliveries(long consumer)
    {
        using var rows = Rows("SELECT offset, attempts, settled FROM deliveries WHERE consumer = $0", consumer);
        var deliveries = new List<(long, int, bool)>();
        while (rows.Read())
        {
            deliveries.Add((rows.GetInt64(0), rows.GetInt32(1), rows.GetInt64(2) != 0));
        }
        return deliveries;
    }

    public List<(long Id, long Offset, long Key, int Attempts)> ReadRequeued(long consumer)
    {
        using var rows = Rows("SELECT id, offset, key, attempts FROM dead_letters WHERE consumer = $0 AND requeued = 1 ORDER BY id", consumer);
        var requeued = new List<(long, long, long, int)>();
        while (rows.Read())
        {
            requeued.Add((rows.GetInt64(0), rows.GetInt64(1), rows.GetInt64(2), rows.GetInt32(3)));
        }
        return requeued;
    }

    private void Prepare()
    {
        var application = (long)Scalar("PRAGMA application_id")!;
        var version = (long)Scalar("PRAGMA user_version")!;
        var isEmpty = (long)Scalar("SELECT count(*) FROM sqlite_schema")! == 0;
        if (!isEmpty && application != ApplicationId)
        {
            throw new EventLogException($"'{connection.DataSource}' is an SQLite file, but not a log of events");
        }
        if (version > Steps.Length)
        {
            throw new EventLogException($"'{connection.DataSource}' was written by a newer release of Baton (its format is {version}, this release knows {Steps.Length})");
        }
        // The log is synced at each commit, which is what an acknowledgement promises; the first two take effect on an empty file only.
        Execute("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -16384;");
        for (var step = (int)version; step < Steps.Length; step++)
        {
            Execute($"BEGIN IMMEDIATE; {Steps[step]} PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {step + 1}; COMMIT;");
        }
    }

    private void Execute(string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static byte[] Bytes(UInt128 identity)
    {
        var bytes = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, identity);
        return bytes;
    }

    private int Run(string sql, params ReadOnlySpan<object> arguments) => Bind(sql, arguments).ExecuteNonQuery();

    private object? Scalar(string sql, params ReadOnlySpan<object> arguments) => Bind(sql, arguments).ExecuteScalar();

    private SqliteDataReader Rows(string sql, params ReadOnlySpan<object> arguments) => Bind(sql, arguments).ExecuteReader();

    /// <summary>Statements are prepared once; their arguments are $0, $1, ...</summary>
    private SqliteCommand Bind(string sql, ReadOnlySpan<object> arguments)
    {
        if (!commands.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
            command.CommandText = sql;
            for (var index = 0; index < arguments.Length; index++)
            {
                command.Parameters.Add(new SqliteParameter($"${index}", null));
            }
            commands.Add(sql, command);
        }
        for (var index = 0; index < arguments.Length; index++)
        {
            command.Parameters[index].Value = arguments[index];
        }
        return command;
    }
}
