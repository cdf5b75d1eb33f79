using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Baton.Server.Errors;
using Baton.Server.Tasks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Temporalio.Client;

namespace Baton.Server.Tests.Tasks;

/// <summary>A flow of the server, asked for by one account and approved by others, over HTTP alone.</summary>
public sealed class FlowTaskTests
{
    private const string Flow = """
        document: { dsl: 1.0.3, namespace: shop, name: release, version: 1.0.0 }
        do:
        - ask:
            call: approval:1.0.0@default
            with: { title: '${ "Release \(.version)?" }', fourEyes: true, quorum: 2, of: 3, veto: { users: [cy] } }
        - out: { set: { outcome: '${ .outcome }', by: '${ [.decisions[].by] }' } }
        """;

    [Fact]
    public async Task Two_others_approve_and_the_one_who_asked_is_refused()
    {
        await using var server = await StartAsync();
        using var ann = await AccountAsync(server, "ann", "operator", "approver");
        using var bo = await AccountAsync(server, "bo", "approver");
        using var viewer = await AccountAsync(server, "eve", "viewer");
        var run = await ann.PostAsync("flows/shop/release/runs", """{"input":{"version":"2.1"}}""");
        var id = $"{(await TaskAsync(server))["id"]}";

        var own = await ann.CallAsync(HttpMethod.Post, $"tasks/{id}/approve", "{}");
        Assert.Equal((HttpStatusCode.Forbidden, ErrorCodes.FourEyes), (own.Status, (string?)own.Body!["code"]));
        Assert.Equal(0, (int)(await ann.ReadAsync("tasks?mine=true"))["total"]!);
        Assert.Equal(HttpStatusCode.Forbidden, (await viewer.CallAsync(HttpMethod.Post, $"tasks/{id}/approve", "{}")).Status);
        Assert.Equal("waiting", (string?)(await server.Http.WaitRunAsync($"{run["id"]}", "waiting"))["status"]);
        Assert.Equal(1, (int)(await bo.ReadAsync("tasks?mine=true"))["total"]!);
        await bo.PostAsync($"tasks/{id}/approve", """{"comment":"good"}""");
        await server.RestartAsync();
        using var di = await AccountAsync(server, "di", "approver");
        await di.PostAsync($"tasks/{id}/approve", "{}");

        var ended = await server.Http.WaitRunAsync($"{run["id"]}", "completed");
        Assert.Equal("""{"outcome":"approved","by":["bo","di"]}""", ended["output"]!.ToJsonString());
        var audit = (await server.Http.ReadAsync("audit?action=task.*"))["items"]!.AsArray();
        Assert.Equal(
            ["ann refused", "bo done", "di done", "eve refused"],
            audit.Select(entry => $"{entry!["actor"]} {entry["outcome"]}").Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task One_veto_ends_it()
    {
        await using var server = await StartAsync();
        using var ann = await AccountAsync(server, "ann", "operator");
        using var cy = await AccountAsync(server, "cy", "approver");
        var run = await ann.PostAsync("flows/shop/release/runs", """{"input":{"version":"2.2"}}""");
        await cy.PostAsync($"tasks/{(await TaskAsync(server))["id"]}/reject", """{"comment":"not on a friday"}""");

        var ended = await server.Http.WaitRunAsync($"{run["id"]}", "completed");
        Assert.Equal("""{"outcome":"rejected","by":["cy"]}""", ended["output"]!.ToJsonString());
    }

    [Fact]
    public async Task The_task_of_a_run_that_was_terminated_from_outside_is_closed()
    {
        await using var server = await StartAsync();
        var run = await server.Http.PostAsync("flows/shop/release/runs", """{"input":{"version":"2.3"}}""");
        var task = await TaskAsync(server);
        var orphans = server.Server.Services.GetServices<IHostedService>().OfType<TaskOrphans>().Single();
        await orphans.SweepAsync(default);
        Assert.Equal("open", (string?)(await TaskAsync(server))["status"]);

        await server.Server.Services.GetRequiredService<ITemporalClient>().GetWorkflowHandle($"{run["id"]}").TerminateAsync("no more");
        await orphans.SweepAsync(default);

        var closed = await server.Http.ReadAsync($"tasks/{task["id"]}");
        Assert.Equal("cancelled", (string?)closed["task"]!["status"]);
        Assert.Equal("the run was terminated", (string?)closed["history"]!.AsArray()[^1]!["text"]);
        Assert.Equal(0, await orphans.SweepAsync(default));
    }

    [Fact]
    public async Task A_grant_on_a_flow_counts_for_the_tasks_of_that_flow_alone()
    {
        await using var server = await StartAsync();
        await server.Http.ApplyAsync("shop/return", Flow.Replace("name: release", "name: return", StringComparison.Ordinal));
        using var ann = await AccountAsync(server, "ann", "operator");
        using var bo = await AccountAsync(server, "bo");
        await server.Http.CallAsync(HttpMethod.Put, "users/bo/roles/approver?flow=shop/return");
        await ann.PostAsync("flows/shop/release/runs", """{"input":{"version":"1"}}""");
        var other = $"{(await TaskAsync(server))["id"]}";
        Assert.Equal(0, (int)(await bo.ReadAsync("tasks"))["total"]!);
        await using var stream = await bo.GetStreamAsync(new Uri("api/v1/live?topics=tasks", UriKind.Relative));
        await using var live = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();
        Assert.True(await live.MoveNextAsync());
        await server.Http.PostAsync($"tasks/{other}/comment", """{"comment":"not for bo"}""");

        await ann.PostAsync("flows/shop/return/runs", """{"input":{"version":"2"}}""");
        JsonNode own;
        while ((await bo.ReadAsync("tasks?mine=true"))["items"]!.AsArray() is not [{ } found] || (own = found) is null)
        {
            await Task.Yield();
        }

        Assert.Equal("shop/return:1.0.0", (string?)own["flow"]);
        Assert.Equal(1, (int)(await bo.ReadAsync("tasks"))["total"]!);
        foreach (var (method, path) in new[] { (HttpMethod.Get, $"tasks/{other}"), (HttpMethod.Post, $"tasks/{other}/approve"), (HttpMethod.Post, $"tasks/{other}/comment"), (HttpMethod.Post, $"tasks/{own["id"]}/cancel") })
        {
            var (status, body, _) = await bo.CallAsync(method, path, method == HttpMethod.Post ? """{"comment":"x"}""" : null);
            Assert.True(status == HttpStatusCode.Forbidden, $"{method} {path}: {status} {body}");
        }
        await bo.PostAsync($"tasks/{own["id"]}/approve", "{}");
        Assert.Equal("bo", (string?)(await bo.ReadAsync($"tasks/{own["id"]}"))["task"]!["decisions"]![0]!["by"]);
        Assert.True(await live.MoveNextAsync());
        Assert.Equal($"{own["id"]}", (string?)JsonNode.Parse(live.Current.Data)!["data"]!["taskId"]);
        Assert.Equal(HttpStatusCode.Forbidden, (await bo.CallAsync(HttpMethod.Get, "live?topics=events")).Status);
    }

    private static async Task<TestServer> StartAsync()
    {
        var server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"));
        await server.Http.ApplyAsync("shop/release", Flow);
        return server;
    }

    /// <summary>The one open task, as soon as the run has asked.</summary>
    private static async Task<JsonNode> TaskAsync(TestServer server)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            if ((await server.Http.ReadAsync("tasks?status=open"))["items"]!.AsArray() is [{ } task])
            {
                return task;
            }
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>A service account with roles, and a client that calls with its token.</summary>
    private static async Task<HttpClient> AccountAsync(TestServer server, string name, params string[] roles)
    {
        await server.Http.PostAsync("users", new JsonObject { ["name"] = name, ["service"] = true, ["roles"] = new JsonArray([.. roles]) }.ToJsonString());
        return server.As((string)(await server.Http.PostAsync("tokens", $$"""{"name":"test","user":"{{name}}"}"""))["token"]!);
    }
}
