using SQLitePCL;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// One SQLite connection with its prepared statements, straight over SQLite's C API: ADO.NET's commands, parameters and readers
/// cost several times what a small prepared statement itself does. Used by one thread at a time.
/// </summary>
internal sealed class SqliteConnection : IDisposable
{
    // Statements of visibility queries come and go with the text of the query; beyond this many, all are thrown away.
    private const int MaxStatements = 128;

    private readonly Dictionary<string, SqliteStatement> statements = new(StringComparer.Ordinal);

    static SqliteConnection() => Batteries_V2.Init();

    /// <param name="path">File to open; made when it is not there.</param>
    /// <exception cref="StoreException">The file cannot be opened.</exception>
    public SqliteConnection(string path)
    {
        Path = path;
        // NOMUTEX: the one-thread rule is ours, so SQLite needs no lock of its own around each call.
        var code = raw.sqlite3_open_v2(path, out var db, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_CREATE | raw.SQLITE_OPEN_NOMUTEX, null);
        Db = db;
        if (code != raw.SQLITE_OK)
        {
            var failure = SqliteFailure.Of(code, path, db);
            db?.Dispose();
            throw failure;
        }
        raw.sqlite3_extended_result_codes(db, 1);
    }

    public string Path { get; }

    public sqlite3 Db { get; }

    public bool InTransaction => raw.sqlite3_get_autocommit(Db) == 0;

    /// <summary>Rows changed by the last statement that ran to its end.</summary>
    public int Changes => raw.sqlite3_changes(Db);

    /// <summary>The prepared statement for <paramref name="sql"/>, kept for the next time.</summary>
    public SqliteStatement Prepare(string sql)
    {
        if (statements.TryGetValue(sql, out var statement))
        {
            return statement;
        }

        if (statements.Count >= MaxStatements)
        {
            DisposeStatements();
        }

        Check(raw.sqlite3_prepare_v3(Db, sql, raw.SQLITE_PREPARE_PERSISTENT, out var handle));
        return statements[sql] = new SqliteStatement(this, handle);
    }

    /// <summary>Runs statements that are not worth keeping: schema, pragmas.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(Db, sql));

    /// <summary>The first column of the first row as a number, 0 when there is no row.</summary>
    public long Scalar(string sql)
    {
        using var statement = Prepare(sql).Begin();
        return statement.Step() ? statement.Long(0) : 0;
    }

    public void Check(int code)
    {
        if (code != raw.SQLITE_OK && code != raw.SQLITE_DONE && code != raw.SQLITE_ROW)
        {
            throw SqliteFailure.Of(code, Path, Db);
        }
    }

    public void Dispose()
    {
        DisposeStatements();
        Db.Dispose();
    }

    private void DisposeStatements()
    {
        foreach (var statement in statements.Values)
        {
            statement.Close();
        }

        statements.Clear();
    }
}
