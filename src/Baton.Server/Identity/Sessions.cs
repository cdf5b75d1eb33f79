using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Baton.Server.Errors;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Identity;

/// <summary>
/// Sessions of browsers: an encrypted cookie that names account and stamp. Roles are read anew for each request, and a new
/// password or a disabled account ends all of its sessions.
/// </summary>
internal static class Sessions
{
    public const string SchemeName = "Session";
    public const string CookieName = "baton_session";

    private const string StampClaim = "baton:stamp";
    private const string SessionClaim = "baton:session";

    public static void Configure(CookieAuthenticationOptions options, IdentitySettings settings)
    {
        options.Cookie.Name = CookieName;
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = settings.SessionLifetime;
        options.SlidingExpiration = true;
        options.Events.OnRedirectToLogin = context => Answer(context.Response, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = context => Answer(context.Response, StatusCodes.Status403Forbidden);
        options.Events.OnValidatePrincipal = ValidateAsync;
    }

    /// <summary>What the cookie holds.</summary>
    public static ClaimsPrincipal Principal(BatonUser user) => Accounts.Principal(user, SchemeName, [new(StampClaim, user.SecurityStamp!), new(SessionClaim, Guid.NewGuid().ToString("N"))]);

    /// <summary>The token that requests of the session carry in <see cref="CsrfProtection.Header"/>; null when there is no session.</summary>
    public static string? CsrfToken(ClaimsPrincipal user, KeyRing keys) => user.FindFirstValue(SessionClaim) is { } session
        ? Convert.ToHexStringLower(HMACSHA256.HashData(keys.Derive("csrf"), Encoding.UTF8.GetBytes(session)))
        : null;

    /// <summary>After a change that ends all sessions of the account: lets the one go on that made it.</summary>
    public static Task RenewAsync(HttpContext context, BatonUser user) => context.User.FindFirst(SessionClaim) is { } session
        ? context.SignInAsync(SchemeName, Accounts.Principal(user, SchemeName, [new(StampClaim, user.SecurityStamp!), session]))
        : Task.CompletedTask;

    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var old = context.Principal!;
        var user = Guid.TryParse(old.FindFirstValue(ClaimTypes.NameIdentifier), out var id) ? await context.HttpContext.RequestServices.GetRequiredService<Accounts>().FindAsync(id) : null;
        if (user is { IsDisabled: false } && user.SecurityStamp == old.FindFirstValue(StampClaim) && old.FindFirst(SessionClaim) is { } session)
        {
            context.ReplacePrincipal(Accounts.Principal(user, SchemeName, [new(StampClaim, user.SecurityStamp!), session]));
        }
        else
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(SchemeName);
        }
    }

    private static Task Answer(HttpResponse response, int status)
    {
        response.StatusCode = status;
        return Task.CompletedTask;
    }
}

/// <summary>
/// Keeps other sites from using a browser's session: what changes something carries a token that only our own pages can read,
/// and a WebSocket must come from our own origin. Callers with a token of their own need neither.
/// </summary>
internal sealed class CsrfProtection(RequestDelegate next, KeyRing keys)
{
    public const string Header = "X-CSRF-Token";

    public Task InvokeAsync(HttpContext context)
    {
        if (context.User.Identity?.AuthenticationType == Sessions.SchemeName && context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is null && !IsOurs(context.Request))
        {
            throw new BatonException(
                ErrorCodes.CsrfTokenMissing, "the request does not prove that it comes from the console", null,
                $"send the `csrf` of GET /api/v1/session in the header {Header}; programs use an access token rather than the cookie");
        }
        return next(context);
    }

    private bool IsOurs(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            // A WebSocket begins as a GET (over HTTP/2 as a CONNECT, which is none of these).
            return !request.Headers.ContainsKey("Sec-WebSocket-Key")
                || (Uri.TryCreate(request.Headers.Origin, UriKind.Absolute, out var origin) && origin.Authority == request.Host.Value);
        }
        return Sessions.CsrfToken(request.HttpContext.User, keys) is { } expected
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(request.Headers[Header].ToString()), Encoding.UTF8.GetBytes(expected));
    }
}
