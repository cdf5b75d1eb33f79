using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Hosting;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Sdk.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Describes one workflow: how it was started, how it stands, what it waits for.</summary>
internal sealed class DescribeHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<DescribeWorkflowExecutionResponse> DescribeWorkflowExecution(DescribeWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        return Engine.Run(step => Describe(FindRun(step, space, request.Execution), step.Now));
    }

    private static DescribeWorkflowExecutionResponse Describe(WorkflowRun run, long now)
    {
        var s = run.S;
        var response = new DescribeWorkflowExecutionResponse
        {
            ExecutionConfig = new WorkflowExecutionConfig
            {
                TaskQueue = new() { Name = s.TaskQueue, Kind = TaskQueueKind.Normal },
                WorkflowExecutionTimeout = Instant.ToDurationOrZero(s.ExecutionTimeout),
                WorkflowRunTimeout = Instant.ToDurationOrZero(s.RunTimeout),
                DefaultWorkflowTaskTimeout = Instant.ToDurationOrZero(s.TaskTimeout),
                UserMetadata = s.UserMetadata.IsEmpty ? null : UserMetadata.Parser.ParseFrom(s.UserMetadata),
            },
            WorkflowExecutionInfo = Info(run),
            WorkflowExtendedInfo = new WorkflowExecutionExtendedInfo
            {
                ExecutionExpirationTime = Instant.ToTimestamp(s.ExecutionDeadline > 0 ? run.TimeAt(s.ExecutionDeadline) : 0),
                RunExpirationTime = Instant.ToTimestamp(s.RunDeadline > 0 ? run.TimeAt(s.RunDeadline) : 0),
                CancelRequested = s.CancelRequested,
                LastResetTime = Instant.ToTimestamp(s.LastResetTime),
                OriginalStartTime = Instant.ToTimestamp(s.StartTime),
                ResetRunId = s.ResetRunId,
                TimeSkippingInfo = TimeSkipping.Describe(run, now),
            },
        };
        foreach (var known in s.RequestIds)
        {
            response.WorkflowExtendedInfo.RequestIdInfos[known.RequestId] = new RequestIdInfo
            {
                EventType = (EventType)known.EventType,
                EventId = known.EventId,
                Buffered = known.EventId == 0,
            };
        }

        if (s.Pause is { } pause)
        {
            response.WorkflowExtendedInfo.PauseInfo = new WorkflowExecutionPauseInfo
            {
                Identity = pause.Identity,
                Reason = pause.Reason,
                PausedTime = Instant.ToTimestamp(pause.Time),
            };
        }

        response.PendingActivities.AddRange(s.Activities.Values.OrderBy(static a => a.ScheduledEventId).Select(Pending));
        response.PendingChildren.AddRange(s.Children.Values.OrderBy(static c => c.InitiatedEventId).Select(static child => new PendingChildExecutionInfo
        {
            WorkflowId = child.WorkflowId,
            RunId = child.RunId,
            WorkflowTypeName = child.WorkflowType,
            InitiatedId = child.InitiatedEventId,
            ParentClosePolicy = (ParentClosePolicy)child.ParentClosePolicy,
        }));
        response.PendingNexusOperations.AddRange(NexusDescriptions.Pending(s));
        response.Callbacks.AddRange(NexusDescriptions.Callbacks(s));
        if (s.WorkflowTask is { } task)
        {
            response.PendingWorkflowTask = new PendingWorkflowTaskInfo
            {
                State = task.StartedTime > 0 ? PendingWorkflowTaskState.Started : PendingWorkflowTaskState.Scheduled,
                ScheduledTime = Instant.ToTimestamp(task.ScheduledTime),
                OriginalScheduledTime = Instant.ToTimestamp(task.OriginalScheduledTime),
                StartedTime = Instant.ToTimestamp(task.StartedTime),
                Attempt = task.Attempt,
            };
        }

        return response;
    }

    private static WorkflowExecutionInfo Info(WorkflowRun run)
    {
        var s = run.S;
        var info = VisibilityHandler.Info(run.ToVisibility());
        info.HistoryLength = s.NextEventId - 1;
        info.HistorySizeBytes = s.HistorySize;
        info.StateTransitionCount = s.Transitions;
        info.FirstRunId = s.FirstRunId;
        info.ParentNamespaceId = s.Parent?.NamespaceId ?? "";
        info.AutoResetPoints = s.ResetPoints.IsEmpty ? null : ResetPoints.Parser.ParseFrom(s.ResetPoints);
        info.Priority = s.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(s.Priority);
        info.VersioningInfo = Versioning.Describe(run);
        info.AssignedBuildId = s.BuildIds?.Assigned ?? "";
        info.InheritedBuildId = s.InheritedBuildId;
        info.MostRecentWorkerVersionStamp = BuildIdUses.Stamp(s.BuildIds);
        info.WorkerDeploymentName = s.Versioning?.LastDeploymentName ?? "";
        var searchable = SearchAttributeCodec.WithTypes(SearchAttributes.Parser.ParseFrom(s.SearchAttributes), run.Namespace.CustomAttributes);
        foreach (var (name, payload) in info.SearchAttributes.IndexedFields)
        {
            // Those that the server sets stand in no payload of the run.
            searchable.IndexedFields.TryAdd(name, payload);
        }

        info.SearchAttributes = searchable;
        return info;
    }

    private static PendingActivityInfo Pending(ActivityState activity)
    {
        var started = activity.StartedTime > 0;
        var info = new PendingActivityInfo
        {
            ActivityId = activity.ActivityId,
            ActivityType = new ActivityType { Name = activity.ActivityType },
            State = activity.Paused
                ? started ? PendingActivityState.PauseRequested : PendingActivityState.Paused
                : activity.CancelRequested ? PendingActivityState.CancelRequested
                : started ? PendingActivityState.Started : PendingActivityState.Scheduled,
            HeartbeatDetails = activity.HeartbeatDetails.IsEmpty ? null : Payloads.Parser.ParseFrom(activity.HeartbeatDetails),
            LastHeartbeatTime = Instant.ToTimestamp(activity.LastHeartbeatTime > 0 ? activity.LastHeartbeatTime : activity.LastStartedTime), // a start counts as one
            LastStartedTime = Instant.ToTimestamp(activity.LastStartedTime),
            Attempt = activity.Attempt,
            MaximumAttempts = activity.Retry?.MaximumAttempts ?? 0,
            ScheduledTime = started ? null : Instant.ToTimestamp(activity.AttemptScheduledTime),
            ExpirationTime = Instant.ToTimestamp(activity.ScheduleToCloseDeadline),
            LastFailure = activity.LastFailure.IsEmpty ? null : Failure.Parser.ParseFrom(activity.LastFailure),
            LastWorkerIdentity = activity.Identity,
            LastAttemptCompleteTime = Instant.ToTimestamp(activity.LastAttemptCompleteTime),
            Paused = activity.Paused,
            Priority = activity.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(activity.Priority),
            ActivityOptions = ActivityOptionsCodec.Of(activity),
        };
        if (!started && activity.Attempt > 1)
        {
            info.CurrentRetryInterval = Instant.ToDurationOrZero(activity.RetryInterval);
            info.NextAttemptScheduleTime = Instant.ToTimestamp(activity.AttemptScheduledTime);
        }

        if (activity.BuildId.Length > 0)
        {
            info.LastDeploymentVersion = new() { DeploymentName = activity.DeploymentName, BuildId = activity.BuildId };
        }

        if (activity.Paused)
        {
            info.PauseInfo = new PendingActivityInfo.Types.PauseInfo
            {
                PauseTime = Instant.ToTimestamp(activity.PauseTime),
            };
            if (activity.PauseRuleId.Length > 0)
            {
                info.PauseInfo.Rule = new() { RuleId = activity.PauseRuleId, Identity = activity.PauseIdentity, Reason = activity.PauseReason };
            }
            else
            {
                info.PauseInfo.Manual = new() { Identity = activity.PauseIdentity, Reason = activity.PauseReason };
            }
        }

        return info;
    }
}
