using Baton.Flows;
using Baton.Flows.Durable;
using Baton.Flows.Functions;
using Baton.Flows.Hosting;
using Baton.Server.Errors;
using Baton.Server.Runs;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Server.Tasks;

/// <summary>Makes tasks of what flows ask people.</summary>
internal sealed class TaskInbox(TaskStore store, TaskRequesters requesters) : IFlowInbox
{
    public async Task<string> OpenAsync(string kind, FlowFunctionCall call, CancellationToken cancellationToken)
    {
        try
        {
            var origin = new TaskOrigin(call.CallId, await requesters.FindAsync(call.RunId, cancellationToken)) { Run = call.RunId, Signal = FlowWorkflow.AnswerSignal, Flow = call.Flow, FlowTask = call.Task };
            var task = await store.CreateAsync(Enum.Parse<TaskKind>(kind, ignoreCase: true), call.Arguments, origin, cancellationToken);
            return $"{task.Id}";
        }
        catch (BatonException exception)
        {
            throw new FlowFaultException(FlowErrors.Configuration(exception.Cause is { } cause ? $"{exception.Message}: {cause}" : exception.Message));
        }
    }

    public async Task WithdrawAsync(string token, CancellationToken cancellationToken) =>
        await store.ChangeAsync(Guid.Parse(token), step => step.Cancel(null, "the run no longer waits"), cancellationToken);
}

/// <summary>Knows who asked for a run: the person or token that started it, or the source of the event that did. Subflows are asked for by whoever asked for the first.</summary>
internal sealed class TaskRequesters(ITemporalClient client)
{
    private const int MaxDepth = 50;

    /// <returns>Null if nobody is known.</returns>
    public async Task<string?> FindAsync(string run, CancellationToken cancel)
    {
        for (var depth = 0; depth < MaxDepth; depth++)
        {
            WorkflowExecutionDescription description;
            try
            {
                description = await client.GetWorkflowHandle(run).DescribeAsync(new() { Rpc = new() { CancellationToken = cancel } });
            }
            catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
            {
                return null;
            }
            if (description.Memo.TryGetValue(FlowAttributes.StartedBy, out var name))
            {
                return await name.ToValueAsync<string>();
            }
            if (description.ParentId is not { } parent)
            {
                return null;
            }
            run = parent;
        }
        return null;
    }
}
