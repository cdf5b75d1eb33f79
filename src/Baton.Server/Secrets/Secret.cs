using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Secrets;

/// <summary>A secret by name; its values are its versions.</summary>
internal sealed class Secret
{
    public required Guid Id { get; init; }

    /// <summary>Letters, digits, - and _.</summary>
    public required string Name { get; init; }

    /// <summary>Flows that may use it, joined by spaces: NAMESPACE/NAME, NAMESPACE/*, or * for all. Empty: none.</summary>
    public required string Flows { get; set; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>The latest version; only grows.</summary>
    public int Version { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<Secret>
    {
        public void Configure(EntityTypeBuilder<Secret> builder)
        {
            builder.ToTable("secrets");
            builder.HasIndex(secret => secret.Name).IsUnique();
            builder.Property(secret => secret.Name).HasMaxLength(100);
            // Two that set it at once: the second sees that it has changed, and tries again.
            builder.Property(secret => secret.Version).IsConcurrencyToken();
        }
    }
}

/// <summary>
/// A value. It is encrypted with a key of its own (AES-256-GCM), and that key with a master key; both are bound to secret and
/// version. Rotation of the master key wraps the keys anew, and leaves the values as they are.
/// </summary>
internal sealed class SecretVersion
{
    public required Guid SecretId { get; init; }

    public required int Version { get; init; }

    /// <summary>As <see cref="Sealer"/> makes it.</summary>
    public required byte[] WrappedKey { get; set; }

    /// <summary>Nonce, tag and encrypted value.</summary>
    public required byte[] Content { get; init; }

    /// <summary>Master key of <see cref="WrappedKey"/>.</summary>
    public required string KeyId { get; set; }

    public required DateTimeOffset Created { get; init; }

    public required string CreatedBy { get; init; }

    /// <summary>What content and key are bound to.</summary>
    public string Place => $"{SecretId:N}/{Version}";

    internal sealed class Configuration : IEntityTypeConfiguration<SecretVersion>
    {
        public void Configure(EntityTypeBuilder<SecretVersion> builder)
        {
            builder.ToTable("secret_versions");
            builder.HasKey(version => new { version.SecretId, version.Version });
            builder.Ignore(version => version.Place);
            builder.HasIndex(version => version.KeyId);
            builder.HasOne<Secret>().WithMany().HasForeignKey(version => version.SecretId);
        }
    }
}
