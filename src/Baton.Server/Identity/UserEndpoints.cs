using System.ComponentModel;
using Baton.Server.Audit;
using Baton.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Identity;

/// <param name="Password">None for a service account, or for somebody who gets one later.</param>
/// <param name="Service">Whether it is a service account.</param>
/// <param name="Roles">Everywhere; default: none.</param>
internal sealed record UserRequest(string Name, string? Password, bool Service, IReadOnlyList<string>? Roles);

internal sealed record NewPassword(string Password);

internal sealed record UserView(
    Guid Id, string Name, CallerKind Kind, bool Disabled, bool Locked, bool Authenticator, DateTimeOffset Created, IReadOnlyList<GrantView> Grants)
{
    public static UserView Of(BatonUser user) => new(
        user.Id, user.UserName!, user.IsService ? CallerKind.Service : CallerKind.Person, user.IsDisabled, user.LockoutEnd is not null && user.AccessFailedCount == 0,
        user.TwoFactorEnabled, user.Created,
        [.. user.Grants.OrderBy(grant => grant.Role).ThenBy(grant => grant.Flow).Select(grant => new GrantView(grant.Role, grant.Flow == RoleGrant.Everywhere ? null : grant.Flow))]);
}

internal sealed record RoleView(string Name, IReadOnlyList<string> Permissions);

internal sealed record SetupLinkView(string Url);

/// <summary>Accounts and roles, for administrators.</summary>
internal static class UserEndpoints
{
    private const string FlowDescription = "NAMESPACE/NAME or NAMESPACE/*; default everywhere.";

    public static void MapUsers(this IEndpointRouteBuilder api)
    {
        api.MapGet("/roles", () => Roles.Table.Select(role => new RoleView(role.Key, [.. role.Value.Order()]))).WithTags("Identity").Describe("listRoles", "List the roles and their permissions.").RequirePermission(Permissions.SelfRead);
        var users = api.MapGroup("/users").WithTags("Identity");
        users.MapGet("", async (Accounts accounts, int skip = 0, [Description("1 to 500.")] int limit = 100) =>
                (await accounts.All.OrderBy(user => user.NormalizedUserName).Skip(Math.Max(0, skip)).Take(Paging.Limit(limit, limit, 500)).ToListAsync()).Select(UserView.Of))
            .Describe("listUsers", "List accounts by name.")
            .RequirePermission(Permissions.UsersRead);
        users.MapGet("/{user}", async (string user, Accounts accounts) => UserView.Of(await accounts.GetAsync(user))).Describe("getUser", "Show an account.").RequirePermission(Permissions.UsersRead);
        users.MapPost("", async (UserRequest request, AuditDraft draft, Accounts accounts) =>
            {
                draft.Target = $"user/{request.Name}";
                var user = await accounts.CreateAsync(request.Name, request.Service ? null : request.Password, request.Service, request.Roles ?? []);
                return TypedResults.Created($"/api/v1/users/{user.UserName}", UserView.Of(user));
            })
            .Describe("createUser", "Make an account, of a person or of a service.").Example("""{"name":"bo","password":"a long one","roles":["approver"]}""")
            .RequirePermission(Permissions.UsersWrite).Audited("user.create", "user");
        users.MapPost("/setup-link", async (SetupLinks links, CancellationToken cancel) => new SetupLinkView(await links.CreateAsync(cancel)))
            .Describe("createSetupLink", "Make a one-time link that makes an administrator.").RequirePermission(Permissions.UsersWrite).Audited("user.setup-link", "user");
        Change(users.MapPut("/{user}/password", (string user, NewPassword request, Accounts accounts) => ChangeAsync(user, accounts, account => accounts.SetPasswordAsync(account, request.Password))), "user.password")
            .Describe("setUserPassword", "Give an account a new password.", "Ends its sessions.").Example("""{"password":"a long one"}""");
        Change(users.MapPost("/{user}/disable", (string user, Accounts accounts) => ChangeAsync(user, accounts, account => accounts.SetDisabledAsync(account, true))), "user.disable")
            .Describe("disableUser", "Keep an account out; its sessions end and its tokens are refused.");
        Change(users.MapPost("/{user}/enable", (string user, Accounts accounts) => ChangeAsync(user, accounts, account => accounts.SetDisabledAsync(account, false))), "user.enable").Describe("enableUser", "Let an account in again.");
        Change(users.MapPut("/{user}/roles/{role}", (string user, string role, [Description(FlowDescription)] string? flow, AuditDraft draft, Accounts accounts) => ChangeAsync(user, accounts, account =>
        {
            draft.Detail = $"{role} on {flow ?? "everything"}";
            return accounts.GrantAsync(account, role, flow);
        })), "user.grant").Describe("grantRole", "Give an account a role, everywhere or on a flow.");
        Change(users.MapDelete("/{user}/roles/{role}", (string user, string role, [Description(FlowDescription)] string? flow, AuditDraft draft, Accounts accounts) => ChangeAsync(user, accounts, account =>
        {
            draft.Detail = $"{role} on {flow ?? "everything"}";
            return accounts.RevokeAsync(account, role, flow);
        })), "user.revoke").Describe("revokeRole", "Take a role from an account.");
    }

    private static RouteHandlerBuilder Change(RouteHandlerBuilder endpoint, string action) => endpoint.RequirePermission(Permissions.UsersWrite).Audited(action, "user/{user}");

    private static async Task<UserView> ChangeAsync(string name, Accounts accounts, Func<BatonUser, Task> change)
    {
        var user = await accounts.GetAsync(name);
        await change(user);
        return UserView.Of(user);
    }
}
