using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Baton.Server.Data;

/// <summary>
/// How the connections of one SQLite file live together.
///
/// What is acknowledged is on disk: `synchronous` belongs to a connection, not to the file.
///
/// One connection writes at a time. Whoever meets another writer waits here, in turn and without a thread; the library would hold
/// a thread of the pool meanwhile, and look again only every 150 ms. A connection has its turn from its first write until it is
/// closed, which EF does after each operation or transaction. The file's own lock is what makes it safe: who waits too long goes on to it.
/// </summary>
internal sealed class SqliteConnections : DbConnectionInterceptor, IDbCommandInterceptor, IDbTransactionInterceptor
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim turn = new(1, 1);
    private DbConnection? holder;

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Synchronize(connection);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Synchronize(connection);
        return Task.CompletedTask;
    }

    public override void ConnectionClosed(DbConnection connection, ConnectionEndEventData eventData) => Release(connection);

    public override Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
    {
        Release(connection);
        return Task.CompletedTask;
    }

    public async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
        DbConnection connection, TransactionStartingEventData eventData, InterceptionResult<DbTransaction> result, CancellationToken cancellationToken = default)
    {
        await TakeAsync(connection, cancellationToken);
        return result;
    }

    public async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        await WriteAsync(command, eventData, cancellationToken);
        return result;
    }

    public async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        await WriteAsync(command, eventData, cancellationToken);
        return result;
    }

    private Task WriteAsync(DbCommand command, CommandEventData eventData, CancellationToken cancel) =>
        eventData.CommandSource is CommandSource.SaveChanges or CommandSource.ExecuteUpdate or CommandSource.ExecuteDelete
            ? TakeAsync(command.Connection!, cancel) : Task.CompletedTask;

    private async Task TakeAsync(DbConnection connection, CancellationToken cancel)
    {
        if (Volatile.Read(ref holder) != connection && await turn.WaitAsync(Patience, cancel))
        {
            Volatile.Write(ref holder, connection);
        }
    }

    private void Release(DbConnection connection)
    {
        if (Interlocked.CompareExchange(ref holder, null, connection) == connection)
        {
            turn.Release();
        }
    }

    private static void Synchronize(DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA synchronous = FULL";
        command.ExecuteNonQuery();
    }
}
