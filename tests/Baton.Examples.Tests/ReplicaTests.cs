using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Server.Control;
using Baton.Server.Tests;
using Baton.Server.Tests.Events;

namespace Baton.Examples.Tests;

/// <summary>Three servers as replicas: one PostgreSQL, one nats-server and one durable server behind them. One is killed under load.</summary>
public sealed class ReplicaTests(PostgresServer postgres)
{
    private const int Orders = 120;

    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, bool>> keys = new();

    [Fact]
    public async Task Replicas_share_the_work_and_none_is_lost_or_done_twice_when_one_is_killed()
    {
        using var folder = new TemporaryFolder();
        await using var nats = new NatsServer();
        await nats.InitializeAsync();
        using var target = Target(out var targetUrl);
        using var durable = await BatonProcess.StartAsync("server", "start-dev", "--port", "0", "--db-filename", folder.File("durable.db"), "--output", "jsonl");
        var database = await postgres.CreateDatabaseAsync();
        var replicas = new List<Replica>();
        try
        {
            for (var number = 0; number < 3; number++)
            {
                replicas.Add(await Replica.StartAsync(
                    folder.File($"replica{number}"), $"Temporal:Address={durable.Ready.GetProperty("address").GetString()}", $"Database:Postgres={database}", $"Events:Nats={nats.Url}",
                    $"Secrets:KeyFile={folder.File("secrets.key")}", "Http:RequestsPerSecond=0"));
            }
            await ApplyAsync(replicas[0].Http, targetUrl);

            for (var order = 0; order < Orders; order++)
            {
                if (order == Orders / 3)
                {
                    replicas[0].Dispose(); // SIGKILL
                    replicas.RemoveAt(0);
                }
                await PublishAsync(replicas[order % replicas.Count].Http, order);
            }

            await Eventually.HoldsAsync("every order is done", async () => await CompletedAsync(replicas[0].Http) == Orders);
            Assert.Equal(Orders, await CountAsync(replicas[0].Http, ""));
            Assert.Equal(2 * Orders, keys.Count);
            // A call that a killed process had begun is made again, under the same key: to the service it is one.
            Assert.All(keys, path => Assert.Single(path.Value));
        }
        finally
        {
            replicas.ForEach(replica => replica.Dispose());
        }
    }

    private static async Task ApplyAsync(HttpClient http, string target)
    {
        using var flow = new StringContent($$"""
            document: { dsl: 1.0.3, namespace: shop, name: order, version: 1.0.0 }
            schedule: { on: { one: { with: { type: com.example.order } } } }
            do:
              - reserve: { call: http, with: { method: post, endpoint: '${ "{{target}}reserve/" + $workflow.input[0].id }' } }
              - pause: { wait: { milliseconds: 300 } }
              - ship: { call: http, with: { method: post, endpoint: '${ "{{target}}ship/" + $workflow.input[0].id }' } }
            """, Encoding.UTF8, "application/yaml");
        using var applied = await http.PutAsync(new Uri("api/v1/flows/shop/order", UriKind.Relative), flow);
        Assert.True(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());
    }

    private static async Task PublishAsync(HttpClient http, int order)
    {
        using var content = new StringContent(
            $$"""{"specversion":"1.0","id":"{{order}}","source":"/shop","type":"com.example.order"}""", Encoding.UTF8, "application/cloudevents+json");
        using var sent = await http.PostAsync(new Uri("api/v1/events", UriKind.Relative), content);
        Assert.True(sent.IsSuccessStatusCode, await sent.Content.ReadAsStringAsync());
    }

    private static Task<int> CompletedAsync(HttpClient http) => CountAsync(http, "&status=completed");

    private static async Task<int> CountAsync(HttpClient http, string filter)
    {
        var page = await http.GetFromJsonAsync<JsonElement>(new Uri($"api/v1/runs?flow=shop/order&limit=200{filter}", UriKind.Relative));
        return page.GetProperty("items").EnumerateArray().Count(run => run.GetProperty("id").GetString() != "shop.order.schedule-r1");
    }

    /// <summary>A service that notes the idempotency keys of each path.</summary>
    private HttpListener Target(out string url)
    {
        var listener = new HttpListener();
        url = $"http://127.0.0.1:{BatonUp.FreePort()}/";
        listener.Prefixes.Add(url);
        listener.Start();
        _ = AnswerAsync(listener);
        return listener;
    }

    private async Task AnswerAsync(HttpListener listener)
    {
        while (listener.IsListening)
        {
            try
            {
                var context = await listener.GetContextAsync();
                keys.GetOrAdd(context.Request.Url!.AbsolutePath, _ => new())[context.Request.Headers["Idempotency-Key"] ?? ""] = true;
                context.Response.Close("{}"u8.ToArray(), willBlock: false);
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // The test is over, or a killed caller does not wait for the answer.
            }
        }
    }

    /// <summary>`baton ...`, started, with the JSON that it prints once it is ready.</summary>
    private sealed class BatonProcess(Process process, JsonElement ready) : IDisposable
    {
        public JsonElement Ready => ready;

        public static async Task<BatonProcess> StartAsync(params string[] arguments)
        {
            var process = Process.Start(new ProcessStartInfo(BatonUp.Executable, [.. arguments, "--log-level", "never"]) { RedirectStandardOutput = true })!;
            var line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"baton {string.Join(' ', arguments)} ended");
            return new(process, JsonDocument.Parse(line).RootElement);
        }

        /// <summary>SIGKILL.</summary>
        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    private sealed class Replica(BatonProcess process, HttpClient http) : IDisposable
    {
        public HttpClient Http => http;

        public static async Task<Replica> StartAsync(string folder, params string[] settings)
        {
            var process = await BatonProcess.StartAsync(
                ["server", "run", "--data", folder, "--output", "jsonl", "--set", "Http:Url=http://127.0.0.1:0", .. settings.SelectMany(setting => new[] { "--set", setting })]);
            var file = ControlFile.Read(folder);
            return new(process, new HttpClient { BaseAddress = new Uri(file.Address), DefaultRequestHeaders = { Authorization = new("Bearer", file.Token) } });
        }

        public void Dispose()
        {
            process.Dispose();
            http.Dispose();
        }
    }
}
