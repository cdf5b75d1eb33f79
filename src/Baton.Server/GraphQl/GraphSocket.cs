using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using GraphQL;
using GraphQL.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.GraphQl;

/// <summary>
/// One connection of the protocol graphql-transport-ws. The client begins with connection_init; each subscribe has an id of
/// its own, is answered by next messages, and ends with complete or error. What breaks the protocol ends the connection
/// with the close code that the protocol gives it.
/// </summary>
internal sealed class GraphSocket(HttpContext http, WebSocket socket)
{
    private const string Protocol = "graphql-transport-ws";
    private const int MaxMessage = 256 * 1024;
    private const int MaxSubscriptions = 50;

    private static readonly TimeSpan InitTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, CancellationTokenSource> subscriptions = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim sending = new(1, 1);
    private readonly IGraphQLTextSerializer serializer = http.RequestServices.GetRequiredService<IGraphQLTextSerializer>();
    private bool acknowledged;

    public static async Task RunAsync(HttpContext http)
    {
        if (!http.WebSockets.WebSocketRequestedProtocols.Contains(Protocol))
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }
        using var socket = await http.WebSockets.AcceptWebSocketAsync(Protocol);
        await new GraphSocket(http, socket).ReceiveAsync();
    }

    private async Task ReceiveAsync()
    {
        var tasks = new List<Task>();
        using var limit = new CancellationTokenSource(InitTimeout, http.RequestServices.GetRequiredService<TimeProvider>());
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, http.RequestAborted);
        try
        {
            while (await ReadAsync(acknowledged ? http.RequestAborted : either.Token) is { } text)
            {
                using var message = JsonDocument.Parse(text, new() { MaxDepth = Http.RequestBodies.MaxDepth });
                var type = message.RootElement.GetProperty("type").GetString();
                var id = message.RootElement.TryGetProperty("id", out var given) ? given.GetString() : null;
                switch (type)
                {
                    case "connection_init" when !acknowledged:
                        acknowledged = true;
                        limit.CancelAfter(Timeout.InfiniteTimeSpan);
                        await SendAsync(new { type = "connection_ack" });
                        break;
                    case "connection_init":
                        await CloseAsync(4429, "Too many initialisation requests");
                        return;
                    case "ping":
                        await SendAsync(new { type = "pong" });
                        break;
                    case "pong":
                        break;
                    case "subscribe" when !acknowledged:
                        await CloseAsync(4401, "Unauthorized");
                        return;
                    case "subscribe" when id is { Length: > 0 } && RequestOf(message.RootElement) is { } request:
                        var cancel = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
                        if (subscriptions.Count >= MaxSubscriptions || !subscriptions.TryAdd(id, cancel))
                        {
                            cancel.Dispose();
                            await CloseAsync(4409, $"Subscriber for {id} already exists, or there are {MaxSubscriptions}");
                            return;
                        }
                        tasks.RemoveAll(static task => task.IsCompleted);
                        tasks.Add(SubscribeAsync(id, request, cancel));
                        break;
                    case "complete" when id is not null:
                        if (subscriptions.TryRemove(id, out var ended))
                        {
                            await ended.CancelAsync();
                            ended.Dispose();
                        }
                        break;
                    default:
                        await CloseAsync(4400, "Invalid message");
                        return;
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            await CloseAsync(4400, "Invalid message");
        }
        catch (OperationCanceledException) when (!acknowledged && !http.RequestAborted.IsCancellationRequested)
        {
            await CloseAsync(4408, "Connection initialisation timeout");
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // The client is gone.
        }
        finally
        {
            foreach (var (_, cancel) in subscriptions)
            {
                await cancel.CancelAsync();
            }
            await Task.WhenAll(tasks);
        }
    }

    private GraphQLRequest? RequestOf(JsonElement message) =>
        message.TryGetProperty("payload", out var payload) && payload.ValueKind == JsonValueKind.Object && payload.TryGetProperty("query", out var query) && query.ValueKind == JsonValueKind.String
            ? serializer.Deserialize<GraphQLRequest>(payload.GetRawText())
            : null;

    private async Task SubscribeAsync(string id, GraphQLRequest request, CancellationTokenSource own)
    {
        var cancel = own.Token;
        try
        {
            var result = await GraphEndpoint.ExecuteAsync(http, request, cancel);
            if (result.Streams is { Count: 1 } streams)
            {
                var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                using var listening = streams.Values.Single().Subscribe(new Sink(this, id, done));
                await done.Task.WaitAsync(cancel);
            }
            else if (result.Executed)
            {
                await SendAsync(id, "next", result);
            }
            else
            {
                Release();
                await SendAsync(id, "error", new ExecutionResult { Errors = result.Errors });
                return;
            }
            // Before the client hears of it: then the id is free again.
            Release();
            await SendAsync(new { id, type = "complete" });
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException)
        {
            // Unsubscribed, or gone.
        }
        catch (Exception exception)
        {
            GraphEndpoint.LogFailed(http, exception);
            await CloseAsync((int)WebSocketCloseStatus.InternalServerError, "Something went wrong that was not foreseen");
        }
        finally
        {
            Release();
        }

        // The id may belong to another subscription by then.
        void Release()
        {
            if (subscriptions.TryRemove(KeyValuePair.Create(id, own)))
            {
                own.Dispose();
            }
        }
    }

    private Task SendAsync(string id, string type, ExecutionResult payload) =>
        SendTextAsync($"{{\"id\":{JsonSerializer.Serialize(id)},\"type\":\"{type}\",\"payload\":{(type == "error" ? serializer.Serialize(payload.Errors) : serializer.Serialize(payload))}}}");

    private Task SendAsync(object message) => SendTextAsync(JsonSerializer.Serialize(message));

    private async Task SendTextAsync(string text)
    {
        await sending.WaitAsync(http.RequestAborted);
        try
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, http.RequestAborted);
        }
        finally
        {
            sending.Release();
        }
    }

    private async Task<string?> ReadAsync(CancellationToken cancel)
    {
        using var text = new MemoryStream();
        var buffer = new byte[4096];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer, cancel);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }
            text.Write(buffer, 0, part.Count);
            if (text.Length > MaxMessage)
            {
                throw new JsonException("The message is too large.");
            }
            if (part.EndOfMessage)
            {
                return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
            }
        }
    }

    private async Task CloseAsync(int code, string reason)
    {
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
        {
            await socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);
        }
    }

    private sealed class Sink(GraphSocket owner, string id, TaskCompletionSource done) : IObserver<ExecutionResult>
    {
        private Task last = Task.CompletedTask;

        // One after the other, in the order in which they came.
        public void OnNext(ExecutionResult value) => last = AfterAsync(last, () => owner.SendAsync(id, "next", value));

        public void OnError(Exception error) => last = AfterAsync(last, () =>
        {
            done.TrySetException(error);
            return Task.CompletedTask;
        });

        public void OnCompleted() => last = AfterAsync(last, () =>
        {
            done.TrySetResult();
            return Task.CompletedTask;
        });

        private async Task AfterAsync(Task before, Func<Task> act)
        {
            try
            {
                await before;
                await act();
            }
            catch (Exception exception)
            {
                done.TrySetException(exception);
            }
        }
    }
}
