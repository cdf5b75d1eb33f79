using System.Buffers;
using Baton.Jq;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>
/// MQTT 3.1.1 and 5. Messages are sent and asked for with QoS 1 where the mqtt binding says no other. A subscription has a
/// session that outlives its connection, so that the broker keeps what comes between two rounds or while no worker lives,
/// and a message is acknowledged when the flow has it.
/// </summary>
internal sealed class MqttTransport(EgressHttp egress) : IMessageTransport
{
    private const uint SessionSeconds = 24 * 60 * 60;

    private readonly MqttClientFactory _factory = new();

    public IReadOnlyList<string> Protocols => ["mqtt", "mqtt5"];

    public async Task PublishAsync(AsyncApiTarget target, OutboundMessage message, string key, CancellationToken cancellationToken)
    {
        using var client = await ConnectAsync(target, $"baton-{Guid.NewGuid():N}", isClean: true, cancellationToken);
        var builder = new MqttApplicationMessageBuilder().WithTopic(target.Channel).WithPayload(message.Body)
            .WithQualityOfServiceLevel(Quality(target)).WithRetainFlag(target.Bindings["retain"].IsTruthy);
        if (target.Protocol == "mqtt5")
        {
            builder.WithUserProperty("Idempotency-Key", System.Text.Encoding.UTF8.GetBytes(key).AsMemory());
            foreach (var (name, value) in message.Headers)
            {
                builder.WithUserProperty(name, System.Text.Encoding.UTF8.GetBytes(value).AsMemory());
            }
        }
        try
        {
            var result = await client.PublishAsync(builder.Build(), cancellationToken);
            if (!result.IsSuccess)
            {
                throw new FlowFaultException(FlowErrors.Communication($"The broker refused the message: {result.ReasonCode} {result.ReasonString}"));
            }
            await client.DisconnectAsync(new MqttClientDisconnectOptions(), cancellationToken);
        }
        catch (MqttCommunicationException error)
        {
            throw target.Unreachable(error);
        }
    }

    public async Task<MessageFeed> OpenAsync(AsyncApiTarget target, CancellationToken cancellationToken)
    {
        IMqttClient? client = null;
        var feed = new MessageFeed(finished => CloseAsync(client!, target, finished));
        client = await ConnectAsync(target, target.Client, isClean: false, cancellationToken, received =>
        {
            received.AutoAcknowledge = false;
            var headers = received.ApplicationMessage.UserProperties?.Select(p => KeyValuePair.Create(p.Name, System.Text.Encoding.UTF8.GetString(p.ValueBuffer.Span))) ?? [];
            return feed.AddAsync(MessageFeed.Payload(received.ApplicationMessage.Payload.ToArray()), headers, () => received.AcknowledgeAsync(CancellationToken.None)).AsTask();
        }, lost => feed.End(lost.Exception ?? new EndOfStreamException("the connection was closed.")));
        try
        {
            await client.SubscribeAsync(target.WithWildcards("+"), Quality(target), cancellationToken);
            return feed;
        }
        catch (MqttCommunicationException error)
        {
            client.Dispose();
            throw target.Unreachable(error);
        }
    }

    /// <summary>A finished subscription leaves no session behind: connecting once more with a clean one ends it.</summary>
    private async ValueTask CloseAsync(IMqttClient client, AsyncApiTarget target, bool finished)
    {
        try
        {
            await client.DisconnectAsync(new MqttClientDisconnectOptions());
            if (finished)
            {
                using var last = await ConnectAsync(target, target.Client, isClean: true, CancellationToken.None);
                await last.DisconnectAsync(new MqttClientDisconnectOptions());
            }
        }
        catch (Exception error) when (error is MqttCommunicationException or MqttClientNotConnectedException or FlowFaultException)
        {
            // The broker is gone or refuses; then it is the one to end the session, after its time.
        }
        finally
        {
            client.Dispose();
        }
    }

    private async Task<IMqttClient> ConnectAsync(AsyncApiTarget target, string clientId, bool isClean, CancellationToken cancellationToken,
        Func<MqttApplicationMessageReceivedEventArgs, Task>? received = null, Action<MqttClientDisconnectedEventArgs>? lost = null)
    {
        var isTls = target.Server.Scheme is "mqtts" or "secure-mqtt" or "ssl";
        var port = target.Server.Port > 0 ? target.Server.Port : isTls ? 8883 : 1883;
        var allowed = await egress.ResolveAsync(target.Server.Host, cancellationToken);
        var options = new MqttClientOptionsBuilder().WithTcpServer(allowed[0].ToString(), port).WithClientId(clientId).WithCleanSession(isClean)
            .WithProtocolVersion(target.Protocol == "mqtt5" ? MQTTnet.Formatter.MqttProtocolVersion.V500 : MQTTnet.Formatter.MqttProtocolVersion.V311);
        if (target.Protocol == "mqtt5" && !isClean)
        {
            options.WithSessionExpiryInterval(SessionSeconds);
        }
        if (isTls)
        {
            options.WithTlsOptions(tls => tls.UseTls().WithTargetHost(target.Server.Host));
        }
        if (target.Authorization is not null)
        {
            options.WithCredentials(target.Credentials.User ?? "", target.Credentials.Password ?? "");
        }
        var client = _factory.CreateMqttClient();
        if (received is not null)
        {
            client.ApplicationMessageReceivedAsync += received;
        }
        client.DisconnectedAsync += gone =>
        {
            lost?.Invoke(gone);
            return Task.CompletedTask;
        };
        try
        {
            var answer = await client.ConnectAsync(options.Build(), cancellationToken);
            return answer.ResultCode switch
            {
                MqttClientConnectResultCode.Success => client,
                MqttClientConnectResultCode.NotAuthorized or MqttClientConnectResultCode.BadUserNameOrPassword =>
                    throw new FlowFaultException(FlowErrors.Authentication($"{target.Server.Host}:{port} refused the credentials: {answer.ResultCode}.")),
                var other => throw new FlowFaultException(FlowErrors.Communication($"{target.Server.Host}:{port} refused the connection: {other} {answer.ReasonString}", 503, "Service Unavailable")),
            };
        }
        catch (FlowFaultException)
        {
            client.Dispose();
            throw;
        }
        catch (MqttCommunicationException error)
        {
            client.Dispose();
            throw target.Unreachable(error);
        }
    }

    private static MqttQualityOfServiceLevel Quality(AsyncApiTarget target) =>
        target.Bindings["qos"].Kind == JqKind.Number && target.Bindings["qos"].GetDouble() is 0 or 2 ? (MqttQualityOfServiceLevel)(int)target.Bindings["qos"].GetDouble() : MqttQualityOfServiceLevel.AtLeastOnce;
}
