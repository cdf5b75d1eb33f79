using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Workflow.V1;
using ApiCallback = Temporalio.Api.Callback.V1.CallbackInfo;

namespace Baton.Durable.Nexus;

/// <summary>Nexus operations that a workflow waits for, and completion callbacks, as describing shows them.</summary>
internal static class NexusDescriptions
{
    public static IEnumerable<PendingNexusOperationInfo> Pending(ExecutionState state) =>
        state.NexusOperations.Values.OrderBy(static operation => operation.ScheduledEventId).Select(Pending);

    public static IEnumerable<CallbackInfo> Callbacks(ExecutionState state) => state.Callbacks.Select(static callback =>
    {
        var info = Callback(callback);
        return new CallbackInfo
        {
            Callback = info.Callback,
            Trigger = callback.UpdateId.Length > 0
                ? new() { UpdateWorkflowExecutionCompleted = new() { UpdateId = callback.UpdateId } }
                : new() { WorkflowClosed = new() },
            RegistrationTime = info.RegistrationTime,
            State = info.State,
            Attempt = info.Attempt,
            LastAttemptCompleteTime = info.LastAttemptCompleteTime,
            LastAttemptFailure = info.LastAttemptFailure,
            NextAttemptScheduleTime = info.NextAttemptScheduleTime,
            RequestId = callback.RequestId,
        };
    });

    public static ApiCallback Callback(State.CallbackState callback)
    {
        var state = (Temporalio.Api.Enums.V1.CallbackState)callback.State;
        var isBackingOff = state == Temporalio.Api.Enums.V1.CallbackState.BackingOff;
        return new ApiCallback
        {
            Callback = Temporalio.Api.Common.V1.Callback.Parser.ParseFrom(callback.Callback),
            RegistrationTime = Instant.ToTimestamp(callback.RegistrationTime),
            State = state,
            Attempt = Completed(callback.Attempt, !isBackingOff && state != Temporalio.Api.Enums.V1.CallbackState.Scheduled),
            LastAttemptCompleteTime = Instant.ToTimestamp(callback.LastAttemptCompleteTime),
            LastAttemptFailure = ParseFailure(callback.LastFailure),
            NextAttemptScheduleTime = isBackingOff ? Instant.ToTimestamp(callback.NextAttemptTime) : null,
            RequestId = callback.RequestId,
        };
    }

    public static PendingNexusOperationInfo Pending(NexusOperationState operation)
    {
        var isBackingOff = NexusClock.IsBackingOff(operation);
        var info = new PendingNexusOperationInfo
        {
            Endpoint = operation.Endpoint,
            Service = operation.Service,
            Operation = operation.Operation,
            OperationId = operation.OperationToken,
            OperationToken = operation.OperationToken,
            ScheduledEventId = operation.ScheduledEventId,
            ScheduledTime = Instant.ToTimestamp(operation.ScheduledTime),
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(operation.ScheduleToClose),
            ScheduleToStartTimeout = Instant.ToDuration(operation.ScheduleToStart),
            StartToCloseTimeout = Instant.ToDuration(operation.StartToClose),
            State = operation.StartedTime > 0 ? PendingNexusOperationState.Started
                : isBackingOff ? PendingNexusOperationState.BackingOff : PendingNexusOperationState.Scheduled,
            Attempt = Completed(operation.Attempt, operation.StartedTime > 0),
            LastAttemptCompleteTime = Instant.ToTimestamp(operation.LastAttemptCompleteTime),
            LastAttemptFailure = ParseFailure(operation.LastFailure),
            NextAttemptScheduleTime = isBackingOff ? Instant.ToTimestamp(operation.NextAttemptTime) : null,
        };
        if (operation.CancelRequested)
        {
            var state = (NexusOperationCancellationState)operation.CancelState;
            info.CancellationInfo = new NexusOperationCancellationInfo
            {
                RequestedTime = Instant.ToTimestamp(operation.CancelRequestedTime),
                State = state,
                Attempt = Completed(operation.CancelAttempt, state is NexusOperationCancellationState.Succeeded or NexusOperationCancellationState.Failed),
                LastAttemptCompleteTime = Instant.ToTimestamp(operation.CancelLastAttemptCompleteTime),
                LastAttemptFailure = ParseFailure(operation.CancelLastFailure),
                NextAttemptScheduleTime = state == NexusOperationCancellationState.BackingOff ? Instant.ToTimestamp(operation.CancelNextAttemptTime) : null,
            };
        }

        return info;
    }

    // Attempts are shown when they are over; the one under way, or waited for, is not counted.
    private static int Completed(int attempt, bool isOver) => Math.Max(0, isOver ? attempt : attempt - 1);

    private static Failure? ParseFailure(ByteString bytes) => bytes.IsEmpty ? null : Failure.Parser.ParseFrom(bytes);
}
