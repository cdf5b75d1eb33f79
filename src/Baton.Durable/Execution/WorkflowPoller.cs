using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution;

/// <summary>A worker that waits for a workflow task.</summary>
internal sealed class WorkflowPoller(QueueKey queue, string identity, Reply<PollWorkflowTaskQueueResponse> reply) : Poller(queue, identity)
{
    public override bool TryStart(Step step, TaskRef task)
    {
        if (step.Load<WorkflowRun>(task.RunKey) is not { IsRunning: true, IsPaused: false } run
            || run.S.WorkflowTask is not { StartedTime: 0 } pending
            || pending.ScheduledEventId != task.Id
            || pending.Attempt != task.Attempt
            || pending.Stamp != task.Stamp
            || pending.Queue != task.Queue)
        {
            return false;
        }

        Versioning.Started(run, this);
        BuildIdUses.Started(step, run, pending, Worker);
        Answer(step, StartWorkflowTask.Apply(step, run, Identity, WorkerInstance));
        return true;
    }

    public override bool TryStart(Step step, QueryTask query)
    {
        query.Start(step, this);
        return true;
    }

    public void Answer(Step step, Func<PollWorkflowTaskQueueResponse> build)
    {
        IsDone = true;
        var scaling = Scaling();
        reply.SetLater(step, () =>
        {
            var response = build();
            response.PollerScalingDecision = scaling;
            return response;
        });
    }

    public override void Complete(Step step)
    {
        IsDone = true;
        reply.Set(step, new PollWorkflowTaskQueueResponse());
    }

    public override void Abandon(Exception reason)
    {
        IsDone = true;
        reply.Reject(reason);
    }
}
