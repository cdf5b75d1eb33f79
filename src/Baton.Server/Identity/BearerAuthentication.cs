using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Baton.Server.Identity;

/// <summary>Knows callers by `Authorization: Bearer` with an access token, or the token of the data folder's owner.</summary>
internal sealed class BearerAuthentication(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Prefix = "Bearer ";

    /// <summary>The token of the request; null when it carries none.</summary>
    public static string? TokenOf(Microsoft.AspNetCore.Http.HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? header[Prefix.Length..].Trim() : null;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (TokenOf(Request) is not { } token)
        {
            return AuthenticateResult.NoResult();
        }
        var principal = await Context.RequestServices.GetRequiredService<TokenAuthentication>().FindAsync(token);
        return principal is null ? AuthenticateResult.Fail("The token is unknown, expired or revoked.") : AuthenticateResult.Success(new(principal, SchemeName));
    }
}

/// <summary>Who a token stands for, whichever protocol it came by.</summary>
internal sealed class TokenAuthentication(LocalToken local, AccessTokens tokens, JwtTokens jwt)
{
    /// <returns>Null when nobody knows it.</returns>
    public async Task<ClaimsPrincipal?> FindAsync(string token)
    {
        if (token.StartsWith(AccessTokens.Prefix, StringComparison.Ordinal))
        {
            return await tokens.AuthenticateAsync(token, BearerAuthentication.SchemeName);
        }
        return local.Matches(token) ? LocalToken.Principal : await jwt.AuthenticateAsync(token);
    }
}
