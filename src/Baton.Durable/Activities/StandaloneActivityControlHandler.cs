using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Activities;

/// <summary>
/// Pauses, unpauses and resets a standalone activity and changes its options. The same calls name an activity of a workflow when they have a
/// workflow id.
/// </summary>
internal sealed class StandaloneActivityControlHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PauseActivityExecutionResponse> PauseActivityExecution(PauseActivityExecutionRequest request, CallContext call)
    {
        RequireLength(request.Reason, "Reason");
        return Change<PauseActivityExecutionResponse>(request.Namespace, request.WorkflowId, request.ActivityId, request.RunId, (step, owner, target) =>
        {
            if (target.Activity.CancelRequested)
            {
                throw ServiceErrors.FailedPrecondition("cannot pause an activity with a pending cancellation");
            }

            if (target.Activity.Paused)
            {
                return request.RequestId.Length > 0 && target.Activity.PauseRequestId == request.RequestId
                    ? new()
                    : throw ServiceErrors.FailedPrecondition("activity is already paused");
            }

            ActivityControl.Pause(step, owner, target.Activity, request.Identity, request.Reason, request.RequestId);
            return new();
        });
    }

    public Task<UnpauseActivityExecutionResponse> UnpauseActivityExecution(UnpauseActivityExecutionRequest request, CallContext call)
    {
        RequireNotNegative(request.Jitter, "Jitter");
        return Change<UnpauseActivityExecutionResponse>(request.Namespace, request.WorkflowId, request.ActivityId, request.RunId, (step, owner, target) =>
        {
            ActivityControl.Unpause(step, owner, target.Activity, resetAttempts: false, resetHeartbeat: false, ActivityControlHandler.Jitter(request.Jitter));
            RespectStartDelay(target);
            return new();
        });
    }

    public Task<ResetActivityExecutionResponse> ResetActivityExecution(ResetActivityExecutionRequest request, CallContext call)
    {
        RequireNotNegative(request.Jitter, "Jitter");
        return Change<ResetActivityExecutionResponse>(request.Namespace, request.WorkflowId, request.ActivityId, request.RunId, (step, owner, target) =>
        {
            if (target.Activity.CancelRequested)
            {
                throw ServiceErrors.FailedPrecondition("cannot reset an activity with a pending cancellation");
            }

            if (request.RestoreOriginalOptions)
            {
                SetOptions(step, owner, target, ActivityOptions.Parser.ParseFrom(target.Activity.OriginalOptions));
            }

            ActivityControl.Reset(step, owner, target.Activity, request.ResetHeartbeat, request.KeepPaused, ActivityControlHandler.Jitter(request.Jitter));
            return new();
        });
    }

    public Task<UpdateActivityExecutionOptionsResponse> UpdateActivityExecutionOptions(UpdateActivityExecutionOptionsRequest request, CallContext call)
    {
        var mask = ActivityControlHandler.RequireChange(request.ActivityOptions, request.UpdateMask, request.RestoreOriginal);
        return Change<UpdateActivityExecutionOptionsResponse>(request.Namespace, request.WorkflowId, request.ActivityId, request.RunId, (step, owner, target) =>
        {
            if (mask?.Paths.Contains("start_delay") == true)
            {
                RequireStartDelay(step, target, request.ActivityOptions.StartDelay);
            }

            SetOptions(step, owner, target, ActivityControlHandler.Merged(Limits, target.Activity, request.ActivityOptions, mask));
            var options = ActivityOptionsCodec.Of(target.Activity);
            options.StartDelay = target.Standalone is { } standalone ? Instant.ToDuration(standalone.S.StartDelay) : null;
            return new() { ActivityOptions = options };
        });
    }

    private static void RequireStartDelay(Step step, Target target, Duration? delay)
    {
        RequireNotNegative(delay, "StartDelay");
        if (target.Standalone is not { } standalone || standalone.Activity.LastStartedTime > 0 || standalone.FirstDispatch <= step.Now)
        {
            throw ServiceErrors.InvalidArgument("cannot update start_delay: activity is no longer in its delay window");
        }
    }

    /// <summary>The delay counts until the first attempt has begun; after that it changes nothing any more.</summary>
    private static void SetOptions(Step step, Entity owner, Target target, ActivityOptions options)
    {
        ActivityControl.SetOptions(step, owner, target.Activity, options);
        if (target.Standalone is { } standalone)
        {
            if (standalone.Activity.LastStartedTime == 0 && options.StartDelay is not null)
            {
                standalone.S.StartDelay = Instant.From(options.StartDelay);
                standalone.Activity.AttemptScheduledTime = standalone.FirstDispatch;
            }

            standalone.Activity.ScheduleToCloseDeadline = standalone.Activity.ScheduleToClose > 0 ? Instant.Add(standalone.FirstDispatch, standalone.Activity.ScheduleToClose) : 0;
        }
    }

    private static void RespectStartDelay(Target target)
    {
        if (target.Standalone is { Activity.LastStartedTime: 0 } standalone)
        {
            standalone.Activity.AttemptScheduledTime = Math.Max(standalone.Activity.AttemptScheduledTime, standalone.FirstDispatch);
        }
    }

    private Task<T> Change<T>(string ns, string workflowId, string activityId, string runId, Func<Step, Entity, Target, T> change)
    {
        var space = Namespace(ns);
        RequireId(activityId, "ActivityId");
        if (workflowId.Length == 0)
        {
            return Engine.Run(step =>
            {
                var standalone = StandaloneActivity.Find(step, space, activityId, runId);
                StandaloneActivityHandler.RequireRunning(standalone);
                return change(step, standalone, new Target(standalone.Activity, standalone));
            });
        }

        var execution = new WorkflowExecution { WorkflowId = workflowId, RunId = runId };
        RequireExecution(execution);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, execution);
            return change(step, run, new Target(new ActivityTarget(activityId, "", All: false).Of(run)[0], null));
        });
    }

    /// <param name="Standalone">Null for an activity of a workflow.</param>
    private readonly record struct Target(State.ActivityState Activity, StandaloneActivity? Standalone);
}
