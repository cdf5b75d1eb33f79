using System.Text.RegularExpressions;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Jq;
using Baton.Server.Errors;
using Baton.Server.Flows;
using Baton.Server.Settings;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Runs;

/// <summary>Something to do to a run.</summary>
/// <param name="RunId">A part or try of it; null for the last.</param>
/// <param name="Operation">What is repeated with the same one is done once.</param>
internal sealed record RunAct(string Id, string? RunId, string? Reason, Guid Operation, CancellationToken Cancel);

/// <summary>Starts and steers runs. Whatever is repeated with the same operation id is done once.</summary>
internal sealed partial class RunControl(ITemporalClient client, RunReader reader, RunAttributes attributes, FlowHost host, BatonSettings settings, TimeProvider time)
{
    private const string Identity = "baton";
    private const int MaxWaitSeconds = 60;

    /// <param name="operation">Of the request; the id of the run is made of it unless one is given.</param>
    /// <exception cref="BatonException">The id is not well-formed, or taken by an open run.</exception>
    public async Task<RunSummary> StartAsync(FlowRevision flow, JqValue input, string? id, Guid operation, string by, CancellationToken cancel)
    {
        if (id is not null && !WellFormedId().IsMatch(id))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the id of a run has letters, digits and -_.: only, and at most 200 of them", null, "choose another id, or leave it to the server");
        }
        await attributes.EnsureAsync(cancel);
        var workflowId = id ?? $"{flow.Namespace}.{flow.Name}.{operation:N}";
        var start = new FlowStart
        {
            Definition = flow.Json,
            Hash = flow.Hash,
            Input = await LargeValues.StoreAsync(input, host.Blobs, workflowId, cancel),
            Lifecycle = settings.Flows.Lifecycle,
            Subscribe = host.Events.NeedsSubscriptions,
            Indexed = true,
        };
        if (id is not null && await FindAsync(id, operation, cancel) is { } started)
        {
            return started;
        }
        try
        {
            await client.StartWorkflowAsync((FlowWorkflow workflow) => workflow.RunAsync(start), new(workflowId, FlowWorkflow.TaskQueue)
            {
                IdConflictPolicy = WorkflowIdConflictPolicy.Fail,
                IdReusePolicy = id is null ? WorkflowIdReusePolicy.RejectDuplicate : WorkflowIdReusePolicy.AllowDuplicate,
                TypedSearchAttributes = FlowAttributes.Of(flow.Namespace, flow.Name, flow.Version),
                Memo = new Dictionary<string, object> { [FlowAttributes.StartedBy] = by, [RunReader.OperationMemo] = $"{operation}" },
                StaticSummary = $"{flow.Namespace}/{flow.Name}:{flow.Version}",
                Rpc = new() { CancellationToken = cancel },
            });
        }
        catch (WorkflowAlreadyStartedException exception)
        {
            return await FindAsync(workflowId, operation, cancel)
                ?? throw new BatonException(ErrorCodes.AlreadyExists, $"run {id} is under way already", null, "wait for it, cancel it, or choose another id", exception);
        }
        return await reader.SummaryAsync((await reader.DescribeAsync(workflowId, null, cancel)).WorkflowExecutionInfo);
    }

    /// <summary>The run if this operation started it: the same request was sent again after its first answer was lost.</summary>
    private async Task<RunSummary?> FindAsync(string id, Guid operation, CancellationToken cancel)
    {
        try
        {
            var there = (await reader.DescribeAsync(id, null, cancel)).WorkflowExecutionInfo;
            return await reader.OperationOfAsync(there) == $"{operation}" ? await reader.SummaryAsync(there) : null;
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Waits for the end of a run, at most so many seconds.</summary>
    /// <exception cref="BatonException">That is too long.</exception>
    public async Task WaitAsync(string id, string? runId, int? seconds, CancellationToken cancel)
    {
        if (seconds is < 0 or > MaxWaitSeconds)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"wait must be 0 to {MaxWaitSeconds} seconds", null, "ask for the run again later, or listen to /api/v1/live");
        }
        if (seconds is null or 0)
        {
            return;
        }
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds.Value), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await client.GetWorkflowHandle(id, runId).GetResultAsync(rpcOptions: new() { CancellationToken = either.Token });
        }
        catch (Exception exception) when (exception is WorkflowFailedException || (exception is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            // How it ended, or that it goes on, is told by who reads it.
        }
    }

    public Task CancelAsync(RunAct act) =>
        OpenAsync(act, _ => client.GetWorkflowHandle(act.Id, act.RunId).CancelAsync(new() { Rpc = Rpc(act) }));

    public Task TerminateAsync(RunAct act) =>
        OpenAsync(act, _ => client.GetWorkflowHandle(act.Id, act.RunId).TerminateAsync(act.Reason, new() { Rpc = Rpc(act) }));

    /// <summary>Holds a flow before its next task, or a workflow in code before its next workflow task.</summary>
    public Task SuspendAsync(RunAct act) => OpenAsync(act, info => RunReader.IsFlow(info)
        ? SignalAsync(info, "suspend", act)
        : client.WorkflowService.PauseWorkflowExecutionAsync(
            new() { Namespace = client.Options.Namespace, WorkflowId = act.Id, RunId = info.Execution.RunId, Reason = act.Reason ?? "", Identity = Identity, RequestId = $"{act.Operation}" },
            Rpc(act)));

    public Task ResumeAsync(RunAct act) => OpenAsync(act, info => RunReader.IsFlow(info)
        ? SignalAsync(info, "resume", act)
        : client.WorkflowService.UnpauseWorkflowExecutionAsync(
            new() { Namespace = client.Options.Namespace, WorkflowId = act.Id, RunId = info.Execution.RunId, Reason = act.Reason ?? "", Identity = Identity, RequestId = $"{act.Operation}" },
            Rpc(act)));

    /// <summary>
    /// Runs again from a step. The run is reset to the workflow task in which the step began: what came before keeps its
    /// results, the step and all after it are done anew, and events that came since are given to the run again. A request
    /// to cancel is not. Of a run that continued as new, the part in which the step began is reset, and replaces those after it.
    /// </summary>
    /// <param name="step">Name, pointer or number; null for the one that faulted.</param>
    /// <param name="finishEvent">In place of a step, for workflows in code: id of the event that ended the workflow task, or of the one after its start.</param>
    /// <exception cref="BatonException">There is no such step.</exception>
    public async Task<RunSummary> RetryAsync(RunAct act, string? step, long? finishEvent)
    {
#pragma warning disable CS0612 // Temporal's own server never applies such a request again, and calls the option needless; the embedded server heeds it.
        const ResetReapplyExcludeType Cancellation = ResetReapplyExcludeType.CancelRequest;
#pragma warning restore CS0612
        var (part, finish) = finishEvent is { } given
            ? (act.RunId ?? (await reader.DescribeAsync(act.Id, null, act.Cancel)).WorkflowExecutionInfo.Execution.RunId, given)
            : await PointAsync(act, step);
        await client.WorkflowService.ResetWorkflowExecutionAsync(
            new()
            {
                Namespace = client.Options.Namespace,
                WorkflowExecution = new() { WorkflowId = act.Id, RunId = part },
                WorkflowTaskFinishEventId = finish,
                Reason = act.Reason ?? (step is null ? "retry" : $"retry from {step}"),
                RequestId = $"{act.Operation}",
                ResetReapplyExcludeTypes = { Cancellation },
            },
            Rpc(act));
        return await reader.SummaryAsync((await reader.DescribeAsync(act.Id, null, act.Cancel)).WorkflowExecutionInfo);
    }

    private async Task<(string RunId, long FinishEventId)> PointAsync(RunAct act, string? wanted)
    {
        var steps = await reader.StepsAsync(act.Id, act.RunId, act.Cancel);
        // The last of nested tasks that faulted is the one in which it began.
        var found = steps.LastOrDefault(step => wanted is null
            ? step.Step.Status == "faulted"
            : step.Step.Name == wanted || step.Step.Task == wanted || $"{step.Step.Number}" == wanted);
        if (found.Step is null)
        {
            throw new BatonException(
                ErrorCodes.UnknownStep, wanted is null ? $"no step of run {act.Id} faulted" : $"run {act.Id} has no step {wanted}", null,
                "name a step that `baton run show ID` lists; of a workflow in code, name an event");
        }
        // The mark is the id of the event that started the workflow task; the one after it is what ended that task.
        return (found.RunId, found.Step.Mark + 1);
    }

    private static RpcOptions Rpc(RunAct act) => new() { CancellationToken = act.Cancel };

    private Task SignalAsync(WorkflowExecutionInfo info, string signal, RunAct act) =>
        client.GetWorkflowHandle(info.Execution.WorkflowId, info.Execution.RunId).SignalAsync(signal, [], new() { Rpc = Rpc(act) });

    private async Task OpenAsync(RunAct act, Func<WorkflowExecutionInfo, Task> doAsync)
    {
        var info = (await reader.DescribeAsync(act.Id, act.RunId, act.Cancel)).WorkflowExecutionInfo;
        if (info.CloseTime is not null)
        {
            throw Closed(act.Id, null);
        }
        try
        {
            await doAsync(info);
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            throw Closed(act.Id, exception);
        }
    }

    private static BatonException Closed(string id, Exception? inner) => new(ErrorCodes.RunClosed, $"run {id} has ended", null, "start another, or repeat it from a step", inner);

    [GeneratedRegex("^[A-Za-z0-9._:-]{1,200}$")]
    private static partial Regex WellFormedId();
}
