using Baton.Durable.Engine;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// Requests that ask the handler of a Nexus operation to cancel it. They are sent once the operation has started, again while they fail; the
/// handler decides what comes of it, and the operation still ends by its own callback.
/// </summary>
internal static class CancelNexusOperation
{
    public static void Request(Step step, INexusCaller caller, NexusOperationState operation, long requestedEventId)
    {
        operation.CancelRequested = true;
        operation.CancelRequestedEventId = requestedEventId;
        operation.CancelRequestedTime = step.Now;
        operation.CancelAttempt = 1;
        step.Touch(caller.Entity);
        if (operation.StartedTime > 0)
        {
            Begin(step, caller, operation);
        }
    }

    public static void Begin(Step step, INexusCaller caller, NexusOperationState operation)
    {
        operation.CancelState = (int)NexusOperationCancellationState.Scheduled;
        operation.CancelNextAttemptTime = 0;
        operation.CancelTakenTime = 0;
        operation.CancelAttemptDeadline = NexusClock.RequestDeadline(operation, step.Now);
        step.Touch(caller.Entity);
        if (!caller.Core.Endpoints.TryResolve(operation.EndpointId, operation.Endpoint, out var endpoint))
        {
            Failed(step, caller, operation, NexusFailures.OfHandler("NOT_FOUND", "endpoint not registered"));
        }
        else if (endpoint.Spec.Target.VariantCase == EndpointTarget.VariantOneofCase.External)
        {
            caller.Core.Outbound?.Cancel(step, caller, operation, endpoint.Spec.Target.External.Url);
        }
    }

    public static void Succeeded(Step step, INexusCaller caller, NexusOperationState operation)
    {
        operation.CancelState = (int)NexusOperationCancellationState.Succeeded;
        operation.CancelLastAttemptCompleteTime = step.Now;
        operation.CancelLastFailure = ByteString.Empty;
        caller.Record(step, new HistoryEvent
        {
            EventType = EventType.NexusOperationCancelRequestCompleted,
            WorkerMayIgnore = true,
            NexusOperationCancelRequestCompletedEventAttributes = new NexusOperationCancelRequestCompletedEventAttributes
            {
                RequestedEventId = operation.CancelRequestedEventId,
                ScheduledEventId = operation.ScheduledEventId,
            },
        });
    }

    public static void Failed(Step step, INexusCaller caller, NexusOperationState operation, Failure failure)
    {
        operation.CancelLastFailure = failure.ToByteString();
        operation.CancelLastAttemptCompleteTime = step.Now;
        operation.CancelTakenTime = 0;
        if (NexusFailures.IsRetryable(failure))
        {
            operation.CancelState = (int)NexusOperationCancellationState.BackingOff;
            operation.CancelNextAttemptTime = step.Now + NexusClock.Backoff(operation.CancelAttempt);
            operation.CancelAttempt++;
            step.Touch(caller.Entity);
            return;
        }

        operation.CancelState = (int)NexusOperationCancellationState.Failed;
        caller.Record(step, new HistoryEvent
        {
            EventType = EventType.NexusOperationCancelRequestFailed,
            WorkerMayIgnore = true,
            NexusOperationCancelRequestFailedEventAttributes = new NexusOperationCancelRequestFailedEventAttributes
            {
                RequestedEventId = operation.CancelRequestedEventId,
                ScheduledEventId = operation.ScheduledEventId,
                Failure = failure,
            },
        });
    }

    public static void Wake(Step step, INexusCaller caller, NexusOperationState operation)
    {
        switch ((NexusOperationCancellationState)operation.CancelState)
        {
            case NexusOperationCancellationState.BackingOff when NexusClock.Is(operation.CancelNextAttemptTime, step.Now):
                Begin(step, caller, operation);
                break;
            case NexusOperationCancellationState.Scheduled when NexusClock.Is(operation.CancelAttemptDeadline, step.Now):
                Failed(step, caller, operation, NexusFailures.OfHandler("UPSTREAM_TIMEOUT", "upstream timeout"));
                break;
        }
    }
}
