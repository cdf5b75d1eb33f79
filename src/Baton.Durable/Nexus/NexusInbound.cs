using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Baton.Durable.Nexus;

/// <summary>What a worker made of a request from outside. All null when none answered in time.</summary>
internal sealed record NexusAnswer(Response? Response = null, HandlerError? Error = null, Failure? Failure = null);

/// <summary>
/// Requests from outside of this server, to workers behind its endpoints. They live in memory: who sent one waits for the answer, and sends it
/// again, under the same request id, when the server went away meanwhile.
/// </summary>
internal sealed class NexusInbound
{
    private readonly Dictionary<string, Reply<NexusAnswer>> waiting = [];

    public static Task<NexusAnswer> SendAsync(DurableEngine engine, string namespaceId, string queue, Request request, TimeSpan timeout, CancellationToken gone)
    {
        var id = Guid.NewGuid().ToString("N");
        return engine.Wait<NexusAnswer>(
            (step, reply) =>
            {
                step.Core.Inbound.waiting.Add(id, reply);
                var target = new TaskRef { NamespaceId = namespaceId, Queue = queue, Kind = TaskKind.Nexus };
                TaskDirection.Any.Write(target, DeploymentRegistry.RampOf(id));
                var task = new QueryTask(id, RunKey: 0, step.Now + timeout.Ticks, (at, poller) => Give(at, (NexusPoller)poller, id, request));
                step.Core.Matcher.Offer(step, step.Core.Matcher.Route(target), task);
            },
            (step, reply) =>
            {
                step.Core.Inbound.waiting.Remove(id);
                reply.Set(step, new NexusAnswer());
            },
            timeout,
            gone);
    }

    /// <exception cref="ServiceException">NOT_FOUND: nobody waits for it any more.</exception>
    public void Answer(Step step, string id, NexusAnswer answer)
    {
        if (!waiting.Remove(id, out var reply))
        {
            throw ServiceErrors.NotFound("Nexus task not found or already expired.");
        }

        reply.Set(step, answer);
    }

    private static void Give(Step step, NexusPoller poller, string id, Request request)
    {
        if (!step.Core.Inbound.waiting.ContainsKey(id))
        {
            step.Core.Matcher.Poll(step, poller);
            return;
        }

        poller.Answer(step, new PollNexusTaskQueueResponse
        {
            Request = request,
            TaskToken = new TaskToken { Kind = TaskKind.Nexus, NamespaceId = poller.Queue.NamespaceId, QueryId = id }.ToByteString(),
        });
    }
}
