using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.NexusOperation.V1;
using Temporalio.Api.Sdk.V1;
using Temporalio.Api.WorkflowService.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;
using Link = Temporalio.Api.Common.V1.Link;

namespace Baton.Durable.Nexus;

/// <summary>Standalone Nexus operations as describing and listing show them.</summary>
internal static class StandaloneNexusDescriptions
{
    public static DescribeNexusOperationExecutionResponse Describe(StandaloneNexusOperation operation, DescribeNexusOperationExecutionRequest request)
    {
        var s = operation.S;
        var response = new DescribeNexusOperationExecutionResponse
        {
            RunId = operation.RunId,
            Info = Info(operation),
            Input = request.IncludeInput ? operation.Scheduled.Input : null,
            LongPollToken = new ChangePollToken { RunKey = operation.RunKey, RunId = operation.RunId, Transitions = s.Transitions }.ToByteString(),
        };
        if (request.IncludeOutcome && !s.Failure.IsEmpty)
        {
            response.Failure = Failure.Parser.ParseFrom(s.Failure);
        }
        else if (request.IncludeOutcome && !operation.IsRunning)
        {
            response.Result = Payload.Parser.ParseFrom(s.Result);
        }

        response.CompletionCallbacks.AddRange(s.Callbacks.Select(static callback => new CallbackInfo
        {
            Trigger = new() { OperationCompleted = new() },
            Info = NexusDescriptions.Callback(callback),
        }));
        return response;
    }

    public static NexusOperationExecutionListInfo ListInfo(VisibilityRecord record)
    {
        var info = NexusOperationExecutionListInfo.Parser.ParseFrom(record.Extra);
        info.OperationId = record.Id;
        info.RunId = record.RunId;
        info.Operation = record.Type;
        info.Status = (NexusOperationExecutionStatus)record.Status;
        info.ScheduleTime = Instant.ToTimestamp(Instant.From(record.StartTime));
        info.CloseTime = record.CloseTime is { } closed ? Instant.ToTimestamp(Instant.From(closed)) : null;
        info.ExecutionDuration = record.CloseTime is { } end ? Instant.ToDurationOrZero((end - record.StartTime).Ticks) : null;
        info.StateTransitionCount = record.StateTransitionCount;
        info.SearchAttributes = new SearchAttributes
        {
            IndexedFields = { record.Attributes.ToDictionary(static pair => pair.Key, static pair => SearchAttributeCodec.Encode(pair.Value)) },
        };
        return info;
    }

    private static NexusOperationExecutionInfo Info(StandaloneNexusOperation owner)
    {
        var s = owner.S;
        var pending = NexusDescriptions.Pending(owner.Operation);
        var info = new NexusOperationExecutionInfo
        {
            OperationId = owner.Id,
            RunId = owner.RunId,
            Endpoint = pending.Endpoint,
            Service = pending.Service,
            Operation = pending.Operation,
            Status = owner.Status,
            State = owner.IsRunning ? pending.State : PendingNexusOperationState.Unspecified,
            ScheduleToCloseTimeout = pending.ScheduleToCloseTimeout,
            ScheduleToStartTimeout = pending.ScheduleToStartTimeout,
            StartToCloseTimeout = pending.StartToCloseTimeout,
            Attempt = owner.Operation.Attempt,
            ScheduleTime = pending.ScheduledTime,
            ExpirationTime = owner.Operation.ScheduleToClose > 0 ? Instant.ToTimestamp(Instant.Add(owner.Operation.ScheduledTime, owner.Operation.ScheduleToClose)) : null,
            CloseTime = Instant.ToTimestamp(s.CloseTime),
            LastAttemptCompleteTime = pending.LastAttemptCompleteTime,
            LastAttemptFailure = pending.LastAttemptFailure,
            NextAttemptScheduleTime = owner.IsRunning ? pending.NextAttemptScheduleTime : null,
            ExecutionDuration = s.CloseTime > 0 ? Instant.ToDurationOrZero(s.CloseTime - owner.Operation.ScheduledTime) : null,
            RequestId = owner.Operation.RequestId,
            OperationToken = pending.OperationToken,
            StateTransitionCount = s.Transitions,
            StateSizeBytes = s.CalculateSize(),
            SearchAttributes = SearchAttributeCodec.WithTypes(SearchAttributes.Parser.ParseFrom(s.SearchAttributes), owner.Namespace.CustomAttributes),
            UserMetadata = s.UserMetadata.IsEmpty ? null : UserMetadata.Parser.ParseFrom(s.UserMetadata),
            Identity = s.Identity,
        };
        info.NexusHeader.Add(owner.Scheduled.NexusHeader);
        info.Links.AddRange(s.Links.Select(static link => Link.Parser.ParseFrom(link)));
        if (pending.CancellationInfo is { } cancellation)
        {
            info.CancellationInfo = new NexusOperationExecutionCancellationInfo
            {
                RequestedTime = cancellation.RequestedTime,
                State = cancellation.State,
                Attempt = cancellation.Attempt,
                LastAttemptCompleteTime = cancellation.LastAttemptCompleteTime,
                LastAttemptFailure = cancellation.LastAttemptFailure,
                NextAttemptScheduleTime = cancellation.NextAttemptScheduleTime,
                Reason = s.CancelReason,
            };
        }

        return info;
    }
}
