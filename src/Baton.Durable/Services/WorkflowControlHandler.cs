using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>Pauses and unpauses workflows and changes their options.</summary>
internal sealed class WorkflowControlHandler(DurableEngine engine) : HandlerBase(engine)
{
    public Task<PauseWorkflowExecutionResponse> PauseWorkflowExecution(PauseWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var execution = Execution(request.WorkflowId, request.RunId, request.Reason, request.RequestId);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, execution);
            if (run.S.Pause is { } pause)
            {
                return request.RequestId.Length > 0 && pause.RequestId == request.RequestId
                    ? new PauseWorkflowExecutionResponse()
                    : throw ServiceErrors.FailedPrecondition("workflow is already paused.");
            }

            PauseRun.Pause(step, run, request.Identity, request.Reason, request.RequestId);
            return new PauseWorkflowExecutionResponse();
        });
    }

    public Task<UnpauseWorkflowExecutionResponse> UnpauseWorkflowExecution(UnpauseWorkflowExecutionRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        var execution = Execution(request.WorkflowId, request.RunId, request.Reason, request.RequestId);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, execution);
            if (!run.IsPaused)
            {
                throw ServiceErrors.FailedPrecondition("workflow is not paused.");
            }

            PauseRun.Unpause(step, run, request.Identity, request.Reason, request.RequestId);
            return new UnpauseWorkflowExecutionResponse();
        });
    }

    public Task<UpdateWorkflowExecutionOptionsResponse> UpdateWorkflowExecutionOptions(UpdateWorkflowExecutionOptionsRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireExecution(request.WorkflowExecution);
        var mask = RequireOptions(request.WorkflowExecutionOptions, request.UpdateMask);
        return Engine.Run(step =>
        {
            var run = FindOpenRun(step, space, request.WorkflowExecution);
            return new UpdateWorkflowExecutionOptionsResponse
            {
                WorkflowExecutionOptions = Update(step, run, request.WorkflowExecutionOptions, mask, request.Identity),
                UpdateTime = Instant.ToTimestamp(step.Now),
            };
        });
    }

    /// <summary>Checks what can be checked without the run.</summary>
    public static FieldMask RequireOptions(WorkflowExecutionOptions? options, FieldMask? updateMask)
    {
        if (options is null)
        {
            throw ServiceErrors.InvalidArgument("WorkflowExecutionOptions is not set on request.");
        }

        var mask = FieldMasks.Require(updateMask, WorkflowExecutionOptions.Descriptor);
        // Parts of an override mean nothing without each other.
        for (var i = 0; i < mask.Paths.Count; i++)
        {
            mask.Paths[i] = mask.Paths[i].StartsWith("versioning_override.", StringComparison.Ordinal) ? "versioning_override" : mask.Paths[i];
        }

        StartRequests.RequirePriority(options.Priority);
        return mask;
    }

    public static WorkflowExecutionOptions Update(Step step, WorkflowRun run, WorkflowExecutionOptions changes, FieldMask mask, string identity)
    {
        var options = UpdateRunOptions.Of(run);
        FieldMasks.Merge(mask, changes, options);
        if (mask.Paths.Contains("versioning_override"))
        {
            options.VersioningOverride = Versioning.RequireOverride(step, run, changes.VersioningOverride);
        }

        TimeSkipping.Require(options.TimeSkippingConfig);
        UpdateRunOptions.Apply(step, run, options, identity, mask.Paths.Any(static path => path.StartsWith("time_skipping_config", StringComparison.Ordinal)));
        return options;
    }

    private WorkflowExecution Execution(string workflowId, string runId, string reason, string requestId)
    {
        var execution = new WorkflowExecution { WorkflowId = workflowId, RunId = runId };
        RequireExecution(execution);
        RequireLength(reason, "Reason");
        RequireLength(requestId, "RequestId");
        return execution;
    }
}
