using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Nexus;

/// <summary>A worker that waits for a Nexus request.</summary>
internal sealed class NexusPoller(QueueKey queue, string identity, Reply<PollNexusTaskQueueResponse> reply) : Poller(queue, identity)
{
    public override bool TryStart(Step step, TaskRef task)
    {
        if (step.Load<Entity>(task.RunKey) is not INexusCaller { IsRunning: true } caller
            || caller.FindOperation(Math.Abs(task.Id)) is not { } operation
            || operation.Stamp != task.Stamp)
        {
            return false;
        }

        var response = new PollNexusTaskQueueResponse();
        if (task.Id > 0)
        {
            if (!NexusClock.IsAttempting(operation) || operation.TakenTime > 0 || operation.Attempt != task.Attempt)
            {
                return false;
            }

            operation.TakenTime = step.Now;
            var (scheduled, snapshot, now) = (caller.ScheduledEvent(operation), operation.Clone(), step.Now);
            reply.SetLater(step, () =>
            {
                response.Request = NexusRequests.Start(caller, snapshot, scheduled(), now);
                return response;
            });
        }
        else
        {
            if (!NexusClock.IsCancelAttempting(operation) || operation.CancelTakenTime > 0 || operation.CancelAttempt != task.Attempt)
            {
                return false;
            }

            operation.CancelTakenTime = step.Now;
            response.Request = NexusRequests.Cancel(operation, step.Now);
            reply.Set(step, response);
        }

        step.Touch(caller.Entity);
        response.TaskToken = new TaskToken
        {
            RunKey = caller.Entity.RunKey,
            Kind = TaskKind.Nexus,
            NamespaceId = Queue.NamespaceId,
            RunId = caller.Entity.RunId,
            ScheduledEventId = task.Id,
            Attempt = task.Attempt,
            Clock = step.Now,
        }.ToByteString();
        IsDone = true;
        return true;
    }

    public override bool TryStart(Step step, QueryTask query)
    {
        query.Start(step, this);
        return true;
    }

    public void Answer(Step step, PollNexusTaskQueueResponse response)
    {
        IsDone = true;
        reply.Set(step, response);
    }

    public override void Complete(Step step)
    {
        IsDone = true;
        reply.Set(step, new PollNexusTaskQueueResponse());
    }

    public override void Abandon(Exception reason)
    {
        IsDone = true;
        reply.Reject(reason);
    }
}
