using System.Security.Cryptography;
using System.Text;

namespace Baton.Server.Secrets;

/// <summary>
/// Encrypts with the key of one purpose: AES-256-GCM over the content, bound to where it stands, so that one cannot be put in the
/// place of another. Sealed is: 1 byte length of the key's id, the id, 12 bytes nonce, 16 bytes tag, and the encrypted content.
/// </summary>
internal sealed class Sealer(KeyRing keys, string purpose)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    public byte[] Seal(ReadOnlySpan<byte> content, string place)
    {
        var id = keys.Current;
        return [(byte)id.Length, .. Encoding.ASCII.GetBytes(id), .. Encrypt(keys.Derive(purpose, id), content, place)];
    }

    /// <exception cref="CryptographicException">It was changed, or stands in another place.</exception>
    public byte[] Open(ReadOnlySpan<byte> sealedBytes, string place)
    {
        if (sealedBytes.Length == 0 || sealedBytes.Length < 1 + sealedBytes[0])
        {
            throw new CryptographicException("What should be opened is too short.");
        }
        var id = Encoding.ASCII.GetString(sealedBytes.Slice(1, sealedBytes[0]));
        return Decrypt(keys.Derive(purpose, id), sealedBytes[(1 + id.Length)..], place);
    }

    public string Seal(string content, string place) => Convert.ToBase64String(Seal(Encoding.UTF8.GetBytes(content), place));

    public string Open(string sealedText, string place) => Encoding.UTF8.GetString(Open(Convert.FromBase64String(sealedText), place));

    /// <returns>Nonce, tag and encrypted content.</returns>
    public static byte[] Encrypt(byte[] key, ReadOnlySpan<byte> content, string place)
    {
        var encrypted = new byte[NonceBytes + TagBytes + content.Length];
        var nonce = encrypted.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(nonce, content, encrypted.AsSpan(NonceBytes + TagBytes), encrypted.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(place));
        return encrypted;
    }

    /// <exception cref="CryptographicException">It was changed, or stands in another place.</exception>
    public static byte[] Decrypt(byte[] key, ReadOnlySpan<byte> encrypted, string place)
    {
        if (encrypted.Length < NonceBytes + TagBytes)
        {
            throw new CryptographicException("What should be decrypted is too short.");
        }
        var content = new byte[encrypted.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key, TagBytes);
        aes.Decrypt(encrypted[..NonceBytes], encrypted[(NonceBytes + TagBytes)..], encrypted.Slice(NonceBytes, TagBytes), content, Encoding.UTF8.GetBytes(place));
        return content;
    }
}
