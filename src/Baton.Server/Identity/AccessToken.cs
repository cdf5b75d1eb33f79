using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Settings;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Baton.Server.Identity;

/// <summary>An access token of an account. The token itself is shown once and not kept: SHA-256 of 32 random bytes needs no salt.</summary>
internal sealed class AccessToken
{
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    public required string Name { get; init; }

    public required byte[] Hash { get; init; }

    /// <summary>Permissions that it is limited to, joined by spaces; null for all that the account has.</summary>
    public required string? Scopes { get; init; }

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Expires { get; init; }

    /// <summary>To the hour.</summary>
    public DateTimeOffset? Used { get; set; }

    internal sealed class Configuration : IEntityTypeConfiguration<AccessToken>
    {
        public void Configure(EntityTypeBuilder<AccessToken> builder)
        {
            builder.ToTable("access_tokens");
            builder.HasIndex(token => token.Hash).IsUnique();
            builder.HasIndex(token => token.Expires);
            builder.Property(token => token.Name).HasMaxLength(200);
            builder.HasOne<BatonUser>().WithMany().HasForeignKey(token => token.UserId);
        }
    }
}

/// <summary>Makes and knows access tokens.</summary>
internal sealed class AccessTokens(BatonDb db, KnownTokens known, BatonSettings settings, TimeProvider time)
{
    public const string Prefix = "bt_pat_";

    private static readonly TimeSpan UsedInterval = TimeSpan.FromHours(1);

    /// <param name="user">Whose it is.</param>
    /// <param name="name">What it is for.</param>
    /// <param name="scopes">Empty for all that the account may.</param>
    /// <param name="lifetime">Null for the longest that is allowed.</param>
    /// <returns>The token, to be shown once, and its record.</returns>
    public async Task<(string Text, AccessToken Token)> CreateAsync(BatonUser user, string name, IReadOnlyCollection<string> scopes, TimeSpan? lifetime)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > 200)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the token needs a name of 1 to 200 characters", null, "say what it is for");
        }
        if (scopes.FirstOrDefault(scope => !Permissions.All.Contains(scope)) is { } unknown)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"there is no permission {unknown}", null, $"give some of {string.Join(", ", Permissions.All)}");
        }
        var longest = settings.Identity.MaxTokenLifetime;
        if (lifetime is { } wanted && (wanted <= TimeSpan.Zero || wanted > longest))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"a token may live up to {Durations.Format(longest)}", null, "give it less, or raise Identity:MaxTokenLifetime");
        }
        var text = Prefix + Base64UrlTextEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        var token = new AccessToken
        {
            Id = Guid.CreateVersion7(), UserId = user.Id, Name = name, Hash = HashOf(text), Scopes = scopes.Count == 0 ? null : string.Join(' ', scopes.Distinct().Order()),
            Created = now, Expires = now + (lifetime ?? longest),
        };
        db.Add(token);
        await db.SaveChangesAsync();
        return (text, token);
    }

    /// <returns>Null when it is unknown, expired or revoked, or its account is disabled.</returns>
    public Task<ClaimsPrincipal?> AuthenticateAsync(string text, string scheme)
    {
        var hash = HashOf(text);
        return known.GetAsync(hash, () => ReadAsync(hash, scheme));
    }

    private async Task<(ClaimsPrincipal Principal, DateTimeOffset Expires)?> ReadAsync(byte[] hash, string scheme)
    {
        var now = time.GetUtcNow();
        var found = await db.Set<AccessToken>().AsNoTracking().Where(token => token.Hash == hash && token.Expires > now)
            .Join(db.Users.AsNoTracking().Include(user => user.Grants), token => token.UserId, user => user.Id, (token, user) => new { Token = token, User = user })
            .SingleOrDefaultAsync();
        if (found is not { Token: var token, User: { IsDisabled: false } user })
        {
            return null;
        }
        if (token.Used is null || token.Used < now - UsedInterval)
        {
            await db.Set<AccessToken>().Where(used => used.Id == token.Id).ExecuteUpdateAsync(set => set.SetProperty(used => used.Used, now));
        }
        return (Accounts.Principal(user, scheme, (token.Scopes?.Split(' ') ?? []).Select(scope => new Claim(Caller.ScopeClaim, scope))), token.Expires);
    }

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
