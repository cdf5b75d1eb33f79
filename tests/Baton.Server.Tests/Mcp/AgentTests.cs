using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Baton.Server.Tests.Mcp;

public sealed class AgentTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer server = shared.Server;

    [Fact]
    public async Task An_agent_finds_a_flow_starts_it_and_reads_its_run()
    {
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        await using var agent = await ConnectAsync(server, server.Http);

        Assert.Equal(
            ["answer_task", "list_events", "list_flows", "list_runs", "list_tasks", "publish_event", "show_flow", "show_run", "start_flow"],
            (await agent.ListToolsAsync()).Select(tool => tool.Name).Order(StringComparer.Ordinal));
        Assert.Contains("greet", Text(await agent.CallToolAsync("list_flows")), StringComparison.Ordinal);
        var started = await CallAsync(agent, "start_flow", """{"flow":"default/greet","input":{"name":"Ann"}}""");
        var id = (string)JsonNode.Parse(Text(started))!["id"]!;
        await server.Http.WaitRunAsync(id, "completed");
        Assert.Contains("hello Ann", Text(await CallAsync(agent, "show_run", $$"""{"id":"{{id}}"}""")), StringComparison.Ordinal);
        var unknown = await CallAsync(agent, "show_run", """{"id":"nobody"}""");
        Assert.True(unknown.IsError);
        Assert.Contains("BT1003", Text(unknown), StringComparison.Ordinal);
        Assert.Contains((JsonArray)(await server.Http.ReadAsync("audit"))["items"]!, entry => (string?)entry!["action"] == "run.start" && (string?)entry["run"] == id);
    }

    [Fact]
    public async Task An_agent_answers_a_task_in_its_own_name_and_never_its_own_question()
    {
        using var ann = await server.AsNewAsync("approver", "ann");
        using var bo = await server.AsNewAsync("approver", "bo");
        using var watcher = await server.AsNewAsync("viewer");
        await server.Http.CallAsync(HttpMethod.Put, "users/ann/roles/operator");
        var task = (string)(await ann.PostAsync("tasks", """{"kind":"approval","title":"Deploy?","fourEyes":true}"""))["id"]!;
        var approve = $$"""{"id":"{{task}}","decision":"approve","comment":"by an agent"}""";

        foreach (var (caller, code) in new[] { (ann, "BT4501"), (watcher, "BT4002") })
        {
            await using var refused = await ConnectAsync(server, caller);
            var answer = await CallAsync(refused, "answer_task", approve);
            Assert.True(answer.IsError);
            Assert.Contains(code, Text(answer), StringComparison.Ordinal);
        }
        await using var agent = await ConnectAsync(server, bo);
        Assert.Contains(task, Text(await agent.CallToolAsync("list_tasks")), StringComparison.Ordinal);
        var decided = JsonNode.Parse(Text(await CallAsync(agent, "answer_task", approve)))!;

        Assert.Equal(("approved", "bo"), ((string?)decided["outcome"], (string?)decided["decisions"]![0]!["by"]));
        var audit = ((JsonArray)(await server.Http.ReadAsync($"audit?action=task.approve&target=task/{task}"))["items"]!).Select(entry => $"{entry!["actor"]} {entry["outcome"]}").ToList();
        Assert.Equal("bo done", audit[0]);
        Assert.Contains("ann refused", audit);
    }

    [Fact]
    public async Task An_agent_publishes_events_and_reads_them()
    {
        await using var agent = await ConnectAsync(server, server.Http);
        const string Event = """{"type":"shop.order.placed","source":"/shop","subject":"17","id":"1","data":{"order":17}}""";

        var first = JsonNode.Parse(Text(await CallAsync(agent, "publish_event", Event)))!;
        var again = JsonNode.Parse(Text(await CallAsync(agent, "publish_event", Event)))!;

        Assert.Equal((false, true, (long)first["offset"]!), ((bool)first["duplicate"]!, (bool)again["duplicate"]!, (long)again["offset"]!));
        var listed = JsonNode.Parse(Text(await CallAsync(agent, "list_events", """{"type":"shop.>","subject":"17"}""")))!;
        Assert.Equal(17, (int)Assert.Single((JsonArray)listed["items"]!)!["event"]!["data"]!["order"]!);
        Assert.Empty((JsonArray)JsonNode.Parse(Text(await CallAsync(agent, "list_events", """{"type":"other.*"}""")))!["items"]!);
        using var viewer = await server.AsNewAsync("viewer");
        await using var reader = await ConnectAsync(server, viewer);
        Assert.Contains("BT4002", Text(await CallAsync(reader, "publish_event", Event)), StringComparison.Ordinal);
        Assert.NotEqual(true, (await CallAsync(reader, "list_events", "{}")).IsError);
    }

    [Theory]
    [InlineData("show_run", "{}", "id")]
    [InlineData("show_flow", """{"flow":7}""", "BT1006")]
    [InlineData("show_flow", """{"flow":"nobody"}""", "BT1006")]
    [InlineData("answer_task", """{"id":"no-guid","decision":"approve"}""", "BT1006")]
    [InlineData("answer_task", """{"id":"00000000-0000-0000-0000-000000000000","decision":"maybe"}""", "'maybe'")]
    [InlineData("answer_task", """{"id":"00000000-0000-0000-0000-000000000000","decision":"approve"}""", "BT1003")]
    [InlineData("publish_event", """{"type":"","source":"/shop"}""", "BT41")]
    [InlineData("publish_event", """{"type":"a.b"}""", "source")]
    [InlineData("list_events", """{"type":"a.>.b"}""", "BT1006")]
    [InlineData("list_events", """{"from":"x"}""", "BT1006")]
    [InlineData("list_runs", """{"cursor":"x"}""", "BT1006")]
    [InlineData("start_flow", """{"flow":"default/none"}""", "BT1003")]
    public async Task Bad_arguments_are_an_answer_that_says_what_is_wrong(string tool, string arguments, string told)
    {
        await using var agent = await ConnectAsync(server, server.Http);

        var answer = await CallAsync(agent, tool, arguments);

        Assert.True(answer.IsError);
        Assert.Contains(told, Text(answer), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Text(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_comes_in_without_a_token()
    {
        using var nobody = server.As("nobody");

        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, nobody));
    }

    private static Task<McpClient> ConnectAsync(TestServer server, HttpClient caller) => McpClient.CreateAsync(new HttpClientTransport(new()
    {
        Endpoint = new Uri($"{server.Server.Url}/mcp"),
        AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"{caller.DefaultRequestHeaders.Authorization}" },
        TransportMode = HttpTransportMode.StreamableHttp,
    }));

    private static async Task<CallToolResult> CallAsync(McpClient agent, string tool, string arguments) =>
        await agent.CallToolAsync(tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments));

    private static string Text(CallToolResult result) => string.Concat(result.Content.OfType<TextContentBlock>().Select(block => block.Text));
}
