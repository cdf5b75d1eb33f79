using System.Net.WebSockets;
using System.Text;
using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>HTTP: a message is a request (POST, or what the http binding says), a subscription a GET that streams server-sent events or lines of JSON.</summary>
internal sealed class HttpTransport(FlowHost host, EgressHttp egress) : IMessageTransport
{
    public IReadOnlyList<string> Protocols => ["http"];

    public async Task PublishAsync(AsyncApiTarget target, OutboundMessage message, string key, CancellationToken cancellationToken)
    {
        var reply = await egress.SendAsync((uri, same) =>
        {
            var request = Request(target, target.Bindings["method"].TryGetString(out var method) ? method.ToUpperInvariant() : "POST", uri);
            request.Content = HttpContents.Body(message.Payload, message.Headers.FirstOrDefault(h => h.Key.Equals("content-type", StringComparison.OrdinalIgnoreCase)).Value);
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            foreach (var (name, value) in message.Headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
            return request;
        }, Address(target), follow: false, cancellationToken);
        if (reply.Status is < 200 or >= 300)
        {
            throw new FlowFaultException(FlowErrors.Communication($"{reply.Method} {reply.Uri} answered {reply.Status} {reply.Reason}.", reply.Status, reply.Reason ?? "Communication error"));
        }
    }

    public async Task<MessageFeed> OpenAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        var client = new HttpClient(egress.Handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        var request = Request(target, "GET", Address(target));
        request.Headers.Accept.ParseAdd("text/event-stream, application/x-ndjson, application/jsonl");
        HttpResponseMessage response;
        try
        {
            response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException error)
        {
            throw EgressHttp.FindFault(error) ?? target.Unreachable(error);
        }
        var media = response.Content.Headers.ContentType?.MediaType;
        if (!response.IsSuccessStatusCode || media is not ("text/event-stream" or "application/x-ndjson" or "application/jsonl"))
        {
            response.Dispose();
            throw new FlowFaultException(response.IsSuccessStatusCode
                ? FlowErrors.Configuration($"GET {request.RequestUri} answers with '{media}', not with a stream of events or of JSON lines.")
                : FlowErrors.Communication($"GET {request.RequestUri} answered {(int)response.StatusCode} {response.ReasonPhrase}.", (int)response.StatusCode, response.ReasonPhrase ?? "Communication error"));
        }
        var stop = new CancellationTokenSource();
        var feed = new MessageFeed(_ =>
        {
            stop.Cancel();
            response.Dispose();
            client.Dispose();
            return ValueTask.CompletedTask;
        });
        _ = PumpAsync(feed, response, media == "text/event-stream", stop.Token);
        return feed;
    }

    private async Task PumpAsync(MessageFeed feed, HttpResponseMessage response, bool isEvents, CancellationToken cancellationToken)
    {
        try
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken), Encoding.UTF8);
            var data = new StringBuilder();
            while (await reader.ReadLineAsync(cancellationToken) is { } line)
            {
                if (isEvents && line.StartsWith("data:", StringComparison.Ordinal))
                {
                    data.Append(data.Length == 0 ? "" : "\n").Append(line.AsSpan(5).TrimStart());
                }
                else if (!isEvents)
                {
                    data.Append(line);
                }
                if (data.Length > host.Policy.MaxResponseBytes)
                {
                    throw new FlowFaultException(FlowErrors.Communication($"A message is larger than {host.Policy.MaxResponseBytes:N0} bytes.", 502, "Response too large"));
                }
                if ((line.Length == 0 || !isEvents) && data.Length > 0)
                {
                    await feed.AddAsync(MessageFeed.Payload(Encoding.UTF8.GetBytes(data.ToString())), [], null, cancellationToken);
                    data.Clear();
                }
            }
            feed.End(new EndOfStreamException("the server closed the stream."));
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or FlowFaultException or HttpRequestException or ObjectDisposedException)
        {
            feed.End(error);
        }
    }

    private static Uri Address(AsyncApiTarget target) => HttpCalls.Address($"{target.Server.ToString().TrimEnd('/')}/{target.Channel.TrimStart('/')}", JqValue.Null);

    private static HttpRequestMessage Request(AsyncApiTarget target, string method, Uri uri)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), uri);
        request.Headers.Authorization = target.Authorization;
        return request;
    }
}

/// <summary>WebSocket: the channel is the path of the connection; a message is one text message.</summary>
internal sealed class WebSocketTransport(FlowHost host, EgressHttp egress) : IMessageTransport
{
    public IReadOnlyList<string> Protocols => ["ws"];

    public async Task PublishAsync(AsyncApiTarget target, OutboundMessage message, string key, CancellationToken cancellationToken)
    {
        using var socket = await ConnectAsync(target, cancellationToken);
        try
        {
            await socket.SendAsync(message.Body, WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken);
        }
        catch (WebSocketException error)
        {
            throw target.Unreachable(error);
        }
    }

    public async Task<MessageFeed> OpenAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        var socket = await ConnectAsync(target, cancellationToken);
        var stop = new CancellationTokenSource();
        var feed = new MessageFeed(_ =>
        {
            stop.Cancel();
            socket.Dispose();
            return ValueTask.CompletedTask;
        });
        _ = PumpAsync(feed, socket, stop.Token);
        return feed;
    }

    private async Task PumpAsync(MessageFeed feed, ClientWebSocket socket, CancellationToken cancellationToken)
    {
        try
        {
            var buffer = new byte[16 * 1024];
            using var body = new MemoryStream();
            while (await socket.ReceiveAsync(buffer, cancellationToken) is { MessageType: not WebSocketMessageType.Close } part)
            {
                if (body.Length + part.Count > host.Policy.MaxResponseBytes)
                {
                    throw new FlowFaultException(FlowErrors.Communication($"A message is larger than {host.Policy.MaxResponseBytes:N0} bytes.", 502, "Response too large"));
                }
                body.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    await feed.AddAsync(MessageFeed.Payload(body.ToArray()), [], null, cancellationToken);
                    body.SetLength(0);
                }
            }
            feed.End(new EndOfStreamException("the server closed the connection."));
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or FlowFaultException or ObjectDisposedException)
        {
            feed.End(error);
        }
    }

    private async Task<ClientWebSocket> ConnectAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        if (target.Authorization is { } authorization)
        {
            socket.Options.SetRequestHeader("Authorization", authorization.ToString());
        }
        using var invoker = new HttpMessageInvoker(egress.Handler, disposeHandler: false);
        try
        {
            await socket.ConnectAsync(new Uri($"{target.Server.ToString().TrimEnd('/')}/{target.Channel.TrimStart('/')}"), invoker, cancellationToken);
            return socket;
        }
        catch (WebSocketException error)
        {
            socket.Dispose();
            throw EgressHttp.FindFault(error) ?? target.Unreachable(error);
        }
    }
}
