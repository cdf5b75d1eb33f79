using System.Text.Json.Nodes;
using Temporalio.Common;
using Temporalio.Worker;

namespace Baton.Cli.Tests;

public sealed class WorkflowVerbTests(RunningServer server)
{
    [Fact]
    public async Task An_order_is_started_watched_steered_and_read()
    {
        var id = await server.StartOrderAsync("ada");

        var first = (await server.RunAsync("workflow", "update", "execute", "-w", id, "--name", "note", "--input", "\"ring twice\"", "--json")).Expect(0);
        Assert.Equal("1", first.Json["result"]!.ToJsonString());
        (await server.RunAsync("workflow", "update", "start", "-w", id, "--name", "note", "--update-id", "second", "--input", "\"mind the dog\"")).Expect(0);
        Assert.Equal("2", (await server.RunAsync("workflow", "update", "result", "-w", id, "--update-id", "second")).Expect(0).Out.Trim());
        Assert.Equal("""["ring twice","mind the dog"]""", (await server.RunAsync("workflow", "query", "-w", id, "--name", "notes", "-o", "jsonl")).Expect(0).Json["queryResult"]!.ToJsonString());
        (await server.RunAsync("workflow", "signal", "-w", id, "--name", "delivered", "--input", "\"bob\"")).Expect(0);

        Assert.Equal("\"charged ada, received by bob\"", (await server.RunAsync("workflow", "result", "-w", id)).Expect(0).Out.Trim());
        Assert.Equal("WORKFLOW_EXECUTION_STATUS_COMPLETED", (string?)(await server.RunAsync("workflow", "describe", "-w", id, "--json")).Expect(0).Json["workflowExecutionInfo"]!["status"]);
    }

    [Fact]
    public async Task A_rejected_update_says_why()
    {
        var id = await server.StartOrderAsync("ada");

        var result = (await server.RunAsync("workflow", "update", "execute", "-w", id, "--name", "note", "--input", "\"\"")).Expect(1);

        Assert.Empty(result.Out);
        Assert.Contains("a note needs words", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_workflow_ends_with_5_and_its_causes()
    {
        var id = await server.StartOrderAsync("broke");

        var result = (await server.RunAsync("workflow", "result", "-w", id)).Expect(5);

        Assert.Empty(result.Out);
        Assert.Contains("error BT1007", result.Error, StringComparison.Ordinal);
        Assert.Contains("CardDeclined: no money (not retried)", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Execute_prints_the_result_alone()
    {
        var result = (await server.RunAsync("workflow", "execute", "--type", "OrderWorkflow", "-t", RunningServer.TaskQueue, "--input", "\"broke\"")).Expect(5);
        Assert.Empty(result.Out);

        result = (await server.RunAsync("workflow", "execute", "--type", "ShippingWorkflow", "-t", RunningServer.TaskQueue, "--input", "\"ada\"", "--json")).Expect(0);
        Assert.Equal("COMPLETED", (string?)result.Json["status"]);
    }

    [Fact]
    public async Task Show_draws_what_happened_and_follow_ends_with_the_workflow()
    {
        var id = await server.StartOrderAsync("unlucky");
        (await server.RunAsync("workflow", "signal", "-w", id, "--name", "delivered", "--input", "\"bob\"")).Expect(0);

        var followed = (await server.RunAsync("workflow", "show", "-w", id, "--follow")).Expect(0);
        var shown = (await server.RunAsync("workflow", "show", "-w", id)).Expect(0);

        Assert.Matches(
            """
            (?s)workflow OrderWorkflow started  "unlucky"
            .*activity Charge completed in \S+
            \s+├ #\d+ scheduled  "unlucky"
            \s+├ #\d+ started \+\S+  attempt 2, after Busy: line busy  by \S+
            \s+└ #\d+ completed \+\S+  → "charged unlucky"
            """.ReplaceLineEndings("\n"), shown.Out);
        Assert.Matches($@"child ShippingWorkflow {id}-shipping completed in ", shown.Out);
        Assert.Contains("signal delivered received  \"bob\"", shown.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("workflow task", shown.Out, StringComparison.Ordinal);
        Assert.Matches("workflow completed  → \"charged unlucky, received by bob\"\n$", shown.Out);
        Assert.Matches("workflow completed  → \"charged unlucky, received by bob\"\n$", followed.Out);
        Assert.Contains("workflow task", (await server.RunAsync("workflow", "show", "-w", id, "--detailed")).Expect(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_as_json_can_be_replayed()
    {
        var id = await server.StartOrderAsync("ada");
        (await server.RunAsync("workflow", "signal", "-w", id, "--name", "delivered", "--input", "\"bob\"")).Expect(0);
        (await server.RunAsync("workflow", "result", "-w", id)).Expect(0);

        var history = (await server.RunAsync("workflow", "show", "-w", id, "--json")).Expect(0);

        var replayer = new WorkflowReplayer(new WorkflowReplayerOptions().AddWorkflow<OrderWorkflow>());
        Assert.Null((await replayer.ReplayWorkflowAsync(WorkflowHistory.FromJson(id, history.Out))).ReplayFailure);
    }

    [Fact]
    public async Task List_and_count_find_by_query()
    {
        var id = await server.StartOrderAsync("ada");
        var query = $"WorkflowId = '{id}'";

        var list = (await server.RunAsync("workflow", "list", "--query", query, "--json")).Expect(0);
        var lines = (await server.RunAsync("workflow", "list", "--query", query, "-o", "jsonl")).Expect(0);
        var count = (await server.RunAsync("workflow", "count", "--query", query)).Expect(0);

        Assert.Equal(id, (string?)Assert.Single(list.Json.AsArray())!["execution"]!["workflowId"]);
        Assert.Equal(id, (string?)JsonNode.Parse(lines.Out.TrimEnd())!["execution"]!["workflowId"]);
        Assert.Equal("1", count.Out.Trim());
        Assert.Contains(id, (await server.RunAsync("workflow", "list", "--query", query)).Expect(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_query_is_a_value_that_is_not_accepted() =>
        Assert.Contains("BT1006", (await server.RunAsync("workflow", "list", "--query", "WorkflowId = = 'x'")).Expect(2).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Cancel_terminate_and_delete()
    {
        var cancelled = await server.StartOrderAsync("ada");
        (await server.RunAsync("workflow", "cancel", "-w", cancelled)).Expect(0);
        Assert.Contains("was cancelled", (await server.RunAsync("workflow", "result", "-w", cancelled)).Expect(5).Error, StringComparison.Ordinal);

        var terminated = await server.StartOrderAsync("ada");
        (await server.RunAsync("workflow", "terminate", "-w", terminated, "--reason", "out of stock")).Expect(0);
        Assert.Contains("out of stock", (await server.RunAsync("workflow", "result", "-w", terminated)).Expect(5).Error, StringComparison.Ordinal);

        (await server.RunAsync("workflow", "delete", "-w", terminated)).Expect(0);
        var gone = await server.RunAsync("workflow", "describe", "-w", terminated);
        for (var tries = 0; gone.ExitCode == 0 && tries < 100; tries++)
        {
            gone = await server.RunAsync("workflow", "describe", "-w", terminated);
        }
        Assert.Contains("BT1003", gone.Expect(4).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_makes_a_new_run()
    {
        var id = await server.StartOrderAsync("ada");
        (await server.RunAsync("workflow", "signal", "-w", id, "--name", "delivered", "--input", "\"bob\"")).Expect(0);
        (await server.RunAsync("workflow", "result", "-w", id)).Expect(0);

        var reset = (await server.RunAsync("workflow", "reset", "-w", id, "--type", "FirstWorkflowTask", "--reason", "again", "--json")).Expect(0);

        Assert.NotEmpty((string)reset.Json["runId"]!);
        Assert.Equal("\"charged ada, received by bob\"", (await server.RunAsync("workflow", "result", "-w", id)).Expect(0).Out.Trim());
    }

    [Fact]
    public async Task A_second_start_of_a_running_id_is_refused()
    {
        var id = await server.StartOrderAsync("ada");
        string[] start = ["workflow", "start", "-w", id, "--type", "OrderWorkflow", "-t", RunningServer.TaskQueue, "--input", "\"ada\""];

        Assert.Contains("BT1005", (await server.RunAsync([.. start, "--id-conflict-policy", "Fail"])).Expect(1).Error, StringComparison.Ordinal);
        Assert.Equal(false, (bool?)(await server.RunAsync([.. start, "--id-conflict-policy", "UseExisting", "--json"])).Expect(0).Json["started"]);
    }

    [Fact]
    public async Task A_batch_acts_on_all_that_a_query_finds()
    {
        var ids = new[] { await server.StartOrderAsync("ada"), await server.StartOrderAsync("bob") };
        var query = $"WorkflowId IN ('{ids[0]}', '{ids[1]}')";

        var batch = (await server.RunAsync("workflow", "signal", "--query", query, "--name", "delivered", "--input", "\"eve\"", "--yes", "--json")).Expect(0);

        Assert.NotEmpty((string)batch.Json["batchJobId"]!);
        foreach (var id in ids)
        {
            Assert.EndsWith("received by eve\"", (await server.RunAsync("workflow", "result", "-w", id)).Expect(0).Out.TrimEnd(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_a_person_a_batch_needs_yes() =>
        Assert.Contains("--yes", (await server.RunAsync("workflow", "terminate", "--query", "WorkflowId = 'none'")).Expect(2).Error, StringComparison.Ordinal);

    [Fact]
    public async Task Input_that_is_not_json_is_named()
    {
        var result = (await server.RunAsync("workflow", "start", "--type", "T", "-t", "q", "--input", "v2")).Expect(2);
        Assert.Contains("--input 'v2' is not JSON", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_task_queue_tells_who_polls_it()
    {
        var result = (await server.RunAsync("taskqueue", "describe", "-t", RunningServer.TaskQueue, "--json")).Expect(0);
        Assert.NotEmpty(result.Json["workflow"]!["pollers"]!.AsArray());
    }
}
