using System.Security.Claims;
using Baton.Server.Audit;
using Baton.Server.Egress;
using Baton.Server.Errors;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Baton.Server.Identity;

/// <summary>
/// Sign-in at an OpenID provider: code flow with PKCE. The provider's claims become the roles of the account, anew at each
/// sign-in; roles that an administrator gave stay.
/// </summary>
internal static class OidcSignIn
{
    public const string SchemeName = "Oidc";

    public static void Configure(OpenIdConnectOptions options, OidcSettings settings, EgressHttp egress)
    {
        options.BackchannelHttpHandler = egress.CreateHandler();
        options.Authority = settings.Authority!.AbsoluteUri;
        options.RequireHttpsMetadata = !settings.Authority.IsLoopback;
        options.ClientId = settings.ClientId;
        options.ClientSecret = settings.ClientSecret;
        options.ResponseType = OpenIdConnectResponseType.Code;
        // The answer comes as a GET, so that cookies may be SameSite=Lax, which works without https at one machine.
        options.ResponseMode = OpenIdConnectResponseMode.Query;
        options.UsePkce = true;
        options.CallbackPath = "/signin/oidc/callback";
        options.SignInScheme = Sessions.SchemeName;
        options.MapInboundClaims = false;
        options.GetClaimsFromUserInfoEndpoint = settings.UserInfo;
        options.ClaimActions.MapAll();
        options.Scope.Clear();
        foreach (var scope in settings.Scopes)
        {
            options.Scope.Add(scope);
        }
        foreach (var cookie in new[] { options.CorrelationCookie, options.NonceCookie })
        {
            cookie.SameSite = SameSiteMode.Lax;
            cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        }
        options.Events.OnTicketReceived = context => ReceiveAsync(context, settings);
        options.Events.OnRemoteFailure = context => throw new BatonException(
            ErrorCodes.SignInRefused, "the sign-in at the provider did not succeed", context.Failure?.Message, "begin again at /signin/oidc", context.Failure);
    }

    private static async Task ReceiveAsync(TicketReceivedContext context, OidcSettings settings)
    {
        var claims = (ClaimsIdentity)context.Principal!.Identity!;
        var subject = claims.FindFirst("sub")!.Value;
        var roles = RoleMapping.RolesOf(claims, settings.RoleClaim, settings.RoleMap);
        var services = context.HttpContext.RequestServices;
        var user = await services.GetRequiredService<Accounts>().FromProviderAsync(SchemeName, subject, claims.FindFirst(settings.NameClaim)?.Value ?? subject, roles);
        var refused = user.IsDisabled;
        var caller = Caller.Of(Sessions.Principal(user), context.HttpContext.Connection.RemoteIpAddress, context.Request.Headers.UserAgent.ToString());
        await services.GetRequiredService<AuditLog>().WriteAsync(new(caller, "session.create", $"user/{user.UserName}")
        {
            Outcome = refused ? AuditOutcome.Refused : AuditOutcome.Done,
            Detail = refused ? "the account is disabled" : $"by {settings.Authority}",
        });
        if (refused)
        {
            throw new BatonException(ErrorCodes.SignInRefused, "the sign-in is refused", null, "ask an administrator");
        }
        context.Principal = Sessions.Principal(user);
    }
}
