using System.CommandLine;
using Baton.Cli.Options;
using Temporalio.Api.Batch.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow delete`</summary>
internal static class DeleteVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("delete", "Delete a workflow with its history, or all that a query finds; a running one is terminated first.");
        var selection = new BatchSelection();
        selection.AddTo(command);
        client.SetAction(command, call => selection.RunAsync(
            call,
            "deleted",
            execution => call.Service.DeleteWorkflowExecutionAsync(
                new() { Namespace = call.Namespace, WorkflowExecution = execution }, call.Rpc),
            batch => batch.DeletionOperation = new BatchOperationDeletion { Identity = call.Identity }));
        return command;
    }
}
