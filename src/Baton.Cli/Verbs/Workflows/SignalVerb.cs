using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Batch.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow signal`</summary>
internal static class SignalVerb
{
    public static Command Create(ClientOptions client)
    {
        var name = new Option<string>("--name") { Description = "Signal name.", Required = true };
        var command = new Command("signal", "Send a signal to a workflow, or to all that a query finds.") { name };
        var selection = new BatchSelection();
        var input = new InputOptions();
        selection.AddTo(command);
        input.AddTo(command);
        client.SetAction(command, call =>
        {
            var payloads = input.Read(call.Parsed);
            return selection.RunAsync(
                call,
                "signalled",
                execution => call.Service.SignalWorkflowExecutionAsync(
                    new()
                    {
                        Namespace = call.Namespace,
                        WorkflowExecution = execution,
                        SignalName = call.Require(name),
                        Input = payloads,
                        Identity = call.Identity,
                        RequestId = Guid.NewGuid().ToString(),
                    },
                    call.Rpc),
                batch => batch.SignalOperation = new BatchOperationSignal
                {
                    Signal = call.Require(name),
                    Input = payloads,
                    Identity = call.Identity,
                });
        });
        return command;
    }
}
