using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Data;
using Baton.Server.Http;
using Baton.Server.Tests.Flows;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Http;

public sealed class ProtectionTests
{
    private const string Start = "flows/default/greet/runs";

    [Fact]
    public async Task A_post_with_the_same_key_is_done_once_and_answered_alike()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        var key = ("Idempotency-Key", "one");

        var first = await server.Http.CallAsync(HttpMethod.Post, Start, "{}", headers: key);
        await server.RestartAsync();
        var second = await server.Http.CallAsync(HttpMethod.Post, Start, "{}", headers: key);

        Assert.Equal(HttpStatusCode.Created, second.Status);
        Assert.Equal((string?)first.Body!["id"], (string?)second.Body!["id"]);
        Assert.Equal(first.Response.Headers.Location, second.Response.Headers.Location);
        Assert.Equal("true", second.Response.Headers.GetValues("Idempotent-Replayed").Single());
        var other = await server.Http.CallAsync(HttpMethod.Post, Start, """{"input":{"name":"Eve"}}""", headers: key);
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "BT4010"), (other.Status, (string?)other.Body!["code"]));
        Assert.Single((JsonArray)(await server.Http.ReadAsync("runs"))["items"]!);
    }

    [Fact]
    public async Task A_request_that_died_in_the_middle_is_taken_up_without_doing_it_twice()
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);
        var key = ("Idempotency-Key", "one");
        var first = await server.Http.CallAsync(HttpMethod.Post, Start, "{}", headers: key);

        // As a crash leaves it between the start of the run and the answer: first under way, then with its lease over.
        await ChangeAsync(server, record => (record.Status, record.Body, record.LeaseUntil) = (0, null, TimeProvider.System.GetUtcNow().AddMinutes(1)));
        var busy = await server.Http.CallAsync(HttpMethod.Post, Start, "{}", headers: key);
        Assert.Equal((HttpStatusCode.Conflict, "BT4011"), (busy.Status, (string?)busy.Body!["code"]));
        await ChangeAsync(server, record => record.LeaseUntil = TimeProvider.System.GetUtcNow().AddMinutes(-1));
        var again = await server.Http.CallAsync(HttpMethod.Post, Start, "{}", headers: key);

        Assert.Equal(HttpStatusCode.Created, again.Status);
        Assert.Equal((string?)first.Body!["id"], (string?)again.Body!["id"]);
        Assert.Single((JsonArray)(await server.Http.ReadAsync("runs"))["items"]!);
    }

    [Theory]
    [InlineData("""{"id":"a","id":"b"}""")]
    [InlineData("""{"id":"a"} {}""")]
    [InlineData("""{"id":""")]
    public async Task Json_that_readers_disagree_about_is_refused(string body)
    {
        await using var server = await TestServer.StartAsync();
        await server.Http.ApplyAsync("default/greet", FlowApiTests.Greet);

        var (status, problem, _) = await server.Http.CallAsync(HttpMethod.Post, Start, body);

        Assert.Equal((HttpStatusCode.BadRequest, "BT1006"), (status, (string?)problem!["code"]));
    }

    [Fact]
    public async Task A_caller_who_asks_too_often_is_told_when_to_come_back()
    {
        await using var server = await TestServer.StartAsync(("Http:RequestsPerSecond", "1"));

        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 20; i++)
        {
            answers.Add(await server.Http.GetAsync(new Uri("api/v1/flows", UriKind.Relative)));
        }

        var refused = answers.First(answer => answer.StatusCode == HttpStatusCode.TooManyRequests);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Contains("BT4012", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_api_describes_itself_and_the_page_needs_no_other_server()
    {
        await using var server = await TestServer.StartAsync();
        using var nobody = server.As(null);

        var document = JsonNode.Parse(await nobody.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)))!;
        Assert.StartsWith("3.1", (string?)document["openapi"], StringComparison.Ordinal);
        var start = document["paths"]!["/api/v1/flows/{namespace}/{name}/runs"]!["post"]!;
        Assert.Equal("Start a run.", (string?)start["summary"]);
        Assert.NotNull(start["responses"]!["409"]!["content"]!["application/problem+json"]);
        Assert.NotNull(start["security"]);
        Assert.Contains((JsonArray)start["parameters"]!, parameter => (string?)parameter!["name"] == "Idempotency-Key");

        using var page = await nobody.GetAsync(new Uri("docs", UriKind.Relative));
        var html = await page.Content.ReadAsStringAsync();
        Assert.True(page.IsSuccessStatusCode);
        Assert.DoesNotContain("cdn.", html, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
    }

    private static async Task ChangeAsync(TestServer server, Action<IdempotencyRecord> change)
    {
        await using var db = await server.Server.Services.GetRequiredService<IDbContextFactory<BatonDb>>().CreateDbContextAsync();
        change(await db.Set<IdempotencyRecord>().SingleAsync());
        await db.SaveChangesAsync();
    }
}
