using Baton.Durable.Deployments;
using Baton.Durable.State;

namespace Baton.Durable.Matching;

/// <summary>Which workers a task is for.</summary>
/// <param name="Version">A deployment version, or without a deployment the workers for a build id; none for those that the queue has.</param>
/// <param name="ByRules">No worker has had it yet, so that version sets and rules of the queue decide where no deployment does.</param>
internal readonly record struct TaskDirection(WorkerVersion Version, bool ByRules)
{
    public static readonly TaskDirection Any = new(WorkerVersion.None, ByRules: true);

    public void Write(TaskRef task, int ramp)
    {
        (task.DeploymentName, task.BuildId) = Version;
        (task.ByRules, task.Ramp) = (ByRules, ramp);
    }

    public bool IsOf(TaskRef task) => task.DeploymentName == Version.Deployment && task.BuildId == Version.BuildId && task.ByRules == ByRules;
}
