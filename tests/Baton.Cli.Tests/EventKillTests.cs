using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Baton.Server.Tests.Events;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Baton.Cli.Tests;

/// <summary>
/// The whole way of an event, with the server killed (SIGKILL) between each pair of its steps: it is taken into the log, routed to the schedule of a flow,
/// starts a run, which calls a service, asks people, calls again and emits an event, which is sent to a subscription. Every order also
/// puts the next revision of the flow in force, so that a schedule hands over to another while events come.
/// A ledger outside notes the idempotency key of each call: in the end every order was done, and once.
/// </summary>
public sealed class EventKillTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    // A server that was killed waits for what its former self had in hand: several die at the same time, each at its own points.
    private static readonly string[][] Lives =
    [
        ["event-before-append:1", "event-after-append:1", "event-before-route:1", "task-before-create:1", "task-before-change:1", "event-before-send:1", "schedule-after-hand-over:1"],
        ["event-after-route:1", "task-after-create:1", "task-before-tell:1", "task-after-change:1", "event-after-send:1", "event-after-listen:1", "before-commit:7"],
        ["task-after-tell:1", "task-before-signal:1", "task-after-signal:1", "event-before-append:3", "event-after-append:3", "schedule-after-start:1", "after-commit:12"],
    ];

    private readonly ConcurrentDictionary<string, ConcurrentBag<string>> ledger = new();
    private WebApplication service = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        service = builder.Build();
        service.MapPost("/{life}/hook", async (string life, HttpRequest request) =>
        {
            var told = (await JsonNode.ParseAsync(request.Body))!;
            Note($"/{life}/hook/{told["subject"]}", request.Headers["webhook-id"].ToString());
        });
        service.MapFallback((HttpRequest request) =>
        {
            Note(request.Path, request.Headers["Idempotency-Key"].ToString());
            return Results.Json(new { });
        });
        await service.StartAsync();
    }

    public async ValueTask DisposeAsync() => await service.DisposeAsync();

    [Fact]
    public Task Nothing_is_lost_or_doubled_with_the_embedded_log() => DieEverywhereAsync();

    [Fact]
    public async Task Nothing_is_lost_or_doubled_with_NATS()
    {
        await using var nats = new NatsServer();
        await nats.InitializeAsync();
        await DieEverywhereAsync($"Events:Nats={nats.Url}");
    }

    private Task DieEverywhereAsync(params string[] settings) => Task.WhenAll(Lives.Select((points, number) => DieAsync($"life{number}", points, settings)));

    private async Task DieAsync(string life, string[] points, string[] settings)
    {
        using var patience = new CancellationTokenSource(Patience);
        var cancel = patience.Token;
        var target = $"{service.Urls.First()}/{life}";
        await using var server = new DyingServer(points, [.. settings, .. settings.Length > 0 ? new[] { $"Events:NatsStream={life}", $"Events:NatsPrefix={life}" } : []]);
        await server.StartAsync(isArmed: false);
        await server.CallAsync(HttpMethod.Put, "secrets/hook", """{"value":"of the hook"}""", "application/json", cancel);
        await server.CallAsync(HttpMethod.Post, "event-subscriptions", $$"""{"url":"{{target}}/hook","secret":"secret://hook","pattern":"com.example.done"}""", "application/json", cancel);
        await server.CallAsync(HttpMethod.Put, "flows/shop/order", Flow(target, "all"), "application/yaml", cancel);
        server.Kill();

        var orders = new List<string>();
        while (!server.HasDiedEnough)
        {
            orders.Add($"o{orders.Count + 1}");
            try
            {
                await OrderAsync(server, life, target, orders[^1], cancel);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"{orders[^1]} of {life} is not done; the server died at {string.Join(", ", server.Deaths)}; the ledger has {string.Join(", ", ledger.Keys)}");
            }
            Assert.True(orders.Count <= 2 * points.Length, $"it did not die at all points, but at {string.Join(", ", server.Deaths)}");
        }

        Assert.Equal(points, server.Deaths);
        var calls = ledger.Where(path => path.Key.StartsWith($"/{life}/", StringComparison.Ordinal)).ToList();
        Assert.Equal(orders.SelectMany(order => new[] { $"/{life}/hook/{order}", $"/{life}/reserve/{order}", $"/{life}/ship/{order}" }).Order(), calls.Select(path => path.Key).Order());
        // What was under way when the server died is sent again, under the same key: to the service it is one.
        Assert.All(calls, path => Assert.Single(path.Value.Distinct()));
        Assert.Equal(orders.Count, (await server.GetAsync("runs?flow=shop/order&limit=200", cancel))["items"]!.AsArray().Count);
        while ((await server.GetAsync("runs?flow=shop/order&limit=200", cancel))["items"]!.AsArray().Any(run => (string?)run!["status"] != "completed"))
        {
            // The last has emitted its event, and is about to end.
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancel);
        }
        var tasks = (await server.GetAsync("tasks?limit=200", cancel))["items"]!.AsArray();
        Assert.Equal(orders.Order(), tasks.Select(task => (string)task!["title"]!).Order());
        Assert.All(tasks, task => Assert.Single(task!["decisions"]!.AsArray()));
        Assert.Empty((await server.GetAsync("events/dead-letters", cancel))["items"]!.AsArray());
        (await server.RunAsync("audit", "verify")).Expect(0);
    }

    /// <summary>One order: a new revision, its event at the same time, its approval, and the word that it is done.</summary>
    private async Task OrderAsync(DyingServer server, string life, string target, string order, CancellationToken cancel)
    {
        var applied = server.CallAsync(HttpMethod.Put, "flows/shop/order", Flow(target, order), "application/yaml", cancel);
        await server.CallAsync(HttpMethod.Post, "events", $$"""{"specversion":"1.0","id":"{{order}}","source":"/shop","type":"com.example.order"}""", "application/cloudevents+json", cancel);
        var revision = (int)(await applied)!["revision"]!;
        while (!ledger.ContainsKey($"/{life}/hook/{order}"))
        {
            foreach (var task in (await server.GetAsync("tasks?status=open", cancel))["items"]!.AsArray())
            {
                await server.CallAsync(HttpMethod.Post, $"tasks/{task!["id"]}/approve", "{}", "application/json", cancel);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancel);
        }
        // Whoever died while it saw to the schedule keeps others from it for a while: the event may have been the old one's.
        while ((await server.GetAsync("runs?type=BatonFlowSchedule&status=running&limit=200", cancel))["items"]!.AsArray() is var schedules
            && !schedules.Any(schedule => (string?)schedule!["id"] == $"shop.order.schedule-r{revision}"))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancel);
        }
    }

    private static string Flow(string target, string revision) => $$"""
        document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0, title: for {{revision}} }
        schedule: { on: { one: { with: { type: com.example.order } } } }
        do:
          - reserve: { call: http, with: { method: post, endpoint: '${ "{{target}}/reserve/" + $workflow.input[0].id }' } }
          - decide: { call: 'approval:1.0.0@default', with: { title: '${ $workflow.input[0].id }', candidates: { roles: [admin] } } }
          - ship: { call: http, with: { method: post, endpoint: '${ "{{target}}/ship/" + $workflow.input[0].id }' } }
          - tell: { emit: { event: { with: { source: /orders, type: com.example.done, subject: '${ $workflow.input[0].id }' } } } }
        """;

    private void Note(string path, string key) => ledger.GetOrAdd(path, _ => []).Add(key);
}
