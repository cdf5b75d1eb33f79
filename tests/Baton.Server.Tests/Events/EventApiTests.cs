using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Baton.Server.Tests.Events;

public sealed class EventApiTests : IAsyncLifetime
{
    private TestServer server = null!;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task An_event_is_taken_in_each_form_of_the_binding_and_read_again()
    {
        var structured = """{"specversion":"1.0","id":"1","source":"/a","type":"order.placed","data":{"price":1.10},"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}""";
        var receipt = (await PostAsync(structured, "application/cloudevents+json"))["events"]![0]!;
        Assert.False((bool)receipt["duplicate"]!);
        Assert.True((bool)(await PostAsync(structured, "application/json"))["events"]![0]!["duplicate"]!);
        var batch = await PostAsync("""[{"specversion":"1.0","id":"2","source":"/a","type":"order.paid"},{"specversion":"1.0","id":"3","source":"/b","type":"x"}]""", "application/cloudevents-batch+json");
        Assert.Equal(2, batch["events"]!.AsArray().Count);

        using var binary = new HttpRequestMessage(HttpMethod.Post, "api/v1/events") { Content = new StringContent("""{"n":1}""", Encoding.UTF8, "application/json") };
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("ce-specversion", "1.0"), ("ce-id", "4"), ("ce-source", "/b%20c"), ("ce-type", "order.sent"), ("ce-subject", "Euro%20%E2%82%AC"), ("ce-traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")])
        {
            binary.Headers.Add(name, value);
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Http.SendAsync(binary)).StatusCode);

        var all = await GetAsync("events");
        Assert.Equal(["4", "3", "2", "1"], Ids(all));
        Assert.Null(all["next"]);
        Assert.Equal("Euro €", (string?)all["items"]![0]!["event"]!["subject"]);
        Assert.Equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", (string?)all["items"]![0]!["event"]!["traceparent"]);
        Assert.Equal(1, (int)all["items"]![0]!["event"]!["data"]!["n"]!);
        Assert.Contains("\"price\":1.10", await server.Http.GetStringAsync($"api/v1/events/{receipt["offset"]}"), StringComparison.Ordinal);
        Assert.Equal(["1", "2", "4"], Ids(await GetAsync("events?type=order.*&order=asc")));
        Assert.Equal(["3"], Ids(await GetAsync("events?source=/b")));
        Assert.Equal(["2"], Ids(await GetAsync("events?id=2")));
        Assert.Empty(Ids(await GetAsync("events?since=2199-01-01T00:00:00Z&order=asc")));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.GetAsync("api/v1/events/999")).StatusCode);
        Assert.Equal(4, (int)(await GetAsync("events/stats"))["events"]!);
    }

    [Fact]
    public async Task Pages_follow_one_another()
    {
        await PostAsync(new JsonArray([.. Enumerable.Range(1, 25).Select(n => (JsonNode)new JsonObject { ["specversion"] = "1.0", ["id"] = $"{n}", ["source"] = "/a", ["type"] = "t" })]).ToJsonString(), "application/json");
        foreach (var order in (string[])["asc", "desc"])
        {
            var seen = new List<string>();
            JsonNode? next = null;
            do
            {
                var page = await GetAsync($"events?limit=10&order={order}{(next is null ? "" : $"&from={next}")}");
                seen.AddRange(Ids(page));
                next = page["next"];
            }
            while (next is not null);
            var expected = Enumerable.Range(1, 25).Select(n => $"{n}");
            Assert.Equal(order == "asc" ? expected : expected.Reverse(), seen);
        }
    }

    [Fact]
    public async Task All_problems_of_a_request_are_named_and_nothing_of_it_is_taken()
    {
        using var response = await server.Http.PostAsync("api/v1/events", new StringContent(
            """[{"specversion":"1.0","id":"ok","source":"/a","type":"t"},{"specversion":"0.3","id":"","source":"/a"},7]""", Encoding.UTF8, "application/cloudevents-batch+json"));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var problem = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("BT4100", (string?)problem["code"]);
        foreach (var place in (string[])["/1/specversion", "/1/id", "/1/type", "/2:"])
        {
            Assert.Contains(place, (string)problem["detail"]!, StringComparison.Ordinal);
        }
        Assert.Empty(Ids(await GetAsync("events")));
    }

    [Theory]
    [InlineData("", "application/json")]
    [InlineData("{", "application/cloudevents+json")]
    [InlineData("<event/>", "application/cloudevents+xml")]
    [InlineData("plain", "text/plain")]
    public async Task What_is_no_event_is_refused(string body, string contentType)
    {
        using var response = await server.Http.PostAsync("api/v1/events", new StringContent(body, Encoding.UTF8, contentType));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Theory]
    [InlineData("events?limit=0")]
    [InlineData("events?order=up")]
    [InlineData("events?type=a.>.b")]
    [InlineData("events?from=x")]
    public async Task A_bad_question_is_refused(string path) =>
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.GetAsync($"api/v1/{path}")).StatusCode);

    [Fact]
    public async Task A_stream_tells_events_as_they_come_and_goes_on_where_it_was()
    {
        await PostAsync("""{"specversion":"1.0","id":"1","source":"/a","type":"a.b"}""", "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/events/stream?type=a.*&from=0");
        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var id = await NextAsync(reader, "1");
        await PostAsync("""[{"specversion":"1.0","id":"2","source":"/a","type":"other"},{"specversion":"1.0","id":"3","source":"/a","type":"a.c"}]""", "application/json");
        await NextAsync(reader, "3");

        using var again = new HttpRequestMessage(HttpMethod.Get, "api/v1/events/stream?type=a.*") { Headers = { { "Last-Event-ID", id } } };
        using var resumed = await server.Http.SendAsync(again, HttpCompletionOption.ResponseHeadersRead);
        using var second = new StreamReader(await resumed.Content.ReadAsStreamAsync());
        await NextAsync(second, "3");

        static async Task<string> NextAsync(StreamReader reader, string expected)
        {
            string? data = null, id = null;
            while (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)) is { } line && (line.Length > 0 || data is null))
            {
                data = line.StartsWith("data: ", StringComparison.Ordinal) ? line[6..] : data;
                id = line.StartsWith("id: ", StringComparison.Ordinal) ? line[4..] : id;
            }
            Assert.Equal(expected, (string?)JsonNode.Parse(data!)!["id"]);
            return id!;
        }
    }

    [Fact]
    public async Task Consumers_are_listed_and_moved()
    {
        await PostAsync("""{"specversion":"1.0","id":"1","source":"/a","type":"a.b"}""", "application/json");
        JsonNode? router = null;
        while (router is null)
        {
            router = (await server.Http.GetFromJsonAsync<JsonArray>("api/v1/events/consumers"))!.FirstOrDefault(consumer => (string?)consumer!["name"] == "baton-flows");
        }
        Assert.Equal(HttpStatusCode.OK, (await server.Http.PostAsJsonAsync("api/v1/events/consumers/baton-flows/seek", new { offset = 1 })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.PostAsJsonAsync("api/v1/events/consumers/none/seek", new { offset = 1 })).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Http.PostAsJsonAsync("api/v1/events/consumers/baton-flows/seek", new { })).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.PostAsync("api/v1/events/dead-letters/5/requeue", null)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync("api/v1/events/dead-letters/5")).StatusCode);
    }

    [Fact]
    public async Task Strangers_get_nothing()
    {
        using var stranger = server.As(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("api/v1/events")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.PostAsync("api/v1/events", null)).StatusCode);
    }

    private async Task<JsonNode> PostAsync(string body, string contentType)
    {
        using var response = await server.Http.PostAsync("api/v1/events", new StringContent(body, Encoding.UTF8, contentType));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return JsonNode.Parse(text)!;
    }

    private async Task<JsonNode> GetAsync(string path) => (await server.Http.GetFromJsonAsync<JsonNode>($"api/v1/{path}"))!;

    private static IEnumerable<string> Ids(JsonNode page) => page["items"]!.AsArray().Select(item => (string)item!["event"]!["id"]!);
}
