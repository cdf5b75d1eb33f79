using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
using Baton.Server.Tests.Live;
using GraphQL.Types;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.GraphQl;

public sealed class GraphTests
{
    [Fact]
    public async Task The_schema_is_whole()
    {
        await using var server = await TestServer.StartAsync();

        server.Server.Services.GetRequiredService<ISchema>().Initialize();
    }

    [Fact]
    public async Task Runs_flows_and_tasks_are_queried_together()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        await server.Http.PostAsync("flows/default/greet/runs?wait=30", """{"id":"a","input":{"name":"Ann"}}""");

        var (status, body) = await QueryAsync(server, """
            query($id: String!) {
              flows { namespace name version }
              runs(flow: "default/greet", limit: 1) { items { id status startedAt } nextCursor }
              run(id: $id) { status output steps { name status attempt } }
              tasks(status: OPEN) { total items { id title } }
            }
            """, new JsonObject { ["id"] = "a" });

        Assert.True(status == HttpStatusCode.OK && body["errors"] is null, $"{body}");
        var data = body["data"]!;
        Assert.Equal("greet", (string?)data["flows"]![0]!["name"]);
        Assert.Equal("a", (string?)data["runs"]!["items"]![0]!["id"]);
        Assert.Equal("hello Ann", (string?)data["run"]!["output"]!["text"]);
        Assert.Equal("hello", (string?)data["run"]!["steps"]![0]!["name"]);
        Assert.Equal(0, (int)data["tasks"]!["total"]!);
    }

    [Fact]
    public async Task What_is_wrong_is_told_and_what_costs_too_much_is_refused()
    {
        await using var server = await TestServer.StartAsync();

        var (unknown, unknownBody) = await QueryAsync(server, """{ run(id: "nobody") { status } }""");
        Assert.Equal(HttpStatusCode.OK, unknown);
        Assert.Contains("BT1003", (string?)unknownBody["errors"]![0]!["message"], StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await QueryAsync(server, "{ nothing }")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await QueryAsync(server, $"{{ {string.Concat(Enumerable.Range(0, 20000).Select(i => $"f{i}: flows {{ name }} "))} }}")).Status);
        Assert.Equal(HttpStatusCode.OK, (await QueryAsync(server, "{ __schema { types { name fields { name type { name } } } } }")).Status);
        using var get = await server.Http.GetAsync(new Uri("graphql?query={flows{name}}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, get.StatusCode);
        using var nobody = server.As(null);
        using var refused = await nobody.GetAsync(new Uri("graphql?query={flows{name}}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task A_subscription_tells_runs_as_they_happen()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"{server.Http.DefaultRequestHeaders.Authorization}");
        socket.Options.AddSubProtocol("graphql-transport-ws");
        await socket.ConnectAsync(new Uri($"{server.Server.Url.Replace("http", "ws", StringComparison.Ordinal)}/graphql"), limit.Token);
        await SendAsync("""{"type":"connection_init"}""");
        Assert.Equal("connection_ack", (string?)(await LiveTests.MessageAsync(socket, limit.Token))["type"]);
        await SendAsync("""{"id":"1","type":"subscribe","payload":{"query":"subscription { live(topics: \"runs\") { topic kind data } }"}}""");
        Assert.Equal("ping", (string?)(await LiveTests.MessageAsync(socket, limit.Token))["payload"]!["data"]!["live"]!["kind"]);

        await server.Http.PostAsync("flows/default/greet/runs", """{"id":"a"}""");

        var told = (await LiveTests.MessageAsync(socket, limit.Token))["payload"]!["data"]!["live"]!;
        Assert.Equal(("runs", "started", "a"), ((string?)told["topic"], (string?)told["kind"], (string?)told["data"]!["id"]));
        await SendAsync("""{"id":"1","type":"complete"}""");
        await SendAsync("""{"id":"2","type":"subscribe","payload":{"query":"{ flows { name } }"}}""");
        JsonNode message;
        do
        {
            message = await LiveTests.MessageAsync(socket, limit.Token);
        }
        while ((string?)message["id"] != "2");
        Assert.Equal("greet", (string?)message["payload"]!["data"]!["flows"]![0]!["name"]);

        Task SendAsync(string text) => socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, limit.Token);
    }

    private static async Task<(HttpStatusCode Status, JsonNode Body)> QueryAsync(TestServer server, string query, JsonObject? variables = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("graphql", UriKind.Relative))
        {
            Content = new StringContent(new JsonObject { ["query"] = query, ["variables"] = variables }.ToJsonString(), Encoding.UTF8, "application/json"),
            Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/graphql-response+json") } },
        };
        using var response = await server.Http.SendAsync(request);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }
}
