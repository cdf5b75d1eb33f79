using System.CommandLine;
using System.Runtime.CompilerServices;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server.Runs;
using Google.Protobuf;
using Temporalio.Api.Workflow.V1;

namespace Baton.Cli.Verbs.Workflows;

/// <summary>`baton workflow list`</summary>
internal static class ListVerb
{
    public static Command Create(ClientOptions client)
    {
        var query = new Option<string?>("--query", "-q") { Description = "Visibility query, such as \"ExecutionStatus = 'Running'\"." };
        var limit = new Option<int>("--limit") { Description = "Largest number of workflows (0: all).", DefaultValueFactory = _ => 100 };
        var pageSize = new Option<int>("--page-size") { Description = "Workflows to ask for at once (0: the server's choice)." };
        var command = new Command("list", "List workflows, newest first.") { query, limit, pageSize };
        client.SetAction(command, async call =>
        {
            var most = call.Get(limit) is > 0 and var given ? given : int.MaxValue;
            var found = ReadAsync(call, call.Get(query) ?? "", call.Get(pageSize)).Take(most);
            if (call.Console.Format == OutputFormat.Jsonl)
            {
                await foreach (var workflow in found)
                {
                    call.Console.Json(ProtoJson.ToJson(workflow));
                }
                return;
            }
            var workflows = await found.ToListAsync(call.Cancel);
            if (call.Console.IsJson)
            {
                call.Console.JsonList(workflows.Select(ProtoJson.ToJson));
                return;
            }
            call.Console.Table(
                ["STATUS", "WORKFLOW ID", "TYPE", "STARTED", "DURATION"],
                workflows.Select(workflow => new[]
                {
                    Format.Words(workflow.Status),
                    workflow.Execution.WorkflowId,
                    workflow.Type.Name,
                    Format.Time(workflow.StartTime),
                    workflow.CloseTime is { } closed ? Format.Span(closed - workflow.StartTime) : "",
                }));
            if (workflows.Count == most)
            {
                call.Console.Note($"the first {most}; there may be more (--limit 0 lists all)");
            }
        });
        return command;
    }

    private static async IAsyncEnumerable<WorkflowExecutionInfo> ReadAsync(
        ServerCall call, string query, int pageSize, [EnumeratorCancellation] CancellationToken cancel = default)
    {
        var token = ByteString.Empty;
        do
        {
            cancel.ThrowIfCancellationRequested();
            var page = await call.Service.ListWorkflowExecutionsAsync(
                new() { Namespace = call.Namespace, Query = query, NextPageToken = token, PageSize = pageSize }, call.Rpc);
            foreach (var workflow in page.Executions)
            {
                yield return workflow;
            }
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);
    }
}
