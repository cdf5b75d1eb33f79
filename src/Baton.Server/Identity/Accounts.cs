using System.Security.Claims;
using System.Text.RegularExpressions;
using Baton.Server.Data;
using Baton.Server.Errors;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Identity;

/// <summary>Accounts and their roles, and the claims that they become.</summary>
internal sealed partial class Accounts(BatonDb db, UserManager<BatonUser> users, KnownTokens tokens, TimeProvider time)
{
    public IQueryable<BatonUser> All => db.Users.AsNoTracking().Include(user => user.Grants);

    /// <exception cref="BatonException">There is none of this name.</exception>
    public async Task<BatonUser> GetAsync(string name) => await FindAsync(name)
        ?? throw new BatonException(ErrorCodes.NotFound, $"there is no account {name}", null, "`baton user list` lists them");

    public Task<BatonUser?> FindAsync(string name)
    {
        var normalized = users.NormalizeName(name);
        return db.Users.Include(user => user.Grants).SingleOrDefaultAsync(user => user.NormalizedUserName == normalized);
    }

    public Task<BatonUser?> FindAsync(Guid id) => db.Users.Include(user => user.Grants).SingleOrDefaultAsync(user => user.Id == id);

    /// <param name="name">Letters, digits and -._@+</param>
    /// <param name="password">Null for an account that signs in otherwise.</param>
    /// <param name="isService">Whether it is a service account.</param>
    /// <param name="roles">Roles everywhere.</param>
    /// <exception cref="BatonException">The name is taken, or a value is not taken.</exception>
    public async Task<BatonUser> CreateAsync(string name, string? password, bool isService, IEnumerable<string> roles)
    {
        var user = new BatonUser { UserName = name, IsService = isService, Created = time.GetUtcNow(), LockoutEnabled = true };
        user.Grants.AddRange(roles.Distinct().Select(role => new RoleGrant { UserId = user.Id, Role = Known(role), Flow = RoleGrant.Everywhere }));
        Check(password is null ? await users.CreateAsync(user) : await users.CreateAsync(user, password));
        return user;
    }

    /// <summary>Ends the sessions of the account as well.</summary>
    public async Task SetPasswordAsync(BatonUser user, string password)
    {
        if (user.IsService)
        {
            throw new BatonException(ErrorCodes.Refused, $"{user.UserName} is a service account", null, "make it a token with `baton token create --user`");
        }
        foreach (var validator in users.PasswordValidators)
        {
            Check(await validator.ValidateAsync(users, user, password));
        }
        user.PasswordHash = users.PasswordHasher.HashPassword(user, password);
        user.LockoutEnd = null;
        Check(await users.UpdateSecurityStampAsync(user));
    }

    /// <summary>Ends what is open of a disabled account: its sessions and tokens are not taken any more.</summary>
    public async Task SetDisabledAsync(BatonUser user, bool disabled)
    {
        user.IsDisabled = disabled;
        Check(await users.UpdateSecurityStampAsync(user));
        tokens.Forget();
    }

    /// <param name="user">Account.</param>
    /// <param name="role">One of <see cref="Roles"/>.</param>
    /// <param name="flow">Null for everywhere.</param>
    /// <exception cref="BatonException">The role or the form of the flow is unknown.</exception>
    public async Task GrantAsync(BatonUser user, string role, string? flow)
    {
        (role, flow) = (Known(role), FlowPattern(flow));
        if (!user.Grants.Exists(grant => grant.Role == role && grant.Flow == flow))
        {
            user.Grants.Add(new() { UserId = user.Id, Role = role, Flow = flow });
            await db.SaveChangesAsync();
            tokens.Forget();
        }
    }

    /// <exception cref="BatonException">The account does not have it.</exception>
    public async Task RevokeAsync(BatonUser user, string role, string? flow)
    {
        flow = FlowPattern(flow);
        var grant = user.Grants.Find(grant => grant.Role == role && grant.Flow == flow)
            ?? throw new BatonException(ErrorCodes.NotFound, $"{user.UserName} does not have the role {role} on {flow}", null, "`baton user show NAME` lists the roles");
        db.Remove(grant);
        await db.SaveChangesAsync();
        tokens.Forget();
    }

    /// <summary>The account that a provider knows as <paramref name="subject"/>, made at the first sign-in, with the roles that the provider gives now.</summary>
    public async Task<BatonUser> FromProviderAsync(string provider, string subject, string name, IReadOnlyCollection<string> roles)
    {
        var user = await users.FindByLoginAsync(provider, subject);
        if (user is null)
        {
            user = await CreateAsync(await FindAsync(name) is null ? name : $"{name}-{Guid.NewGuid().ToString("N")[..6]}", null, isService: false, []);
            Check(await users.AddLoginAsync(user, new(provider, subject, provider)));
        }
        await db.Entry(user).Collection(account => account.Grants).LoadAsync();
        user.Grants.RemoveAll(grant => grant.FromProvider && !roles.Contains(grant.Role));
        foreach (var role in roles.Where(role => !user.Grants.Exists(grant => grant.Role == role && grant.Flow == RoleGrant.Everywhere)))
        {
            user.Grants.Add(new() { UserId = user.Id, Role = role, Flow = RoleGrant.Everywhere, FromProvider = true });
        }
        await db.SaveChangesAsync();
        tokens.Forget();
        return user;
    }

    /// <param name="user">With its grants.</param>
    /// <param name="scheme">How the caller was known.</param>
    /// <param name="more">Scopes of a token, the stamp of a session...</param>
    public static ClaimsPrincipal Principal(BatonUser user, string scheme, IEnumerable<Claim> more) => new(new ClaimsIdentity(
        [
            new(ClaimTypes.NameIdentifier, user.Id.ToString()),
            new(ClaimTypes.Name, user.UserName!),
            new(Caller.KindClaim, user.IsService ? nameof(CallerKind.Service) : nameof(CallerKind.Person)),
            .. user.Grants.Select(grant => grant.Flow == RoleGrant.Everywhere ? new Claim(ClaimTypes.Role, grant.Role) : new Claim(Caller.GrantClaim, $"{grant.Role} {grant.Flow}")),
            .. more,
        ],
        scheme));

    public static void Check(IdentityResult result)
    {
        if (!result.Succeeded)
        {
            var taken = result.Errors.Any(error => error.Code == nameof(IdentityErrorDescriber.DuplicateUserName));
            throw new BatonException(
                taken ? ErrorCodes.AlreadyExists : ErrorCodes.InvalidInput, string.Join(' ', result.Errors.Select(error => error.Description)).TrimEnd('.'), null,
                taken ? "choose another name" : "correct what the message names");
        }
    }

    private static string Known(string role) => Roles.Table.ContainsKey(role)
        ? role
        : throw new BatonException(ErrorCodes.InvalidInput, $"there is no role {role}", null, $"give one of {string.Join(", ", Roles.Table.Keys)}");

    private static string FlowPattern(string? flow) => flow is null or RoleGrant.Everywhere
        ? RoleGrant.Everywhere
        : Pattern().IsMatch(flow) ? flow : throw new BatonException(ErrorCodes.InvalidInput, $"'{flow}' names no flow", null, "give NAMESPACE/NAME, or NAMESPACE/* for each of a namespace");

    [GeneratedRegex(@"^[\w.-]+/([\w.-]+|\*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}

/// <summary>Keeps authenticator keys and recovery codes encrypted.</summary>
internal sealed class AccountStore(BatonDb db, Secrets.KeyRing keys, IdentityErrorDescriber? describer = null)
    : Microsoft.AspNetCore.Identity.EntityFrameworkCore.UserOnlyStore<BatonUser, BatonDb, Guid>(db, describer)
{
    private readonly Secrets.Sealer sealer = new(keys, "accounts");

    public override Task SetTokenAsync(BatonUser user, string loginProvider, string name, string? value, CancellationToken cancellationToken) =>
        base.SetTokenAsync(user, loginProvider, name, value is null ? null : sealer.Seal(value, $"{user.Id}/{name}"), cancellationToken);

    public override async Task<string?> GetTokenAsync(BatonUser user, string loginProvider, string name, CancellationToken cancellationToken) =>
        await base.GetTokenAsync(user, loginProvider, name, cancellationToken) is { } value ? sealer.Open(value, $"{user.Id}/{name}") : null;
}
