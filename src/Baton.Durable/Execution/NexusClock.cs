using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution;

/// <summary>Timeouts of Nexus operations, and of the requests that start and cancel them, as instants.</summary>
internal static class NexusClock
{
    /// <summary>One request may take this long, from when it is offered to workers or sent.</summary>
    public const long RequestTimeout = 10 * Instant.Second;

    public static long NextWake(NexusOperationState operation)
    {
        var next = Instant.Earlier(ScheduleToCloseDeadline(operation), operation.StartedTime > 0 ? StartToCloseDeadline(operation) : ScheduleToStartDeadline(operation));
        if (operation.StartedTime == 0)
        {
            next = Instant.Earlier(next, IsBackingOff(operation) ? operation.NextAttemptTime : operation.AttemptDeadline);
        }

        return (NexusOperationCancellationState)operation.CancelState switch
        {
            NexusOperationCancellationState.Scheduled => Instant.Earlier(next, operation.CancelAttemptDeadline),
            NexusOperationCancellationState.BackingOff => Instant.Earlier(next, operation.CancelNextAttemptTime),
            _ => next,
        };
    }

    /// <summary>The timeout of the whole operation that passed, or none.</summary>
    public static TimeoutType Passed(NexusOperationState operation, long now) =>
        Is(ScheduleToCloseDeadline(operation), now) ? TimeoutType.ScheduleToClose
        : operation.StartedTime == 0 && Is(ScheduleToStartDeadline(operation), now) ? TimeoutType.ScheduleToStart
        : operation.StartedTime > 0 && Is(StartToCloseDeadline(operation), now) ? TimeoutType.StartToClose
        : TimeoutType.Unspecified;

    public static bool Is(long deadline, long now) => deadline > 0 && deadline <= now;

    public static bool IsBackingOff(NexusOperationState operation) => operation.NextAttemptTime > 0;

    /// <summary>A start request is on its way.</summary>
    public static bool IsAttempting(NexusOperationState operation) => operation is { StartedTime: 0, NextAttemptTime: 0 };

    public static bool IsCancelAttempting(NexusOperationState operation) =>
        operation.CancelState == (int)NexusOperationCancellationState.Scheduled;

    /// <summary>When a request that begins now is given up: after its own time, or with the operation.</summary>
    public static long RequestDeadline(NexusOperationState operation, long now)
    {
        var deadline = Instant.Earlier(now + RequestTimeout, ScheduleToCloseDeadline(operation));
        return operation.StartedTime == 0 ? Instant.Earlier(deadline, ScheduleToStartDeadline(operation)) : deadline;
    }

    /// <summary>How long the operation itself may take from now; 0 without limit. Told to its handler.</summary>
    public static long OperationTimeout(NexusOperationState operation, long now)
    {
        var left = ScheduleToCloseDeadline(operation) is > 0 and var deadline ? Math.Max(1, deadline - now) : 0;
        return Instant.Earlier(left, operation.StartToClose);
    }

    /// <summary>How long to wait after a number of failed requests: 1 s, doubled each time, up to an hour.</summary>
    public static long Backoff(int failed) => failed > 12 ? Instant.Hour : Math.Min(Instant.Hour, Instant.Second << (failed - 1));

    private static long ScheduleToCloseDeadline(NexusOperationState operation) => Deadline(operation.ScheduledTime, operation.ScheduleToClose);

    private static long ScheduleToStartDeadline(NexusOperationState operation) => Deadline(operation.ScheduledTime, operation.ScheduleToStart);

    private static long StartToCloseDeadline(NexusOperationState operation) => Deadline(operation.StartedTime, operation.StartToClose);

    private static long Deadline(long from, long timeout) => timeout > 0 ? Instant.Add(from, timeout) : 0;
}
