using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Baton.Server.Tests.Mcp;

public sealed class AgentTests
{
    [Fact]
    public async Task An_agent_finds_a_flow_starts_it_and_reads_its_run()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        await using var agent = await ConnectAsync(server, $"{server.Http.DefaultRequestHeaders.Authorization}");

        Assert.Equal(
            ["answer_task", "list_flows", "list_runs", "list_tasks", "show_flow", "show_run", "start_flow"],
            (await agent.ListToolsAsync()).Select(tool => tool.Name).Order(StringComparer.Ordinal));
        Assert.Contains("greet", Text(await agent.CallToolAsync("list_flows")), StringComparison.Ordinal);
        var started = await agent.CallToolAsync("start_flow", new Dictionary<string, object?> { ["flow"] = "default/greet", ["input"] = JsonSerializer.SerializeToElement(new { name = "Ann" }) });
        var id = (string)JsonNode.Parse(Text(started))!["id"]!;
        await server.Http.WaitRunAsync(id, "completed");
        Assert.Contains("hello Ann", Text(await agent.CallToolAsync("show_run", new Dictionary<string, object?> { ["id"] = id })), StringComparison.Ordinal);
        var unknown = await agent.CallToolAsync("show_run", new Dictionary<string, object?> { ["id"] = "nobody" });
        Assert.True(unknown.IsError);
        Assert.Contains("BT1003", Text(unknown), StringComparison.Ordinal);
        Assert.Contains((JsonArray)(await server.Http.ReadAsync("audit"))["items"]!, entry => (string?)entry!["action"] == "run.start" && (string?)entry["run"] == id);
    }

    [Fact]
    public async Task Nobody_comes_in_without_a_token()
    {
        await using var server = await TestServer.StartAsync();

        await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync(server, "Bearer nobody"));
    }

    private static Task<McpClient> ConnectAsync(TestServer server, string authorization) => McpClient.CreateAsync(new HttpClientTransport(new()
    {
        Endpoint = new Uri($"{server.Server.Url}/mcp"),
        AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = authorization },
        TransportMode = HttpTransportMode.StreamableHttp,
    }));

    private static string Text(CallToolResult result) => string.Concat(result.Content.OfType<TextContentBlock>().Select(block => block.Text));
}
