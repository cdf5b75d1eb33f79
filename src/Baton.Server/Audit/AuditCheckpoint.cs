using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Baton.Server.Errors;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Audit;

/// <summary>
/// A place in the chain that only the owner of the key file can name: sequence number and hash, signed (HMAC-SHA256).
/// There are two in the database: the head, which moves with each write, so that an end that was cut off is missed; and the
/// start, below which retention took the entries away. The text of a head can be kept anywhere and compared later.
/// </summary>
internal sealed class AuditCheckpoint
{
    public const string Head = "head";
    public const string Start = "start";

    private const string Purpose = "audit";
    private const string Mark = "baton-audit";

    /// <summary><see cref="Head"/> or <see cref="Start"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Of the last entry that it covers; 0 when there is none yet.</summary>
    public required long Sequence { get; init; }

    public required byte[] Hash { get; init; }

    public required string KeyId { get; init; }

    public required byte[] Mac { get; init; }

    public static AuditCheckpoint Sign(string kind, long sequence, byte[] hash, KeyRing keys)
    {
        var id = keys.Current;
        return new() { Kind = kind, Sequence = sequence, Hash = hash, KeyId = id, Mac = ComputeMac(kind, sequence, hash, keys.Derive(Purpose, id)) };
    }

    /// <summary>Whether the owner of the key file made it. A key that the file lacks proves nothing.</summary>
    public bool IsGenuine(KeyRing keys) =>
        keys.Has(KeyId) && CryptographicOperations.FixedTimeEquals(Mac, ComputeMac(Kind, Sequence, Hash, keys.Derive(Purpose, KeyId)));

    /// <summary>One line, to be kept in a safe place: baton-audit:KIND:SEQUENCE:HASH:KEY:SIGNATURE.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Mark}:{Kind}:{Sequence}:{Convert.ToHexStringLower(Hash)}:{KeyId}:{Convert.ToHexStringLower(Mac)}");

    /// <exception cref="BatonException">It is no checkpoint.</exception>
    public static AuditCheckpoint Parse(string text)
    {
        var parts = text.Trim().Split(':');
        try
        {
            if (parts.Length == 6 && parts[0] == Mark)
            {
                return new()
                {
                    Kind = parts[1],
                    Sequence = long.Parse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture),
                    Hash = Convert.FromHexString(parts[3]),
                    KeyId = parts[4],
                    Mac = Convert.FromHexString(parts[5]),
                };
            }
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            // Told below, as any other text that is none.
        }
        throw new BatonException(ErrorCodes.InvalidInput, "this is no checkpoint of an audit", null, "give the whole line that `baton audit verify` printed");
    }

    private static byte[] ComputeMac(string kind, long sequence, byte[] hash, byte[] key) => HMACSHA256.HashData(
        key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Mark}:{kind}:{sequence}:{Convert.ToHexStringLower(hash)}")));

    internal sealed class Configuration : IEntityTypeConfiguration<AuditCheckpoint>
    {
        public void Configure(EntityTypeBuilder<AuditCheckpoint> builder)
        {
            builder.ToTable("audit_checkpoints");
            builder.HasKey(checkpoint => checkpoint.Kind);
            builder.Property(checkpoint => checkpoint.Kind).HasMaxLength(10);
        }
    }
}
