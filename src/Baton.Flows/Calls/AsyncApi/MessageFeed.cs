using System.Text;
using System.Threading.Channels;
using Baton.Jq;

namespace Baton.Flows.Calls.AsyncApi;

/// <summary>A way to send messages to channels and to receive them, for one or more protocols.</summary>
internal interface IMessageTransport
{
    IReadOnlyList<string> Protocols { get; }

    /// <param name="key">The call's idempotency key, for protocols that can pass it on.</param>
    Task PublishAsync(AsyncApiTarget target, OutboundMessage message, string key, CancellationToken cancellationToken);

    /// <summary>Subscribes. What comes from then on is in the feed.</summary>
    Task<MessageFeed> OpenAsync(AsyncApiTarget target, CancellationToken cancellationToken);
}

internal sealed record OutboundMessage(JqValue Payload, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    /// <summary>Text as it is, anything else as JSON.</summary>
    public byte[] Body => Payload.TryGetString(out var text) ? Encoding.UTF8.GetBytes(text) : Payload.ToUtf8Json();
}

/// <summary>
/// Messages of one subscription between two rounds of a flow. A message counts as taken when the next one is asked for,
/// as only then the flow has it in its history; where the protocol has acknowledgements, this is when one is sent.
/// </summary>
internal sealed class MessageFeed(Func<bool, ValueTask> close)
{
    private const int MaxWaiting = 1_000;

    private readonly Channel<(JqValue Message, Func<Task>? Taken)> _messages = Channel.CreateBounded<(JqValue, Func<Task>?)>(MaxWaiting);

    private Func<Task>? _taken;

    public string Id { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Adds a message; waits while a thousand others wait.</summary>
    public ValueTask AddAsync(JqValue payload, IEnumerable<KeyValuePair<string, string>> headers, Func<Task>? taken = null, CancellationToken cancellationToken = default) =>
        _messages.Writer.WriteAsync((JqValue.FromObject([new("payload", payload), new("headers", JqValue.FromObject(headers.Select(h => KeyValuePair.Create(h.Key, JqValue.From(h.Value)))))]), taken), cancellationToken);

    /// <summary>Ends the feed; the reader gets the error after the messages that came before.</summary>
    public void End(Exception error) => _messages.Writer.TryComplete(error);

    /// <exception cref="FlowFaultException">The subscription has ended.</exception>
    public async Task<JqValue> ReadAsync(CancellationToken cancellationToken)
    {
        await TakenAsync();
        try
        {
            var (message, taken) = await _messages.Reader.ReadAsync(cancellationToken);
            _taken = taken;
            return message;
        }
        catch (ChannelClosedException closed)
        {
            throw closed.InnerException as FlowFaultException ?? new FlowFaultException(FlowErrors.Communication($"The subscription ended: {closed.InnerException?.Message}", 502, "Bad Gateway"));
        }
    }

    /// <param name="finished">Whether the subscription is over; if not, the broker may keep messages for the next feed.</param>
    public async ValueTask CloseAsync(bool finished)
    {
        if (finished)
        {
            await TakenAsync();
        }
        _messages.Writer.TryComplete();
        await close(finished);
    }

    private async Task TakenAsync()
    {
        if (Interlocked.Exchange(ref _taken, null) is { } taken)
        {
            await taken();
        }
    }

    /// <summary>A payload as a value: JSON where it is JSON, else text, else Base64.</summary>
    public static JqValue Payload(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            return JqValue.Null;
        }
        try
        {
            return JqValue.Parse(body);
        }
        catch (JqJsonException)
        {
            return System.Text.Unicode.Utf8.IsValid(body) ? Encoding.UTF8.GetString(body) : Convert.ToBase64String(body);
        }
    }
}
