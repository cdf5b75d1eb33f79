using System.Collections.Concurrent;
using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>
/// <c>call: asyncapi</c>: publishes one message, or gives the next one of a subscription. A flow asks round by round (see
/// <see cref="Interpret.FlowInterpreter"/>); between rounds the subscription stays open here, under the id that each
/// answer carries. A worker that does not know the id opens another: what the broker does not keep is then missed, but
/// nothing is given twice.
/// </summary>
internal sealed class AsyncApiCalls : ICallHandler, IDisposable
{
    /// <summary>Longest wait of one round, below the five minutes that a call may take.</summary>
    private static readonly TimeSpan LongestRound = TimeSpan.FromMinutes(4);

    /// <summary>After this long without a round, a subscription is closed: its flow went elsewhere or is gone.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(10);

    private readonly FlowHost _host;
    private readonly HttpCalls _http;
    private readonly Authenticator _authenticator;
    private readonly Dictionary<string, IMessageTransport> _transports;
    private readonly ConcurrentDictionary<string, Subscription> _open = new();

    public AsyncApiCalls(FlowHost host, EgressHttp egress, HttpCalls http, Authenticator authenticator)
    {
        _host = host;
        _http = http;
        _authenticator = authenticator;
        IMessageTransport[] transports = [new HttpTransport(host, egress), new WebSocketTransport(host, egress), new NatsTransport(egress), new MqttTransport(egress)];
        _transports = transports.SelectMany(t => t.Protocols.Select(p => KeyValuePair.Create(p, t))).ToDictionary();
    }

    /// <summary>What the argument <c>protocol</c> may be.</summary>
    internal static string[] Protocols { get; } = ["http", "ws", "nats", "mqtt", "mqtt5"];

    public IReadOnlyList<string> Kinds => ["asyncapi"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var receive = context.Arguments["receive"];
        if (receive.IsNull)
        {
            var target = await TargetAsync(context, cancellationToken);
            await Transport(target).PublishAsync(target, Message(context.Arguments["message"]), context.Call.IdempotencyKey, cancellationToken);
            return JqValue.Null;
        }
        var key = receive["subscription"].GetString();
        var known = receive["feed"].TryGetString(out var id) ? id : null;
        if (receive["close"].IsTruthy)
        {
            await CloseAsync(key, known, finished: true);
            return JqValue.Null;
        }
        return await ReceiveAsync(context, key, known, receive, cancellationToken);
    }

    public void Dispose()
    {
        foreach (var key in _open.Keys)
        {
            _ = CloseAsync(key, null, finished: false);
        }
    }

    private async Task<JqValue> ReceiveAsync(CallContext context, string key, string? known, JqValue receive, CancellationToken cancellationToken)
    {
        if (!_open.TryGetValue(key, out var subscription) || subscription.Feed.Id != known)
        {
            await CloseAsync(key, null, finished: false);
            var target = await TargetAsync(context, cancellationToken) with { Client = $"baton-{key[..16]}" };
            subscription = new Subscription(target, await Transport(target).OpenAsync(target, cancellationToken), _host.Time.CreateTimer(_ => _ = CloseAsync(key, null, finished: false), null, Idle, Timeout.InfiniteTimeSpan));
            _open[key] = subscription;
        }
        subscription.Timer.Change(Idle, Timeout.InfiniteTimeSpan);
        var left = receive["seconds"].Kind == JqKind.Number ? TimeSpan.FromSeconds(Math.Max(0, receive["seconds"].GetDouble())) : TimeSpan.MaxValue;
        using var round = new CancellationTokenSource(left < LongestRound ? left : LongestRound, _host.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(round.Token, cancellationToken);
        try
        {
            var message = await subscription.Feed.ReadAsync(either.Token);
            message = JqValue.FromObject(message.EnumerateObject().Append(new("correlationId", subscription.Target.Correlate(message))));
            return JqValue.FromObject([new("feed", subscription.Feed.Id), new("message", message)]);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return JqValue.FromObject([new("feed", subscription.Feed.Id), new("over", left <= LongestRound)]);
        }
        catch (OperationCanceledException)
        {
            await CloseAsync(key, null, finished: false);
            throw;
        }
        catch (FlowFaultException)
        {
            await CloseAsync(key, null, finished: false);
            throw;
        }
    }

    private async Task CloseAsync(string key, string? id, bool finished)
    {
        if (_open.TryGetValue(key, out var subscription) && (id is null || subscription.Feed.Id == id) && _open.TryRemove(key, out _))
        {
            await subscription.Timer.DisposeAsync();
            await subscription.Feed.CloseAsync(finished);
        }
    }

    private async Task<AsyncApiTarget> TargetAsync(CallContext context, CancellationToken cancellationToken)
    {
        var resource = context.Arguments["document"];
        var location = resource["uri"].GetString();
        var document = Documents.Parse(await _http.FetchAsync(location, resource["authentication"], cancellationToken), location);
        return AsyncApiTarget.Resolve(document, location, context.Arguments) with { Authorization = await _authenticator.HeaderAsync(context.Authentication, cancellationToken) };
    }

    private IMessageTransport Transport(AsyncApiTarget target) => _transports.TryGetValue(target.Protocol, out var transport) ? transport
        : throw new FlowFaultException(FlowErrors.Configuration($"AsyncAPI calls go over {string.Join(", ", Protocols)}, not over '{target.Protocol}'."));

    private static OutboundMessage Message(JqValue message) => new(message["payload"], message["headers"].Kind == JqKind.Object
        ? [.. message["headers"].EnumerateObject().Select(h => KeyValuePair.Create(h.Key, h.Value.TryGetString(out var text) ? text : h.Value.ToJson()))]
        : []);

    private sealed record Subscription(AsyncApiTarget Target, MessageFeed Feed, ITimer Timer);
}
