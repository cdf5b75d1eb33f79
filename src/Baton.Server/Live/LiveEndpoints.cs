using System.ComponentModel;
using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using FromHeaderAttribute = Microsoft.AspNetCore.Mvc.FromHeaderAttribute;

namespace Baton.Server.Live;

/// <summary>
/// GET /live: what happens, as server-sent events, or over a WebSocket where the caller asks for one.
///
/// A caller is never ahead of what it has read: the next look into a source happens when the last message was taken, so a
/// slow caller costs no memory. One that takes nothing for half a minute is dropped; it goes on later from its last id.
/// </summary>
internal static class LiveEndpoints
{
    private const int MaxReaders = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly SemaphoreSlim Places = new(MaxReaders, MaxReaders);

    public static void AddLive(this IServiceCollection services)
    {
        services.AddSingleton<ILiveTopic, RunsTopic>();
        services.AddSingleton<ILiveTopic, TasksTopic>();
        services.AddSingleton<ILiveTopic, EventsTopic>();
    }

    public static void MapLive(this IEndpointRouteBuilder api) => api.MapGet("/live", ListenAsync).WithTags("Live")
        .Describe("listen", "Listen to what happens: server-sent events, or WebSocket messages where the request asks to upgrade.", "At least once: what is near the last id may be told again.")
        .Produces<LiveMessage>(contentType: "text/event-stream").RequirePermission(Permissions.RunsRead, onFlow: true);

    private static async Task<IResult> ListenAsync(
        [Description("Names with commas between them; default all that the caller may read.")] string? topics,
        [Description("Id of the last message that was received; the header Last-Event-ID is the same.")] string? after,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        HttpContext http, IEnumerable<ILiveTopic> known, Caller caller, TimeProvider time, IOptions<JsonOptions> json)
    {
        var readers = LiveStream.Open(topics, lastEventId ?? after, [.. known], caller);
        if (!Places.Wait(0, http.RequestAborted))
        {
            throw new BatonException(ErrorCodes.TooManyRequests, $"{MaxReaders} callers listen already", null, "close streams that nobody reads, or ask another replica");
        }
        http.Response.OnCompleted(static () =>
        {
            Places.Release();
            return Task.CompletedTask;
        });
        if (!http.WebSockets.IsWebSocketRequest)
        {
            return TypedResults.ServerSentEvents(EventsAsync(readers, time, http.RequestAborted));
        }
        using var socket = await http.WebSockets.AcceptWebSocketAsync();
        await SendAsync(socket, readers, json.Value.SerializerOptions, time, http.RequestAborted);
        return Results.Empty;
    }

    private static async IAsyncEnumerable<SseItem<LiveMessage>> EventsAsync(List<(string Topic, ILiveReader Reader)> readers, TimeProvider time, [EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var message in LiveStream.MessagesAsync(readers, time, cancel))
        {
            yield return new SseItem<LiveMessage>(message, message.Topic.Length == 0 ? LiveStream.Ping : message.Topic) { EventId = message.Id };
        }
    }

    private static async Task SendAsync(WebSocket socket, List<(string Topic, ILiveReader Reader)> readers, JsonSerializerOptions json, TimeProvider time, CancellationToken aborted)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        var closed = DrainAsync(socket, ended);
        try
        {
            await foreach (var message in LiveStream.MessagesAsync(readers, time, ended.Token))
            {
                using var patience = new CancellationTokenSource(Patience, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ended.Token);
                await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, json), WebSocketMessageType.Text, true, either.Token);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException)
        {
            // Gone, or too slow: a send that was given up leaves nothing else to say on this connection.
        }
        await ended.CancelAsync();
        await closed;
    }

    /// <summary>Callers have nothing to say but that they leave.</summary>
    private static async Task DrainAsync(WebSocket socket, CancellationTokenSource ended)
    {
        var buffer = new byte[256];
        try
        {
            while ((await socket.ReceiveAsync(buffer, ended.Token)).MessageType != WebSocketMessageType.Close)
            {
            }
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ended.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException)
        {
            // It is closed all the same.
        }
        await ended.CancelAsync();
    }
}
