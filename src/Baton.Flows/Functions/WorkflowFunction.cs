using Baton.Flows.Durable;
using Baton.Jq;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Flows.Functions;

/// <summary>Starts and steers workflows that are written in code, in any language.</summary>
internal sealed class WorkflowFunction(ITemporalClient? client) : IFlowFunction
{
    public FlowFunctionDescriptor Descriptor { get; } = new("workflow", "1.0.0", "Starts, signals, queries, cancels or awaits a workflow of any worker.",
        JqValue.Parse("""
            {"type":"object","required":["action"],"additionalProperties":false,"properties":{
              "action":{"enum":["start","execute","result","signal","query","cancel"]},
              "type":{"type":"string","description":"Workflow type (start, execute)."},
              "taskQueue":{"type":"string","description":"Task queue (start, execute)."},
              "id":{"type":"string","description":"Workflow id. Default for start and execute: made from the call's idempotency key."},
              "name":{"type":"string","description":"Name of the signal or query."},
              "arguments":{"type":"array"}},
             "allOf":[
              {"if":{"properties":{"action":{"enum":["start","execute"]}}},"then":{"required":["type","taskQueue"]},"else":{"required":["id"]}},
              {"if":{"properties":{"action":{"enum":["signal","query"]}}},"then":{"required":["name"]}}]}
            """),
        JqValue.Parse("""{"description":"start, signal, cancel: {id, runId}; execute, result, query: what the workflow gives."}"""));

    public async Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken)
    {
        var temporal = client ?? throw new FlowFaultException(FlowErrors.Configuration("There is no durable execution here to start workflows in."));
        var rpc = new RpcOptions { CancellationToken = cancellationToken };
        var action = call.Arguments["action"].GetString();
        var arguments = call.Arguments["arguments"].Kind == JqKind.Array ? call.Arguments["arguments"].EnumerateArray().Select(object (a) => RawValues.Raw(a)).ToArray() : [];
        try
        {
            if (action is "start" or "execute")
            {
                var id = call.Arguments["id"].TryGetString(out var given) ? given : "flow-" + call.IdempotencyKey;
                var handle = await StartAsync(temporal, call, id, arguments, rpc);
                return action == "start" ? Handle(handle) : RawValues.Value(await handle.GetResultAsync<RawValue>(rpcOptions: rpc));
            }
            var known = temporal.GetWorkflowHandle(call.Arguments["id"].GetString());
            switch (action)
            {
                case "result":
                    return RawValues.Value(await known.GetResultAsync<RawValue>(rpcOptions: rpc));
                case "signal":
                    await known.SignalAsync(call.Arguments["name"].GetString(), arguments, new() { Rpc = rpc });
                    return Handle(known);
                case "query":
                    return RawValues.Value(await known.QueryAsync<RawValue>(call.Arguments["name"].GetString(), arguments, new() { Rpc = rpc }));
                default:
                    await known.CancelAsync(new() { Rpc = rpc });
                    return Handle(known);
            }
        }
        catch (WorkflowFailedException error)
        {
            throw new FlowFaultException(FlowErrors.Runtime($"The workflow failed: {error.InnerException?.Message ?? error.Message}"));
        }
        catch (RpcException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"Durable execution answered {error.Code}: {error.Message}", error.Code == RpcException.StatusCode.NotFound ? 404 : 500));
        }
    }

    /// <summary>Started before by an earlier attempt of the same call: that one is meant.</summary>
    private static async Task<WorkflowHandle> StartAsync(ITemporalClient temporal, FlowFunctionCall call, string id, object[] arguments, RpcOptions rpc)
    {
        try
        {
            return await temporal.StartWorkflowAsync(call.Arguments["type"].GetString(), arguments,
                new WorkflowOptions(id, call.Arguments["taskQueue"].GetString()) { Rpc = rpc });
        }
        catch (WorkflowAlreadyStartedException) when (!call.Arguments["id"].TryGetString(out _))
        {
            return temporal.GetWorkflowHandle(id);
        }
    }

    private static JqValue Handle(WorkflowHandle handle) => JqValue.FromObject([new("id", handle.Id), new("runId", JqValue.From(handle.ResultRunId ?? handle.RunId))]);
}
