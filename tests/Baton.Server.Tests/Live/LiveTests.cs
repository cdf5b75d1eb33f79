using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;

namespace Baton.Server.Tests.Live;

public sealed class LiveTests
{
    [Fact]
    public async Task Runs_are_told_as_they_happen_and_what_was_missed_is_told_later()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        await using var stream = await server.Http.GetStreamAsync(new Uri("api/v1/live?topics=runs", UriKind.Relative));
        await using var events = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        Assert.True(await events.MoveNextAsync());
        var begin = events.Current.EventId!;
        await server.Http.PostAsync("flows/default/greet/runs", """{"id":"a"}""");
        Assert.Equal(["started", "ended"], [await KindAsync(events, "a"), await KindAsync(events, "a")]);

        await server.Http.PostAsync("flows/default/greet/runs?wait=30", """{"id":"b"}""");
        await server.RestartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("api/v1/live", UriKind.Relative)) { Headers = { { "Last-Event-ID", begin } } };
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await using var resumed = SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().GetAsyncEnumerator();
        Assert.Equal("started", await KindAsync(resumed, "b"));
        Assert.Equal("ended", await KindAsync(resumed, "b"));
    }

    [Fact]
    public async Task The_same_comes_over_a_websocket()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"{server.Http.DefaultRequestHeaders.Authorization}");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await socket.ConnectAsync(new Uri($"{server.Server.Url.Replace("http", "ws", StringComparison.Ordinal)}/api/v1/live?topics=runs"), limit.Token);
        await MessageAsync(socket, limit.Token);

        await server.Http.PostAsync("flows/default/greet/runs", """{"id":"a"}""");

        Assert.Equal("started", (string?)(await MessageAsync(socket, limit.Token))["kind"]);
        var ended = await MessageAsync(socket, limit.Token);
        Assert.Equal(("ended", "completed"), ((string?)ended["kind"], (string?)ended["data"]!["status"]));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
    }

    internal static async Task<JsonNode> MessageAsync(WebSocket socket, CancellationToken cancel)
    {
        var buffer = new byte[64 * 1024];
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(length), cancel);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(Encoding.UTF8.GetString(buffer, 0, length))!;
    }

    private static async Task<string?> KindAsync(IAsyncEnumerator<SseItem<string>> events, string run)
    {
        while (await events.MoveNextAsync())
        {
            var message = JsonNode.Parse(events.Current.Data)!;
            if (events.Current.EventType == "runs" && (string?)message["data"]!["id"] == run)
            {
                return (string?)message["kind"];
            }
        }
        return null;
    }
}
