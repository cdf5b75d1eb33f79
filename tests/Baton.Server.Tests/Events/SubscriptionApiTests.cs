using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Events.Webhooks;

namespace Baton.Server.Tests.Events;

/// <summary>Subscriptions over HTTP, with a receiver that looks at what it gets.</summary>
public sealed class SubscriptionApiTests : IAsyncLifetime
{
    private const string Type = "order.placed";

    private TestServer server = null!;
    private CountingTarget target = null!;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync(("Http:RequestsPerSecond", "0"));
        target = await CountingTarget.StartAsync();
        await server.Http.CallAsync(HttpMethod.Put, "secrets/first", """{"value":"the first key"}""");
        await server.Http.CallAsync(HttpMethod.Put, "secrets/second", """{"value":"the second key"}""");
    }

    public async ValueTask DisposeAsync()
    {
        await target.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_subscription_is_made_shown_changed_and_deleted()
    {
        await PublishAsync("before");
        var made = await SubscribeAsync("/hook", """ "pattern":"order.*" """);
        Assert.Equal(("order.*", 10, true), ((string?)made["pattern"], (int)made["maxAttempts"]!, (bool)made["enabled"]!));
        Assert.Equal($"{made["id"]}", (string?)Assert.Single((JsonArray)await server.Http.ReadAsync("event-subscriptions"))!["id"]);

        await PublishAsync("a");
        AssertSigned(await target.CallAsync(1), "a", "the first key");

        // Its secret is rotated: what is sent from then on is signed with the other.
        var changed = await server.Http.CallAsync(HttpMethod.Put, $"event-subscriptions/{made["id"]}", $$"""{"url":"{{target.Url}}/hook","secret":"secret://second","pattern":"order.*"}""");
        Assert.Equal(HttpStatusCode.OK, changed.Status);
        Assert.Equal("secret://second", (string?)(await server.Http.ReadAsync($"event-subscriptions/{made["id"]}"))["secret"]);
        for (var number = 2; ; number++)
        {
            // The worker of before may have taken one more.
            await PublishAsync($"b{number}");
            if (IsSigned(await target.CallAsync(number), "the second key"))
            {
                break;
            }
        }

        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.CallAsync(HttpMethod.Delete, $"event-subscriptions/{made["id"]}")).Status);
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Delete })
        {
            Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(method, $"event-subscriptions/{made["id"]}")).Status);
        }
        Assert.DoesNotContain((JsonArray)await server.Http.ReadAsync("events/consumers"), consumer => $"{consumer!["name"]}".StartsWith("subscription", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"url":"ftp://example.com","secret":"secret://first"}""")]
    [InlineData("""{"url":"/relative","secret":"secret://first"}""")]
    [InlineData("""{"url":"http://user:password@example.com","secret":"secret://first"}""")]
    [InlineData("""{"url":"http://example.com","secret":"plain text"}""")]
    [InlineData("""{"url":"http://example.com"}""")]
    [InlineData("""{"url":"http://example.com","secret":"secret://first","pattern":"a.>.b"}""")]
    [InlineData("""{"url":"http://example.com","secret":"secret://first","maxAttempts":0}""")]
    [InlineData("""{"url":"http://example.com","secret":"secret://first","maxAttempts":101}""")]
    [InlineData("""{"url":7,"secret":"secret://first"}""")]
    [InlineData("[]")]
    public async Task Bad_input_makes_and_changes_nothing(string body)
    {
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.CallAsync(HttpMethod.Post, "event-subscriptions", body)).Status);
        Assert.Empty((JsonArray)await server.Http.ReadAsync("event-subscriptions"));
        var made = await SubscribeAsync("/hook", "\"pattern\":\"order.*\"");
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.CallAsync(HttpMethod.Put, $"event-subscriptions/{made["id"]}", body)).Status);
        Assert.Equal("order.*", (string?)(await server.Http.ReadAsync($"event-subscriptions/{made["id"]}"))["pattern"]);
    }

    [Fact]
    public async Task What_is_given_up_is_a_dead_letter_that_can_be_sent_again()
    {
        target.Failing = "/hook";
        await SubscribeAsync("/hook", "\"maxAttempts\":1");
        await PublishAsync("a");
        var letter = await DeadLetterAsync();
        Assert.Equal(("the receiver answered 500", 1, "a"), ((string?)letter["reason"], (int)letter["attempts"]!, (string?)letter["event"]!["id"]));

        target.Failing = "";
        await server.Http.PostAsync($"events/dead-letters/{letter["id"]}/requeue");
        var (first, again) = (await target.CallAsync(1), await target.CallAsync(2));
        Assert.Equal(first.Headers["webhook-id"], again.Headers["webhook-id"]);
        Assert.Equal(first.Body, again.Body);
    }

    [Fact]
    public async Task An_address_is_tried_out_without_an_event_in_the_log()
    {
        var made = await SubscribeAsync("/hook", "\"pattern\":\"never.sent\"");
        Assert.True((bool)(await server.Http.PostAsync($"event-subscriptions/{made["id"]}/test"))["delivered"]!);
        var call = await target.CallAsync(1);
        Assert.True(IsSigned(call, "the first key"));
        Assert.Equal("baton.subscription.test", (string?)JsonNode.Parse(call.Body)!["type"]);
        target.Failing = "/hook";
        var failed = await server.Http.PostAsync($"event-subscriptions/{made["id"]}/test");
        Assert.Equal((false, "the receiver answered 500"), ((bool)failed["delivered"]!, (string?)failed["failure"]));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Post, $"event-subscriptions/{Guid.NewGuid()}/test")).Status);
        Assert.Empty((await server.Http.ReadAsync("events?type=baton.subscription.>"))["items"]!.AsArray());
    }

    [Fact]
    public async Task A_receiver_that_wants_no_more_gets_no_more()
    {
        var made = await SubscribeAsync("/gone", "\"pattern\":\"order.*\"");
        await PublishAsync("a");
        JsonNode shown;
        do
        {
            shown = await server.Http.ReadAsync($"event-subscriptions/{made["id"]}");
        }
        while ((bool)shown["enabled"]!);
        Assert.Contains("410", (string?)shown["disabledBecause"], StringComparison.Ordinal);
    }

    private static void AssertSigned((string Path, IReadOnlyDictionary<string, string> Headers, string Body) call, string id, string key)
    {
        Assert.Equal((id, Type), ((string?)JsonNode.Parse(call.Body)!["id"], (string?)JsonNode.Parse(call.Body)!["type"]));
        Assert.StartsWith("application/cloudevents+json", call.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.True(IsSigned(call, key));
    }

    private static bool IsSigned((string Path, IReadOnlyDictionary<string, string> Headers, string Body) call, string key) => Signatures.IsStandard(
        call.Headers["webhook-id"], call.Headers["webhook-timestamp"], call.Headers["webhook-signature"], key, Encoding.UTF8.GetBytes(call.Body), TimeProvider.System.GetUtcNow());

    private Task<JsonNode> SubscribeAsync(string path, string more) =>
        server.Http.PostAsync("event-subscriptions", $$"""{"url":"{{target.Url}}{{path}}","secret":"secret://first",{{more}}}""");

    private Task<JsonNode> PublishAsync(string id) => server.Http.PostAsync("events", $$"""{"specversion":"1.0","id":"{{id}}","source":"/shop","type":"{{Type}}"}""");

    private async Task<JsonNode> DeadLetterAsync()
    {
        while (true)
        {
            if ((await server.Http.ReadAsync("events/dead-letters"))["items"]!.AsArray() is [{ } letter])
            {
                return letter;
            }
        }
    }
}
