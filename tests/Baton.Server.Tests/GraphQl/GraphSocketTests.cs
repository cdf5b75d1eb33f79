using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;
using Baton.Server.Tests.Live;

namespace Baton.Server.Tests.GraphQl;

/// <summary>The protocol graphql-transport-ws, message by message.</summary>
public sealed class GraphSocketTests(SharedServer shared) : IClassFixture<SharedServer>, IDisposable
{
    private readonly CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
    private readonly TestServer server = shared.Server;

    public void Dispose() => limit.Dispose();

    [Fact]
    public async Task Runs_tasks_and_events_are_told_as_they_happen()
    {
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        using var socket = await BeginAsync();
        await SubscribeAsync(socket, "r", "subscription { runs(flow: \"default/greet\") { kind time run { id status } } }");
        await SubscribeAsync(socket, "t", "subscription { tasks { kind task { taskId by } } }");
        await SubscribeAsync(socket, "e", "subscription { events(type: \"shop.>\") { id event { offset event } } }");
        await SubscribeAsync(socket, "l", "subscription { live(topics: \"runs\") { topic kind data } }");
        // The stream of `live` begins with a ping: from then on all of them listen, since they were subscribed before it.
        await MessageAsync(socket, "l");

        await server.Http.PostAsync("flows/default/greet/runs", """{"id":"a"}""");
        var task = (string)(await server.Http.PostAsync("tasks", """{"kind":"approval","title":"Deploy?"}"""))["id"]!;
        await server.Http.PostAsync("events", """{"specversion":"1.0","id":"0","source":"/other","type":"other","data":0}""");
        await server.Http.PostAsync("events", """{"specversion":"1.0","id":"1","source":"/shop","type":"shop.order","data":1}""");

        var told = new Dictionary<string, List<JsonNode>> { ["r"] = [], ["t"] = [], ["e"] = [], ["l"] = [] };
        while (told["r"].Count < 2 || told["t"].Count < 1 || told["e"].Count < 1 || told["l"].Count < 2)
        {
            var message = await LiveTests.MessageAsync(socket, limit.Token);
            Assert.Equal("next", (string?)message["type"]);
            told[(string)message["id"]!].Add(message["payload"]!["data"]!);
        }
        Assert.Equal(["started a RUNNING", "ended a COMPLETED"], told["r"].Select(data => $"{data["runs"]!["kind"]} {data["runs"]!["run"]!["id"]} {data["runs"]!["run"]!["status"]}"));
        Assert.Equal(task, (string?)told["t"][0]["tasks"]!["task"]!["taskId"]);
        Assert.Equal("shop.order", (string?)told["e"][0]["events"]!["event"]!["event"]!["type"]);

        // One that went away goes on from its last id.
        await SendAsync(socket, """{"id":"e","type":"complete"}""");
        await server.Http.PostAsync("events", """{"specversion":"1.0","id":"2","source":"/shop","type":"shop.order","data":2}""");
        await SubscribeAsync(socket, "again", $"subscription {{ events(type: \"shop.>\", after: \"{told["e"][0]["events"]!["id"]}\") {{ event {{ event }} }} }}");
        Assert.Equal(2, (int)(await MessageAsync(socket, "again"))["payload"]!["data"]!["events"]!["event"]!["event"]!["data"]!);
    }

    [Fact]
    public async Task A_query_is_answered_once_and_what_cannot_be_carried_out_is_an_error()
    {
        using var socket = await BeginAsync();
        await SubscribeAsync(socket, "q", "{ flows { name } }");
        Assert.Equal("next", (string?)(await MessageAsync(socket, "q"))["type"]);
        Assert.Equal("complete", (string?)(await MessageAsync(socket, "q"))["type"]);

        foreach (var query in new[] { "{ nothing }", "subscription { live(topics: \"nothing\") { kind } }", "subscription { events(type: \"a.>.b\") { id } }" })
        {
            await SubscribeAsync(socket, "bad", query);
            var error = await MessageAsync(socket, "bad");
            Assert.True((string?)error["type"] is "error" || error["payload"]!["errors"] is not null, $"{error}");
            if ((string?)error["type"] == "next")
            {
                Assert.Equal("complete", (string?)(await MessageAsync(socket, "bad"))["type"]);
            }
        }
        await SendAsync(socket, """{"type":"ping"}""");
        Assert.Equal("pong", (string?)(await LiveTests.MessageAsync(socket, limit.Token))["type"]);
    }

    [Theory]
    [InlineData("""{"id":"1","type":"subscribe","payload":{"query":"{flows{name}}"}}""", 4401)]
    [InlineData("{", 4400)]
    [InlineData("[]", 4400)]
    [InlineData("7", 4400)]
    [InlineData("""{"type":7}""", 4400)]
    [InlineData("""{"type":"nothing"}""", 4400)]
    [InlineData("""{"id":"1"}""", 4400)]
    public async Task What_breaks_the_protocol_before_the_beginning_ends_the_connection(string message, int code)
    {
        using var socket = await ConnectAsync();
        await SendAsync(socket, message);

        Assert.Equal(code, await CloseCodeAsync(socket));
    }

    [Theory]
    [InlineData("""{"type":"connection_init"}""", 4429)]
    [InlineData("""{"type":"subscribe","payload":{"query":"{flows{name}}"}}""", 4400)]
    [InlineData("""{"id":"1","type":"subscribe"}""", 4400)]
    [InlineData("""{"id":"1","type":"subscribe","payload":null}""", 4400)]
    [InlineData("""{"id":"1","type":"subscribe","payload":{"query":7}}""", 4400)]
    [InlineData("""{"id":"1","type":"subscribe","payload":{}}""", 4400)]
    [InlineData("""{"id":7,"type":"complete"}""", 4400)]
    public async Task What_breaks_the_protocol_later_ends_the_connection_too(string message, int code)
    {
        using var socket = await BeginAsync();
        await SendAsync(socket, message);

        Assert.Equal(code, await CloseCodeAsync(socket));
    }

    [Fact]
    public async Task A_connection_has_bounds()
    {
        using var twice = await BeginAsync();
        await SubscribeAsync(twice, "1", "subscription { live { kind } }");
        await SubscribeAsync(twice, "1", "subscription { live { kind } }");
        Assert.Equal(4409, await CloseCodeAsync(twice));

        using var many = await BeginAsync();
        for (var i = 0; i <= 50; i++)
        {
            await SubscribeAsync(many, $"{i}", "subscription { live { kind } }");
        }
        Assert.Equal(4409, await CloseCodeAsync(many));

        using var large = await BeginAsync();
        await SubscribeAsync(large, "1", $"{{ flows {{ name }} }} #{new string('x', 300_000)}");
        Assert.Equal(4400, await CloseCodeAsync(large));
    }

    [Fact]
    public async Task A_stranger_and_another_protocol_do_not_come_in()
    {
        using var nobody = new ClientWebSocket();
        nobody.Options.AddSubProtocol("graphql-transport-ws");
        await Assert.ThrowsAsync<WebSocketException>(() => nobody.ConnectAsync(Address, limit.Token));
        using var old = new ClientWebSocket();
        old.Options.SetRequestHeader("Authorization", $"{server.Http.DefaultRequestHeaders.Authorization}");
        old.Options.AddSubProtocol("graphql-ws");
        await Assert.ThrowsAsync<WebSocketException>(() => old.ConnectAsync(Address, limit.Token));
    }

    private Uri Address => new($"{server.Server.Url.Replace("http", "ws", StringComparison.Ordinal)}/graphql");

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"{server.Http.DefaultRequestHeaders.Authorization}");
        socket.Options.AddSubProtocol("graphql-transport-ws");
        await socket.ConnectAsync(Address, limit.Token);
        return socket;
    }

    private async Task<ClientWebSocket> BeginAsync()
    {
        var socket = await ConnectAsync();
        await SendAsync(socket, """{"type":"connection_init"}""");
        Assert.Equal("connection_ack", (string?)(await LiveTests.MessageAsync(socket, limit.Token))["type"]);
        return socket;
    }

    private Task SubscribeAsync(ClientWebSocket socket, string id, string query) =>
        SendAsync(socket, new JsonObject { ["id"] = id, ["type"] = "subscribe", ["payload"] = new JsonObject { ["query"] = query } }.ToJsonString());

    private async Task SendAsync(ClientWebSocket socket, string text)
    {
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, limit.Token);
        }
        catch (WebSocketException)
        {
            // The server has ended the connection already: the close code says why.
        }
    }

    /// <summary>The next message of a subscription; those of others are passed over.</summary>
    private async Task<JsonNode> MessageAsync(ClientWebSocket socket, string id)
    {
        while (true)
        {
            var message = await LiveTests.MessageAsync(socket, limit.Token);
            if ((string?)message["id"] == id)
            {
                return message;
            }
        }
    }

    private async Task<int> CloseCodeAsync(ClientWebSocket socket)
    {
        var buffer = new byte[64 * 1024];
        while ((await socket.ReceiveAsync(buffer, limit.Token)).MessageType != WebSocketMessageType.Close)
        {
        }
        return (int)socket.CloseStatus!.Value;
    }
}
