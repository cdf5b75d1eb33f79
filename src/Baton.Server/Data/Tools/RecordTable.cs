using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Baton.Server.Data.Tools;

/// <summary>
/// A table of the records, in a form that is the same for both databases. The hash is the sum of the rows' SHA-256 (mod
/// 2^256), so that it does not depend on an order, which the two databases see differently; a row is its columns by name, each with
/// its length, as the model sees them.
/// </summary>
public sealed record RecordTable(string Name, long Rows, string Hash)
{
    /// <summary>Tables, those that others refer to first.</summary>
    internal static IReadOnlyList<IEntityType> All(DbContext db)
    {
        var types = db.Model.GetEntityTypes().ToList();
        var sorted = new List<IEntityType>();
        while (types.Count > 0)
        {
            var free = types.Where(type => type.GetForeignKeys().All(key => key.PrincipalEntityType == type || sorted.Contains(key.PrincipalEntityType))).ToList();
            if (free.Count == 0)
            {
                throw new InvalidOperationException("Tables refer to each other in a circle.");
            }
            sorted.AddRange(free);
            types.RemoveAll(free.Contains);
        }
        return sorted;
    }

    /// <summary>Rows of a table, tracked by the context until its next call of Clear.</summary>
    internal static IQueryable<object> RowsOf(DbContext db, IEntityType type) =>
        (IQueryable<object>)typeof(DbContext).GetMethod(nameof(DbContext.Set), 1, [])!.MakeGenericMethod(type.ClrType).Invoke(db, null)!;

    internal static async Task<RecordTable> DigestAsync(DbContext db, IEntityType type, CancellationToken cancel)
    {
        var digest = new RecordDigest(type);
        await foreach (var row in RowsOf(db, type).AsTracking().AsAsyncEnumerable().WithCancellation(cancel))
        {
            digest.Add(db.Entry(row));
            db.ChangeTracker.Clear();
        }
        return digest.Table;
    }
}

/// <summary>Sums up rows, see <see cref="RecordTable"/>.</summary>
internal sealed class RecordDigest(IEntityType type)
{
    private static readonly BigInteger Modulus = BigInteger.One << 256;

    private readonly List<IProperty> columns = [.. type.GetProperties().OrderBy(property => property.Name, StringComparer.Ordinal)];
    private BigInteger sum;
    private long rows;

    public RecordTable Table => new(type.GetTableName()!, rows, sum.ToString("x64", CultureInfo.InvariantCulture)[^64..]);

    public void Add(EntityEntry row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var column in columns)
        {
            var text = Text(row.Property(column.Name).CurrentValue, column);
            hash.AppendData(Encoding.UTF8.GetBytes(text is null ? $"{column.Name}:-\n" : $"{column.Name}:{text.Length}\n{text}\n"));
        }
        sum = (sum + new BigInteger(hash.GetHashAndReset(), isUnsigned: true)) % Modulus;
        rows++;
    }

    private static string? Text(object? value, IProperty column) => value switch
    {
        null => null,
        string text => text,
        byte[] bytes => Convert.ToHexStringLower(bytes),
        DateTimeOffset time => (time.UtcTicks / TimeSpan.TicksPerMicrosecond).ToString(CultureInfo.InvariantCulture),
        _ when column.GetTypeMapping().Converter is { } converter && converter.ProviderClrType == typeof(string) => (string?)converter.ConvertToProvider(value),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        bool flag => flag ? "1" : "0",
        IEnumerable list => string.Join('\n', list.Cast<object?>()),
        _ => throw new InvalidOperationException($"Column {column.Name} holds a {value.GetType()}, which has no text."),
    };
}
