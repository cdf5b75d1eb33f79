using Org.BouncyCastle.Math.EC.Rfc8032;

namespace NATS.NKeys;

/// <summary>
/// An Ed25519 key pair in the text form of NATS.
///
/// A seed is base32 (RFC 4648, no padding) of: two bytes that hold the prefix of seeds, 18, and the prefix of what the key is for,
/// five bits each behind the other; 32 bytes of seed; CRC-16/XMODEM of all that, low byte first. A public key is base32 of: the
/// prefix of what it is for as the upper five bits of a byte; 32 bytes of key; the same CRC.
/// </summary>
public sealed class KeyPair : IDisposable
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int SeedPrefix = 18 << 3;
    private const int KeyBytes = 32;
    private const int CrcBytes = 2;

    private readonly byte kind;
    private readonly byte[] seed;

    private KeyPair(byte kind, byte[] seed)
    {
        this.kind = kind;
        this.seed = seed;
    }

    /// <exception cref="ArgumentException">It is no seed, or mistyped.</exception>
    public static KeyPair FromSeed(ReadOnlySpan<char> encoded)
    {
        var raw = Decode(encoded);
        if (raw.Length != 2 + KeyBytes + CrcBytes || (raw[0] & 0xF8) != SeedPrefix)
        {
            throw new ArgumentException("not a seed of an NKey", nameof(encoded));
        }
        var body = raw.AsSpan(0, raw.Length - CrcBytes);
        if (Crc(body) != (raw[^2] | (raw[^1] << 8)))
        {
            throw new ArgumentException("the check sum of the NKey's seed does not match", nameof(encoded));
        }
        return new KeyPair((byte)(((raw[0] & 7) << 5) | (raw[1] >> 3)), body[2..].ToArray());
    }

    public string GetPublicKey()
    {
        var raw = new byte[1 + KeyBytes + CrcBytes];
        raw[0] = kind;
        Ed25519.GeneratePublicKey(seed, 0, raw, 1);
        var crc = Crc(raw.AsSpan(0, 1 + KeyBytes));
        raw[^2] = (byte)crc;
        raw[^1] = (byte)(crc >> 8);
        return Encode(raw);
    }

    /// <param name="signature">Takes 64 bytes.</param>
    public void Sign(ReadOnlyMemory<byte> message, Memory<byte> signature)
    {
        var signed = new byte[Ed25519.SignatureSize];
        Ed25519.Sign(seed, 0, message.ToArray(), 0, message.Length, signed, 0);
        signed.CopyTo(signature);
    }

    public void Dispose() => Array.Clear(seed);

    private static int Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = 0;
        foreach (var value in bytes)
        {
            crc ^= value << 8;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
            }
        }
        return crc & 0xFFFF;
    }

    private static byte[] Decode(ReadOnlySpan<char> text)
    {
        var bytes = new byte[text.Length * 5 / 8];
        int held = 0, bits = 0, count = 0;
        foreach (var letter in text)
        {
            var value = Alphabet.IndexOf(letter, StringComparison.Ordinal);
            if (value < 0)
            {
                throw new ArgumentException("an NKey is written in base32");
            }
            held = ((held << 5) | value) & 0xFFF;
            bits += 5;
            if (bits >= 8)
            {
                bits -= 8;
                bytes[count++] = (byte)(held >> bits);
            }
        }
        return bytes;
    }

    private static string Encode(ReadOnlySpan<byte> bytes)
    {
        var text = new System.Text.StringBuilder((bytes.Length * 8 + 4) / 5);
        int held = 0, bits = 0;
        foreach (var value in bytes)
        {
            held = ((held << 8) | value) & 0xFFF;
            bits += 8;
            while (bits >= 5)
            {
                bits -= 5;
                text.Append(Alphabet[(held >> bits) & 31]);
            }
        }
        return bits > 0 ? text.Append(Alphabet[(held << (5 - bits)) & 31]).ToString() : text.ToString();
    }
}
