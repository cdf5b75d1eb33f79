using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Errors;

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

    private static async Task<TestServer> StartAsync()
    {
        var server = await TestServer.StartAsync();
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
