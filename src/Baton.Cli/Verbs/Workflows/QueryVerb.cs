using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Errors;
using Baton.Server.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Query.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow query`</summary>
internal static class QueryVerb
{
    public static Command Create(ClientOptions client)
    {
        var name = new Option<string>("--name", "--type") { Description = "Query name.", Required = true };
        var reject = Values.Choice(
            "--reject-condition",
            "Reject the query by the state of the workflow.",
            ("not_open", QueryRejectCondition.NotOpen),
            ("not_completed_cleanly", QueryRejectCondition.NotCompletedCleanly));
        var command = new Command("query", "Ask a workflow for a part of its state.") { name, reject };
        var reference = new WorkflowReference();
        var input = new InputOptions();
        reference.AddTo(command);
        input.AddTo(command);
        client.SetAction(command, async call =>
        {
            var execution = reference.Read(call.Parsed);
            var response = await call.Service.QueryWorkflowAsync(
                new()
                {
                    Namespace = call.Namespace,
                    Execution = execution,
                    Query = new WorkflowQuery { QueryType = call.Require(name), QueryArgs = input.Read(call.Parsed) },
                    QueryRejectCondition = call.Get(reject) ?? QueryRejectCondition.Unspecified,
                },
                call.Rpc);
            if (response.QueryRejected is { } rejected)
            {
                throw new BatonException(
                    ErrorCodes.Refused, $"the query was rejected: workflow {execution.WorkflowId} is {Format.Words(rejected.Status)}", null,
                    "leave --reject-condition out to ask it all the same");
            }
            var result = ProtoJson.Values(response.QueryResult);
            call.Console.Json(call.Console.IsJson ? new JsonObject { ["queryResult"] = result } : result);
        });
        return command;
    }
}
