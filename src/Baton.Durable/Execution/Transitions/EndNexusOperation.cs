using Baton.Durable.Engine;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A Nexus operation ends, and its caller hears of it.</summary>
internal static class EndNexusOperation
{
    public static void Complete(Step step, INexusCaller caller, NexusOperationState operation, Payload? result, IEnumerable<Link> links)
    {
        if (result is not null && result.CalculateSize() > caller.Core.Limits.BlobSize)
        {
            Fail(step, caller, operation, new Failure
            {
                Message = "response body too large",
                ApplicationFailureInfo = new ApplicationFailureInfo { Type = "CallError", NonRetryable = true },
            });
            return;
        }

        var item = new HistoryEvent
        {
            EventType = EventType.NexusOperationCompleted,
            NexusOperationCompletedEventAttributes = new NexusOperationCompletedEventAttributes
            {
                ScheduledEventId = operation.ScheduledEventId,
                Result = result,
                RequestId = operation.RequestId,
            },
        };
        item.Links.AddRange(links);
        Close(step, caller, operation, item);
    }

    /// <param name="cause">A cancellation makes the operation canceled, anything else failed.</param>
    public static void Unsuccessful(Step step, INexusCaller caller, NexusOperationState operation, Failure cause)
    {
        if (cause.CanceledFailureInfo is null)
        {
            Fail(step, caller, operation, cause);
            return;
        }

        Close(step, caller, operation, new HistoryEvent
        {
            EventType = EventType.NexusOperationCanceled,
            NexusOperationCanceledEventAttributes = new NexusOperationCanceledEventAttributes
            {
                ScheduledEventId = operation.ScheduledEventId,
                Failure = NexusFailures.OfOperation(operation, cause),
                RequestId = operation.RequestId,
            },
        });
    }

    public static void Fail(Step step, INexusCaller caller, NexusOperationState operation, Failure cause) => Close(step, caller, operation, new HistoryEvent
    {
        EventType = EventType.NexusOperationFailed,
        NexusOperationFailedEventAttributes = new NexusOperationFailedEventAttributes
        {
            ScheduledEventId = operation.ScheduledEventId,
            Failure = NexusFailures.OfOperation(operation, cause),
            RequestId = operation.RequestId,
        },
    });

    public static void TimeOut(Step step, INexusCaller caller, NexusOperationState operation, TimeoutType type)
    {
        var cause = NexusFailures.Timeout(type);
        if (!operation.LastFailure.IsEmpty)
        {
            cause.Cause = Failure.Parser.ParseFrom(operation.LastFailure);
        }

        Close(step, caller, operation, new HistoryEvent
        {
            EventType = EventType.NexusOperationTimedOut,
            NexusOperationTimedOutEventAttributes = new NexusOperationTimedOutEventAttributes
            {
                ScheduledEventId = operation.ScheduledEventId,
                Failure = NexusFailures.OfOperation(operation, cause),
                RequestId = operation.RequestId,
            },
        });
    }

    private static void Close(Step step, INexusCaller caller, NexusOperationState operation, HistoryEvent last)
    {
        caller.Forget(operation);
        caller.Record(step, last);
    }
}
