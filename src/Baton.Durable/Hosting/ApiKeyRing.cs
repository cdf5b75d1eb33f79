using System.Security.Cryptography;
using System.Text;

namespace Baton.Durable.Hosting;

/// <summary>
/// The keys that open the server. Only SHA-256 hashes stay in memory, and every one of them is compared in full, so that
/// neither a memory dump nor the time of an answer tells a key.
/// </summary>
internal sealed class ApiKeyRing(IEnumerable<DurableApiKey> keys)
{
    private const string Scheme = "Bearer ";

    private readonly (byte[] Hash, CallerIdentity Identity)[] entries =
        [.. keys.Select(k => (SHA256.HashData(Encoding.UTF8.GetBytes(k.Secret)), new CallerIdentity(k.Name, k.Namespaces)))];

    public bool IsOpen => entries.Length == 0;

    /// <summary>Some key opens some namespaces only.</summary>
    public bool HasBound { get; } = keys.Any(static key => key.Namespaces.Count > 0);

    /// <summary>Whose key the <c>authorization</c> header shows, or null.</summary>
    public CallerIdentity? Identify(string? authorization)
    {
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }
        var shown = SHA256.HashData(Encoding.UTF8.GetBytes(authorization[Scheme.Length..]));
        CallerIdentity? found = null;
        foreach (var (hash, identity) in entries)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, shown))
            {
                found = identity;
            }
        }
        return found;
    }
}
