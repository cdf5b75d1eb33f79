using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Baton.Server.Egress;
using Baton.Server.Errors;
using Baton.Server.Events.Log;
using Baton.Server.Events.Webhooks;

namespace Baton.Server.Events.Subscriptions;

/// <param name="Failure">Null for success.</param>
/// <param name="Delay">When the receiver asked for it.</param>
/// <param name="IsGone">The receiver wants no more events.</param>
internal sealed record SendOutcome(string? Failure, TimeSpan? Delay = null, bool IsGone = false);

/// <summary>
/// One attempt to send an event: structured CloudEvents JSON, signed as Standard Webhooks asks. The id of the message is that of the
/// event, the same at each attempt, so that the receiver can tell a repetition.
/// </summary>
internal sealed class SubscriptionSender : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);

    private readonly HttpClient http;
    private readonly SecretTexts secrets;
    private readonly TimeProvider time;

    public SubscriptionSender(SecretTexts secrets, EgressHttp egress, TimeProvider time)
    {
        http = new HttpClient(egress.CreateHandler()) { Timeout = Timeout };
        this.secrets = secrets;
        this.time = time;
    }

    public void Dispose() => http.Dispose();

    public async Task<SendOutcome> SendAsync(EventSubscription subscription, CloudEvent cloudEvent, CancellationToken cancel)
    {
        using var span = EventTracing.Deliver(cloudEvent, "subscriptions");
        try
        {
            using var request = CreateRequest(subscription, cloudEvent, await secrets.FindAsync(subscription.Secret, cancel));
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
            return response switch
            {
                { IsSuccessStatusCode: true } => new(null),
                { StatusCode: HttpStatusCode.Gone } => new("the receiver answered 410, it wants no more events", IsGone: true),
                _ => new($"the receiver answered {(int)response.StatusCode}", DelayOf(response.Headers.RetryAfter)),
            };
        }
        catch (BatonException error)
        {
            return new(error.Message);
        }
        catch (HttpRequestException error)
        {
            return new((error.InnerException as BatonException)?.Message ?? error.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new(string.Create(CultureInfo.InvariantCulture, $"the receiver did not answer within {Timeout.TotalSeconds} s"));
        }
    }

    private HttpRequestMessage CreateRequest(EventSubscription subscription, CloudEvent cloudEvent, string secret)
    {
        var id = $"evt_{cloudEvent.Identity.ToString("x32", CultureInfo.InvariantCulture)}";
        var seconds = time.GetUtcNow().ToUnixTimeSeconds();
        var request = new HttpRequestMessage(HttpMethod.Post, subscription.Url)
        {
            Content = new ByteArrayContent(cloudEvent.Json.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/cloudevents+json", "utf-8") } },
        };
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", Signatures.Sign(secret, id, seconds, cloudEvent.Json.Span));
        // With a span of its own the client names that.
        foreach (var name in Activity.Current is null ? (string[])["traceparent", "tracestate"] : [])
        {
            if (cloudEvent.Attribute(name) is { } value)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }
        return request;
    }

    private TimeSpan? DelayOf(RetryConditionHeaderValue? header)
    {
        var delay = header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() : null);
        return delay is { } asked ? TimeSpan.FromTicks(Math.Clamp(asked.Ticks, 0, LongestDelay.Ticks)) : null;
    }
}
