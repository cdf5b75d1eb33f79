using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Identity;

internal sealed record SetupRequest(string Token, string Name, string Password);

/// <param name="Code">Of the authenticator, or a recovery code, where the account has one.</param>
internal sealed record SignInRequest(string Name, string Password, string? Code);

/// <param name="Flow">Null for everywhere.</param>
internal sealed record GrantView(string Role, string? Flow);

/// <param name="Csrf">Of the session, for the header X-CSRF-Token; null for callers with a token of their own.</param>
internal sealed record CallerView(Guid? Id, string Name, CallerKind Kind, IReadOnlyList<GrantView> Grants, IReadOnlyList<string> Permissions, string? Csrf)
{
    public static CallerView Of(Caller caller, string? csrf) => new(
        caller.Id, caller.Name, caller.Kind,
        [.. caller.Roles.Order().Select(role => new GrantView(role, null)), .. caller.Grants.Select(grant => new GrantView(grant.Role, grant.Flow))],
        [.. caller.Permissions.Order()], csrf);
}

/// <summary>The first administrator, sign-in and sign-out.</summary>
internal static class SessionEndpoints
{
    public static void MapSetup(this IEndpointRouteBuilder app, IEndpointRouteBuilder api)
    {
        app.MapGet("/setup", () => Results.Content(SetupPage.Html, "text/html; charset=utf-8"))
            .AddEndpointFilter(async (invocation, next) =>
            {
                invocation.HttpContext.Response.Headers.ContentSecurityPolicy = SetupPage.Policy;
                return await next(invocation);
            })
            .AllowAnonymous().ExcludeFromDescription();
        api.MapPost("/setup", async (SetupRequest request, Caller caller, AuditDraft draft, SetupLinks links, PasswordAttempts attempts) =>
            {
                attempts.Count(caller.Address);
                draft.Target = $"user/{request.Name}";
                var user = await links.UseAsync(request.Token, request.Name, request.Password);
                return TypedResults.Created($"/api/v1/users/{user.UserName}", UserView.Of(user));
            })
            .WithTags("Identity").Describe("setUp", "Make the first administrator.", "Takes the token of the one-time link that the first start prints, and no other.")
            .Example("""{"token":"TOKEN-OF-THE-LINK","name":"ann","password":"a long one"}""").AllowAnonymous().Audited("user.setup", "user");
    }

    public static void MapSignIn(this IEndpointRouteBuilder app, IdentitySettings settings)
    {
        if (settings.Oidc.Authority is null)
        {
            return;
        }
        app.MapGet("/signin/oidc", (string? @return) => Results.Challenge(
                new() { RedirectUri = @return is ['/', not ('/' or '\\'), ..] ? @return : "/" }, [OidcSignIn.SchemeName]))
            .AllowAnonymous().ExcludeFromDescription();
    }

    public static void MapSessions(this IEndpointRouteBuilder api)
    {
        api.MapGet("/session", (Caller caller, HttpContext context, KeyRing keys) => CallerView.Of(caller, Sessions.CsrfToken(context.User, keys)))
            .WithTags("Identity").Describe("getSession", "Show who calls, with the token that requests of a browser's session carry.").RequirePermission(Permissions.SelfRead);
        api.MapPost("/session", SignInAsync).WithTags("Identity").Describe("signIn", "Sign in with a password; the answer sets a cookie.", "For browsers: programs use an access token.")
            .Example("""{"name":"ann","password":"a long one"}""").AllowAnonymous().Audited("session.create", "user");
        api.MapDelete("/session", async (HttpContext context) =>
            {
                await context.SignOutAsync(Sessions.SchemeName);
                return TypedResults.NoContent();
            })
            .WithTags("Identity").Describe("signOut", "End the session of this browser.").RequirePermission(Permissions.SelfRead).Audited("session.delete", "session");
    }

    private static async Task<CallerView> SignInAsync(SignInRequest request, Caller caller, AuditDraft draft, HttpContext context, PasswordSignIn signIn, KeyRing keys)
    {
        draft.Target = $"user/{request.Name}";
        var user = await signIn.SignInAsync(request.Name, request.Password, request.Code, caller.Address);
        var principal = Sessions.Principal(user);
        draft.Caller = Caller.Of(principal, caller.Address, caller.UserAgent);
        await context.SignInAsync(Sessions.SchemeName, principal);
        return CallerView.Of(draft.Caller, Sessions.CsrfToken(principal, keys));
    }
}
