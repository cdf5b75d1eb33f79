using Baton.Jq;
using NATS.Client.Core;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>
/// Core NATS: the channel's address is the subject, with dots for slashes. The idempotency key goes along as
/// <c>Nats-Msg-Id</c>, by which a JetStream stream on the subject drops what was published twice. A subscription hears
/// what is published while it lives.
/// </summary>
internal sealed class NatsTransport(EgressHttp egress) : IMessageTransport
{
    public IReadOnlyList<string> Protocols => ["nats"];

    public async Task PublishAsync(AsyncApiTarget target, OutboundMessage message, string key, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(target, cancellationToken);
        var headers = new NatsHeaders { ["Nats-Msg-Id"] = key };
        foreach (var (name, value) in message.Headers)
        {
            headers[name] = value;
        }
        await connection.PublishAsync(Subject(target.Channel), message.Body, headers, cancellationToken: cancellationToken);
        // The server has it when it has answered what was sent after it.
        await connection.PingAsync(cancellationToken);
    }

    public async Task<MessageFeed> OpenAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        var connection = await ConnectAsync(target, cancellationToken);
        var stop = new CancellationTokenSource();
        var feed = new MessageFeed(async _ =>
        {
            await stop.CancelAsync();
            await connection.DisposeAsync();
        });
        var queue = target.Bindings["queue"].TryGetString(out var name) ? name : null;
        var subscription = await connection.SubscribeCoreAsync<byte[]>(Subject(target.WithWildcards("*")), queue, cancellationToken: cancellationToken);
        await connection.PingAsync(cancellationToken);
        _ = PumpAsync(feed, subscription, stop.Token);
        return feed;
    }

    private static async Task PumpAsync(MessageFeed feed, INatsSub<byte[]> subscription, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var message in subscription.Msgs.ReadAllAsync(cancellationToken))
            {
                var headers = message.Headers?.Select(h => KeyValuePair.Create(h.Key, h.Value.ToString())) ?? [];
                await feed.AddAsync(MessageFeed.Payload(message.Data), headers, null, cancellationToken);
            }
            feed.End(new EndOfStreamException("the connection was closed."));
        }
        catch (Exception error) when (error is NatsException or OperationCanceledException)
        {
            feed.End(error);
        }
    }

    private async Task<NatsConnection> ConnectAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        var isTls = target.Server.Scheme == "tls";
        var (user, password) = target.Credentials;
        var port = target.Server.Port > 0 ? target.Server.Port : 4222;
        var allowed = await egress.ResolveAsync(target.Server.Host, cancellationToken);
        var connection = new NatsConnection(new NatsOpts
        {
            // A certificate is for the name; without one, the address is the one that was checked.
            Url = isTls ? $"tls://{target.Server.Host}:{port}" : $"nats://{(allowed[0].AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{allowed[0]}]" : allowed[0].ToString())}:{port}",
            Name = "baton-flows",
            AuthOpts = user is not null ? new NatsAuthOpts { Username = user, Password = password } : password is not null ? new NatsAuthOpts { Token = password } : NatsAuthOpts.Default,
            // A server may name others to go to; none of them has passed the policy.
            NoRandomize = true,
            MaxReconnectRetry = 0,
        });
        try
        {
            await connection.ConnectAsync();
            return connection;
        }
        catch (NatsException error)
        {
            await connection.DisposeAsync();
            throw target.Unreachable(error);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static string Subject(string channel) => channel.Trim('/').Replace('/', '.');
}
