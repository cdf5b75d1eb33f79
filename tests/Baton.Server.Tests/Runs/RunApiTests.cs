using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Server.Tests.Runs;

public sealed class RunApiTests
{
    [Fact]
    public async Task A_run_is_started_waited_for_listed_and_exported()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);

        var run = await server.Http.PostAsync("flows/default/greet/runs?wait=30", """{"input":{"name":"Ann"}}""");
        Assert.True((string?)run["status"] == "completed", $"{run}");
        Assert.Equal("hello Ann", (string?)run["output"]!["text"]);
        Assert.Equal("Ann", (string?)run["input"]!["name"]);
        Assert.Equal("default/greet", (string?)run["flow"]);
        Assert.Null(run["steps"]);
        var step = Assert.Single((JsonArray)(await server.Http.ReadAsync($"runs/{run["id"]}"))["steps"]!)!;
        Assert.Equal(("/do/0/hello", "set", "completed", 1), ((string?)step["task"], (string?)step["kind"], (string?)step["status"], (int)step["attempt"]!));
        var id = (string)run["id"]!;
        var data = await server.Http.ReadAsync($"runs/{id}/steps/0");
        Assert.Equal("Ann", (string?)data["input"]!["name"]);
        Assert.Equal("hello Ann", (string?)data["output"]!["text"]);

        var started = await server.Http.CallAsync(HttpMethod.Post, "flows/default/greet/runs", """{"id":"mine"}""");
        Assert.Equal(HttpStatusCode.Created, started.Status);
        Assert.Equal("/api/v1/runs/mine", started.Response.Headers.Location!.ToString());
        await server.Http.WaitRunAsync("mine", "completed");

        Assert.Equal(2, (await IdsAsync(server, "runs?status=completed")).Count);
        Assert.Empty(await IdsAsync(server, "runs?status=faulted"));
        Assert.Equal(["mine"], await IdsAsync(server, "runs?text=mi"));
        Assert.Equal(2, (await IdsAsync(server, "runs?flow=default/greet")).Count);
        Assert.Equal(2, (await IdsAsync(server, "runs?flow=default/*&since=2020-01-01T00:00:00Z")).Count);
        Assert.Empty(await IdsAsync(server, "runs?flow=other/*"));
        Assert.Empty(await IdsAsync(server, "runs?text=it's"));
        var first = await server.Http.ReadAsync("runs?limit=1");
        var second = await server.Http.ReadAsync($"runs?limit=1&cursor={first["nextCursor"]}");
        Assert.Equal(new[] { id, "mine" }.Order(), new[] { first, second }.Select(page => (string)page["items"]![0]!["id"]!).Order());

        var export = await server.Http.ReadAsync($"runs/{id}/export");
        Assert.Equal("greet", (string?)export["definition"]!["document"]!["name"]);
        Assert.Equal("completed", (string?)export["run"]!["status"]);
        Assert.Equal("EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", (string?)export["history"]!["events"]![0]!["eventType"]);
        var history = await server.Http.ReadAsync($"runs/{id}/history?limit=2");
        Assert.Equal(2, ((JsonArray)history["events"]!).Count);
        Assert.NotNull(history["nextCursor"]);
    }

    [Fact]
    public async Task Values_too_large_for_histories_are_shown_all_the_same()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/large", """
            document: { dsl: 1.0.3, namespace: default, name: large, version: 1.0.0 }
            do: [ { more: { set: { text: "${ .text + \"!\" }" } } } ]
            """);
        var text = new string('a', 400_000);
        var run = await server.Http.PostAsync("flows/default/large/runs?wait=30", $$$"""{"input":{"text":"{{{text}}}"}}""");
        Assert.True((string?)run["status"] == "completed", $"{run}");
        Assert.Equal(text, (string?)run["input"]!["text"]);
        Assert.Equal(text + "!", (string?)run["output"]!["text"]);
        Assert.Equal(text + "!", (string?)(await server.Http.ReadAsync($"runs/{run["id"]}/steps/0"))["output"]!["text"]);
        Assert.True((await server.Http.ReadAsync($"runs/{run["id"]}/history")).ToJsonString().Length < 50_000);
    }

    [Fact]
    public async Task A_run_is_suspended_resumed_cancelled_and_terminated()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/long", """
            document: { dsl: 1.0.3, namespace: default, name: long, version: 1.0.0 }
            do:
              - pause: { wait: { hours: 1 } }
            """);
        await server.Http.PostAsync("flows/default/long/runs", """{"id":"a"}""");
        Assert.Equal(HttpStatusCode.Conflict, (await server.Http.CallAsync(HttpMethod.Post, "flows/default/long/runs", """{"id":"a"}""")).Status);
        await server.Http.WaitRunAsync("a", run => (string?)run["steps"]?[0]?["status"] == "running");

        await server.Http.PostAsync("runs/a/suspend", """{"reason":"lunch"}""");
        await server.Http.WaitRunAsync("a", "suspended");
        await server.Http.PostAsync("runs/a/resume");
        await server.Http.WaitRunAsync("a", "running");
        await server.Http.PostAsync("runs/a/cancel");
        await server.Http.WaitRunAsync("a", "cancelled");
        var (status, body, _) = await server.Http.CallAsync(HttpMethod.Post, "runs/a/cancel");
        Assert.Equal((HttpStatusCode.Conflict, "BT4404"), (status, (string?)body!["code"]));

        await server.Http.PostAsync("flows/default/long/runs", """{"id":"b"}""");
        await server.Http.PostAsync("runs/b/terminate", """{"reason":"enough"}""");
        var ended = await server.Http.WaitRunAsync("b", "terminated");
        Assert.Equal("enough", (string?)ended["error"]!["detail"]);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Post, "runs/nobody/cancel")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Get, "runs/nobody")).Status);
    }

    [Fact]
    public async Task A_run_is_retried_from_the_step_that_faulted_and_keeps_what_came_before()
    {
        await using var target = await CountingTarget.StartAsync();
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/two", $$$"""
            document: { dsl: 1.0.3, namespace: default, name: two, version: 1.0.0 }
            do:
              - first: { call: http, with: { method: get, endpoint: '{{{target.Url}}}/first' } }
              - second: { call: http, with: { method: get, endpoint: '{{{target.Url}}}/second' }, input: { from: '${ { kept: . } }' }, output: { as: '${ { second: ., kept: $input.kept } }' } }
            """);
        target.Failing = "/second";

        await server.Http.PostAsync("flows/default/two/runs", """{"id":"r"}""");
        var failed = await server.Http.WaitRunAsync("r", "faulted");
        Assert.Equal((1, 1), (target.Count("/first"), target.Count("/second")));
        Assert.Equal("/do/1/second", (string?)failed["error"]!["instance"]);

        target.Failing = "";
        await server.Http.PostAsync("runs/r/retry");
        var done = await server.Http.WaitRunAsync("r", "completed");
        Assert.Equal((1, 2), (target.Count("/first"), target.Count("/second")));
        Assert.Equal("/first", (string?)done["output"]!["kept"]!["path"]);
        Assert.Equal("/second", (string?)done["output"]!["second"]!["path"]);

        await server.Http.PostAsync("runs/r/retry", """{"step":"first"}""");
        await server.Http.WaitRunAsync("r", run => (string?)run["status"] == "completed" && (string?)run["runId"] != (string?)done["runId"]);
        Assert.Equal((2, 3), (target.Count("/first"), target.Count("/second")));
        var (status, body, _) = await server.Http.CallAsync(HttpMethod.Post, "runs/r/retry", """{"step":"third"}""");
        Assert.Equal((HttpStatusCode.NotFound, "BT4403"), (status, (string?)body!["code"]));
    }

    [Fact]
    public async Task A_run_that_was_cancelled_is_retried_without_being_cancelled_again()
    {
        await using var target = await CountingTarget.StartAsync();
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/held", $$$"""
            document: { dsl: 1.0.3, namespace: default, name: held, version: 1.0.0 }
            do:
              - first: { call: http, with: { method: get, endpoint: '{{{target.Url}}}/first' } }
              - pause: { wait: { seconds: 1 } }
            """);
        await server.Http.PostAsync("flows/default/held/runs", """{"id":"r"}""");
        await server.Http.WaitRunAsync("r", run => ((JsonArray?)run["steps"])?.Count == 2);
        await server.Http.PostAsync("runs/r/cancel");
        await server.Http.WaitRunAsync("r", run => (string?)run["status"] is "cancelled" or "completed");

        await server.Http.PostAsync("runs/r/retry", """{"step":"/do/1/pause"}""");

        await server.Http.WaitRunAsync("r", "completed");
        Assert.Equal(1, target.Count("/first"));
    }

    [Fact]
    public async Task A_workflow_in_code_is_a_run_like_any_other()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Server.Services.GetRequiredService<ITemporalClient>();
        await client.Connection.ConnectAsync();
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions("code").AddWorkflow<Doubling>());
        await worker.ExecuteAsync(async () =>
        {
            await client.ExecuteWorkflowAsync((Doubling workflow) => workflow.RunAsync(21), new("of/code", "code"));

            var run = await server.Http.ReadAsync("runs/of%2Fcode");
            Assert.Equal(("Doubling", "completed", 42), ((string?)run["type"], (string?)run["status"], (int)run["output"]!));
            Assert.Null(run["flow"]);
            Assert.Equal(21, (int)run["input"]!);
            Assert.Equal(["of/code"], await IdsAsync(server, "runs?type=Doubling"));
            await server.Http.PostAsync("runs/of%2Fcode/retry", """{"event":4}""");
            await server.Http.WaitRunAsync("of/code", again => (string?)again["runId"] != (string?)run["runId"] && (string?)again["status"] == "completed");
        });
    }

    private static async Task<IReadOnlyList<string>> IdsAsync(TestServer server, string path) =>
        [.. ((JsonArray)(await server.Http.ReadAsync(path))["items"]!).Select(run => (string)run!["id"]!)];

    [Workflow]
    public sealed class Doubling
    {
        [WorkflowRun]
        public Task<int> RunAsync(int number) => Task.FromResult(2 * number);
    }
}
