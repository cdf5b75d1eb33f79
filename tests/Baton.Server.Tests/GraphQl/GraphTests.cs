using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
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

        var (status, body) = await QueryAsync(server.Http, """
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

        var (unknown, unknownBody) = await QueryAsync(server.Http, """{ run(id: "nobody") { status } }""");
        Assert.Equal(HttpStatusCode.OK, unknown);
        Assert.Contains("BT1003", (string?)unknownBody["errors"]![0]!["message"], StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await QueryAsync(server.Http, "{ nothing }")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await QueryAsync(server.Http, $"{{ {string.Concat(Enumerable.Range(0, 20000).Select(i => $"f{i}: flows {{ name }} "))} }}")).Status);
        Assert.Equal(HttpStatusCode.OK, (await QueryAsync(server.Http, "{ __schema { types { name fields { name type { name } } } } }")).Status);
        using var get = await server.Http.GetAsync(new Uri("graphql?query={flows{name}}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, get.StatusCode);
        using var nobody = server.As(null);
        using var refused = await nobody.GetAsync(new Uri("graphql?query={flows{name}}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Events_are_queried_by_filter_and_page()
    {
        await using var server = await TestServer.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            await server.Http.PostAsync("events", $$"""{"specversion":"1.0","id":"{{i}}","source":"/shop","type":"shop.order.{{(i % 2 == 0 ? "placed" : "paid")}}","subject":"{{i}}","data":{"n":{{i}} } }""");
        }
        const string Page = "query($from: Long) { events(type: \"shop.order.placed\", order: \"asc\", limit: 2, from: $from) { items { offset at event } next } }";

        var first = (await QueryAsync(server.Http, Page)).Body["data"]!["events"]!;
        var second = (await QueryAsync(server.Http, Page, new() { ["from"] = (long)first["next"]! })).Body["data"]!["events"]!;

        Assert.Equal([0, 2], ((JsonArray)first["items"]!).Select(item => (int)item!["event"]!["data"]!["n"]!));
        Assert.Equal([4], ((JsonArray)second["items"]!).Select(item => (int)item!["event"]!["data"]!["n"]!));
        Assert.Null(second["next"]);
        var one = (await QueryAsync(server.Http, "{ events(subject: \"3\") { items { event } } }")).Body["data"]!["events"]!["items"]!;
        Assert.Equal("shop.order.paid", (string?)Assert.Single((JsonArray)one)!["event"]!["type"]);
    }

    internal static async Task<(HttpStatusCode Status, JsonNode Body)> QueryAsync(HttpClient http, string query, JsonObject? variables = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("graphql", UriKind.Relative))
        {
            Content = new StringContent(new JsonObject { ["query"] = query, ["variables"] = variables }.ToJsonString(), Encoding.UTF8, "application/json"),
            Headers = { Accept = { new MediaTypeWithQualityHeaderValue("application/graphql-response+json") } },
        };
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!);
    }
}
