using System.Collections.Concurrent;
using System.Security.Claims;

namespace Baton.Server.Identity;

/// <summary>
/// Whom access tokens stand for, for some seconds, so that not each request of a busy caller asks the database. Whoever takes a
/// right away in this process has all of it forgotten at once; what another replica takes away counts here after <see cref="KeptFor"/>.
/// </summary>
internal sealed class KnownTokens(TimeProvider time)
{
    public static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(5);

    private const int MostKept = 10_000;

    private ConcurrentDictionary<string, Known> known = new(StringComparer.Ordinal);

    /// <param name="hash">Of the token.</param>
    /// <param name="read">Finds it, and when it expires; null for one that is not taken.</param>
    public async Task<ClaimsPrincipal?> GetAsync(byte[] hash, Func<Task<(ClaimsPrincipal Principal, DateTimeOffset Expires)?>> read)
    {
        // Forgotten while it is read, it goes where nobody looks any more.
        var kept = Volatile.Read(ref known);
        var (key, now) = (Convert.ToHexString(hash), time.GetUtcNow());
        if (kept.TryGetValue(key, out var there) && now < there.Until)
        {
            return there.Principal;
        }
        if (await read() is not { } found)
        {
            return null;
        }
        if (kept.Count >= MostKept)
        {
            kept.Clear();
        }
        kept[key] = new(found.Principal, found.Expires < now + KeptFor ? found.Expires : now + KeptFor);
        return found.Principal;
    }

    /// <summary>To be called once a token, an account or a role was taken away or changed.</summary>
    public void Forget() => Volatile.Write(ref known, new(StringComparer.Ordinal));

    private sealed record Known(ClaimsPrincipal Principal, DateTimeOffset Until);
}
