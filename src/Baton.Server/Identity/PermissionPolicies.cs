using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;

namespace Baton.Server.Identity;

/// <summary>The permission that an endpoint asks for.</summary>
internal sealed record PermissionRequirement(string Permission) : IAuthorizationRequirement;

/// <summary>Grants a permission that one of the caller's roles has.</summary>
internal sealed class PermissionHandler : AuthorizationHandler<PermissionRequirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        if (Roles.Table.Any(role => context.User.IsInRole(role.Key) && role.Value.Contains(requirement.Permission)))
        {
            context.Succeed(requirement);
        }
        return Task.CompletedTask;
    }
}

internal static class PermissionPolicies
{
    /// <summary>Lets only callers in who have the permission. An endpoint without this, and not open to all by name, is closed to everybody.</summary>
    public static T RequirePermission<T>(this T endpoint, string permission)
        where T : IEndpointConventionBuilder
    {
        var requirement = new PermissionRequirement(permission);
        return endpoint.RequireAuthorization(policy => policy.AddRequirements(requirement)).WithMetadata(requirement);
    }
}
