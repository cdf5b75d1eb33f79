using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Errors;
using Baton.Server.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Update.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow update execute|start|result|describe`</summary>
internal static class UpdateVerb
{
    public static Command Create(ClientOptions client) => new("update", "Send an update to a workflow, or ask how one went.")
    {
        Send(client, "execute", "Send an update, wait until it completes, and print its result.", UpdateWorkflowExecutionLifecycleStage.Completed),
        Send(client, "start", "Send an update, wait until the workflow accepts it, and print its id.", UpdateWorkflowExecutionLifecycleStage.Accepted),
        Poll(client, "result", "Wait until an update completes, and print its result.", UpdateWorkflowExecutionLifecycleStage.Completed),
        Poll(client, "describe", "Show how far an update is.", UpdateWorkflowExecutionLifecycleStage.Unspecified),
    };

    private static Command Send(ClientOptions client, string verb, string description, UpdateWorkflowExecutionLifecycleStage stage)
    {
        var name = new Option<string>("--name", "--type") { Description = "Update name.", Required = true };
        var updateId = new Option<string?>("--update-id") { Description = "Update id, by which a repeated request is known (default: a new UUID)." };
        var firstRunId = new Option<string?>("--first-execution-run-id") { Description = "Only if the chain of runs began with this one." };
        var command = new Command(verb, description) { name, updateId, firstRunId };
        var reference = new WorkflowReference();
        var input = new InputOptions();
        reference.AddTo(command);
        input.AddTo(command);
        client.SetAction(command, async call =>
        {
            var request = new Temporalio.Api.WorkflowService.V1.UpdateWorkflowExecutionRequest
            {
                Namespace = call.Namespace,
                WorkflowExecution = reference.Read(call.Parsed),
                FirstExecutionRunId = call.Get(firstRunId) ?? "",
                WaitPolicy = new WaitPolicy { LifecycleStage = stage },
                Request = new Request
                {
                    Meta = new Meta { UpdateId = call.Get(updateId) ?? Guid.NewGuid().ToString(), Identity = call.Identity },
                    Input = new Input { Name = call.Require(name), Args = input.Read(call.Parsed) },
                },
            };
            var id = request.Request.Meta.UpdateId;
            // The server answers an unfinished stage after its own long-poll limit; asking again waits on, and does not update twice.
            var (reached, outcome) = await call.Console.WaitAsync($"waiting for update {id}", async () =>
            {
                while (true)
                {
                    var response = await call.Service.UpdateWorkflowExecutionAsync(request, call.Rpc);
                    if (response.Stage >= stage || response.Outcome is not null)
                    {
                        return (response.Stage, response.Outcome);
                    }
                }
            });
            Print(call, id, reached, outcome);
        });
        return command;
    }

    private static Command Poll(ClientOptions client, string verb, string description, UpdateWorkflowExecutionLifecycleStage stage)
    {
        var updateId = new Option<string>("--update-id") { Description = "Update id.", Required = true };
        var command = new Command(verb, description) { updateId };
        var reference = new WorkflowReference();
        reference.AddTo(command);
        client.SetAction(command, async call =>
        {
            var id = call.Require(updateId);
            var request = new Temporalio.Api.WorkflowService.V1.PollWorkflowExecutionUpdateRequest
            {
                Namespace = call.Namespace,
                Identity = call.Identity,
                UpdateRef = new UpdateRef { UpdateId = id, WorkflowExecution = reference.Read(call.Parsed) },
                WaitPolicy = new WaitPolicy { LifecycleStage = stage },
            };
            var (reached, outcome) = await call.Console.WaitAsync($"waiting for update {id}", async () =>
            {
                while (true)
                {
                    var response = await call.Service.PollWorkflowExecutionUpdateAsync(request, call.Rpc);
                    if (response.Stage >= stage || response.Outcome is not null)
                    {
                        return (response.Stage, response.Outcome);
                    }
                }
            });
            Print(call, id, reached, outcome);
        });
        return command;
    }

    private static void Print(ServerCall call, string id, UpdateWorkflowExecutionLifecycleStage stage, Outcome? outcome)
    {
        if (outcome?.Failure is { } failure)
        {
            throw new BatonException(ErrorCodes.Refused, $"update {id} failed", FailureText.Render(failure), "correct its arguments, or wait until the workflow can take it");
        }
        var result = ProtoJson.Values(outcome?.Success);
        if (call.Console.IsJson)
        {
            call.Console.Json(new JsonObject { ["updateId"] = id, ["stage"] = Format.Words(stage), ["result"] = result });
        }
        else if (outcome is null)
        {
            call.Console.Fields(("update id", id), ("stage", Format.Words(stage)));
        }
        else
        {
            call.Console.Json(result);
        }
    }
}
