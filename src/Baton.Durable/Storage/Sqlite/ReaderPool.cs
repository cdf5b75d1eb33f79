using System.Collections.Concurrent;

namespace Baton.Durable.Storage.Sqlite;

/// <summary>
/// Read connections. In write-ahead mode a reader sees the last commit before its statement began and neither waits for the writer
/// nor makes it wait.
/// </summary>
internal sealed class ReaderPool(string path) : IDisposable
{
    // More than this many at once is a burst; the extra ones are closed when it is over.
    private const int MaxIdle = 16;

    private readonly ConcurrentBag<SqliteConnection> idle = [];
    private volatile bool disposed;

    public Lease Rent()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return new Lease(this, idle.TryTake(out var connection) ? connection : Open());
    }

    public void Dispose()
    {
        disposed = true;
        while (idle.TryTake(out var connection))
        {
            connection.Dispose();
        }
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(path);
        try
        {
            connection.Execute(SqliteSchema.ReaderSettings);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Return(SqliteConnection connection)
    {
        if (disposed || idle.Count >= MaxIdle)
        {
            connection.Dispose();
        }
        else
        {
            idle.Add(connection);
        }
    }

    internal readonly struct Lease(ReaderPool pool, SqliteConnection connection) : IDisposable
    {
        /// <summary>Begins the statement; dispose it before the lease.</summary>
        public SqliteStatement Begin(string sql) => connection.Prepare(sql).Begin();

        public long Scalar(string sql) => connection.Scalar(sql);

        public void Dispose() => pool.Return(connection);
    }
}
