using Baton.Server.Identity;

namespace Baton.Server.Settings;

public sealed class IdentitySettings : ICheckedSettings
{
    [Setting("How long a session of a browser lives without use, 5 min to 30 d.")]
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromHours(12);

    [Setting("How long an access token may live, up to 10 years.")]
    public TimeSpan MaxTokenLifetime { get; init; } = TimeSpan.FromDays(365);

    [Setting("Characters that a password has at least, 8 to 128.")]
    public int PasswordLength { get; init; } = 12;

    [Setting("Wrong passwords after which an account is locked, 3 to 100.")]
    public int LockoutFailures { get; init; } = 10;

    [Setting("How long an account is locked, 1 min to 1 d.")]
    public TimeSpan LockoutFor { get; init; } = TimeSpan.FromMinutes(15);

    [Setting("Sign-ins that one address may try in a minute, 1 to 10000.")]
    public int SignInsPerMinute { get; init; } = 20;

    public JwtSettings Jwt { get; init; } = new();

    public OidcSettings Oidc { get; init; } = new();

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (SessionLifetime < TimeSpan.FromMinutes(5) || SessionLifetime > TimeSpan.FromDays(30))
        {
            yield return (nameof(SessionLifetime), "must be 5m to 30d");
        }
        if (MaxTokenLifetime <= TimeSpan.Zero || MaxTokenLifetime > TimeSpan.FromDays(3653))
        {
            yield return (nameof(MaxTokenLifetime), "must be up to 3653d");
        }
        if (PasswordLength is < 8 or > 128)
        {
            yield return (nameof(PasswordLength), "must be 8 to 128");
        }
        if (LockoutFailures is < 3 or > 100)
        {
            yield return (nameof(LockoutFailures), "must be 3 to 100");
        }
        if (LockoutFor < TimeSpan.FromMinutes(1) || LockoutFor > TimeSpan.FromDays(1))
        {
            yield return (nameof(LockoutFor), "must be 1m to 1d");
        }
        if (SignInsPerMinute is < 1 or > 10000)
        {
            yield return (nameof(SignInsPerMinute), "must be 1 to 10000");
        }
    }
}

/// <summary>JSON web tokens that others signed.</summary>
public sealed class JwtSettings : ICheckedSettings
{
    [Setting("OpenID provider whose tokens are taken; its keys are looked up there.")]
    public Uri? Authority { get; init; }

    [Setting("File with the public key (PEM) that tokens are signed with, where there is no authority to ask.")]
    public string? PublicKeyFile { get; init; }

    [Setting("Issuer that tokens must name; needed with PublicKeyFile.")]
    public string? Issuer { get; init; }

    [Setting("Audience that tokens must name.")]
    public string? Audience { get; init; }

    [Setting("Claim with the caller's name; `sub` where it is missing.")]
    public string NameClaim { get; init; } = "preferred_username";

    [Setting("Claim whose values become roles.")]
    public string RoleClaim { get; init; } = "roles";

    [Setting("Which values become which role, VALUE=ROLE; empty takes values that are names of roles.")]
    public IReadOnlyList<string> RoleMap { get; init; } = [];

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Audience is null && (Authority is not null || PublicKeyFile is not null))
        {
            yield return (nameof(Audience), "must be given: without it, tokens that were made for others would be taken");
        }
        if (PublicKeyFile is not null && Issuer is null)
        {
            yield return (nameof(Issuer), "must be given with PublicKeyFile");
        }
        foreach (var problem in RoleMapping.Problems(RoleMap))
        {
            yield return (nameof(RoleMap), problem);
        }
    }
}

/// <summary>Sign-in at an OpenID provider.</summary>
public sealed class OidcSettings : ICheckedSettings
{
    [Setting("OpenID provider that people sign in with; none leaves local accounts.")]
    public Uri? Authority { get; init; }

    [Setting("Id that the provider knows Baton by.")]
    public string? ClientId { get; init; }

    [Setting("Secret that the provider knows Baton by.", IsSecret = true)]
    public string? ClientSecret { get; init; }

    [Setting("What is asked of the provider.")]
    public IReadOnlyList<string> Scopes { get; init; } = ["openid", "profile"];

    [Setting("Whether to ask the provider's userinfo endpoint as well.")]
    public bool UserInfo { get; init; }

    [Setting("Claim that becomes the name of a new account.")]
    public string NameClaim { get; init; } = "preferred_username";

    [Setting("Claim whose values become roles.")]
    public string RoleClaim { get; init; } = "roles";

    [Setting("Which values become which role, VALUE=ROLE; empty takes values that are names of roles.")]
    public IReadOnlyList<string> RoleMap { get; init; } = [];

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Authority is not null && ClientId is null)
        {
            yield return (nameof(ClientId), "must be given with Authority");
        }
        foreach (var problem in RoleMapping.Problems(RoleMap))
        {
            yield return (nameof(RoleMap), problem);
        }
    }
}
