using Baton.Server.Data.Retention;
using Baton.Server.Hosting;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Data;

internal sealed record StoredFile(string Name, long Bytes);

internal sealed record StoredTable(string Name, long Rows);

/// <param name="Database">sqlite or postgres: where records are.</param>
/// <param name="DatabaseBytes">Size of the PostgreSQL database; null where records are in a file.</param>
internal sealed record StorageView(string Database, long? DatabaseBytes, IReadOnlyList<StoredFile> Files, IReadOnlyList<StoredTable> Tables, IReadOnlyList<RetentionRule> Retention);

/// <summary>GET /storage: what takes how much room, and how long it stays.</summary>
internal static class StorageEndpoints
{
    public static void MapStorage(this IEndpointRouteBuilder api) =>
        api.MapGet("/storage", ShowAsync).WithTags("Storage").Describe("getStorage", "Show what takes how much room, and how long it stays.").RequirePermission(Permissions.StorageRead);

    private static async Task<StorageView> ShowAsync(BatonDb db, DataFolder folder, IEnumerable<IRetainedKind> kinds, IEnumerable<RetentionRule> rules, CancellationToken cancel)
    {
        var tables = new List<StoredTable>();
        foreach (var type in Tools.RecordTable.All(db))
        {
            tables.Add(new(type.GetTableName()!, await Tools.RecordTable.RowsOf(db, type).LongCountAsync(cancel)));
        }
        var postgres = db is PostgresBatonDb;
        return new(
            postgres ? "postgres" : "sqlite",
            postgres ? await db.Database.SqlQuery<long>($"""SELECT pg_database_size(current_database()) AS "Value" """).SingleAsync(cancel) : null,
            [.. folder.Databases().Select(file => new StoredFile(file.Name, file.Length))],
            [.. tables.OrderBy(table => table.Name, StringComparer.Ordinal)],
            [.. kinds.Select(kind => kind.Rule).Concat(rules).OrderBy(rule => rule.Kind, StringComparer.Ordinal)]);
    }
}
