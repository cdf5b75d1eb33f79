using System.Globalization;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Nexus.V1;
using NexusLink = Temporalio.Api.Nexus.V1.Link;

namespace Baton.Durable.Nexus;

/// <summary>The requests of a workflow's Nexus operations, as workers get them and as they go out by HTTP.</summary>
internal static class NexusRequests
{
    public const string RequestTimeoutHeader = "request-timeout";
    public const string OperationTimeoutHeader = "operation-timeout";

    /// <summary>The attempts of operations, and of their cancellations, that wait for a worker.</summary>
    public static void Collect(WorkflowRun run, List<TaskRef> tasks)
    {
        foreach (var operation in run.S.NexusOperations.Values)
        {
            if (NexusClock.IsAttempting(operation) && operation.TakenTime == 0)
            {
                Add(run, operation, operation.ScheduledEventId, operation.Attempt, tasks);
            }

            if (NexusClock.IsCancelAttempting(operation) && operation.CancelTakenTime == 0)
            {
                // Negative, so that a start and a cancellation of one operation are two tasks.
                Add(run, operation, -operation.ScheduledEventId, operation.CancelAttempt, tasks);
            }
        }
    }

    /// <summary>A request that starts the operation.</summary>
    /// <param name="scheduled">Where its input and header stand.</param>
    public static Request Start(WorkflowRun run, NexusOperationState operation, HistoryEvent scheduled, long now)
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
            Callback = NexusCallbackTokens.Url,
            CallbackHeader = { [NexusCallbackTokens.Header] = NexusCallbackTokens.Of(run, operation) },
            Links = { LinkToScheduled(run, operation) },
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

    /// <summary>The scheduled event of an operation, from memory now or, off the loop and after the commit, from the store.</summary>
    public static Func<HistoryEvent> ScheduledEvent(WorkflowRun run, NexusOperationState operation)
    {
        if (run.TryGetTail(operation.ScheduledEventId, out var events) && events.Count > 0)
        {
            return () => events[0];
        }

        var (reader, runKey, eventId) = (run.Core.Store.Histories, run.RunKey, operation.ScheduledEventId);
        return () => HistoryReading.Stored(reader, runKey, eventId, eventId + 1).First();
    }

    public static string Milliseconds(long ticks) => (ticks / Instant.Millisecond).ToString(CultureInfo.InvariantCulture) + "ms";

    private static Request New(NexusOperationState operation, long deadline, long now) => new()
    {
        ScheduledTime = Instant.ToTimestamp(now),
        Endpoint = operation.Endpoint,
        Capabilities = new() { TemporalFailureResponses = true },
        Header = { [RequestTimeoutHeader] = Milliseconds(Math.Max(Instant.Millisecond, deadline - now)) },
    };

    private static NexusLink LinkToScheduled(WorkflowRun run, NexusOperationState operation) => NexusLinkCodec.ToNexus(new()
    {
        WorkflowEvent = new()
        {
            Namespace = run.Namespace.Name,
            WorkflowId = run.Id,
            RunId = run.RunId,
            EventRef = new() { EventId = operation.ScheduledEventId, EventType = EventType.NexusOperationScheduled },
        },
    })!;

    private static void Add(WorkflowRun run, NexusOperationState operation, long id, int attempt, List<TaskRef> tasks)
    {
        var core = run.Core;
        if (core.Endpoints.TryResolve(operation.EndpointId, operation.Endpoint, out var endpoint)
            && endpoint.Spec.Target.Worker is { } worker
            && core.Namespaces.TryGet(worker.Namespace, out var target))
        {
            var task = run.NewTaskRef(TaskKind.Nexus, worker.TaskQueue, id, attempt, operation.Stamp, operation.ScheduledTime, run.S.Priority);
            task.NamespaceId = target.Id;
            tasks.Add(task);
        }
    }
}
