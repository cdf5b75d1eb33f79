using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Identity;

/// <summary>The permission that an endpoint asks for.</summary>
/// <param name="OnFlow">A grant on a single flow is enough to come in; the endpoint itself asks for the flow it is about.</param>
internal sealed record PermissionRequirement(string Permission, bool OnFlow) : IAuthorizationRequirement;

/// <summary>
/// Lets in who has the permission. Where a grant on a flow is enough and the route names the flow (`namespace` and `name`),
/// that flow is asked for here; else the endpoint does (<see cref="Caller.Demand"/>), since only it finds out the flow.
/// </summary>
internal sealed class PermissionHandler : AuthorizationHandler<PermissionRequirement>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, PermissionRequirement requirement)
    {
        var caller = Caller.Of(context.User);
        if (requirement.OnFlow ? MayOnFlow(caller, requirement.Permission, context.Resource as HttpContext) : caller.May(requirement.Permission))
        {
            context.Succeed(requirement);
        }
        return Task.CompletedTask;
    }

    private static bool MayOnFlow(Caller caller, string permission, HttpContext? http) =>
        http?.Request.RouteValues is { } route && route.TryGetValue("namespace", out var space) && route.TryGetValue("name", out var name)
            ? caller.May(permission, $"{space}/{name}")
            : caller.MaySomewhere(permission);
}

internal static class PermissionPolicies
{
    /// <summary>Lets only callers in who have the permission. An endpoint without this, and not open to all by name, is closed to everybody.</summary>
    /// <param name="endpoint">Route, or group of routes.</param>
    /// <param name="permission">One of <see cref="Permissions"/>.</param>
    /// <param name="onFlow">
    /// Whether a grant on a flow is enough. If the route has no `namespace` and `name`, the endpoint must ask
    /// <see cref="Caller.Demand"/> for the flow that it acts upon, or show only what <see cref="Caller.May(string, string)"/> allows.
    /// </param>
    public static T RequirePermission<T>(this T endpoint, string permission, bool onFlow = false)
        where T : IEndpointConventionBuilder
    {
        var requirement = new PermissionRequirement(permission, onFlow);
        return endpoint.RequireAuthorization(policy => policy.AddRequirements(requirement)).WithMetadata(requirement);
    }
}
