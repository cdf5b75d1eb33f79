using System.Security.Cryptography;
using System.Text.Json;
using Baton.Server.Errors;
using Baton.Server.Events.Log;

namespace Baton.Server.Events.Webhooks;

/// <summary>Turns what arrives at a webhook into events, once its signature has been found right.</summary>
internal sealed class WebhookReceiver(SecretTexts secrets, EventIntake intake, TimeProvider time)
{
    /// <exception cref="BatonException">The signature is wrong, or the message is none of this kind.</exception>
    public async Task<IReadOnlyList<AppendedEvent>> ReceiveAsync(WebhookSource source, WebhookMessage message, CancellationToken cancel)
    {
        var secret = await secrets.FindAsync(source.Secret, cancel);
        if (!WebhookForms.IsSigned(source, message, secret, time.GetUtcNow()))
        {
            throw new BatonException(
                ErrorCodes.BadSignature, "the signature of the webhook is not right", "it is missing, was made with another secret or over another body, or its time is too far off",
                "give sender and server the same secret, and see that both clocks are right");
        }
        using var body = Parse(message.Body);
        var events = WebhookForms.Read(source.Kind, message, body?.RootElement ?? default).Select(item => Create(source, message, item)).ToList();
        return events.Count > 0
            ? await intake.TakeAsync(events, $"webhook:{source.Name}", cancel)
            : throw new BatonException(ErrorCodes.InvalidInput, $"the message is none of {source.Kind}", null, "send what the sender's documentation describes, or change the kind of the webhook");
    }

    private static CloudEvent Create(WebhookSource source, WebhookMessage message, WebhookEvent item)
    {
        var data = item.Data ?? message.Body;
        var traceparent = message.Header("traceparent");
        var json = CloudEventWriter.Write(
            [
                new("id", item.Id ?? Convert.ToHexStringLower(SHA256.HashData(data))),
                new("source", source.Source ?? (Uri.IsWellFormedUriString(item.Source, UriKind.RelativeOrAbsolute) ? item.Source : null) ?? $"/webhooks/{source.Name}"),
                new("type", item.Type),
                new("subject", item.Subject),
                new("webhook", source.Name),
                new("traceparent", traceparent),
                new("tracestate", traceparent is null ? null : message.Header("tracestate")),
            ],
            item.Data is null ? message.ContentType ?? "application/octet-stream" : "application/json", data);
        if (json.Length > CloudEventRules.MaxBytes)
        {
            throw new BatonException(
                ErrorCodes.TooLarge, "the message is too long for an event", $"it has {data.Length} bytes, and an event may have {CloudEventRules.MaxBytes} with all its attributes",
                "have the sender leave out what is not needed");
        }
        return CloudEvent.TryParse(json, out var cloudEvent, out var problems)
            ? cloudEvent : throw new BatonException(ErrorCodes.InvalidEvent, "the message makes no valid CloudEvent", string.Join("; ", problems), "correct what is named");
    }

    private static JsonDocument? Parse(byte[] body)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            // Forms and other texts are data as well; they have no fields to read.
            return null;
        }
    }
}
