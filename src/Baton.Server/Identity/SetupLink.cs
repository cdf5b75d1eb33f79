using System.Security.Cryptography;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Identity;

/// <summary>The one link by which the first administrator is made.</summary>
internal sealed class SetupLink
{
    public const int TheOne = 1;

    public required int Id { get; init; }

    public required byte[] Hash { get; init; }

    public required DateTimeOffset Expires { get; init; }

    internal sealed class Configuration : IEntityTypeConfiguration<SetupLink>
    {
        public void Configure(EntityTypeBuilder<SetupLink> builder)
        {
            builder.ToTable("setup_links");
            builder.Property(link => link.Id).ValueGeneratedNever();
        }
    }
}

/// <summary>
/// Makes setup links and takes them. There is one at a time: a new one ends the one before. It works once, for a day. The
/// secret stands behind the # of the address, which browsers keep to themselves.
/// </summary>
internal sealed class SetupLinks(BatonDb db, Accounts accounts, BatonSettings settings, IServer server, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    /// <returns>Null when there are accounts already, or another replica makes the link.</returns>
    public async Task<string?> CreateIfFirstAsync(CancellationToken cancel)
    {
        if (await db.Users.AnyAsync(cancel))
        {
            return null;
        }
        try
        {
            return await CreateAsync(cancel);
        }
        catch (DbUpdateException)
        {
            // Of replicas that start at once another has made it, and tells it.
            db.ChangeTracker.Clear();
            if (await db.Set<SetupLink>().AnyAsync(cancel))
            {
                return null;
            }
            throw;
        }
    }

    public async Task<string> CreateAsync(CancellationToken cancel)
    {
        var secret = RandomNumberGenerator.GetBytes(24);
        var link = new SetupLink { Id = SetupLink.TheOne, Hash = SHA256.HashData(secret), Expires = time.GetUtcNow() + Lifetime };
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Set<SetupLink>().ExecuteDeleteAsync(cancel);
        db.Add(link);
        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
        var address = settings.Http.PublicUrl ?? new Uri(server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return new Uri(address, $"/setup#{Convert.ToHexStringLower(secret)}").AbsoluteUri;
    }

    /// <summary>Makes the administrator. The link is used up, unless name or password are not taken.</summary>
    public async Task<BatonUser> UseAsync(string secret, string name, string password)
    {
        await using var transaction = await db.Database.BeginTransactionAsync();
        var (hash, now) = (HashOf(secret), time.GetUtcNow());
        if (await db.Set<SetupLink>().Where(link => link.Hash == hash && link.Expires > now).ExecuteDeleteAsync() == 0)
        {
            throw new BatonException(ErrorCodes.SetupLinkInvalid, "the setup link is not valid", "it was used, it expired, or a newer one took its place", "make another with `baton user setup-link`");
        }
        var user = await accounts.CreateAsync(name, password, isService: false, [Roles.Admin]);
        await transaction.CommitAsync();
        return user;
    }

    private static byte[] HashOf(string secret)
    {
        try
        {
            return SHA256.HashData(Convert.FromHexString(secret));
        }
        catch (FormatException)
        {
            return [];
        }
    }
}
