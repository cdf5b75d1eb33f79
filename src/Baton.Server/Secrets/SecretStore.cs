using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Secrets;

/// <summary>The secrets, encrypted at rest; see <see cref="SecretVersion"/>. Whatever it gives in clear, the redactor knows first.</summary>
internal sealed partial class SecretStore(IDbContextFactory<BatonDb> databases, KeyRing keys, Redactor redactor, TimeProvider time)
{
    public const int MaxBytes = 64 * 1024;

    private const int MaxAttempts = 10;

    private readonly Sealer sealer = new(keys, "secrets");

    /// <summary>Adds a version, and makes the secret if there is none.</summary>
    /// <param name="name">Letters, digits, - and _.</param>
    /// <param name="value">A text, or a JSON object of texts.</param>
    /// <param name="flows">Who may use it; null leaves that as it is, and lets no flow use a new one.</param>
    /// <param name="by">Who sets it.</param>
    /// <returns>The number of the version.</returns>
    public async Task<int> SetAsync(string name, string value, IReadOnlyList<string>? flows, string by)
    {
        Check(name, value, flows);
        Learn(value);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TrySetAsync(name, value, flows, by);
            }
            catch (DbUpdateException) when (attempt < MaxAttempts)
            {
                // Another made or changed it meanwhile.
            }
        }
    }

    public async Task<IReadOnlyList<Secret>> ListAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<Secret>().AsNoTracking().OrderBy(secret => secret.Name).ToListAsync(cancel);
    }

    /// <returns>The secret and its versions, newest first.</returns>
    /// <exception cref="BatonException">There is none.</exception>
    public async Task<(Secret Secret, IReadOnlyList<SecretVersion> Versions)> GetAsync(string name, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var secret = await db.Set<Secret>().AsNoTracking().SingleOrDefaultAsync(secret => secret.Name == name, cancel) ?? throw Unknown(name);
        return (secret, await db.Set<SecretVersion>().AsNoTracking().Where(version => version.SecretId == secret.Id).OrderByDescending(version => version.Version).ToListAsync(cancel));
    }

    /// <param name="reference">NAME, or NAME@VERSION.</param>
    /// <param name="flow">Flow that asks, as NAMESPACE/NAME; null for a caller whose permission was asked for.</param>
    /// <param name="cancel">Ends the look-up.</param>
    /// <returns>Null when there is none, or the flow may not use it.</returns>
    public async Task<string?> FindAsync(string reference, string? flow, CancellationToken cancel)
    {
        var (name, wanted) = reference.Split('@', 2) is [var before, var after] ? (before, int.TryParse(after, out var number) ? number : -1) : (reference, 0);
        await using var db = await databases.CreateDbContextAsync(cancel);
        var secret = await db.Set<Secret>().AsNoTracking().SingleOrDefaultAsync(secret => secret.Name == name, cancel);
        if (secret is null || (flow is not null && !MayUse(secret, flow)))
        {
            return null;
        }
        wanted = wanted == 0 ? secret.Version : wanted;
        var version = await db.Set<SecretVersion>().AsNoTracking().SingleOrDefaultAsync(version => version.SecretId == secret.Id && version.Version == wanted, cancel);
        if (version is null)
        {
            return null;
        }
        var key = sealer.Open(version.WrappedKey, version.Place);
        var value = Encoding.UTF8.GetString(Sealer.Decrypt(key, version.Content, version.Place));
        Learn(value);
        return value;
    }

    /// <exception cref="BatonException">There is none.</exception>
    public async Task DeleteAsync(string name, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Set<SecretVersion>().Where(version => db.Set<Secret>().Any(secret => secret.Id == version.SecretId && secret.Name == name)).ExecuteDeleteAsync(cancel);
        if (await db.Set<Secret>().Where(secret => secret.Name == name).ExecuteDeleteAsync(cancel) == 0)
        {
            throw Unknown(name);
        }
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Makes a new master key, and wraps all keys with it. It can break off anywhere: the rest is read with the old key, and wrapped by the next.</summary>
    /// <returns>The new key, and how many were wrapped.</returns>
    public async Task<(string KeyId, int Count)> RotateAsync(CancellationToken cancel)
    {
        var id = keys.Rotate();
        var count = 0;
        await using var db = await databases.CreateDbContextAsync(cancel);
        foreach (var version in await db.Set<SecretVersion>().Where(version => version.KeyId != id).ToListAsync(cancel))
        {
            version.WrappedKey = sealer.Seal(sealer.Open(version.WrappedKey, version.Place), version.Place);
            version.KeyId = id;
            count++;
        }
        await db.SaveChangesAsync(cancel);
        return (id, count);
    }

    private async Task<int> TrySetAsync(string name, string value, IReadOnlyList<string>? flows, string by)
    {
        await using var db = await databases.CreateDbContextAsync();
        var now = time.GetUtcNow();
        var secret = await db.Set<Secret>().SingleOrDefaultAsync(secret => secret.Name == name);
        if (secret is null)
        {
            db.Add(secret = new() { Id = Guid.CreateVersion7(), Name = name, Flows = "", Created = now });
        }
        secret.Version++;
        secret.Flows = flows is null ? secret.Flows : string.Join(' ', flows.Distinct().Order());
        var place = $"{secret.Id:N}/{secret.Version}";
        var key = RandomNumberGenerator.GetBytes(KeyRing.KeyBytes);
        var keyId = keys.Current;
        db.Add(new SecretVersion
        {
            SecretId = secret.Id, Version = secret.Version, KeyId = keyId, WrappedKey = sealer.Seal(key, place),
            Content = Sealer.Encrypt(key, Encoding.UTF8.GetBytes(value), place), Created = now, CreatedBy = by,
        });
        await db.SaveChangesAsync();
        return secret.Version;
    }

    /// <summary>The members of a value that is a JSON object of texts; null for any other.</summary>
    public static IReadOnlyDictionary<string, string>? MembersOf(string value)
    {
        if (value[0] != '{')
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, string>>(value);
        }
        catch (JsonException)
        {
            // A text that merely begins like an object.
            return null;
        }
    }

    private void Learn(string value)
    {
        redactor.Add(value);
        foreach (var member in MembersOf(value)?.Values ?? [])
        {
            redactor.Add(member);
        }
    }

    private static bool MayUse(Secret secret, string flow) => secret.Flows.Split(' ', StringSplitOptions.RemoveEmptyEntries).Any(pattern => pattern == "*" || new FlowGrant(pattern, "").Covers(flow));

    private static void Check(string name, string value, IReadOnlyList<string>? flows)
    {
        if (!NamePattern().IsMatch(name))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{name}' cannot be the name of a secret", null, "give 1 to 100 letters, digits, - and _");
        }
        if (value.Length == 0 || Encoding.UTF8.GetByteCount(value) > MaxBytes)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"the value of secret {name} is empty or too large", null, $"give 1 to {MaxBytes} bytes");
        }
        if (flows?.FirstOrDefault(flow => !FlowPattern().IsMatch(flow)) is { } wrong)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{wrong}' names no flow", null, "give NAMESPACE/NAME, NAMESPACE/* or *");
        }
    }

    private static BatonException Unknown(string name) => new(ErrorCodes.NotFound, $"there is no secret {name}", null, "`baton secret list` lists them");

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,100}$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(\*|[\w.-]+/([\w.-]+|\*))$", RegexOptions.CultureInvariant)]
    private static partial Regex FlowPattern();
}
