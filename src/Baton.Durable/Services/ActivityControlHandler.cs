using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Pauses, unpauses and resets pending activities of a workflow and changes their options: one by id, all of a type, or all.</summary>
internal sealed class ActivityControlHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PauseActivityResponse> PauseActivity(PauseActivityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        RequireLength(request.Reason, "Reason");
        var target = new ActivityTarget(request.Id, request.Type, false).Required();
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.Execution);
            var activities = target.Of(run);
            if (target.Id.Length > 0 && activities[0] is { Paused: true } paused && (request.RequestId.Length == 0 || paused.PauseRequestId != request.RequestId))
            {
                throw ServiceErrors.FailedPrecondition("activity is already paused");
            }

            foreach (var activity in activities)
            {
                ActivityControl.Pause(step, run, activity, request.Identity, request.Reason, request.RequestId);
            }

            return new PauseActivityResponse();
        });
    }

    public Task<UnpauseActivityResponse> UnpauseActivity(UnpauseActivityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        RequireNotNegative(request.Jitter, "Jitter");
        var target = new ActivityTarget(request.Id, request.Type, request.UnpauseAll).Required();
        return Engine.Run(step =>
        {
            Unpause(step, FindOpenRun(step, space, request.Execution), target, request.ResetAttempts, request.ResetHeartbeat, request.Jitter);
            return new UnpauseActivityResponse();
        });
    }

    public Task<ResetActivityResponse> ResetActivity(ResetActivityRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        RequireNotNegative(request.Jitter, "Jitter");
        var target = new ActivityTarget(request.Id, request.Type, request.MatchAll).Required();
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.Execution);
            Reset(step, run, target, request.ResetHeartbeat, request.KeepPaused, request.RestoreOriginalOptions, request.Jitter);
            return new ResetActivityResponse();
        });
    }

    public Task<UpdateActivityOptionsResponse> UpdateActivityOptions(UpdateActivityOptionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.Execution);
        var target = new ActivityTarget(request.Id, request.Type, request.MatchAll).Required();
        var mask = RequireChange(request.ActivityOptions, request.UpdateMask, request.RestoreOriginal);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.Execution);
            return new UpdateActivityOptionsResponse { ActivityOptions = Update(step, run, target, request.ActivityOptions, mask) };
        });
    }

    public static void Unpause(Step step, WorkflowRun run, ActivityTarget target, bool resetAttempts, bool resetHeartbeat, Duration? jitter)
    {
        foreach (var activity in target.Of(run))
        {
            ActivityControl.Unpause(step, run, activity, resetAttempts, resetHeartbeat, Jitter(jitter));
        }
    }

    public static void Reset(Step step, WorkflowRun run, ActivityTarget target, bool resetHeartbeat, bool keepPaused, bool restoreOptions, Duration? jitter)
    {
        foreach (var activity in target.Of(run))
        {
            if (restoreOptions)
            {
                ActivityControl.SetOptions(step, run, activity, ActivityOptions.Parser.ParseFrom(activity.OriginalOptions));
            }

            ActivityControl.Reset(step, run, activity, resetHeartbeat, keepPaused, Jitter(jitter));
        }
    }

    /// <summary>Checks what can be checked without the run.</summary>
    /// <returns>Null to restore the options that the activity was scheduled with.</returns>
    public static FieldMask? RequireChange(ActivityOptions? options, FieldMask? mask, bool restoreOriginal)
    {
        if (restoreOriginal)
        {
            return options is null && mask is null or { Paths.Count: 0 }
                ? null
                : throw ServiceErrors.InvalidArgument("ActivityOptions and UpdateMask cannot be set when RestoreOriginal is.");
        }

        return options is null
            ? throw ServiceErrors.InvalidArgument("ActivityOptions are not provided")
            : FieldMasks.Require(mask, ActivityOptions.Descriptor);
    }

    /// <summary>All activities are checked before the first one changes.</summary>
    public static ActivityOptions Update(Step step, WorkflowRun run, ActivityTarget target, ActivityOptions? changes, FieldMask? mask)
    {
        var updates = target.Of(run).Select(activity => (Activity: activity, Options: Merged(run.Core.Limits, activity, changes, mask))).ToList();
        foreach (var (activity, options) in updates)
        {
            ActivityControl.SetOptions(step, run, activity, options);
        }

        return ActivityOptionsCodec.Of(updates[0].Activity);
    }

    public static ActivityOptions Merged(EngineLimits limits, ActivityState activity, ActivityOptions? changes, FieldMask? mask)
    {
        if (mask is null)
        {
            return ActivityOptions.Parser.ParseFrom(activity.OriginalOptions);
        }

        var options = ActivityOptionsCodec.Of(activity);
        FieldMasks.Merge(mask, changes!, options);
        if (string.IsNullOrEmpty(options.TaskQueue?.Name) || options.TaskQueue.Name.Length > limits.IdLength)
        {
            throw ServiceErrors.InvalidArgument($"TaskQueue of activity {activity.ActivityId} must have 1 to {limits.IdLength} characters.");
        }

        RequireNotNegative(options.ScheduleToCloseTimeout, "ScheduleToCloseTimeout");
        RequireNotNegative(options.ScheduleToStartTimeout, "ScheduleToStartTimeout");
        RequireNotNegative(options.StartToCloseTimeout, "StartToCloseTimeout");
        RequireNotNegative(options.HeartbeatTimeout, "HeartbeatTimeout");
        if (Instant.From(options.ScheduleToCloseTimeout) == 0 && Instant.From(options.StartToCloseTimeout) == 0)
        {
            throw ServiceErrors.InvalidArgument($"A valid StartToClose or ScheduleToCloseTimeout is not set. ActivityId={activity.ActivityId}");
        }

        Retries.Require(options.RetryPolicy);
        StartRequests.RequirePriority(options.Priority);
        return options;
    }

    public static long Jitter(Duration? jitter) => Instant.From(jitter) is > 0 and var most ? Random.Shared.NextInt64(most) : 0;
}

/// <summary>Which pending activities of a run are meant.</summary>
internal readonly record struct ActivityTarget(string Id, string Type, bool All)
{
    public ActivityTarget Required() => Id.Length > 0 || Type.Length > 0 || All
        ? this
        : throw ServiceErrors.InvalidArgument("Either activity id or activity type must be provided");

    /// <exception cref="ServiceException">NOT_FOUND: none is.</exception>
    public List<ActivityState> Of(WorkflowRun run)
    {
        var (id, type, all) = this;
        var found = run.S.Activities.Values
            .Where(activity => all || (id.Length > 0 ? activity.ActivityId == id : activity.ActivityType == type))
            .OrderBy(static activity => activity.ScheduledEventId)
            .ToList();
        return found.Count > 0 ? found : throw ServiceErrors.NotFound("invalid activityID or activity already timed out or invoking workflow is completed");
    }
}
