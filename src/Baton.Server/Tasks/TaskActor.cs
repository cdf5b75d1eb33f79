using Baton.Server.Identity;

namespace Baton.Server.Tasks;

/// <summary>Who does something to a task: name and roles, as the server knows them, in lower case.</summary>
/// <param name="IsAdministrator">Has every role; but no other's name, and no right to skip four eyes.</param>
internal sealed record TaskActor(string Name, IReadOnlySet<string> Roles, bool IsAdministrator)
{
    /// <summary>Roles on single flows, which count for the tasks of these.</summary>
    public IReadOnlyList<FlowGrant> Grants { get; init; } = [];

    public static TaskActor Of(Caller caller) => new(Normal(caller.Name), caller.Roles.Select(Normal).ToHashSet(), caller.Roles.Contains(Identity.Roles.Admin))
    {
        Grants = [.. caller.Grants.Select(grant => grant with { Role = Normal(grant.Role) })],
    };

    public bool HasRole(string role, HumanTask task) => IsAdministrator || Holds(Identity.Roles.Admin, task) || Holds(role, task);

    /// <summary>Has the role itself, not only by being an administrator.</summary>
    public bool Holds(string role, HumanTask task) => Roles.Contains(role) || (task.FlowName is { } flow && Grants.Any(grant => grant.Role == role && grant.Covers(flow)));

    /// <summary>How names of people and roles are kept.</summary>
    public static string Normal(string name) => name.Trim().ToLowerInvariant();
}
