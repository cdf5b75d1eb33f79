using Baton.Durable.Engine;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Nexus.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;
using Link = Temporalio.Api.Common.V1.Link;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// Requests that start a Nexus operation. One is under way from when it is offered to workers, or sent to an outside server, until it is
/// answered or its time is up; then another follows after a while.
/// </summary>
internal static class AttemptNexusOperation
{
    private const int MaxToken = 4096;

    public static void Begin(Step step, INexusCaller caller, NexusOperationState operation)
    {
        operation.NextAttemptTime = 0;
        operation.TakenTime = 0;
        operation.AttemptDeadline = NexusClock.RequestDeadline(operation, step.Now);
        step.Touch(caller.Entity);
        if (operation.Endpoint == SystemNexus.Endpoint)
        {
            SystemNexus.Invoke(step, caller, operation);
        }
        else if (!caller.Core.Endpoints.TryResolve(operation.EndpointId, operation.Endpoint, out var endpoint))
        {
            EndNexusOperation.Fail(step, caller, operation, NexusFailures.OfHandler("NOT_FOUND", "endpoint not registered"));
        }
        else if (endpoint.Spec.Target.VariantCase == EndpointTarget.VariantOneofCase.External)
        {
            caller.Core.Outbound?.Start(step, caller, operation, endpoint.Spec.Target.External.Url);
        }
    }

    /// <summary>The operation runs on after its handler answered, and ends by callback.</summary>
    /// <param name="startedTime">When the handler began, 0 for now.</param>
    public static void Started(Step step, INexusCaller caller, NexusOperationState operation, string token, IEnumerable<Link> links, long startedTime = 0)
    {
        if (token.Length > MaxToken)
        {
            EndNexusOperation.Fail(step, caller, operation, new Failure
            {
                Message = $"invalid operation token: length exceeds allowed limit ({token.Length}/{MaxToken})",
                ApplicationFailureInfo = new ApplicationFailureInfo { Type = "CallError", NonRetryable = true },
            });
            return;
        }

        operation.OperationToken = token;
        operation.StartedTime = startedTime > 0 ? startedTime : step.Now;
        operation.LastAttemptCompleteTime = step.Now;
        operation.LastFailure = ByteString.Empty;
        operation.NextAttemptTime = 0;
        var started = new HistoryEvent
        {
            EventType = EventType.NexusOperationStarted,
            EventTime = Instant.ToTimestamp(caller.Entity is WorkflowRun run ? run.TimeAt(operation.StartedTime) : operation.StartedTime),
            NexusOperationStartedEventAttributes = new NexusOperationStartedEventAttributes
            {
                ScheduledEventId = operation.ScheduledEventId,
                OperationId = token,
                OperationToken = token,
                RequestId = operation.RequestId,
            },
        };
        started.Links.AddRange(links);
        operation.StartedEventId = caller.Record(step, started);

        // A cancellation that was asked for before there was anything to cancel.
        if (operation is { CancelRequested: true, CancelState: 0 })
        {
            CancelNexusOperation.Begin(step, caller, operation);
        }
    }

    public static void Failed(Step step, INexusCaller caller, NexusOperationState operation, Failure failure)
    {
        if (!NexusFailures.IsRetryable(failure))
        {
            EndNexusOperation.Fail(step, caller, operation, failure);
            return;
        }

        operation.LastFailure = failure.ToByteString();
        operation.LastAttemptCompleteTime = step.Now;
        operation.TakenTime = 0;
        operation.NextAttemptTime = step.Now + NexusClock.Backoff(operation.Attempt);
        operation.Attempt++;
        step.Touch(caller.Entity);
    }

    /// <summary>What is due of an operation and its cancellation.</summary>
    public static void Wake(Step step, INexusCaller caller, NexusOperationState operation)
    {
        if (NexusClock.Passed(operation, step.Now) is not TimeoutType.Unspecified and var type)
        {
            EndNexusOperation.TimeOut(step, caller, operation, type);
            return;
        }

        if (operation.StartedTime == 0)
        {
            if (NexusClock.Is(operation.NextAttemptTime, step.Now))
            {
                Begin(step, caller, operation);
            }
            else if (!NexusClock.IsBackingOff(operation) && NexusClock.Is(operation.AttemptDeadline, step.Now))
            {
                Failed(step, caller, operation, NexusFailures.OfHandler("UPSTREAM_TIMEOUT", "upstream timeout"));
            }
        }

        CancelNexusOperation.Wake(step, caller, operation);
    }

    /// <summary>The operation of a scheduled event, its first request not yet begun.</summary>
    public static NexusOperationState New(HistoryEvent scheduled, long now)
    {
        var a = scheduled.NexusOperationScheduledEventAttributes;
        return new NexusOperationState
        {
            ScheduledEventId = scheduled.EventId,
            Endpoint = a.Endpoint,
            EndpointId = a.EndpointId,
            Service = a.Service,
            Operation = a.Operation,
            RequestId = a.RequestId,
            ScheduledTime = now,
            ScheduleToClose = Instant.From(a.ScheduleToCloseTimeout),
            ScheduleToStart = Instant.From(a.ScheduleToStartTimeout),
            StartToClose = Instant.From(a.StartToCloseTimeout),
            Attempt = 1,
            NextAttemptTime = now,
        };
    }
}
