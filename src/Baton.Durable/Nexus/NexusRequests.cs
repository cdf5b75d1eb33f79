using System.Globalization;
using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.History.V1;
using Temporalio.Api.Nexus.V1;

namespace Baton.Durable.Nexus;

/// <summary>The requests of Nexus operations, as workers get them and as they go out by HTTP.</summary>
internal static class NexusRequests
{
    public const string RequestTimeoutHeader = "request-timeout";
    public const string OperationTimeoutHeader = "operation-timeout";

    /// <summary>The attempts of operations, and of their cancellations, that wait for a worker.</summary>
    public static void Collect(INexusCaller caller, List<TaskRef> tasks)
    {
        foreach (var operation in caller.Operations)
        {
            if (NexusClock.IsAttempting(operation) && operation.TakenTime == 0)
            {
                Add(caller, operation, operation.ScheduledEventId, operation.Attempt, tasks);
            }

            if (NexusClock.IsCancelAttempting(operation) && operation.CancelTakenTime == 0)
            {
                // Negative, so that a start and a cancellation of one operation are two tasks.
                Add(caller, operation, -operation.ScheduledEventId, operation.CancelAttempt, tasks);
            }
        }
    }

    /// <summary>A request that starts the operation.</summary>
    /// <param name="scheduled">Where its input and header stand.</param>
    public static Request Start(INexusCaller caller, NexusOperationState operation, HistoryEvent scheduled, long now)
    {
        var a = scheduled.NexusOperationScheduledEventAttributes;
        var request = New(operation, operation.AttemptDeadline, now);
        foreach (var (key, value) in a.NexusHeader)
        {
            request.Header[key] = value;
        }

        if (!request.Header.ContainsKey(OperationTimeoutHeader) && NexusClock.OperationTimeout(operation, now) is > 0 and var timeout)
        {
            request.Header[OperationTimeoutHeader] = Milliseconds(timeout);
        }

        request.StartOperation = new StartOperationRequest
        {
            Service = operation.Service,
            Operation = operation.Operation,
            RequestId = operation.RequestId,
            Payload = a.Input ?? new(),
            Callback = caller.Core.WorkerCallbackUrl is { } url ? NexusCallbackTokens.HttpUrl(url, caller.Namespace.Name) : NexusCallbackTokens.Url,
            CallbackHeader = { [NexusCallbackTokens.Header] = NexusCallbackTokens.Of(caller.Entity, operation) },
            Links = { NexusLinkCodec.ToNexus(caller.LinkTo(operation))! },
        };
        return request;
    }

    public static Request Cancel(NexusOperationState operation, long now)
    {
        var request = New(operation, operation.CancelAttemptDeadline, now);
        request.CancelOperation = new CancelOperationRequest
        {
            Service = operation.Service,
            Operation = operation.Operation,
            OperationId = operation.OperationToken,
            OperationToken = operation.OperationToken,
        };
        return request;
    }

    public static string Milliseconds(long ticks) => (ticks / Instant.Millisecond).ToString(CultureInfo.InvariantCulture) + "ms";

    private static Request New(NexusOperationState operation, long deadline, long now) => new()
    {
        ScheduledTime = Instant.ToTimestamp(now),
        Endpoint = operation.Endpoint,
        Capabilities = new() { TemporalFailureResponses = true },
        Header = { [RequestTimeoutHeader] = Milliseconds(Math.Max(Instant.Millisecond, deadline - now)) },
    };

    private static void Add(INexusCaller caller, NexusOperationState operation, long id, int attempt, List<TaskRef> tasks)
    {
        var core = caller.Core;
        if (core.Endpoints.TryResolve(operation.EndpointId, operation.Endpoint, out var endpoint)
            && endpoint.Spec.Target.Worker is { } worker
            && core.Namespaces.TryGet(worker.Namespace, out var target))
        {
            var task = new TaskRef
            {
                RunKey = caller.Entity.RunKey,
                Kind = TaskKind.Nexus,
                NamespaceId = target.Id,
                Queue = worker.TaskQueue,
                Id = id,
                Attempt = attempt,
                Stamp = operation.Stamp,
                CreatedMs = operation.ScheduledTime / Instant.Millisecond,
            };
            TaskDirection.Any.Write(task, DeploymentRegistry.RampOf(caller.Entity.Id));
            caller.Prioritize(task);
            tasks.Add(task);
        }
    }
}
