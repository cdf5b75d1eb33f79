using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Baton.Server.Identity;

/// <summary>
/// The secret of this start of the server, kept in DATA/control.json for the owner of the data folder alone. Who can read
/// it can read the databases beside it as well: it stands for an administrator at this machine, and lets the command
/// line work without an account.
/// </summary>
internal sealed record LocalToken(string Text)
{
    public static LocalToken Create() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));

    public bool Matches(string given) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(Text));
}

/// <summary>Knows callers by `Authorization: Bearer`.</summary>
internal sealed class BearerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, LocalToken local)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Prefix = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }
        if (!local.Matches(header[Prefix.Length..].Trim()))
        {
            return Task.FromResult(AuthenticateResult.Fail("The token is unknown, expired or revoked."));
        }
        var identity = new ClaimsIdentity(
            [new(ClaimTypes.Name, $"local:{Environment.UserName}"), new(Caller.KindClaim, nameof(CallerKind.Owner)), new(ClaimTypes.Role, Roles.Admin)], SchemeName);
        return Task.FromResult(AuthenticateResult.Success(new(new(identity), SchemeName)));
    }
}
