using System.Data;
using System.Globalization;
using Baton.Server.Errors;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Baton.Server.Data.Tools;

/// <summary>
/// Copies all records to an empty database, of the other kind or of the same, in one transaction: (1) both sides are migrated to the
/// same model, (2) the target must be empty, (3) the source is read in one state (its writers go on meanwhile), tables that others
/// refer to first, (4) each is read back and compared by number of rows and hash, (5) only then is it committed. The source stays as it is.
/// </summary>
internal static class RecordMove
{
    private const int Batch = 500;
    private const long BatchBytes = 16 * 1024 * 1024;

    public static async Task<IReadOnlyList<RecordTable>> RunAsync(BatonDb source, BatonDb target, CancellationToken cancel)
    {
        await using var snapshot = await BeginAsync(source, IsolationLevel.RepeatableRead, cancel);
        await using var transaction = await BeginAsync(target, IsolationLevel.Unspecified, cancel);
        foreach (var type in RecordTable.All(target))
        {
            if (await RecordTable.RowsOf(target, type).AnyAsync(cancel))
            {
                throw new BatonException(ErrorCodes.MoveRefused, "the database is not empty", $"table {type.GetTableName()} has rows", "name an empty database, or clear this one");
            }
        }
        var moved = new List<RecordTable>();
        foreach (var type in RecordTable.All(source))
        {
            var there = target.Model.FindEntityType(type.ClrType)!;
            var before = await CopyAsync(source, type, target, there, cancel);
            var after = await RecordTable.DigestAsync(target, there, cancel);
            if (before != after)
            {
                throw new BatonException(
                    ErrorCodes.MoveRefused, $"table {before.Name} did not arrive as it was", $"{before.Rows} rows with hash {before.Hash[..12]} became {after.Rows} with {after.Hash[..12]}",
                    "nothing was changed; report it with the table's name");
            }
            await ContinueKeysAsync(target, there, cancel);
            moved.Add(after);
        }
        await transaction.CommitAsync(cancel);
        return moved;
    }

    private static async Task<IDbContextTransaction> BeginAsync(BatonDb db, IsolationLevel isolation, CancellationToken cancel)
    {
        try
        {
            return await db.Database.BeginTransactionAsync(isolation, cancel);
        }
        catch (NpgsqlException exception)
        {
            throw new BatonException(ErrorCodes.MoveRefused, "the database cannot be reached", exception.Message, "check the connection string", exception);
        }
    }

    private static async Task<RecordTable> CopyAsync(BatonDb source, IEntityType type, BatonDb target, IEntityType there, CancellationToken cancel)
    {
        var digest = new RecordDigest(type);
        var (waiting, bytes) = (0, 0L);
        await foreach (var row in RecordTable.RowsOf(source, type).AsTracking().AsAsyncEnumerable().WithCancellation(cancel))
        {
            var from = source.Entry(row);
            digest.Add(from);
            // The state alone is set: Add would follow references to rows that are copied in their own turn.
            var to = target.Entry(row);
            to.State = EntityState.Added;
            foreach (var hidden in type.GetProperties().Where(property => property.IsShadowProperty()))
            {
                to.Property(hidden.Name).CurrentValue = from.Property(hidden.Name).CurrentValue;
            }
            source.ChangeTracker.Clear();
            bytes += from.Properties.Sum(property => (property.CurrentValue as byte[])?.LongLength ?? 0);
            if (++waiting == Batch || bytes > BatchBytes)
            {
                (waiting, bytes) = (0, 0);
                await SaveAsync();
            }
        }
        await SaveAsync();
        return digest.Table;

        async Task SaveAsync()
        {
            await target.SaveChangesAsync(cancel);
            target.ChangeTracker.Clear();
        }
    }

    /// <summary>Keys that the database numbers go on after the last one that was moved.</summary>
    private static async Task ContinueKeysAsync(BatonDb target, IEntityType type, CancellationToken cancel)
    {
        if (target is not PostgresBatonDb)
        {
            // SQLite does so by itself.
            return;
        }
        foreach (var key in type.GetProperties().Where(property => property.ValueGenerated == ValueGenerated.OnAdd && (property.ClrType == typeof(int) || property.ClrType == typeof(long))))
        {
            var (table, column) = (type.GetTableName()!, key.GetColumnName());
            var sql = string.Create(CultureInfo.InvariantCulture, $"""
                SELECT setval(pg_get_serial_sequence('"{table}"', '{column}'), COALESCE((SELECT max("{column}") FROM "{table}"), 0) + 1, false)
                """);
#pragma warning disable EF1002 // Names of the model, nothing from outside.
            await target.Database.ExecuteSqlRawAsync(sql, cancel);
#pragma warning restore EF1002
        }
    }
}
