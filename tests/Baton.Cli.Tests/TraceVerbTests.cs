using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Baton.Cli.Tests;

/// <summary>One trace, from a caller's request over a flow, its calls and a person's answer, through a server that is killed in the middle.</summary>
public sealed class TraceVerbTests : IAsyncLifetime
{
    private const string Run = "restock-1";
    private const string CallerTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
    private const string CallerSpan = "00f067aa0ba902b7";

    private readonly string folder = Directory.CreateTempSubdirectory("baton-trace-").FullName;
    private readonly ConcurrentQueue<(string Path, string TraceParent)> calls = new();
    private WebApplication shop = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        shop = builder.Build();
        shop.MapFallback((HttpContext context) =>
        {
            calls.Enqueue((context.Request.Path, context.Request.Headers["traceparent"].ToString()));
            return Results.Json(new { stock = 3 });
        });
        await shop.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await shop.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_kill_in_the_middle_neither_breaks_the_trace_nor_doubles_a_span()
    {
        string task;
        using (var first = await ServerProcess.StartAsync(folder))
        {
            await ApplyAsync(first.Http);
            using var start = new HttpRequestMessage(HttpMethod.Post, "api/v1/flows/shop/restock/runs") { Content = JsonContent.Create(new { id = Run, input = new { } }) };
            start.Headers.Add("traceparent", $"00-{CallerTrace}-{CallerSpan}-01");
            using var started = await first.Http.SendAsync(start);
            Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
            task = (string)(await first.UntilAsync($"api/v1/tasks?run={Run}", tasks => ((JsonArray)tasks["items"]!).Count > 0))["items"]![0]!["id"]!;
            await first.UntilAsync($"api/v1/runs/{Run}/trace", trace => Names(trace).Contains("RunActivity:flow.http"));
            first.Kill();
        }
        using var second = await ServerProcess.StartAsync(folder);
        using var approved = await second.Http.PostAsJsonAsync($"api/v1/tasks/{task}/approve", new { comment = "go on" });
        Assert.True(approved.IsSuccessStatusCode, await approved.Content.ReadAsStringAsync());
        var run = await second.UntilAsync($"api/v1/runs/{Run}?wait=30", state => (string)state["status"]! is not ("running" or "waiting"));
        Assert.Equal("completed", (string)run["status"]!);

        var shown = (await second.CliAsync("trace", "show", Run, "--json")).Expect(0).Json;

        Assert.Equal(CallerTrace, (string)shown["traceId"]!);
        var spans = ((JsonArray)shown["spans"]!).Select(span => span!).ToList();
        foreach (var name in new[] { "StartWorkflow:BatonFlow", "RunWorkflow:BatonFlow", "call ask", "call decide", "call tell", "wait for approval" })
        {
            Assert.True(Names(shown).Count(other => other == name) == 1, $"{name} in {string.Join(", ", Names(shown))}");
        }
        Assert.Equal(2, Names(shown).Count(name => name == "RunActivity:flow.http"));
        Assert.All(spans, span => Assert.NotNull(span["durationMs"]));
        // One tree: all hangs on the caller.
        var ids = spans.Select(span => (string)span["spanId"]!).ToHashSet();
        Assert.Equal(spans.Count, ids.Count);
        Assert.Equal(CallerSpan, Assert.Single(spans, span => !ids.Contains((string)span["parentId"]!))["parentId"]!.ToString());
        // What was called heard of the span that called.
        Assert.Equal(["/ask", "/tell"], calls.Select(call => call.Path));
        Assert.All(calls, call => Assert.Contains(call.TraceParent.Split('-')[2], ids));

        var drawn = (await second.CliAsync("trace", "show", CallerTrace)).Expect(0).Out;
        Assert.Matches("└ flow shop/restock:1.0.0 +█", drawn);
        Assert.Contains(CallerTrace, (await second.CliAsync("trace", "list", "--limit", "500")).Expect(0).Out, StringComparison.Ordinal);
        (await second.CliAsync("trace", "show", "no-such-run")).Expect(ExitCodes.NotFound);
    }

    [Fact]
    public async Task An_event_that_is_sent_in_the_flow_it_starts_and_the_event_that_this_emits_are_one_trace()
    {
        using var server = await ServerProcess.StartAsync(folder);
        using var content = new StringContent($$"""
            document: { dsl: 1.0.3, namespace: shop, name: react, version: 1.0.0 }
            schedule: { on: { one: { with: { type: com.example.low } } } }
            do:
              - ask: { call: http, with: { method: get, endpoint: '{{shop.Urls.First()}}/ask' } }
              - tell: { emit: { event: { with: { source: /react, type: com.example.told } } } }
            """, Encoding.UTF8, "application/yaml");
        using var applied = await server.Http.PutAsync("api/v1/flows/shop/react", content);
        Assert.True(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());
        using var signal = new HttpRequestMessage(HttpMethod.Post, "api/v1/events")
        {
            Content = new StringContent("""{"specversion":"1.0","id":"1","source":"/shelf","type":"com.example.low"}""", Encoding.UTF8, "application/cloudevents+json"),
        };
        signal.Headers.Add("traceparent", $"00-{CallerTrace}-{CallerSpan}-01");
        using var sent = await server.Http.SendAsync(signal);
        Assert.True(sent.IsSuccessStatusCode, await sent.Content.ReadAsStringAsync());

        var trace = await server.UntilAsync($"api/v1/traces/{CallerTrace}", trace => Names(trace).Contains("RunActivity:flow.emit"));

        Assert.Superset(new HashSet<string> { "RunWorkflow:BatonFlow", "call ask", "RunActivity:flow.http", "RunActivity:flow.emit" }, Names(trace).ToHashSet());
        Assert.StartsWith($"00-{CallerTrace}-", Assert.Single(calls).TraceParent, StringComparison.Ordinal);
        var events = await server.Http.GetStringAsync("api/v1/events");
        Assert.Equal(2, events.Split($"00-{CallerTrace}-").Length - 1);
    }

    private static IEnumerable<string> Names(JsonNode trace) => ((JsonArray)trace["spans"]!).Select(span => (string)span!["name"]!);

    private async Task ApplyAsync(HttpClient http)
    {
        var address = shop.Urls.First();
        using var content = new StringContent($$"""
            document: { dsl: 1.0.3, namespace: shop, name: restock, version: 1.0.0 }
            do:
              - ask: { call: http, with: { method: get, endpoint: '{{address}}/ask' } }
              - decide: { call: 'approval:1.0.0@default', with: { title: Restock?, candidates: { roles: [admin] } } }
              - tell: { call: http, with: { method: post, endpoint: '{{address}}/tell', body: { done: true } } }
            """, Encoding.UTF8, "application/yaml");
        using var applied = await http.PutAsync("api/v1/flows/shop/restock", content);
        Assert.True(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());
    }
}
