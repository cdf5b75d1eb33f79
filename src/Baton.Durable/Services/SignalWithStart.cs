using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Services;

/// <summary>A signal to the open run of an id, which is started when there is none: asked for by a client, or by a workflow.</summary>
internal sealed class SignalWithStart
{
    private readonly SignalWithStartWorkflowExecutionRequest request;
    private readonly NamespaceEntry space;
    private readonly StartWorkflowExecutionRequest start;
    private readonly WorkflowIdReusePolicy reuse;
    private readonly WorkflowIdConflictPolicy conflict;

    /// <exception cref="ServiceException">INVALID_ARGUMENT.</exception>
    public SignalWithStart(SignalWithStartWorkflowExecutionRequest request, NamespaceEntry space, EngineLimits limits)
    {
        this.request = request;
        this.space = space;
        StartRequests.Required(request.SignalName, "SignalName", limits);
        StartRequests.Blob(request.SignalInput, "SignalInput", limits);
        start = new StartWorkflowExecutionRequest
        {
            Namespace = request.Namespace,
            WorkflowId = request.WorkflowId,
            WorkflowType = request.WorkflowType,
            TaskQueue = request.TaskQueue,
            Input = request.Input,
            WorkflowExecutionTimeout = request.WorkflowExecutionTimeout,
            WorkflowRunTimeout = request.WorkflowRunTimeout,
            WorkflowTaskTimeout = request.WorkflowTaskTimeout,
            Identity = request.Identity,
            RequestId = request.RequestId.Length > 0 ? request.RequestId : Guid.NewGuid().ToString("D"),
            RetryPolicy = request.RetryPolicy,
            CronSchedule = request.CronSchedule,
            Memo = request.Memo,
            SearchAttributes = request.SearchAttributes,
            Header = request.Header,
            WorkflowStartDelay = request.WorkflowStartDelay,
            UserMetadata = request.UserMetadata,
            VersioningOverride = request.VersioningOverride,
            Priority = request.Priority,
            TimeSkippingConfig = request.TimeSkippingConfig,
        };
        start.Links.AddRange(request.Links);
        StartRequests.Check(start, space, limits);
        (reuse, conflict) = StartRequests.Policies(request.WorkflowIdReusePolicy, request.WorkflowIdConflictPolicy, WorkflowIdConflictPolicy.UseExisting);
        if (conflict == WorkflowIdConflictPolicy.Fail)
        {
            throw ServiceErrors.InvalidArgument("Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.");
        }
    }

    /// <exception cref="ServiceException">The id or the version may not be used, or the open run takes no more signals; nothing has changed.</exception>
    public SignalWithStartWorkflowExecutionResponse Apply(Step step)
    {
        Versioning.RequireStart(step, space, start);
        var decision = WorkflowIds.Decide(step, space, request.WorkflowId, reuse, conflict, start.RequestId);
        var signal = new SignalArguments(request.SignalName, request.SignalInput, request.Identity, request.Header)
        {
            RequestId = request.RequestId,
            Links = request.Links,
        };
        if (decision.Existing is { IsRunning: true } existing)
        {
            Signal.RequireLeft(existing);
            Signal.Apply(step, existing, signal);
            return Answer(existing, started: false);
        }

        if (decision.Existing is { } same)
        {
            return Answer(same, started: true);
        }

        if (decision.Terminate is { } old)
        {
            CloseRun.Terminate(step, old, "TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service");
        }

        // The signal stands before the first workflow task, so that the workflow's first look finds it.
        var run = StartRequests.Start(step, space, start, withoutFirstTask: true);
        Signal.Apply(step, run, signal);
        return Answer(run, started: true);
    }

    private SignalWithStartWorkflowExecutionResponse Answer(WorkflowRun run, bool started) => new()
    {
        RunId = run.RunId,
        Started = started,
        FirstExecutionRunId = run.S.FirstRunId,
        SignalLink = Signal.LinkTo(run, request.RequestId),
    };
}
