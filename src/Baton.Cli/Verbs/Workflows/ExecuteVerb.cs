using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Common.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow execute`</summary>
internal static class ExecuteVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("execute", "Start a workflow, wait until it closes, and print its result.");
        var start = new WorkflowStartOptions();
        var policies = new WorkflowStartOptions.Policies();
        start.AddTo(command);
        policies.AddTo(command);
        client.SetAction(command, async call =>
        {
            var request = start.Request(call);
            policies.Apply(call.Parsed, request);
            var response = await call.Service.StartWorkflowExecutionAsync(request, call.Rpc);
            call.Console.Note($"workflow {request.WorkflowId}, run {response.RunId}");
            var execution = new WorkflowExecution { WorkflowId = request.WorkflowId, RunId = response.RunId };
            return await WorkflowOutcome.PrintAsync(call, execution);
        });
        return command;
    }
}
