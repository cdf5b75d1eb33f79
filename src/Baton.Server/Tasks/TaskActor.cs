using Baton.Server.Identity;

namespace Baton.Server.Tasks;

/// <summary>Who does something to a task: name and roles, as the server knows them, in lower case.</summary>
/// <param name="IsAdministrator">Has every role; but no other's name, and no right to skip four eyes.</param>
internal sealed record TaskActor(string Name, IReadOnlySet<string> Roles, bool IsAdministrator)
{
    public static TaskActor Of(Caller caller) => new(Normal(caller.Name), caller.Roles.Select(Normal).ToHashSet(), caller.Roles.Contains(Identity.Roles.Admin));

    public bool HasRole(string role) => IsAdministrator || Roles.Contains(role);

    /// <summary>How names of people and roles are kept.</summary>
    public static string Normal(string name) => name.Trim().ToLowerInvariant();
}
