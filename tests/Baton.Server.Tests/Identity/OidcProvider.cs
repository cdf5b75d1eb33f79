using System.Collections.Immutable;
using System.Security.Claims;
using System.Security.Cryptography;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace Baton.Server.Tests.Identity;

/// <summary>An OpenID provider on a port of its own, made of OpenIddict. Somebody is signed in at it already.</summary>
internal sealed class OidcProvider : IAsyncDisposable
{
    public const string ClientId = "baton";
    public const string ClientSecret = "the client's own secret";

    private readonly WebApplication app;

    private OidcProvider(WebApplication app) => this.app = app;

    public string Url => app.Urls.First();

    public string Subject { get; set; } = "4711";

    public string UserName { get; set; } = "anna";

    public string[] Groups { get; set; } = [];

    /// <summary>Publishes a key that is not the one it signs with.</summary>
    public bool PublishesAnotherKey { get; set; }

    public static async Task<OidcProvider> StartAsync()
    {
        OidcProvider? provider = null;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddOpenIddict().AddServer(server =>
        {
            server.SetAuthorizationEndpointUris("connect/authorize").SetTokenEndpointUris("connect/token");
            server.AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange().AllowClientCredentialsFlow();
            server.RegisterScopes(Scopes.OpenId, Scopes.Profile).RegisterClaims("groups", Claims.PreferredUsername);
            server.AddEphemeralEncryptionKey().AddEphemeralSigningKey().DisableAccessTokenEncryption();
            server.EnableDegradedMode();
            server.UseAspNetCore().EnableAuthorizationEndpointPassthrough().DisableTransportSecurityRequirement();
            server.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != ClientId || context.RedirectUri?.EndsWith("/signin/oidc/callback", StringComparison.Ordinal) is not true)
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient);
                }
                return default;
            }));
            server.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != ClientId || context.ClientSecret != ClientSecret)
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient);
                }
                return default;
            }));
            server.AddEventHandler<HandleTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.Request.IsClientCredentialsGrantType())
                {
                    context.SignIn(provider!.Principal([], "baton-api"));
                }
                return default;
            }));
            server.AddEventHandler<HandleJsonWebKeySetRequestContext>(handler => handler.SetOrder(int.MaxValue - 1000).UseInlineHandler(context =>
            {
                if (provider!.PublishesAnotherKey)
                {
                    using var other = RSA.Create(2048);
                    foreach (var key in context.Keys)
                    {
                        key.N = Base64UrlEncoder.Encode(other.ExportParameters(false).Modulus);
                    }
                }
                return default;
            }));
        });
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization();
        var app = builder.Build();
        app.UseAuthentication();
        app.MapGet("connect/authorize", (HttpContext context) => Results.SignIn(
            provider!.Principal(context.GetOpenIddictServerRequest()!.GetScopes(), null), null, OpenIddictServerAspNetCoreDefaults.AuthenticationScheme));
        provider = new(app);
        await app.StartAsync();
        return provider;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private ClaimsPrincipal Principal(ImmutableArray<string> scopes, string? audience)
    {
        var identity = new ClaimsIdentity("provider", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, Subject).SetClaim(Claims.PreferredUsername, UserName).SetClaims("groups", [.. Groups]);
        identity.SetScopes(scopes).SetResources(audience is null ? [] : [audience]);
        identity.SetDestinations(_ => [Destinations.AccessToken, Destinations.IdentityToken]);
        return new(identity);
    }
}
