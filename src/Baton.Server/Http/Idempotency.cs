using System.Security.Cryptography;
using System.Text;
using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Http;

/// <summary>A POST that was sent with an Idempotency-Key, and its answer once there is one.</summary>
internal sealed class IdempotencyRecord
{
    /// <summary>SHA-256 of caller and key: two callers may use the same key.</summary>
    public required string Key { get; init; }

    /// <summary>SHA-256 of key, method, path, query and body.</summary>
    public required string RequestHash { get; init; }

    /// <summary>See <see cref="Operation"/>.</summary>
    public Guid OperationId { get; init; }

    /// <summary>Until when a process is at it; past, whoever sends the request again takes it over.</summary>
    public DateTimeOffset LeaseUntil { get; set; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>0 while there is no answer.</summary>
    public int Status { get; set; }

    public string? ContentType { get; set; }

    public string? Location { get; set; }

    /// <summary>Sealed: answers may hold what is shown once, such as a new token.</summary>
    public byte[]? Body { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<IdempotencyRecord>
    {
        public void Configure(EntityTypeBuilder<IdempotencyRecord> builder)
        {
            builder.ToTable("idempotency");
            builder.HasKey(record => record.Key);
            builder.Property(record => record.Key).HasMaxLength(64);
            builder.Property(record => record.RequestHash).HasMaxLength(64);
            builder.HasIndex(record => record.ExpiresAt);
        }
    }
}

/// <summary>
/// Does a POST once that is sent more than once with the same Idempotency-Key.
///
/// (1) The key is written before anything is done; who comes second finds it. (2) An answer below 500 is written before it
/// leaves, and given again to the same request; another request under the key is refused (422). (3) A request that is
/// still under way is refused too (409). (4) If the process dies in the middle, the lease runs out, and the next to send the
/// request does it under the same operation id, so that what was made already is found and not made again.
/// </summary>
internal sealed class Idempotency(RequestDelegate next, IDbContextFactory<BatonDb> databases, KeyRing keys, BatonSettings settings, TimeProvider time)
{
    public const string Header = "Idempotency-Key";
    public const int MaxKey = 200;

    private const string ReplayedHeader = "Idempotent-Replayed";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private readonly Sealer sealer = new(keys, "idempotency");

    public async Task InvokeAsync(HttpContext http)
    {
        var key = http.Request.Headers[Header].ToString();
        if (key.Length == 0 || !HttpMethods.IsPost(http.Request.Method) || !http.Request.Path.StartsWithSegments("/api/v1", StringComparison.Ordinal) || http.User.Identity is not { IsAuthenticated: true })
        {
            await next(http);
            return;
        }
        if (key.Length > MaxKey || key.Any(letter => letter is < ' ' or > '~'))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{Header} must have 1 to {MaxKey} visible letters", null, "send a UUID");
        }
        var record = await ClaimAsync(http, key);
        if (record.Status != 0)
        {
            await ReplayAsync(http, record);
            return;
        }
        http.Features.Set(new Operation(record.OperationId));
        await AnswerAsync(http, record);
    }

    /// <summary>The record of this request: fresh, taken over, or with its answer.</summary>
    private async Task<IdempotencyRecord> ClaimAsync(HttpContext http, string key)
    {
        var hash = await HashAsync(http.Request, key);
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Caller.Of(http).Id}\n{Caller.Of(http).Name}\n{key}")));
        while (true)
        {
            var now = time.GetUtcNow();
            await using var db = await databases.CreateDbContextAsync(http.RequestAborted);
            var there = await db.Set<IdempotencyRecord>().AsNoTracking().SingleOrDefaultAsync(record => record.Key == id, http.RequestAborted);
            if (there is null)
            {
                var fresh = new IdempotencyRecord { Key = id, RequestHash = hash, OperationId = Guid.CreateVersion7(), LeaseUntil = now + Lease, ExpiresAt = now + settings.Http.IdempotencyTime };
                db.Add(fresh);
                try
                {
                    await db.SaveChangesAsync(http.RequestAborted);
                    return fresh;
                }
                catch (DbUpdateException) when (!http.RequestAborted.IsCancellationRequested)
                {
                    // Somebody was quicker, or the database fails: reading it again tells which.
                    if (!await db.Set<IdempotencyRecord>().AnyAsync(record => record.Key == id, http.RequestAborted))
                    {
                        throw;
                    }
                    continue;
                }
            }
            if (there.ExpiresAt <= now)
            {
                await db.Set<IdempotencyRecord>().Where(record => record.Key == id && record.ExpiresAt <= now).ExecuteDeleteAsync(http.RequestAborted);
                continue;
            }
            if (there.RequestHash != hash)
            {
                throw new BatonException(ErrorCodes.KeyReused, $"this {Header} was sent with another request", null, "send a key of its own with each request, and the same only to repeat one");
            }
            if (there.Status != 0)
            {
                return there;
            }
            if (there.LeaseUntil > now
                || await db.Set<IdempotencyRecord>().Where(record => record.Key == id && record.Status == 0 && record.LeaseUntil == there.LeaseUntil)
                    .ExecuteUpdateAsync(set => set.SetProperty(record => record.LeaseUntil, now + Lease), http.RequestAborted) == 0)
            {
                throw new BatonException(ErrorCodes.UnderWay, "the request with this key is under way", null, "send it again in a moment to get its answer");
            }
            return there;
        }
    }

    private async Task AnswerAsync(HttpContext http, IdempotencyRecord record)
    {
        var body = http.Response.Body;
        using var kept = new MemoryStream();
        http.Response.Body = kept;
        try
        {
            await next(http);
        }
        catch
        {
            await WriteAsync(record, open => open.SetProperty(row => row.LeaseUntil, time.GetUtcNow()));
            throw;
        }
        finally
        {
            http.Response.Body = body;
        }
        var status = http.Response.StatusCode;
        if (status < StatusCodes.Status500InternalServerError)
        {
            var (type, location) = (http.Response.ContentType, http.Response.Headers.Location.ToString());
            await WriteAsync(record, done => done
                .SetProperty(row => row.Status, status)
                .SetProperty(row => row.ContentType, type)
                .SetProperty(row => row.Location, location.Length == 0 ? null : location)
                .SetProperty(row => row.Body, sealer.Seal(kept.ToArray(), record.Key)));
        }
        else
        {
            await WriteAsync(record, open => open.SetProperty(row => row.LeaseUntil, time.GetUtcNow()));
        }
        kept.Position = 0;
        await kept.CopyToAsync(body, http.RequestAborted);
    }

    // Not cancelled with the request: what was done was done.
    private async Task WriteAsync(IdempotencyRecord record, Action<Microsoft.EntityFrameworkCore.Query.UpdateSettersBuilder<IdempotencyRecord>> set)
    {
        await using var db = await databases.CreateDbContextAsync();
        await db.Set<IdempotencyRecord>().Where(row => row.Key == record.Key && row.OperationId == record.OperationId).ExecuteUpdateAsync(set);
    }

    private async Task ReplayAsync(HttpContext http, IdempotencyRecord record)
    {
        http.Response.StatusCode = record.Status;
        http.Response.ContentType = record.ContentType;
        http.Response.Headers[ReplayedHeader] = "true";
        if (record.Location is { } location)
        {
            http.Response.Headers.Location = location;
        }
        await http.Response.Body.WriteAsync(record.Body is { } body ? sealer.Open(body, record.Key) : [], http.RequestAborted);
    }

    private static async Task<string> HashAsync(HttpRequest request, string key)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{key}\n{request.Method} {request.Path}{request.QueryString}\n"));
        hash.AppendData(await RequestBodies.ReadAsync(request));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>Forgets keys once their time is over.</summary>
internal sealed class IdempotencyRetention(IDbContextFactory<BatonDb> databases, BatonSettings settings, TimeProvider time) : IRetainedKind
{
    public RetentionRule Rule { get; } = RetentionRule.ForAge("idempotency keys", "the request", settings.Http.IdempotencyTime, "Http:IdempotencyTime");

    public async Task<long> PruneAsync(CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<IdempotencyRecord>().Where(record => record.ExpiresAt <= now).ExecuteDeleteAsync(cancel);
    }
}
