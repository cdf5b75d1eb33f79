using System.Net;
using System.Text;
using Baton.Server.Egress;
using Baton.Server.Events;
using Baton.Server.Events.Subscriptions;
using Baton.Server.Events.Webhooks;
using Baton.Server.Settings;

namespace Baton.Server.Tests.Events;

public sealed class SubscriptionSenderTests : IDisposable
{
    private readonly HttpListener receiver = new();
    private readonly string url;

    public SubscriptionSenderTests()
    {
        using var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        url = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}/";
        probe.Stop();
        receiver.Prefixes.Add(url);
        receiver.Start();
    }

    public void Dispose() => receiver.Close();

    [Fact]
    public async Task An_event_is_sent_as_it_is_with_a_signature_that_can_be_checked()
    {
        var cloudEvent = EventSamples.Event("1", more: json => json["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        var sending = SendAsync(cloudEvent);
        var request = await AnswerAsync(204);
        Assert.Null((await sending).Failure);
        Assert.Equal("application/cloudevents+json; charset=utf-8", request.ContentType);
        Assert.Equal(Encoding.UTF8.GetString(cloudEvent.Json.Span), request.Body);
        Assert.True(Signatures.IsStandard(
            request.Headers["webhook-id"], request.Headers["webhook-timestamp"], request.Headers["webhook-signature"], "key", Encoding.UTF8.GetBytes(request.Body), TimeProvider.System.GetUtcNow()));
    }

    [Fact]
    public async Task The_id_of_the_message_stays_the_same_at_each_attempt()
    {
        var ids = new List<string?>();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var sending = SendAsync(EventSamples.Event("1"));
            ids.Add((await AnswerAsync(500)).Headers["webhook-id"]);
            Assert.Contains("500", (await sending).Failure, StringComparison.Ordinal);
        }
        Assert.Single(ids.Distinct());
    }

    [Fact]
    public async Task What_the_receiver_asks_for_is_done()
    {
        var sending = SendAsync(EventSamples.Event("1"));
        await AnswerAsync(429, ("Retry-After", "7"));
        Assert.Equal(TimeSpan.FromSeconds(7), (await sending).Delay);
        sending = SendAsync(EventSamples.Event("1"));
        await AnswerAsync(410);
        Assert.True((await sending).IsGone);
    }

    [Fact]
    public async Task The_policy_for_outgoing_calls_holds()
    {
        var outcome = await SendAsync(EventSamples.Event("1"), "http://169.254.169.254/latest");
        Assert.Contains("egress policy", outcome.Failure, StringComparison.Ordinal);
    }

    private async Task<SendOutcome> SendAsync(CloudEvent cloudEvent, string? to = null)
    {
        using var sender = new SubscriptionSender(
            new SecretTexts((name, _) => Task.FromResult(name == "hook" ? "key" : null)), new EgressHttp(new EgressPolicy(new EgressSettings())), TimeProvider.System);
        return await sender.SendAsync(new EventSubscription { Url = to ?? url, Pattern = ">", Secret = "secret://hook", MaxAttempts = 1, CreatedAt = default }, cloudEvent, default);
    }

    private async Task<(string? ContentType, System.Collections.Specialized.NameValueCollection Headers, string Body)> AnswerAsync(int status, params (string Name, string Value)[] headers)
    {
        var context = await receiver.GetContextAsync().WaitAsync(TimeSpan.FromSeconds(30));
        using var reader = new StreamReader(context.Request.InputStream);
        var body = await reader.ReadToEndAsync();
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers)
        {
            context.Response.AddHeader(name, value);
        }
        context.Response.Close();
        return (context.Request.ContentType, context.Request.Headers, body);
    }
}
