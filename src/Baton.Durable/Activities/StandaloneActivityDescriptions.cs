using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Sdk.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Activities;

/// <summary>Standalone activities as describing and listing show them.</summary>
internal static class StandaloneActivityDescriptions
{
    public static DescribeActivityExecutionResponse Describe(StandaloneActivity activity, DescribeActivityExecutionRequest request)
    {
        var info = Info(activity);
        if (request.IncludeHeartbeatDetails)
        {
            info.HeartbeatDetails = Parse(activity.Activity.HeartbeatDetails, Payloads.Parser);
        }

        if (request.IncludeLastFailure)
        {
            info.LastFailure = Parse(activity.Activity.LastFailure, Failure.Parser);
        }

        var response = new DescribeActivityExecutionResponse
        {
            RunId = activity.RunId,
            Info = info,
            Input = request.IncludeInput ? Parse(activity.S.Input, Payloads.Parser) : null,
            Outcome = request.IncludeOutcome ? activity.Outcome : null,
            LongPollToken = new ChangePollToken { RunKey = activity.RunKey, RunId = activity.RunId, Transitions = activity.S.Transitions }.ToByteString(),
        };
        response.Callbacks.AddRange(activity.S.Callbacks.Select(static callback => new CallbackInfo
        {
            Trigger = new() { ActivityClosed = new() },
            Info = NexusDescriptions.Callback(callback),
        }));
        return response;
    }

    public static ActivityExecutionListInfo ListInfo(VisibilityRecord record) => new()
    {
        ActivityId = record.Id,
        RunId = record.RunId,
        ActivityType = new ActivityType { Name = record.Type },
        TaskQueue = record.TaskQueue,
        Status = (ActivityExecutionStatus)record.Status,
        ScheduleTime = Instant.ToTimestamp(Instant.From(record.StartTime)),
        ExecutionTime = Instant.ToTimestamp(Instant.From(record.ExecutionTime)),
        CloseTime = record.CloseTime is { } closed ? Instant.ToTimestamp(Instant.From(closed)) : null,
        ExecutionDuration = record.CloseTime is { } end ? Instant.ToDurationOrZero((end - record.StartTime).Ticks) : null,
        StateTransitionCount = record.StateTransitionCount,
        SearchAttributes = new SearchAttributes
        {
            IndexedFields = { record.Attributes.ToDictionary(static pair => pair.Key, static pair => SearchAttributeCodec.Encode(pair.Value)) },
        },
    };

    private static ActivityExecutionInfo Info(StandaloneActivity owner)
    {
        var (s, a) = (owner.S, owner.Activity);
        var isWaitingForRetry = owner.IsRunning && a is { StartedTime: 0, Attempt: > 1 };
        var info = new ActivityExecutionInfo
        {
            ActivityId = owner.Id,
            RunId = owner.RunId,
            ActivityType = new ActivityType { Name = a.ActivityType },
            Status = owner.ShownStatus,
            RunState = RunState(owner),
            TaskQueue = a.TaskQueue,
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(a.ScheduleToClose),
            ScheduleToStartTimeout = Instant.ToDurationOrZero(a.ScheduleToStart),
            StartToCloseTimeout = Instant.ToDurationOrZero(a.StartToClose),
            HeartbeatTimeout = Instant.ToDurationOrZero(a.HeartbeatTimeout),
            RetryPolicy = a.Retry is { } retry ? Retries.ToApi(retry) : null,
            LastHeartbeatTime = Instant.ToTimestamp(a.LastHeartbeatTime),
            LastStartedTime = Instant.ToTimestamp(a.LastStartedTime),
            Attempt = a.Attempt,
            ExecutionDuration = s.CloseTime > 0 ? Instant.ToDurationOrZero(s.CloseTime - a.ScheduledTime) : null,
            ScheduleTime = Instant.ToTimestamp(a.ScheduledTime),
            ExecutionTime = Instant.ToTimestamp(owner.FirstDispatch),
            ExpirationTime = Instant.ToTimestamp(a.ScheduleToCloseDeadline),
            CloseTime = Instant.ToTimestamp(s.CloseTime),
            LastWorkerIdentity = a.Identity,
            CurrentRetryInterval = isWaitingForRetry ? Instant.ToDuration(a.RetryInterval) : null,
            LastAttemptCompleteTime = Instant.ToTimestamp(a.LastAttemptCompleteTime),
            NextAttemptScheduleTime = isWaitingForRetry ? Instant.ToTimestamp(a.AttemptScheduledTime) : null,
            LastDeploymentVersion = a.DeploymentName.Length > 0 ? new() { DeploymentName = a.DeploymentName, BuildId = a.BuildId } : null,
            Priority = Parse(a.Priority, Priority.Parser),
            StateTransitionCount = s.Transitions,
            StateSizeBytes = s.CalculateSize(),
            SearchAttributes = SearchAttributeCodec.WithTypes(SearchAttributes.Parser.ParseFrom(s.SearchAttributes), owner.Namespace.CustomAttributes),
            Header = Parse(s.Header, Header.Parser),
            UserMetadata = Parse(s.UserMetadata, UserMetadata.Parser),
            CanceledReason = s.CancelReason,
            TotalHeartbeatCount = s.Heartbeats,
            StartDelay = Instant.ToDuration(s.StartDelay),
            PropagatedNexusSerializationContext = owner.SerializationContext,
            EagerExecutionAccepted = a.Eager,
        };
        info.Links.AddRange(s.Links.Select(static link => Link.Parser.ParseFrom(link)));
        return info;
    }

    private static PendingActivityState RunState(StandaloneActivity owner)
    {
        var isStarted = owner.Activity.StartedTime > 0;
        return !owner.IsRunning ? PendingActivityState.Unspecified
            : owner.Activity.CancelRequested ? PendingActivityState.CancelRequested
            : owner.Activity.Paused ? isStarted ? PendingActivityState.PauseRequested : PendingActivityState.Paused
            : isStarted ? PendingActivityState.Started : PendingActivityState.Scheduled;
    }

    private static T? Parse<T>(ByteString bytes, MessageParser<T> parser)
        where T : class, IMessage<T> => bytes.IsEmpty ? null : parser.ParseFrom(bytes);
}
