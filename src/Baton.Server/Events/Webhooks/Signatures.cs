using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Baton.Server.Events.Webhooks;

/// <summary>Signatures of webhooks, made and checked; all comparisons take the same time whatever they compare.</summary>
internal static class Signatures
{
    /// <summary>How far a signed time may be off: what is older may have been overheard and sent again.</summary>
    public static readonly TimeSpan ReplayWindow = TimeSpan.FromMinutes(5);

    private const string KeyPrefix = "whsec_";

    public static bool Equal(string? given, string expected) =>
        given is not null && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));

    /// <param name="given">Hexadecimal.</param>
    public static bool IsHmac(string? given, string secret, ReadOnlySpan<byte> body) =>
        given is not null && Equal(given.ToLowerInvariant(), Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body)));

    /// <summary>The signature of Standard Webhooks: v1 and HMAC-SHA256 over id, time and body.</summary>
    /// <param name="secret">Text, or `whsec_` and the key in base64.</param>
    public static string Sign(string secret, string id, long unixSeconds, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{unixSeconds}.")), .. body];
        return $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Key(secret), signed))}";
    }

    /// <param name="signatures">Several with blanks between, while a secret is being changed.</param>
    public static bool IsStandard(string? id, string? timestamp, string? signatures, string secret, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        if (id is null || signatures is null || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || Math.Abs(now.ToUnixTimeSeconds() - seconds) > ReplayWindow.TotalSeconds)
        {
            return false;
        }
        var expected = Sign(secret, id, seconds, body);
        var matches = false;
        foreach (var signature in signatures.Split(' '))
        {
            matches |= Equal(signature, expected);
        }
        return matches;
    }

    /// <param name="publicKey">32 bytes in base64.</param>
    /// <param name="signature">64 bytes in base64.</param>
    public static bool IsEd25519(string? signature, string publicKey, ReadOnlySpan<byte> message)
    {
        var key = new byte[Ed25519.PublicKeySize];
        var signed = new byte[Ed25519.SignatureSize];
        return signature is not null
            && Convert.TryFromBase64String(publicKey, key, out var keyLength) && keyLength == key.Length
            && Convert.TryFromBase64String(signature, signed, out var length) && length == signed.Length
            && Ed25519.Verify(signed, 0, key, 0, message.ToArray(), 0, message.Length);
    }

    private static byte[] Key(string secret)
    {
        if (secret.StartsWith(KeyPrefix, StringComparison.Ordinal))
        {
            var key = new byte[secret.Length];
            if (Convert.TryFromBase64String(secret[KeyPrefix.Length..], key, out var length))
            {
                return key[..length];
            }
        }
        return Encoding.UTF8.GetBytes(secret);
    }
}
