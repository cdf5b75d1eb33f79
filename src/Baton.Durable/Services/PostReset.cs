using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>A reset with what shall happen to the new run before its first workflow task.</summary>
internal static class PostReset
{
    /// <exception cref="ServiceException">INVALID_ARGUMENT.</exception>
    public static void Check(IEnumerable<PostResetOperation> operations)
    {
        foreach (var operation in operations)
        {
            if (operation.SignalWorkflow is { SignalName: "" })
            {
                throw ServiceErrors.InvalidArgument("PostResetOperations.SignalWorkflow.SignalName is not set on request.");
            }

            if (operation.UpdateWorkflowOptions is { } update)
            {
                WorkflowControlHandler.RequireOptions(update.WorkflowExecutionOptions, update.UpdateMask);
            }
        }
    }

    public static WorkflowRun Run(Step step, WorkflowRun origin, ResetWorkflowExecutionRequest request)
    {
        if (!step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, origin.NamespaceId, origin.Id, out var current))
        {
            throw ServiceErrors.NotFound($"workflow not found for ID: {origin.Id}");
        }

        // Nothing may be refused any more once the reset began.
        foreach (var update in request.PostResetOperations.Select(static operation => operation.UpdateWorkflowOptions).Where(static update => update is not null))
        {
            Versioning.RequireOverride(step, origin, update.WorkflowExecutionOptions.VersioningOverride);
        }

        var run = ResetRun.Apply(step, origin, current, request);
        foreach (var operation in request.PostResetOperations)
        {
            if (operation.SignalWorkflow is { } signal)
            {
                Signal.Apply(step, run, new SignalArguments(signal.SignalName, signal.Input, request.Identity, signal.Header) { Links = signal.Links });
            }
            else if (operation.UpdateWorkflowOptions is { } update)
            {
                var mask = WorkflowControlHandler.RequireOptions(update.WorkflowExecutionOptions, update.UpdateMask);
                WorkflowControlHandler.Update(step, run, update.WorkflowExecutionOptions, mask, request.Identity);
            }
        }

        return run;
    }
}
