using System.Security.Claims;
using System.Security.Cryptography;
using Baton.Server.Egress;
using Baton.Server.Settings;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Baton.Server.Identity;

/// <summary>
/// Takes JSON web tokens that an authority signed, or that a key of the settings proves. Only asymmetric algorithms; issuer,
/// audience and expiry must fit. Such a caller has no account here: roles come from claims each time.
/// </summary>
internal sealed class JwtTokens
{
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    private readonly JwtSettings settings;
    private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false };
    private readonly TokenValidationParameters? parameters;

    public JwtTokens(BatonSettings all, EgressHttp egress)
    {
        settings = all.Identity.Jwt;
        if (settings.Authority is null && settings.PublicKeyFile is null)
        {
            return;
        }
        parameters = new()
        {
            ValidAudience = settings.Audience,
            ValidIssuer = settings.Issuer,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = TimeSpan.FromSeconds(30),
        };
        if (settings.Authority is { } authority)
        {
            parameters.ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
                $"{authority.AbsoluteUri.TrimEnd('/')}/.well-known/openid-configuration", new OpenIdConnectConfigurationRetriever(),
                new HttpDocumentRetriever(new HttpClient(egress.CreateHandler())) { RequireHttps = !authority.IsLoopback });
        }
        else
        {
            parameters.IssuerSigningKey = ReadKey(settings.PublicKeyFile!);
        }
    }

    /// <returns>Null when it is none, or not valid here.</returns>
    public async Task<ClaimsPrincipal?> AuthenticateAsync(string token)
    {
        if (parameters is null || !handler.CanReadToken(token))
        {
            return null;
        }
        var result = await handler.ValidateTokenAsync(token, parameters);
        if (!result.IsValid)
        {
            return null;
        }
        var claims = result.ClaimsIdentity;
        var name = claims.FindFirst(settings.NameClaim)?.Value ?? claims.FindFirst("sub")?.Value;
        return name is null ? null : new(new ClaimsIdentity(
            [
                new(ClaimTypes.Name, $"jwt:{name}"),
                new(Caller.KindClaim, nameof(CallerKind.Person)),
                .. RoleMapping.RolesOf(claims, settings.RoleClaim, settings.RoleMap).Select(role => new Claim(ClaimTypes.Role, role)),
            ],
            BearerAuthentication.SchemeName));
    }

    private static AsymmetricSecurityKey ReadKey(string file)
    {
        var pem = File.ReadAllText(file);
        try
        {
            var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            return new RsaSecurityKey(rsa);
        }
        catch (CryptographicException)
        {
            // Not an RSA key: then it is one of an elliptic curve, or none.
            var curve = ECDsa.Create();
            curve.ImportFromPem(pem);
            return new ECDsaSecurityKey(curve);
        }
    }
}

/// <summary>Roles from the claims of somebody else's token.</summary>
internal static class RoleMapping
{
    /// <param name="claims">Of the token.</param>
    /// <param name="claim">Type of the claims that count.</param>
    /// <param name="map">VALUE=ROLE each; empty takes values that are names of roles.</param>
    public static IReadOnlyList<string> RolesOf(ClaimsIdentity claims, string claim, IReadOnlyList<string> map)
    {
        var values = claims.FindAll(claim).Select(found => found.Value).ToHashSet(StringComparer.Ordinal);
        return [.. (map.Count == 0 ? values : Pairs(map).Where(pair => values.Contains(pair.Value)).Select(pair => pair.Role)).Where(Roles.Table.ContainsKey).Distinct()];
    }

    public static IEnumerable<string> Problems(IReadOnlyList<string> map) =>
        Pairs(map).Where(pair => !Roles.Table.ContainsKey(pair.Role)).Select(pair => $"'{pair.Value}={pair.Role}' must be VALUE=ROLE, with a role of {string.Join(", ", Roles.Table.Keys)}");

    private static IEnumerable<(string Value, string Role)> Pairs(IReadOnlyList<string> map) =>
        map.Select(pair => pair.LastIndexOf('=') is > 0 and var at ? (pair[..at], pair[(at + 1)..]) : (pair, ""));
}
