using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Batch.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow terminate`</summary>
internal static class TerminateVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("terminate", "End a workflow, or all that a query finds, at once and without clean-up.");
        var selection = new BatchSelection();
        selection.AddTo(command);
        client.SetAction(command, call => selection.RunAsync(
            call,
            "terminated",
            execution => call.Service.TerminateWorkflowExecutionAsync(
                new()
                {
                    Namespace = call.Namespace,
                    WorkflowExecution = execution,
                    Identity = call.Identity,
                    Reason = selection.Reason(call.Parsed),
                },
                call.Rpc),
            batch => batch.TerminationOperation = new BatchOperationTermination { Identity = call.Identity }));
        return command;
    }
}
