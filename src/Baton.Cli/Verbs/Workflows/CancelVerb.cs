using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Batch.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow cancel`</summary>
internal static class CancelVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("cancel", "Ask a workflow, or all that a query finds, to stop and clean up.");
        var selection = new BatchSelection();
        selection.AddTo(command);
        client.SetAction(command, call => selection.RunAsync(
            call,
            "cancellation requested",
            execution => call.Service.RequestCancelWorkflowExecutionAsync(
                new()
                {
                    Namespace = call.Namespace,
                    WorkflowExecution = execution,
                    Identity = call.Identity,
                    RequestId = Guid.NewGuid().ToString(),
                    Reason = selection.Reason(call.Parsed),
                },
                call.Rpc),
            batch => batch.CancellationOperation = new BatchOperationCancellation { Identity = call.Identity }));
        return command;
    }
}
