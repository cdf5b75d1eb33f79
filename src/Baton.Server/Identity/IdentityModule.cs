using Baton.Server.Data.Retention;
using Baton.Server.Egress;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Identity;

/// <summary>Who calls, and what they may do.</summary>
internal static class IdentityModule
{
    private const string AnyScheme = "Any";

    /// <summary>PBKDF2 with HMAC-SHA512, at the count that OWASP recommends for it (password storage cheat sheet).</summary>
    public static PasswordHasherOptions Hashing { get; } = new() { IterationCount = 210_000 };

    public static void AddIdentity(this IServiceCollection services, IdentitySettings settings)
    {
        services.AddSingleton(LocalToken.Create());
        services.AddSingleton<JwtTokens>();
        services.AddSingleton<KnownTokens>();
        services.AddSingleton<PasswordAttempts>();
        services.AddSingleton<IRetainedKind, ExpiredTokens>();
        services.AddScoped<Accounts>();
        services.AddScoped<AccessTokens>();
        services.AddScoped<TokenAuthentication>();
        services.AddScoped<SetupLinks>();
        services.AddScoped<PasswordSignIn>();
        services.AddSingleton<IDataProtectionProvider, KeyRingProtection>(provider => new(provider.GetRequiredService<KeyRing>()));
        AddAccounts(services, settings);

        var authentication = services.AddAuthentication(AnyScheme)
            .AddPolicyScheme(AnyScheme, null, any => any.ForwardDefaultSelector = context =>
                BearerAuthentication.TokenOf(context.Request) is null && context.Request.Cookies.ContainsKey(Sessions.CookieName) ? Sessions.SchemeName : BearerAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, BearerAuthentication>(BearerAuthentication.SchemeName, null)
            .AddCookie(Sessions.SchemeName, cookie => Sessions.Configure(cookie, settings));
        if (settings.Oidc.Authority is not null)
        {
            authentication.AddOpenIdConnect(OidcSignIn.SchemeName, _ => { });
            services.AddOptions<OpenIdConnectOptions>(OidcSignIn.SchemeName).Configure<EgressHttp>((oidc, egress) => OidcSignIn.Configure(oidc, settings.Oidc, egress));
        }
        services.AddSingleton<IAuthorizationHandler, PermissionHandler>();
        services.AddAuthorizationBuilder().SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAssertion(IsRefusalOfRouting).Build());
    }

    /// <summary>Endpoints that name no permission are closed, but for those of routing itself, which answer 405 and 415.</summary>
    private static bool IsRefusalOfRouting(AuthorizationHandlerContext context) => context.Resource is HttpContext http && http.GetEndpoint() is { } endpoint and not RouteEndpoint;

    public static void MapIdentity(this IEndpointRouteBuilder app, IEndpointRouteBuilder api, IdentitySettings settings)
    {
        app.MapSetup(api);
        app.MapSignIn(settings);
        api.MapSessions();
        api.MapMe();
        api.MapTokens();
        api.MapUsers();
    }

    private static void AddAccounts(IServiceCollection services, IdentitySettings settings)
    {
        services.AddIdentityCore<BatonUser>(identity =>
            {
                identity.Password.RequiredLength = settings.PasswordLength;
                identity.Password.RequiredUniqueChars = 5;
                identity.Password.RequireDigit = identity.Password.RequireLowercase = identity.Password.RequireUppercase = identity.Password.RequireNonAlphanumeric = false;
                identity.Lockout.MaxFailedAccessAttempts = settings.LockoutFailures;
                identity.Lockout.DefaultLockoutTimeSpan = settings.LockoutFor;
            })
            .AddUserStore<AccountStore>()
            .AddTokenProvider<AuthenticatorTokenProvider<BatonUser>>(TokenOptions.DefaultAuthenticatorProvider);
        services.Configure<PasswordHasherOptions>(hashing => hashing.IterationCount = Hashing.IterationCount);
    }
}
