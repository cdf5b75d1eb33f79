using System.Globalization;
using Baton.CrashTesting;
using SQLitePCL;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>The durable store in one SQLite file.</summary>
/// <remarks>
/// <para><b>Files.</b> <c>NAME</c> is the database; <c>NAME-wal</c> the write-ahead log, part of the database until it is folded in;
/// <c>NAME-shm</c> the index of the log, made anew at need; <c>NAME.lock</c> empty, locked while a server runs.</para>
/// <para><b>Tables</b> (see <see cref="SqliteSchema"/>), each group with a writer and a reader of its own:
/// <c>entities current_runs wakes</c> in <see cref="EntityWriter"/>; <c>history doomed_histories</c> in <see cref="HistoryWriter"/>;
/// <c>visibility visibility_values</c> in <see cref="VisibilityWriter"/>; <c>documents</c> in <see cref="DocumentWriter"/>. Namespaces and
/// search attributes are small numbers in rows (<see cref="NameTable"/>). Times are 100 ns ticks since 0001-01-01 UTC.</para>
/// <para><b>Invariants.</b></para>
/// <list type="bullet">
/// <item>One connection writes, on one thread at a time; readers have connections of their own and see whole commits only. A read is one
/// statement, so it sees one commit.</item>
/// <item>A commit is one transaction and one sync of the log. The file itself is written by checkpoints only, which never lose anything:
/// until one is done and synced, the log holds every page of it.</item>
/// <item>What the writers keep in memory about the tables (names, highest keys, doomed runs) follows the transaction: each is told when it
/// was committed or rolled back, and goes back without reading, since a failing disk may not let it.</item>
/// <item>A commit that failed is gone for good. When the very sync failed, its frames may stand complete in the log and would come back
/// with a restart; so the next thing written is a mark over them, before any other batch.</item>
/// </list>
/// </remarks>
internal sealed class SqliteStore : IDurableStore
{
    private const int PageSize = 4_096;

    // SQLITE_DBSTATUS_CACHE_WRITE: pages this connection wrote, to the log as long as it does not checkpoint.
    private const int PagesWritten = 9;

    // A checkpoint costs two syncs whatever its size; at 4 MB of log it is cheap per commit and the log stays small.
    private const int CheckpointFrames = 1_024;

    // A committer too busy for Maintain checkpoints within a commit from here on (16 MB): tens of milliseconds, where a log that had
    // grown on would cost seconds.
    private const int CheckpointFramesForced = 4_096;

    // Free pages kept for the next writes, and how many are given back in one go.
    private const int FreePagesKept = 256;
    private const int VacuumBite = 256;

    private readonly FileLock fileLock;
    private readonly SqliteConnection writer;
    private readonly ReaderPool readers;
    private readonly NameTable namespaces;
    private readonly NameTable attributes;
    private readonly EntityWriter entityWriter;
    private readonly HistoryWriter historyWriter;
    private readonly VisibilityWriter visibilityWriter;
    private readonly DocumentWriter documentWriter;
    private long framesSinceCheckpoint;
    private bool mustOverwriteLog;
    private bool disposed;

    private SqliteStore(string path, FileLock fileLock, SqliteConnection writer)
    {
        this.fileLock = fileLock;
        this.writer = writer;
        readers = new ReaderPool(path);
        namespaces = new NameTable(writer, "namespaces");
        attributes = new NameTable(writer, "attributes");
        entityWriter = new EntityWriter(writer, namespaces);
        historyWriter = new HistoryWriter(writer);
        visibilityWriter = new VisibilityWriter(writer, namespaces, attributes);
        documentWriter = new DocumentWriter(writer);
        Entities = new EntityReader(readers, namespaces);
        Histories = new HistoryReader(readers);
        Visibility = new VisibilityReader(readers, namespaces, attributes);
        Documents = new DocumentReader(readers);
    }

    public IEntityReader Entities { get; }

    public IHistoryReader Histories { get; }

    public IVisibilityReader Visibility { get; }

    public IDocumentReader Documents { get; }

    /// <summary>Opens the file, makes it when it is not there, and brings a file of an older release up to this one.</summary>
    /// <param name="maxBytes">Size that the file may grow to, in steps of 4 KiB; null for what the disk has. Beyond it a commit fails as on a full disk.</param>
    /// <exception cref="StoreException">Another server runs on it, it is of another program or a newer release, or the disk refused.</exception>
    public static SqliteStore Open(string path, long? maxBytes = null)
    {
        path = Path.GetFullPath(path);
        var fileLock = FileLock.Take(path);
        SqliteConnection? writer = null;
        try
        {
            writer = new SqliteConnection(path);
            SqliteSchema.Migrate(writer);
            writer.Execute(SqliteSchema.WriterSettings);
            if (maxBytes is { } limit)
            {
                writer.Scalar(string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count = {Math.Max(1, limit / PageSize)}"));
            }

            var store = new SqliteStore(path, fileLock, writer);
            // The log that a killed server left: fold it in now, while nobody waits for a commit.
            store.Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);
            return store;
        }
        catch
        {
            writer?.Dispose();
            fileLock.Dispose();
            throw;
        }
    }

    public void Commit(WriteBatch batch)
    {
        if (batch.IsEmpty)
        {
            return;
        }

        if (mustOverwriteLog)
        {
            OverwriteLog();
        }

        try
        {
            InTransaction(() => Apply(batch));
        }
        catch
        {
            TryOverwriteLog();
            throw;
        }
        CrashPoint.Pass(CrashPoints.AfterCommit);
        if (framesSinceCheckpoint >= CheckpointFramesForced)
        {
            TryCheckpoint();
        }
    }

    public bool Maintain()
    {
        if (historyWriter.HasDoomed)
        {
            InTransaction(() => historyWriter.Purge());
        }

        var surplus = GiveBackFreePages();
        if (framesSinceCheckpoint >= CheckpointFrames)
        {
            Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);
        }

        return surplus || historyWriter.HasDoomed;
    }

    public StoreStatistics GetStatistics()
    {
        const string LiveHistory = "FROM history WHERE run_key NOT IN (SELECT run_key FROM doomed_histories)";
        using var reader = readers.Rent();
        return new StoreStatistics(
            FileBytes: LengthOf(writer.Path),
            LogBytes: LengthOf(writer.Path + "-wal"),
            FreeBytes: reader.Scalar("PRAGMA freelist_count") * PageSize,
            Entities: reader.Scalar("SELECT count(*) FROM entities"),
            HistoryBatches: reader.Scalar($"SELECT count(*) {LiveHistory}"),
            HistoryBytes: reader.Scalar($"SELECT sum(length(events)) {LiveHistory}"));
    }

    public ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return ValueTask.CompletedTask;
        }

        disposed = true;
        readers.Dispose();
        // Leaves one file behind, and nothing to recover at the next start. Where it fails, the log holds everything.
        try
        {
            Checkpoint(raw.SQLITE_CHECKPOINT_TRUNCATE);
        }
        catch (StoreException)
        {
        }
        writer.Dispose();
        fileLock.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Apply(WriteBatch batch)
    {
        entityWriter.Apply(batch);
        historyWriter.Apply(batch);
        visibilityWriter.Apply(batch);
        documentWriter.Apply(batch);
        CrashPoint.Pass(CrashPoints.BeforeCommit);
    }

    private void InTransaction(Action write)
    {
        var committing = false;
        try
        {
            writer.Prepare("BEGIN IMMEDIATE").Begin().Run();
            write();
            committing = true;
            writer.Prepare("COMMIT").Begin().Run();
        }
        catch
        {
            mustOverwriteLog |= committing;
            Rollback();
            throw;
        }
        finally
        {
            CountFrames();
        }
        namespaces.Committed();
        attributes.Committed();
        entityWriter.Committed();
        historyWriter.Committed();
        visibilityWriter.Committed();
    }

    private void Rollback()
    {
        if (writer.InTransaction)
        {
            raw.sqlite3_exec(writer.Db, "ROLLBACK");
        }

        namespaces.RolledBack();
        attributes.RolledBack();
        entityWriter.RolledBack();
        historyWriter.RolledBack();
        visibilityWriter.RolledBack();
    }

    private void OverwriteLog()
    {
        InTransaction(() => writer.Prepare("INSERT INTO meta (key, value) VALUES ('failed_commits', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1").Begin().Run());
        mustOverwriteLog = false;
    }

    private void TryOverwriteLog()
    {
        try
        {
            if (mustOverwriteLog)
            {
                OverwriteLog();
            }
        }
        catch (StoreException)
        {
            // The medium still refuses. The next commit tries again, and does nothing else before it.
        }
    }

    /// <summary>True when there is more to give back.</summary>
    private bool GiveBackFreePages()
    {
        var surplus = writer.Scalar("PRAGMA freelist_count") - FreePagesKept;
        // Not for a handful: a run that ends frees pages which the next one takes again.
        if (surplus < FreePagesKept)
        {
            return false;
        }

        writer.Prepare(string.Create(CultureInfo.InvariantCulture, $"PRAGMA incremental_vacuum({VacuumBite})")).Begin().Run();
        CountFrames();
        // The file itself shrinks with the next checkpoint.
        if (surplus - VacuumBite < FreePagesKept)
        {
            framesSinceCheckpoint = Math.Max(framesSinceCheckpoint, CheckpointFrames);
        }

        return surplus - VacuumBite >= FreePagesKept;
    }

    private void Checkpoint(int mode)
    {
        CrashPoint.PassSoon(CrashPoints.DuringCheckpoint);
        writer.Check(raw.sqlite3_wal_checkpoint_v2(writer.Db, "main", mode, out var frames, out var done));
        // Frames behind a reader's snapshot wait for the next time.
        framesSinceCheckpoint = Math.Max(0, frames - done);
    }

    // After a commit that is durable: whatever happens here is no failure of that commit.
    private void TryCheckpoint()
    {
        try
        {
            Checkpoint(raw.SQLITE_CHECKPOINT_PASSIVE);
        }
        catch (StoreException)
        {
            // The log goes on growing and the next Maintain reports the same failure.
        }
    }

    private void CountFrames()
    {
        raw.sqlite3_db_status(writer.Db, PagesWritten, out var pages, out _, resetFlg: 1);
        framesSinceCheckpoint += pages;
    }

    private static long LengthOf(string path) => File.Exists(path) ? new FileInfo(path).Length : 0;
}
