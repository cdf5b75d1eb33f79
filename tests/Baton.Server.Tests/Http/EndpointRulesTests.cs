using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Errors;
using Baton.Server.Tests.Flows;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Http;

/// <summary>What holds for each operation of the API, tried on each: its list is the description, which has every endpoint.</summary>
public sealed class EndpointRulesTests(SharedServer shared) : IClassFixture<SharedServer>
{
    private readonly TestServer server = shared.Server;

    [Fact]
    public async Task Every_post_of_a_known_caller_takes_an_idempotency_key()
    {
        foreach (var (_, path, _) in await OperationsAsync("post", isOpen: false))
        {
            using var request = Request(HttpMethod.Post, path, "{}");
            request.Headers.Add("Idempotency-Key", new string('k', 201));
            using var response = await server.Http.SendAsync(request);

            Assert.True(response.StatusCode == HttpStatusCode.BadRequest, path);
            Assert.Contains("Idempotency-Key", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("tasks", """{"kind":"approval","title":"once?"}""", "id")]
    [InlineData("tokens", """{"name":"once","user":"once"}""", "token")]
    [InlineData("users", """{"name":"twice","service":true}""", "id")]
    [InlineData("event-subscriptions", """{"url":"https://example.com/once","secret":"secret://once"}""", "id")]
    [InlineData("flows/default/once/runs", "{}", "id")]
    public async Task What_is_made_under_a_key_is_made_once_and_the_answer_is_the_first(string path, string body, string member)
    {
        await server.Http.CallAsync(HttpMethod.Post, "users", """{"name":"once","service":true,"roles":["viewer"]}""");
        await server.Http.ApplyAsync("default/once", FlowApiTests.Greet.Replace("greet", "once", StringComparison.Ordinal));
        var key = ("Idempotency-Key", Guid.NewGuid().ToString());
        var before = await CountAsync(path);

        var first = await server.Http.CallAsync(HttpMethod.Post, path, body, headers: key);
        var second = await server.Http.CallAsync(HttpMethod.Post, path, body, headers: key);

        Assert.True(first.Response.IsSuccessStatusCode, $"{first.Body}");
        Assert.Equal(((string?)first.Body![member], first.Status), ((string?)second.Body![member], second.Status));
        Assert.Equal("true", second.Response.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.Equal(before + 1, await CountAsync(path));
    }

    [Fact]
    public async Task Every_operation_refuses_a_body_that_is_too_large()
    {
        var large = new string('x', 2_100_000);
        foreach (var (method, path, operation) in (await OperationsAsync("post")).Concat(await OperationsAsync("put")))
        {
            if (operation["requestBody"] is null)
            {
                continue;
            }
            // Expecting a 100 first keeps the client from sending what is refused.
            using var request = Request(method, path, $"{{\"reason\":\"{large}\"}}");
            request.Headers.ExpectContinue = true;
            using var response = await server.Http.SendAsync(request);

            Assert.True(response.StatusCode == HttpStatusCode.RequestEntityTooLarge, $"{method} {path}: {response.StatusCode}");
            Assert.Contains(ErrorCodes.TooLarge, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_endpoint_is_left_out_of_the_rate_of_its_caller() => Assert.All(
        server.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints, endpoint => Assert.Null(endpoint.Metadata.GetMetadata<DisableRateLimitingAttribute>()));

    [Fact]
    public async Task Every_list_that_grows_with_use_is_paged()
    {
        string[] whole = ["listProcesses", "listRoles", "listTokens", "listSecrets", "listSecretVersions", "listFlows", "listFlowVersions", "listConsumers", "listSubscriptions", "listWebhooks"];
        foreach (var (_, path, operation) in (await OperationsAsync("get")).Where(one => ((string)one.Operation["operationId"]!).StartsWith("list", StringComparison.Ordinal) && (string?)one.Operation["operationId"] is not "listen"))
        {
            // These have as many as people make.
            if (whole.Contains((string)operation["operationId"]!))
            {
                continue;
            }
            Assert.Contains((JsonArray)operation["parameters"]!, parameter => (string?)parameter!["name"] == "limit");
            foreach (var limit in new[] { "0", "-1", "100000", "x" })
            {
                using var response = await server.Http.GetAsync(new Uri($"{path.TrimStart('/')}?limit={limit}", UriKind.Relative));
                Assert.True(response.StatusCode == HttpStatusCode.BadRequest, $"{path}?limit={limit}: {response.StatusCode}");
            }
        }
    }

    [Fact]
    public async Task Pages_follow_each_other_without_a_gap_or_a_double()
    {
        await server.Http.ApplyAsync("default/paged", FlowApiTests.Greet.Replace("greet", "paged", StringComparison.Ordinal));
        for (var i = 0; i < 7; i++)
        {
            await server.Http.PostAsync("flows/default/paged/runs?wait=30", $$"""{"id":"page-{{i}}"}""");
        }
        var ids = new List<string>();
        string? cursor = null;
        do
        {
            var page = await server.Http.ReadAsync($"runs?flow=default/paged&limit=3{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}");
            ids.AddRange(((JsonArray)page["items"]!).Select(run => (string)run!["id"]!));
            cursor = (string?)page["nextCursor"];
        }
        while (cursor is not null);

        Assert.Equal(["page-6", "page-5", "page-4", "page-3", "page-2", "page-1", "page-0"], ids);
    }

    [Fact]
    public async Task A_definition_is_changed_only_as_it_was_read()
    {
        var flow = FlowApiTests.Greet.Replace("greet", "tagged", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Put(flow, ("If-Match", "\"none\""))).Status);
        var made = await Put(flow, ("If-None-Match", "*"));
        var tag = made.Response.Headers.ETag!.ToString();
        Assert.Equal(HttpStatusCode.Created, made.Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await Put(flow, ("If-None-Match", "*"))).Status);
        Assert.Equal(tag, (await server.Http.CallAsync(HttpMethod.Get, "flows/default/tagged")).Response.Headers.ETag!.ToString());
        Assert.Equal(HttpStatusCode.NotModified, (await server.Http.CallAsync(HttpMethod.Get, "flows/default/tagged", headers: ("If-None-Match", tag))).Status);
        var changed = await Put(flow.Replace("hello", "goodbye", StringComparison.Ordinal), ("If-Match", tag));
        Assert.Equal(HttpStatusCode.OK, changed.Status);
        var late = await Put(flow, ("If-Match", tag));
        Assert.Equal((HttpStatusCode.PreconditionFailed, ErrorCodes.FlowChanged), (late.Status, (string?)late.Body!["code"]));
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await server.Http.CallAsync(HttpMethod.Delete, "flows/default/tagged", headers: ("If-Match", tag))).Status);

        Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseMessage Response)> Put(string text, (string, string) header) =>
            server.Http.CallAsync(HttpMethod.Put, "flows/default/tagged", text, "application/yaml", header);
    }

    private async Task<int> CountAsync(string path) => path switch
    {
        "tasks" => (int)(await server.Http.ReadAsync("tasks"))["total"]!,
        "tokens" => ((JsonArray)await server.Http.ReadAsync("tokens?user=once")).Count,
        "users" => ((JsonArray)await server.Http.ReadAsync("users?limit=500")).Count,
        "event-subscriptions" => ((JsonArray)await server.Http.ReadAsync("event-subscriptions")).Count,
        _ => ((JsonArray)(await server.Http.ReadAsync("runs?flow=default/once"))["items"]!).Count,
    };

    private async Task<List<(HttpMethod Method, string Path, JsonNode Operation)>> OperationsAsync(string method, bool isOpen = true)
    {
        var document = JsonNode.Parse(await server.Http.GetStringAsync(new Uri("openapi/v1.json", UriKind.Relative)))!;
        return [.. from path in (JsonObject)document["paths"]!
                   let operation = path.Value![method]
                   where operation is not null && (isOpen || operation["security"] is JsonArray { Count: > 0 })
                   select (new HttpMethod(method.ToUpperInvariant()), Fill(path.Key), operation)];
    }

    private static string Fill(string path) => string.Join('/', path.Split('/').Select(part => part switch
    {
        "{offset}" or "{number}" => "1",
        "{id}" when path.Contains("dead-letters", StringComparison.Ordinal) => "1",
        ['{', ..] => Guid.Empty.ToString(),
        _ => part,
    }));

    private static HttpRequestMessage Request(HttpMethod method, string path, string? body) => new(method, new Uri(path.TrimStart('/'), UriKind.Relative))
    {
        Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
    };
}
