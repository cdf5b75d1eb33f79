using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// Whether a workflow id may be used for a new run: four reuse policies for a closed run, three conflict policies for an open one.
/// </summary>
internal static class WorkflowIds
{
    /// <summary>Decides without changing anything, but that <see cref="WorkflowIdConflictPolicy.TerminateExisting"/> names the run to terminate.</summary>
    /// <returns>A run to use instead of a new one, or one to terminate first, or neither.</returns>
    /// <exception cref="ServiceException">The policies forbid it: ALREADY_EXISTS with the run id.</exception>
    public static IdDecision Decide(
        Step step, NamespaceEntry space, string workflowId, WorkflowIdReusePolicy reuse, WorkflowIdConflictPolicy conflict, string requestId)
    {
        if (!step.TryFindCurrent<WorkflowRun>(Storage.EntityKind.Workflow, space.Id, workflowId, out var run))
        {
            return default;
        }

        if (requestId.Length > 0 && run.S.RequestIds.Any(known => known.RequestId == requestId))
        {
            return new IdDecision { Existing = run, IsSameRequest = true };
        }

        if (run.IsRunning)
        {
            if (reuse == WorkflowIdReusePolicy.TerminateIfRunning || conflict == WorkflowIdConflictPolicy.TerminateExisting)
            {
                return new IdDecision { Terminate = run };
            }

            return conflict == WorkflowIdConflictPolicy.UseExisting
                ? new IdDecision { Existing = run }
                : throw AlreadyStarted($"Workflow execution is already running. WorkflowId: {workflowId}, RunId: {run.RunId}.", run);
        }

        return reuse switch
        {
            WorkflowIdReusePolicy.RejectDuplicate =>
                throw AlreadyStarted($"Workflow execution already finished. WorkflowId: {workflowId}, RunId: {run.RunId}. Workflow Id reuse policy: reject duplicate workflow Id.", run),
            WorkflowIdReusePolicy.AllowDuplicateFailedOnly when run.Status == WorkflowExecutionStatus.Completed =>
                throw AlreadyStarted($"Workflow execution already finished successfully. WorkflowId: {workflowId}, RunId: {run.RunId}. Workflow Id reuse policy: allow duplicate workflow Id if last run failed.", run),
            _ => default,
        };
    }

    private static ServiceException AlreadyStarted(string message, WorkflowRun run) =>
        ServiceErrors.WorkflowExecutionAlreadyStarted(message, run.S.StartRequestId, run.RunId, run.S.FirstRunId);
}

internal readonly record struct IdDecision
{
    public WorkflowRun? Existing { get; init; }

    /// <summary>The existing run was made by this very request, which came twice.</summary>
    public bool IsSameRequest { get; init; }

    public WorkflowRun? Terminate { get; init; }
}
