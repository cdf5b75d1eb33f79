using Baton.Server.Errors;
using Baton.Server.Identity;

namespace Baton.Server.Runs;

/// <summary>Who may do what to a run: what a role allows for every run, a grant allows for those of one flow.</summary>
internal sealed class RunAccess(RunReader reader)
{
    /// <summary>Does it if the caller may.</summary>
    /// <exception cref="BatonException">The caller may not, or there is no such run.</exception>
    public async Task<T> WithAsync<T>(Caller caller, string permission, string id, Func<Task<T>> act, CancellationToken cancel)
    {
        if (!caller.May(permission))
        {
            var flow = RunReader.FlowOf((await reader.DescribeAsync(id, null, cancel)).WorkflowExecutionInfo);
            caller.Demand(permission, flow ?? "of no name");
        }
        return await act();
    }
}
