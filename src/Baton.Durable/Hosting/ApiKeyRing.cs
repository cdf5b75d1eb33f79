using System.Security.Cryptography;
using System.Text;

namespace Baton.Durable.Hosting;

/// <summary>
/// The keys that open the server. Only SHA-256 hashes stay in memory, and every one of them is compared in full, so that
/// neither a memory dump nor the time of an answer tells a key. What is no key may be a token that the host knows.
/// </summary>
internal sealed class ApiKeyRing(IEnumerable<DurableApiKey> keys, DurableAuthenticator? authenticator)
{
    private const string Scheme = "Bearer ";

    private readonly (byte[] Hash, DurableCaller Caller)[] entries =
        [.. keys.Select(k => (SHA256.HashData(Encoding.UTF8.GetBytes(k.Secret)), Caller(k)))];

    public bool IsOpen => entries.Length == 0 && authenticator is null;

    /// <summary>Who the <c>authorization</c> header shows, or null.</summary>
    public async ValueTask<DurableCaller?> IdentifyAsync(string? authorization, CancellationToken cancel)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }
        var token = authorization[Scheme.Length..];
        return FindKey(token) ?? (authenticator is null ? null : await authenticator(token, cancel));
    }

    private static DurableCaller Caller(DurableApiKey key) => new(key.Name) { May = (ns, _) => key.Namespaces.Count == 0 || key.Namespaces.Contains(ns ?? "") };

    private DurableCaller? FindKey(string token)
    {
        var shown = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        DurableCaller? found = null;
        foreach (var (hash, caller) in entries)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, shown))
            {
                found = caller;
            }
        }
        return found;
    }
}
