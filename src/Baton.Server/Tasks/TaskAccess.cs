using Baton.Server.Errors;
using Baton.Server.Identity;

namespace Baton.Server.Tasks;

/// <summary>Who may do what to a task: what a role allows for every task, a grant allows for those of one flow.</summary>
internal static class TaskAccess
{
    /// <exception cref="BatonException">The caller may not.</exception>
    public static void Demand(this Caller caller, string permission, HumanTask task) => caller.Demand(permission, task.FlowName ?? "of no name");
}
