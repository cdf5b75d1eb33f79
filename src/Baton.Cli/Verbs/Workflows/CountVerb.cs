using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow count`</summary>
internal static class CountVerb
{
    public static Command Create(ClientOptions client)
    {
        var query = new Option<string?>("--query", "-q") { Description = "Visibility query; it may end with GROUP BY ExecutionStatus." };
        var command = new Command("count", "Count workflows.") { query };
        client.SetAction(command, async call =>
        {
            var response = await call.Service.CountWorkflowExecutionsAsync(
                new() { Namespace = call.Namespace, Query = call.Get(query) ?? "" }, call.Rpc);
            if (call.Console.IsJson)
            {
                call.Console.Json(new JsonObject
                {
                    ["count"] = response.Count,
                    ["groups"] = new JsonArray([.. response.Groups.Select(group => new JsonObject
                    {
                        ["values"] = new JsonArray([.. group.GroupValues.Select(ProtoJson.Value)]),
                        ["count"] = group.Count,
                    })]),
                });
                return;
            }
            call.Console.Line($"{response.Count}");
            foreach (var group in response.Groups)
            {
                call.Console.Line($"{string.Join(", ", group.GroupValues.Select(value => ProtoJson.Text(value)))}: {group.Count}");
            }
        });
        return command;
    }
}
