using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow start`</summary>
internal static class StartVerb
{
    public static Command Create(ClientOptions client)
    {
        var command = new Command("start", "Start a workflow and print its run id.");
        var start = new WorkflowStartOptions();
        var policies = new WorkflowStartOptions.Policies();
        start.AddTo(command);
        policies.AddTo(command);
        client.SetAction(command, async call =>
        {
            var request = start.Request(call);
            policies.Apply(call.Parsed, request);
            var response = await call.Service.StartWorkflowExecutionAsync(request, call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(new JsonObject
                {
                    ["workflowId"] = request.WorkflowId,
                    ["runId"] = response.RunId,
                    ["type"] = request.WorkflowType.Name,
                    ["namespace"] = call.Namespace,
                    ["started"] = response.Started,
                });
                return;
            }
            call.Console.Fields(
                ("workflow id", request.WorkflowId),
                ("run id", response.RunId),
                ("type", request.WorkflowType.Name),
                ("task queue", request.TaskQueue.Name));
            if (!response.Started)
            {
                call.Console.Note("it was running already");
            }
        });
        return command;
    }
}
