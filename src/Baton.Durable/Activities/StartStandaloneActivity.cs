using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Standalone;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using CallbackState = Temporalio.Api.Enums.V1.CallbackState;

namespace Baton.Durable.Activities;

/// <summary>A standalone activity begins, unless its id is in use.</summary>
internal static class StartStandaloneActivity
{
    /// <summary>Everything that can be said of a request without looking at state.</summary>
    /// <exception cref="ServiceException">INVALID_ARGUMENT.</exception>
    public static void Require(StartActivityExecutionRequest request, NamespaceEntry space, EngineLimits limits)
    {
        RequireText(request.ActivityId, "activityId", limits);
        RequireText(request.ActivityType?.Name, "activityType", limits);
        RequireText(request.TaskQueue?.Name, "taskQueue", limits);
        RequireLength(request.RequestId, "request ID", limits);
        RequireLength(request.Identity, "identity", limits);
        RequireDuration(request.ScheduleToCloseTimeout, "ScheduleToCloseTimeout");
        RequireDuration(request.ScheduleToStartTimeout, "ScheduleToStartTimeout");
        RequireDuration(request.StartToCloseTimeout, "StartToCloseTimeout");
        RequireDuration(request.HeartbeatTimeout, "HeartbeatTimeout");
        RequireDuration(request.StartDelay, "StartDelay");
        if (Instant.From(request.ScheduleToCloseTimeout) == 0 && Instant.From(request.StartToCloseTimeout) == 0)
        {
            throw ServiceErrors.InvalidArgument(
                $"a valid StartToCloseTimeout or ScheduleToCloseTimeout must be set on the activity. ActivityId={request.ActivityId} ActivityType={request.ActivityType!.Name}");
        }

        Retries.Require(request.RetryPolicy);
        StartRequests.RequirePriority(request.Priority);
        if ((request.Input?.CalculateSize() ?? 0) > limits.BlobSize)
        {
            throw ServiceErrors.InvalidArgument($"input exceeds length limit: {request.Input!.CalculateSize()} > {limits.BlobSize} bytes");
        }

        SearchAttributeCodec.Require(request.SearchAttributes, space, ServiceErrors.InvalidArgument);
        DeliverCallbacks.Require(request.CompletionCallbacks, limits);
        if (request.OnConflictOptions is { AttachCompletionCallbacks: true, AttachRequestId: false })
        {
            throw ServiceErrors.InvalidArgument("on_conflict_options: attach_completion_callbacks requires attach_request_id to be set");
        }
    }

    /// <summary>The activity that the request is answered with instead of a new one, or null.</summary>
    /// <exception cref="ServiceException">ALREADY_EXISTS: the policies forbid the id.</exception>
    public static StandaloneActivity? FindExisting(Step step, NamespaceEntry space, StartActivityExecutionRequest request) =>
        StandaloneStart.FindExisting<StandaloneActivity>(
            step,
            EntityKind.Activity,
            space,
            request.ActivityId,
            request.RequestId,
            current => current.IsRunning ? request.IdConflictPolicy == ActivityIdConflictPolicy.UseExisting : request.IdReusePolicy switch
            {
                ActivityIdReusePolicy.RejectDuplicate => false,
                ActivityIdReusePolicy.AllowDuplicateFailedOnly => current.Status != ActivityExecutionStatus.Completed,
                _ => true,
            },
            static (startRequestId, runId) => ServiceErrors.ActivityExecutionAlreadyStarted("activity execution already started", startRequestId, runId));

    public static StandaloneActivity Apply(Step step, NamespaceEntry space, StartActivityExecutionRequest request)
    {
        var (scheduleToClose, scheduleToStart, startToClose, heartbeat) = ScheduleActivityTask.Timeouts(
            0, Instant.From(request.ScheduleToCloseTimeout), Instant.From(request.ScheduleToStartTimeout), Instant.From(request.StartToCloseTimeout), Instant.From(request.HeartbeatTimeout));
        var delay = Instant.From(request.StartDelay);
        var first = Instant.Add(step.Now, delay);
        var activity = new ActivityState
        {
            ActivityId = request.ActivityId,
            ActivityType = request.ActivityType.Name,
            TaskQueue = request.TaskQueue.Name,
            ScheduledTime = step.Now,
            AttemptScheduledTime = first,
            Attempt = 1,
            ScheduleToClose = scheduleToClose,
            ScheduleToStart = scheduleToStart,
            StartToClose = startToClose,
            HeartbeatTimeout = heartbeat,
            ScheduleToCloseDeadline = scheduleToClose > 0 ? Instant.Add(first, scheduleToClose) : 0,
            Retry = Retries.ToState(Retries.WithDefaults(request.RetryPolicy)),
            Priority = request.Priority?.ToByteString() ?? ByteString.Empty,
        };
        var original = ActivityOptionsCodec.Of(activity);
        original.StartDelay = request.StartDelay;
        activity.OriginalOptions = original.ToByteString();
        var state = new StandaloneActivityState
        {
            Activity = activity,
            Status = (int)ActivityExecutionStatus.Running,
            StartDelay = delay,
            StartRequestId = request.RequestId,
            Input = request.Input?.ToByteString() ?? ByteString.Empty,
            Header = request.Header?.ToByteString() ?? ByteString.Empty,
            UserMetadata = request.UserMetadata?.ToByteString() ?? ByteString.Empty,
            SearchAttributes = request.SearchAttributes?.ToByteString() ?? ByteString.Empty,
            SerializationContext = request.PropagatedNexusSerializationContext?.ToByteString() ?? ByteString.Empty,
        };
        DeliverCallbacks.Add(step, state.Callbacks, request.CompletionCallbacks, request.RequestId);
        StandaloneStart.AddLinks(state, request.Links);
        var standalone = new StandaloneActivity(step.Core, step.Core.NewRunKey(), space.Id, request.ActivityId, Step.NewRunId(), state);
        step.Add(standalone);
        return standalone;
    }

    private static void RequireText(string? value, string field, EngineLimits limits)
    {
        if (string.IsNullOrEmpty(value))
        {
            throw ServiceErrors.InvalidArgument($"{field} is not set");
        }

        RequireLength(value, field, limits);
    }

    private static void RequireLength(string value, string field, EngineLimits limits)
    {
        if (value.Length > limits.IdLength)
        {
            throw ServiceErrors.InvalidArgument($"{field} exceeds length limit. Length={value.Length} Limit={limits.IdLength}");
        }
    }

    private static void RequireDuration(Duration? duration, string field)
    {
        if (duration is not null && (duration.Seconds < 0 || duration.Nanos < 0))
        {
            throw ServiceErrors.InvalidArgument($"invalid {field}: it is negative");
        }
    }
}
