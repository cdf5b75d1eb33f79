using System.ComponentModel;
using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Identity;

/// <param name="Name">What it is for.</param>
/// <param name="User">Whose it is; default: the caller's.</param>
/// <param name="Scopes">Permissions that it is limited to; none: all that the account has.</param>
/// <param name="Expires">How long it lives, as 90d or 12h; default: the longest that is allowed.</param>
internal sealed record TokenRequest(string Name, string? User, IReadOnlyList<string>? Scopes, string? Expires);

/// <param name="Token">Shown once, when it is made.</param>
internal sealed record TokenView(
    Guid Id, string Name, string User, IReadOnlyList<string> Scopes, DateTimeOffset Created, DateTimeOffset Expires, DateTimeOffset? Used, string? Token)
{
    public static TokenView Of(AccessToken token, string user, string? text = null) =>
        new(token.Id, token.Name, user, token.Scopes?.Split(' ') ?? [], token.Created, token.Expires, token.Used, text);
}

/// <summary>Access tokens: one's own, and with users.write those of others.</summary>
internal static class TokenEndpoints
{
    public static void MapTokens(this IEndpointRouteBuilder api)
    {
        var tokens = api.MapGroup("/tokens").WithTags("Identity");
        tokens.MapGet("", ListAsync).Describe("listTokens", "List access tokens, one's own or an account's.", "Those of others take `users.read`.").RequirePermission(Permissions.SelfRead);
        tokens.MapPost("", CreateAsync).Describe("createToken", "Make an access token; its text is shown this once.", "For another account it takes `users.write`; a token that is limited to scopes makes none that may do more.")
            .Example("""{"name":"ci","scopes":["runs.start","runs.read"],"expires":"30d"}""").Produces<TokenView>(StatusCodes.Status201Created).RequirePermission(Permissions.SelfWrite).Audited("token.create", "token");
        tokens.MapDelete("/{id:guid}", RevokeAsync).Describe("revokeToken", "Revoke an access token.", "Those of others take `users.write`.").Produces(StatusCodes.Status204NoContent).RequirePermission(Permissions.SelfWrite).Audited("token.revoke", "token/{id}");
    }

    private static async Task<IReadOnlyList<TokenView>> ListAsync([Description("Name of the account; default the caller's.")] string? user, Caller caller, BatonDb db, Accounts accounts)
    {
        if (user is null && caller.Id is null)
        {
            // Who has no account has no token either.
            return [];
        }
        var owner = await OwnerAsync(user, caller, accounts, Permissions.UsersRead);
        return [.. (await db.Set<AccessToken>().AsNoTracking().Where(token => token.UserId == owner.Id).OrderBy(token => token.Id).ToListAsync()).Select(token => TokenView.Of(token, owner.UserName!))];
    }

    private static async Task<IResult> CreateAsync(TokenRequest request, Caller caller, AuditDraft draft, Accounts accounts, AccessTokens tokens)
    {
        var lifetime = default(TimeSpan);
        if (request.Expires is not null && !Durations.TryParse(request.Expires, out lifetime))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{request.Expires}' is no duration", null, "give one as 12h or 90d");
        }
        var owner = await OwnerAsync(request.User, caller, accounts, Permissions.UsersWrite);
        var scopes = request.Scopes ?? [];
        if (caller.Scopes is { } own && (scopes.Count == 0 || scopes.Any(scope => !own.Contains(scope))))
        {
            throw new BatonException(ErrorCodes.Forbidden, "a token cannot make one that may do more", $"it is limited to {string.Join(", ", own)}", "limit the new one to some of these, or sign in");
        }
        var (text, token) = await tokens.CreateAsync(owner, request.Name, scopes, request.Expires is null ? null : lifetime);
        (draft.Target, draft.Detail) = ($"token/{token.Id}", $"of {owner.UserName}, until {token.Expires:u}");
        return TypedResults.Created($"/api/v1/tokens/{token.Id}", TokenView.Of(token, owner.UserName!, text));
    }

    private static async Task<IResult> RevokeAsync(Guid id, Caller caller, BatonDb db, KnownTokens known)
    {
        var others = caller.May(Permissions.UsersWrite);
        if (await db.Set<AccessToken>().Where(token => token.Id == id && (others || token.UserId == caller.Id)).ExecuteDeleteAsync() == 0)
        {
            throw new BatonException(ErrorCodes.NotFound, $"there is no token {id}", null, "`baton token list` lists them");
        }
        known.Forget();
        return TypedResults.NoContent();
    }

    private static async Task<BatonUser> OwnerAsync(string? user, Caller caller, Accounts accounts, string permission)
    {
        if (user is null)
        {
            return await MeEndpoints.OwnAsync(caller, accounts);
        }
        if (user != caller.Name && !caller.May(permission))
        {
            throw new BatonException(ErrorCodes.Forbidden, $"{caller.Name} may not see or make tokens of others", $"it takes {permission}", "leave the user out for one's own");
        }
        return await accounts.GetAsync(user);
    }
}
