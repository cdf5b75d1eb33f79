using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Events.Webhooks;

/// <summary>What arrived at a webhook.</summary>
internal sealed record WebhookMessage(IHeaderDictionary Headers, string? ContentType, byte[] Body)
{
    public string? Header(string name) => Headers[name] is [{ Length: > 0 } value, ..] ? value : null;
}

/// <param name="Id">Of the delivery; null where the sender gives none, and the body must do.</param>
/// <param name="Data">In place of the message's body.</param>
internal sealed record WebhookEvent(string Type, string? Id, string? Source, string? Subject, byte[]? Data = null);

/// <summary>How each sender signs, and what its messages mean as events.</summary>
internal static class WebhookForms
{
    /// <param name="secret">What the source's reference stands for.</param>
    public static bool IsSigned(WebhookSource source, WebhookMessage message, string secret, DateTimeOffset now) => source.Kind switch
    {
        WebhookKind.Github => Signatures.IsHmac(Without("sha256=", message.Header("X-Hub-Signature-256")), secret, message.Body),
        WebhookKind.Gitlab => Signatures.Equal(message.Header("X-Gitlab-Token"), secret),
        WebhookKind.Gitea => Signatures.IsHmac(message.Header("X-Forgejo-Signature") ?? message.Header("X-Gitea-Signature"), secret, message.Body),
        WebhookKind.Sourcehut => Signatures.IsEd25519(
            message.Header("X-Payload-Signature"), secret, [.. message.Body, .. Encoding.UTF8.GetBytes(message.Header("X-Payload-Nonce") ?? "")]),
        WebhookKind.Alertmanager => Signatures.Equal(message.Header("Authorization"), $"Bearer {secret}"),
        WebhookKind.Standard => Signatures.IsStandard(
            message.Header("webhook-id"), message.Header("webhook-timestamp"), message.Header("webhook-signature"), secret, message.Body, now),
        _ => Signatures.IsHmac(Without("sha256=", message.Header(source.SignatureHeader ?? "X-Signature")), secret, message.Body),
    };

    /// <param name="body">Of the message; undefined where it is no JSON.</param>
    public static IEnumerable<WebhookEvent> Read(WebhookKind kind, WebhookMessage message, JsonElement body)
    {
        switch (kind)
        {
            case WebhookKind.Github:
                return [new(
                    Join("com.github", message.Header("X-GitHub-Event") ?? "event", Text(body, "action")), message.Header("X-GitHub-Delivery"),
                    Text(body, "repository", "html_url") ?? Text(body, "organization", "url"), Text(body, "ref") ?? Text(body, "pull_request", "html_url") ?? Text(body, "issue", "html_url"))];
            case WebhookKind.Gitlab:
                return [new(
                    Join("com.gitlab", Text(body, "object_kind") ?? Text(body, "event_name") ?? "event", Text(body, "object_attributes", "action")),
                    message.Header("Idempotency-Key") ?? message.Header("X-Gitlab-Event-UUID"),
                    Text(body, "project", "web_url"), Text(body, "ref") ?? Text(body, "object_attributes", "url"))];
            case WebhookKind.Gitea:
                var isForgejo = message.Header("X-Forgejo-Event") is not null;
                return [new(
                    Join(isForgejo ? "org.forgejo" : "com.gitea", message.Header("X-Forgejo-Event") ?? message.Header("X-Gitea-Event") ?? "event", Text(body, "action")),
                    message.Header("X-Forgejo-Delivery") ?? message.Header("X-Gitea-Delivery"),
                    Text(body, "repository", "html_url"), Text(body, "ref") ?? Text(body, "pull_request", "html_url") ?? Text(body, "issue", "html_url"))];
            case WebhookKind.Sourcehut:
                var name = message.Header("X-Webhook-Event") ?? Text(body, "data", "webhook", "event") ?? "event";
                return [new(
                    Join("ht.sr", name.ToLowerInvariant().Replace(':', '.').Replace('_', '.'), null), message.Header("X-Webhook-Delivery") ?? Text(body, "data", "webhook", "uuid"),
                    null, Text(body, "data", "webhook", "repository", "name"))];
            case WebhookKind.Alertmanager:
                return Alerts(body);
            default:
                return [new(Text(body, "type") is { Length: > 0 and <= 200 } type ? type : "webhook.received", message.Header("webhook-id"), null, null)];
        }
    }

    /// <summary>One event for each alert of the group. What makes it one is the alert, its state, and since when.</summary>
    private static IEnumerable<WebhookEvent> Alerts(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("alerts", out var alerts) || alerts.ValueKind != JsonValueKind.Array)
        {
            yield break;
        }
        foreach (var alert in alerts.EnumerateArray())
        {
            var status = Text(alert, "status") ?? "firing";
            var fingerprint = Text(alert, "fingerprint");
            var since = Text(alert, status == "resolved" ? "endsAt" : "startsAt");
            yield return new(
                Join("io.prometheus.alert", status, null), fingerprint is null ? null : $"{fingerprint}-{status}-{since}", Text(body, "externalURL"),
                Text(alert, "labels", "alertname") ?? fingerprint, Encoding.UTF8.GetBytes(alert.GetRawText()));
        }
    }

    private static string Join(string prefix, string name, string? action) => string.IsNullOrEmpty(action) ? $"{prefix}.{name}" : $"{prefix}.{name}.{action}";

    private static string? Without(string prefix, string? value) =>
        value is not null && value.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? value[prefix.Length..] : value;

    private static string? Text(JsonElement element, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }
        return element.ValueKind == JsonValueKind.String && element.GetString() is { Length: > 0 and <= CloudEventRules.MaxLength } text && !text.Any(char.IsControl) ? text : null;
    }
}
