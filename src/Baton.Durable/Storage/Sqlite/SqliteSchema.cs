namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// The tables, and how a file of an older release becomes one of this release. A step, once released, is never edited: a change of
/// the tables is a further step at the end.
/// </summary>
internal static class SqliteSchema
{
    /// <summary>"Batn" in the file's header: tells Baton's files from other SQLite files.</summary>
    public const long ApplicationId = 0x4261746E;

    /// <summary>Before anything is written: these take effect only on an empty file.</summary>
    // 4 KiB is the page of file systems and SSDs; a step changes a few hundred bytes here and there, and larger pages would only make
    // the log longer. Incremental vacuum can give space back in small bites; the price is one pointer-map page per thousand.
    public const string CreationSettings = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;";

    /// <summary>Settings of the writer's connection.</summary>
    // synchronous=FULL: the log is synced at each commit, which is what an acknowledgement promises. No automatic checkpoint: Maintain
    // chooses the moment. No mmap: an I/O error there is a signal that kills the process instead of an error code. 32 MB of cache keep
    // the upper pages of every index and what is being worked on. journal_size_limit gives an overgrown log back after a checkpoint.
    public const string WriterSettings = """
        PRAGMA busy_timeout = 2000;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 0;
        PRAGMA mmap_size = 0;
        PRAGMA cache_size = -32768;
        PRAGMA journal_size_limit = 16777216;
        PRAGMA temp_store = MEMORY;
        """;

    /// <summary>Settings of a reader's connection.</summary>
    // Small cache: any commit empties it, the pages come from the kernel's cache.
    public const string ReaderSettings = """
        PRAGMA busy_timeout = 2000;
        PRAGMA query_only = ON;
        PRAGMA mmap_size = 0;
        PRAGMA cache_size = -4096;
        PRAGMA temp_store = MEMORY;
        """;

    private static readonly string[] Steps =
    [
        // 1: the first release.
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE namespaces (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE attributes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

        CREATE TABLE entities (
            run_key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, namespace INTEGER NOT NULL,
            id TEXT NOT NULL, run_id TEXT NOT NULL, state BLOB NOT NULL);
        CREATE INDEX entities_by_run_id ON entities (run_id);

        CREATE TABLE current_runs (
            namespace INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL, run_key INTEGER NOT NULL,
            PRIMARY KEY (namespace, kind, id)) WITHOUT ROWID;

        CREATE TABLE wakes (run_key INTEGER PRIMARY KEY, wake_at INTEGER, dispatch BLOB NOT NULL);

        CREATE TABLE history (
            seq INTEGER PRIMARY KEY, run_key INTEGER NOT NULL, first_event_id INTEGER NOT NULL,
            event_count INTEGER NOT NULL, events BLOB NOT NULL);
        CREATE UNIQUE INDEX history_by_run ON history (run_key, first_event_id);
        CREATE TABLE doomed_histories (run_key INTEGER PRIMARY KEY);

        CREATE TABLE visibility (
            run_key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, namespace INTEGER NOT NULL,
            id TEXT NOT NULL, run_id TEXT NOT NULL, type TEXT NOT NULL, task_queue TEXT NOT NULL, status INTEGER NOT NULL,
            start_time INTEGER NOT NULL, execution_time INTEGER NOT NULL, close_time INTEGER,
            close_order INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(close_time, 9223372036854775807)) VIRTUAL,
            delete_at INTEGER, history_length INTEGER NOT NULL, history_size INTEGER NOT NULL, state_transitions INTEGER NOT NULL,
            parent_id TEXT, parent_run_id TEXT, root_id TEXT, root_run_id TEXT,
            memo BLOB NOT NULL, attributes BLOB NOT NULL, extra BLOB NOT NULL);
        CREATE INDEX visibility_in_order ON visibility (namespace, kind, close_order, start_time);
        CREATE INDEX visibility_by_status ON visibility (namespace, kind, status, close_order, start_time);
        CREATE INDEX visibility_by_type ON visibility (namespace, kind, type, close_order, start_time);
        CREATE INDEX visibility_by_start ON visibility (namespace, kind, start_time);
        CREATE INDEX visibility_by_id ON visibility (namespace, kind, id);
        CREATE INDEX visibility_by_run_id ON visibility (run_id);
        CREATE INDEX visibility_by_parent ON visibility (parent_id) WHERE parent_id IS NOT NULL;
        CREATE INDEX visibility_by_expiry ON visibility (delete_at) WHERE delete_at IS NOT NULL;

        CREATE TABLE visibility_values (
            run_key INTEGER NOT NULL, attribute INTEGER NOT NULL, value NOT NULL,
            PRIMARY KEY (run_key, attribute, value)) WITHOUT ROWID;
        CREATE INDEX visibility_values_by_value ON visibility_values (attribute, value, run_key);

        CREATE TABLE documents (
            kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;

        -- What the query planner is to assume: rows, then rows per value of the first column, of the first two, and so on. Fixed, so that
        -- an empty file plans like a full one and a query never gets slow overnight.
        ANALYZE sqlite_schema;
        INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('visibility', 'visibility_in_order', '100000 50000 25000 2 1'),
            ('visibility', 'visibility_by_status', '100000 50000 25000 5000 2 1'),
            ('visibility', 'visibility_by_type', '100000 50000 25000 2500 2 1'),
            ('visibility', 'visibility_by_start', '100000 50000 25000 2'),
            ('visibility', 'visibility_by_id', '100000 50000 25000 2'),
            ('visibility', 'visibility_by_run_id', '100000 1'),
            ('visibility', 'visibility_by_parent', '20000 4'),
            ('visibility', 'visibility_by_expiry', '100000 2'),
            ('visibility_values', 'visibility_values', '300000 3 1 1'),
            ('visibility_values', 'visibility_values_by_value', '300000 30000 30 1');
        """,

        // 2: what is pending in a large entity has rows of its own.
        """
        CREATE TABLE entity_parts (
            run_key INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (run_key, part)) WITHOUT ROWID;
        """,
    ];

    public static int Version => Steps.Length;

    /// <summary>Makes the tables of an empty file, or brings those of an older release up to this one, one transaction a step.</summary>
    /// <exception cref="StoreException">The file is of another program, or of a newer release.</exception>
    public static void Migrate(SqliteConnection connection)
    {
        var version = connection.Scalar("PRAGMA user_version");
        var application = connection.Scalar("PRAGMA application_id");
        var empty = connection.Scalar("SELECT count(*) FROM sqlite_schema") == 0;
        if (!empty && application != ApplicationId)
        {
            throw new StoreException($"'{connection.Path}' is an SQLite file, but not one of Baton. Name another file, or move this one away.");
        }

        if (version > Version)
        {
            throw new StoreException($"'{connection.Path}' was written by a newer release of Baton (its format is {version}, this release knows {Version}). Run that release, or restore a backup.");
        }

        if (empty)
        {
            connection.Execute(CreationSettings);
        }

        for (var next = version; next < Version; next++)
        {
            connection.Execute($"BEGIN IMMEDIATE; {Steps[next]} PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {next + 1}; COMMIT;");
        }
    }
}
