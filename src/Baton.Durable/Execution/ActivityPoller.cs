using Baton.Durable.Activities;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>A worker that waits for an activity task, of a workflow or a standalone one.</summary>
internal sealed class ActivityPoller(QueueKey queue, string identity, Reply<PollActivityTaskQueueResponse> reply) : Poller(queue, identity)
{
    public override bool TryStart(Step step, TaskRef task)
    {
        var owner = step.Load<Entity>(task.RunKey);
        var activity = owner switch
        {
            WorkflowRun { IsRunning: true, IsPaused: false } run => run.S.Activities.GetValueOrDefault(task.Id),
            StandaloneActivity { IsRunning: true } standalone => standalone.Activity,
            _ => null,
        };
        if (activity is not { StartedTime: 0, Paused: false }
            || activity.Attempt != task.Attempt
            || activity.Stamp != task.Stamp
            || activity.AttemptScheduledTime > step.Now
            || (owner is WorkflowRun workflow && !(Versioning.MayTakeActivity(step, workflow, this) && step.Core.Rules.MayStart(step, workflow, activity))))
        {
            return false;
        }

        activity.DeploymentName = Worker.DeploymentName;
        activity.BuildId = Worker.BuildId;
        Func<PollActivityTaskQueueResponse> build;
        if (owner is StandaloneActivity alone)
        {
            var answer = StartActivity.Apply(step, alone, Identity, WorkerInstance);
            build = () => answer;
        }
        else
        {
            build = StartActivity.Apply(step, (WorkflowRun)owner!, activity, Identity, WorkerInstance);
        }

        IsDone = true;
        var scaling = Scaling();
        reply.SetLater(step, () =>
        {
            var response = build();
            response.PollerScalingDecision = scaling;
            return response;
        });
        return true;
    }

    public override void Complete(Step step)
    {
        IsDone = true;
        reply.Set(step, new PollActivityTaskQueueResponse());
    }

    public override void Abandon(Exception reason)
    {
        IsDone = true;
        reply.Reject(reason);
    }
}
