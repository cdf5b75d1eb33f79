using System.Text.Json.Nodes;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Baton.Server.Tests.Events;

/// <summary>The trace of who sent an event, through NATS and out to a subscription.</summary>
public sealed class EventTracingTests(NatsServer nats) : IClassFixture<NatsServer>
{
    [Fact]
    public async Task A_trace_goes_through_the_headers_of_NATS_and_on_through_an_outgoing_webhook()
    {
        await using var server = await TestServer.StartAsync(("Events:Nats", nats.Url), ("Events:NatsStream", "TRACE"), ("Events:NatsPrefix", "trace"), ("Http:RequestsPerSecond", "0"));
        await using var target = await CountingTarget.StartAsync();
        await server.Http.CallAsync(HttpMethod.Put, "secrets/hook", """{"value":"of the hook"}""");
        await server.Http.PostAsync("event-subscriptions", $$"""{"url":"{{target.Url}}/hook","secret":"secret://hook","pattern":"order.placed"}""");

        await server.Http.PostAsync("events", """{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed"}""");

        var called = (await target.CallAsync(1)).Headers["traceparent"].Split('-');
        await using var connection = new NatsConnection(new() { Url = nats.Url });
        var stored = await new NatsJSContext(connection).CreateOrUpdateConsumerAsync("TRACE", new ConsumerConfig());
        var message = await stored.NextAsync<string>(opts: new() { Expires = TimeSpan.FromSeconds(30) });
        // The event names the request that brought it; the message names, in the same trace, what sent it to NATS.
        var sender = ((string)JsonNode.Parse(message!.Data!)!["traceparent"]!).Split('-');
        Assert.StartsWith($"00-{sender[1]}-", $"{message.Headers!["traceparent"]}", StringComparison.Ordinal);
        Assert.Equal(sender[1], called[1]);
        // One tree: the call to the receiver hangs on the delivery, and that on the request.
        JsonArray spans;
        do
        {
            spans = (await server.Http.ReadAsync($"traces/{sender[1]}"))["spans"]!.AsArray();
        }
        while (!spans.Any(span => (string?)span!["spanId"] == called[2]));
        var call = spans.Single(span => (string?)span!["spanId"] == called[2])!;
        var delivery = spans.Single(span => (string?)span!["spanId"] == (string?)call["parentId"])!;
        Assert.Equal(("deliver order.placed", sender[2]), ((string?)delivery["name"], (string?)delivery["parentId"]));
    }
}
