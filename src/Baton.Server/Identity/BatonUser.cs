using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Identity;

/// <summary>A person or a service account. A service account has no password: it calls with tokens.</summary>
internal sealed class BatonUser : IdentityUser<Guid>
{
    public BatonUser() => Id = Guid.CreateVersion7();

    public bool IsService { get; init; }

    /// <summary>Neither password nor token nor session of it is taken.</summary>
    public bool IsDisabled { get; set; }

    public DateTimeOffset Created { get; init; }

    /// <summary>Last one-time code that was taken, so that it is taken once only.</summary>
    public string? UsedCode { get; set; }

    public List<RoleGrant> Grants { get; init; } = [];

    internal sealed class Configuration : IEntityTypeConfiguration<BatonUser>
    {
        public void Configure(EntityTypeBuilder<BatonUser> builder)
        {
            builder.Property(user => user.UsedCode).HasMaxLength(20);
            builder.HasMany(user => user.Grants).WithOne().HasForeignKey(grant => grant.UserId);
        }
    }
}

/// <summary>A role of an account: everywhere, or on flows.</summary>
internal sealed class RoleGrant
{
    public const string Everywhere = "*";

    public required Guid UserId { get; init; }

    public required string Role { get; init; }

    /// <summary><see cref="Everywhere"/>, NAMESPACE/NAME, or NAMESPACE/*.</summary>
    public required string Flow { get; init; }

    /// <summary>Given by the provider that the person signs in with: replaced at each sign-in.</summary>
    public bool FromProvider { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<RoleGrant>
    {
        public void Configure(EntityTypeBuilder<RoleGrant> builder)
        {
            builder.ToTable("role_grants");
            builder.HasKey(grant => new { grant.UserId, grant.Role, grant.Flow });
            builder.Property(grant => grant.Role).HasMaxLength(20);
            builder.Property(grant => grant.Flow).HasMaxLength(300);
        }
    }
}
