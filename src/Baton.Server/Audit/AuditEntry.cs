using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Baton.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Audit;

/// <summary>How an act went.</summary>
internal enum AuditOutcome
{
    Done,

    /// <summary>Not allowed, or not possible as things stood: nothing was changed.</summary>
    Refused,

    /// <summary>Broke off: something may have been changed.</summary>
    Failed,
}

/// <summary>
/// One act, and its place in the chain.
///
/// Hash = SHA-256(Previous, then each field below in the order of <see cref="Fields"/>), where Previous is the hash of the
/// entry with the sequence number before (32 zero bytes for the first), and a field is four bytes of its length in UTF-8,
/// big-endian, and that text; a field without a value is the length FFFFFFFF alone. Time counts microseconds since 1970.
/// </summary>
internal sealed class AuditEntry
{
    public const int HashBytes = SHA256.HashSizeInBytes;

    /// <summary>From 1, without gaps.</summary>
    public required long Sequence { get; init; }

    public required DateTimeOffset Time { get; init; }

    public required CallerKind ActorKind { get; init; }

    public required Guid? ActorId { get; init; }

    public required string Actor { get; init; }

    public required string? Address { get; init; }

    public required string? UserAgent { get; init; }

    /// <summary>What was done, as NOUN.VERB.</summary>
    public required string Action { get; init; }

    /// <summary>What it was done to, as KIND/NAME.</summary>
    public required string Target { get; init; }

    /// <summary>Digest of what was there before, as <see cref="AuditDigest"/> makes it.</summary>
    public required string? Before { get; init; }

    public required string? After { get; init; }

    /// <summary>Id of the run that it belongs to.</summary>
    public required string? Run { get; init; }

    public required string? Trace { get; init; }

    public required AuditOutcome Outcome { get; init; }

    /// <summary>Why it was refused or failed; or more about the act.</summary>
    public required string? Detail { get; init; }

    public required byte[] Previous { get; init; }

    public byte[] Hash { get; set; } = [];

    public byte[] ComputeHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Previous);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var field in Fields())
        {
            var text = field is null ? [] : Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt32BigEndian(length, field is null ? -1 : text.Length);
            hash.AppendData(length);
            hash.AppendData(text);
        }
        return hash.GetHashAndReset();
    }

    private IEnumerable<string?> Fields() =>
    [
        $"{Sequence}",
        $"{(Time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond}",
        $"{ActorKind}",
        ActorId?.ToString("D"),
        Actor,
        Address,
        UserAgent,
        Action,
        Target,
        Before,
        After,
        Run,
        Trace,
        $"{Outcome}",
        Detail,
    ];

    internal sealed class Configuration : IEntityTypeConfiguration<AuditEntry>
    {
        public void Configure(EntityTypeBuilder<AuditEntry> builder)
        {
            builder.ToTable("audit");
            builder.HasKey(entry => entry.Sequence);
            builder.Property(entry => entry.Sequence).ValueGeneratedNever();
            builder.Property(entry => entry.ActorKind).HasConversion<string>().HasMaxLength(20);
            builder.Property(entry => entry.Outcome).HasConversion<string>().HasMaxLength(20);
            builder.HasIndex(entry => entry.Time);
            builder.HasIndex(entry => entry.Run);
            builder.HasIndex(entry => new { entry.Action, entry.Sequence });
        }
    }
}

/// <summary>Digests of what an act changed: the audit tells that and whether it changed, and never the content.</summary>
internal static class AuditDigest
{
    public static string Of(ReadOnlySpan<byte> content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

    public static string Of(string content) => Of(Encoding.UTF8.GetBytes(content));
}
