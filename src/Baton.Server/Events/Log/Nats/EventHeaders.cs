using System.Globalization;
using NATS.Client.Core;
using NATS.Client.JetStream;

namespace Baton.Server.Events.Log.Nats;

/// <summary>Headers of the messages: what CloudEvents' NATS binding asks for in structured mode, the trace, and Baton's own on dead letters.</summary>
internal static class EventHeaders
{
    private const string MessageId = "Nats-Msg-Id";
    private const string Offset = "Baton-Offset";
    private const string At = "Baton-At";
    private const string Attempts = "Baton-Attempts";
    private const string Reason = "Baton-Reason";

    public static NatsHeaders Of(CloudEvent cloudEvent)
    {
        var headers = new NatsHeaders
        {
            ["Content-Type"] = "application/cloudevents+json",
            [MessageId] = cloudEvent.Identity.ToString("x32", CultureInfo.InvariantCulture),
        };
        foreach (var name in (string[])["traceparent", "tracestate"])
        {
            if (cloudEvent.Attribute(name) is { } value)
            {
                headers[name] = value;
            }
        }
        return headers;
    }

    public static NatsHeaders OfRequeued(LoggedEvent logged, string messageId)
    {
        var headers = Of(logged.Event);
        headers[MessageId] = messageId;
        headers[Offset] = logged.Offset.ToString(CultureInfo.InvariantCulture);
        headers[At] = logged.At.ToString("O", CultureInfo.InvariantCulture);
        return headers;
    }

    public static NatsHeaders OfDead(LoggedEvent logged, string messageId, int attempts, string reason)
    {
        var headers = OfRequeued(logged, messageId);
        headers[Attempts] = attempts.ToString(CultureInfo.InvariantCulture);
        headers[Reason] = Uri.EscapeDataString(reason);
        return headers;
    }

    /// <summary>The event as it first was in the log; null for a message that is no dead letter or requeued one.</summary>
    public static LoggedEvent? ReadLogged(NatsHeaders? headers, byte[]? json) =>
        json is not null && headers is not null && headers.TryGetValue(Offset, out var offset) && headers.TryGetValue(At, out var at)
            ? new LoggedEvent(
                long.Parse(offset.ToString(), CultureInfo.InvariantCulture), DateTimeOffset.Parse(at.ToString(), CultureInfo.InvariantCulture), CloudEvent.Parse(json))
            : null;

    /// <param name="prefix">Length of the subject before the consumer's name.</param>
    public static DeadLetter ReadDead(INatsJSMsg<byte[]> message, int prefix) => new(
        (long)message.Metadata!.Value.Sequence.Stream, message.Subject[prefix..], ReadLogged(message.Headers, message.Data)!,
        int.Parse(message.Headers![Attempts].ToString(), CultureInfo.InvariantCulture), Uri.UnescapeDataString(message.Headers[Reason].ToString()),
        message.Metadata.Value.Timestamp);
}
