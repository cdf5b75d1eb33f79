using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Flows;

namespace Baton.Server.Tests.Identity;

/// <summary>Two teams, each with a grant on its own namespace: neither sees or touches what is the other's, whichever way it asks.</summary>
public sealed class TenantTests : IAsyncLifetime
{
    private TestServer server = null!;
    private HttpClient red = null!;
    private HttpClient blue = null!;

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        red = await server.AsNewAsync(null, "red");
        blue = await server.AsNewAsync(null, "blue");
        foreach (var team in new[] { "red", "blue" })
        {
            await server.Http.ApplyAsync($"{team}/greet", FlowApiTests.Greet.Replace("namespace: default", $"namespace: {team}", StringComparison.Ordinal));
            await server.Http.CallAsync(HttpMethod.Put, $"users/{team}/roles/admin?flow={team}/*");
        }
        await blue.PostAsync("flows/blue/greet/runs?wait=30", """{"id":"blues"}""");
    }

    public ValueTask DisposeAsync()
    {
        red.Dispose();
        blue.Dispose();
        return server.DisposeAsync();
    }

    [Fact]
    public async Task Flows_and_runs_of_others_are_neither_listed_nor_read_nor_changed()
    {
        Assert.Equal("blues", (string?)(await blue.ReadAsync("runs/blues"))["id"]);
        Assert.Equal(["red"], ((JsonArray)await red.ReadAsync("flows")).Select(flow => (string?)flow!["namespace"]));
        Assert.Empty((JsonArray)(await red.ReadAsync("runs"))["items"]!);
        Assert.Empty((JsonArray)(await red.ReadAsync("runs?flow=blue/greet"))["items"]!);
        foreach (var (method, path, body) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Get, "flows/blue/greet", null), (HttpMethod.Get, "flows/blue/greet/versions", null), (HttpMethod.Get, "flows/blue/greet/versions/r1", null), (HttpMethod.Get, "flows/blue/greet/diagram", null),
            (HttpMethod.Put, "flows/blue/greet", "x"), (HttpMethod.Delete, "flows/blue/greet", null), (HttpMethod.Post, "flows/blue/greet/runs", "{}"),
            (HttpMethod.Get, "runs/blues", null), (HttpMethod.Get, "runs/blues/history", null), (HttpMethod.Get, "runs/blues/steps/0", null), (HttpMethod.Get, "runs/blues/export", null),
            (HttpMethod.Post, "runs/blues/cancel", "{}"), (HttpMethod.Post, "runs/blues/terminate", "{}"), (HttpMethod.Post, "runs/blues/suspend", "{}"), (HttpMethod.Post, "runs/blues/resume", "{}"), (HttpMethod.Post, "runs/blues/retry", "{}"),
            (HttpMethod.Get, "runs/blues/trace", null), (HttpMethod.Get, "traces", null),
        })
        {
            var answer = await red.CallAsync(method, path, body);
            Assert.True(answer.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound, $"{method} {path}: {answer.Status} {answer.Body}");
            Assert.DoesNotContain("hello", $"{answer.Body}", StringComparison.Ordinal);
        }
        Assert.Single((JsonArray)(await blue.ReadAsync("runs"))["items"]!);
    }

    [Fact]
    public async Task Tokens_accounts_and_secrets_of_others_are_out_of_reach()
    {
        var token = await server.Http.PostAsync("tokens", """{"name":"blues","user":"blue"}""");
        await server.Http.CallAsync(HttpMethod.Put, "secrets/blue", """{"value":"b1ue","flows":["blue/*"]}""");

        Assert.DoesNotContain("blues", $"{await red.ReadAsync("tokens")}", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await red.CallAsync(HttpMethod.Delete, $"tokens/{token["id"]}")).Status);
        foreach (var (method, path, body) in new (HttpMethod, string, string?)[]
        {
            (HttpMethod.Get, "tokens?user=blue", null), (HttpMethod.Post, "tokens", """{"name":"x","user":"blue"}"""), (HttpMethod.Get, "users/blue", null), (HttpMethod.Put, "users/blue/password", """{"password":"correct horse battery"}"""),
            (HttpMethod.Put, "users/red/roles/admin", null), (HttpMethod.Get, "secrets/blue", null), (HttpMethod.Get, "secrets/blue/value", null), (HttpMethod.Put, "secrets/blue", """{"value":"x"}"""), (HttpMethod.Get, "audit", null),
        })
        {
            Assert.Equal((path, HttpStatusCode.Forbidden), (path, (await red.CallAsync(method, path, body)).Status));
        }
        using var still = server.As((string?)token["token"]);
        Assert.Equal("blue", (string?)(await still.ReadAsync("me"))["name"]);
    }

    [Fact]
    public async Task Tasks_and_links_of_others_are_not_shown_and_a_key_of_another_gives_no_answer_of_theirs()
    {
        using var operators = await server.AsNewAsync("operator");
        using var approver = await server.AsNewAsync("approver", "bo");
        var body = """{"kind":"approval","title":"Blue?","candidates":{"users":["blue"]}}""";
        var key = ("Idempotency-Key", "the-same");
        var first = await operators.CallAsync(HttpMethod.Post, "tasks", body, headers: key);
        var id = (string)first.Body!["id"]!;
        var second = await server.Http.CallAsync(HttpMethod.Post, "tasks", body, headers: key);

        Assert.NotEqual(id, (string?)second.Body!["id"]);
        foreach (var path in new[] { $"tasks/{id}", "live?topics=events", "events" })
        {
            Assert.Equal((path, HttpStatusCode.Forbidden), (path, (await red.CallAsync(HttpMethod.Get, path)).Status));
        }
        Assert.Equal(0, (int)(await red.ReadAsync("tasks"))["total"]!);
        Assert.Equal(HttpStatusCode.Forbidden, (await red.CallAsync(HttpMethod.Post, $"tasks/{id}/link", """{"user":"red"}""")).Status);
        // Whoever may decide some tasks is still no candidate of this one.
        Assert.Equal("BT4502", (string?)(await approver.CallAsync(HttpMethod.Post, $"tasks/{id}/approve", "{}")).Body!["code"]);
        var link = await server.Http.PostAsync($"tasks/{id}/link", """{"user":"blue"}""");
        var token = ((string)link["url"]!).Split('/')[^1];
        using var nobody = server.As(null);
        foreach (var wrong in new[] { token[..^1], token[..^1] + (token[^1] == 'A' ? 'B' : 'A'), token + "A", id })
        {
            using var page = await nobody.GetAsync(new Uri($"task-links/{wrong}", UriKind.Relative));
            Assert.Equal(HttpStatusCode.Gone, page.StatusCode);
            Assert.DoesNotContain("Blue", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }
}
