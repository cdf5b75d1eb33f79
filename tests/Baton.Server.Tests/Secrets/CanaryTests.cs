using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Audit;
using Baton.Server.Events.Log;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Baton.Server.Telemetry.Spans;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;

namespace Baton.Server.Tests.Secrets;

/// <summary>Plants the value of a secret wherever it could leak, and looks for it in every byte that is kept or shown.</summary>
public sealed class CanaryTests
{
    private const string Canary = "canary-7f3a9c-in-the-coal-mine";

    private static readonly ActivitySource Source = new("Baton.Test");

    [Fact]
    public async Task A_secret_that_was_revealed_shows_up_nowhere()
    {
        var log = new ConcurrentQueue<string>();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(new Recording(log)).SetMinimumLevel(LogLevel.Trace));
        await using var server = await TestServer.StartAsync(loggers);
        var services = server.Server.Services;
        await server.Http.PutAsJsonAsync("api/v1/secrets/canary", new { value = Canary, flows = new[] { "*" } });

        // Logs: message, value, exception, scope.
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("test");
        using (logger.BeginScope($"in {Canary}"))
        {
#pragma warning disable CA1848, CA2254, CA1873 // what others log by other means is the point here
            logger.LogError(new InvalidOperationException($"failed with {Canary}"), "called with {Password}", Canary);
#pragma warning restore CA1848, CA2254, CA1873
        }
        // Spans: name, attribute, status.
        using (var span = Source.StartActivity($"GET /{Canary}"))
        {
            Assert.NotNull(span);
            span.SetTag("url", $"https://user:{Canary}@host").SetStatus(ActivityStatusCode.Error, $"refused {Canary}");
        }
        string withEvent;
        using (var span = Source.StartActivity("with an event"))
        {
            withEvent = span!.TraceId.ToHexString();
            span.AddEvent(new("told", tags: new() { ["what"] = $"the key is {Canary}", ["all"] = new[] { Canary } }));
        }
        // Spans of others.
        services.GetRequiredService<SpanWriter>().Add(new() { TraceId = new string('a', 32), SpanId = new string('b', 16), Name = Canary, Service = "other", Scope = "x", StartedNs = 1, EndedNs = 2, Attributes = $$"""{"a":"{{Canary}}"}""" });
        // Events and dead letters: what is stored, streamed, sent on, and why it was given up.
        await using var target = await CountingTarget.StartAsync();
        await PlantEventsAsync(server, target);
        // Tasks: what is asked, and what people say to it.
        var task = await server.Http.PostAsync("tasks", $$"""{"kind":"approval","title":"with {{Canary}}?","data":{"password":"{{Canary}}"} }""");
        await server.Http.PostAsync($"tasks/{task["id"]}/approve", $$"""{"comment":"I know {{Canary}}","data":{"it":"{{Canary}}"} }""");
        // The audit.
        await services.GetRequiredService<AuditLog>().WriteAsync(new(Caller.System("test"), "test.act", $"thing/{Canary}") { Detail = Canary });
        // Histories: input, result, and the texts of failures.
        await FailAsync(services.GetRequiredService<ITemporalClient>());
        // Answers: an error that names it.
        using var refused = await server.Http.GetAsync($"api/v1/users/{Canary}");
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var live = await server.Http.GetStreamAsync(new Uri("api/v1/live?topics=events&after=events%3D1", UriKind.Relative), patience.Token);
        var followed = await server.Http.GetStreamAsync(new Uri("api/v1/events/stream?from=0&type=canary.sang", UriKind.Relative), patience.Token);
        var answers = await refused.Content.ReadAsStringAsync() + await LineAsync(live, "canary.sang") + await LineAsync(followed, "canary.sang") + string.Concat(target.Calls.Select(call => call.Body))
            + await server.Http.GetStringAsync("api/v1/events?limit=100") + await server.Http.GetStringAsync("api/v1/events/dead-letters") + await server.Http.GetStringAsync($"api/v1/tasks/{task["id"]}")
            + await server.Http.GetStringAsync("api/v1/traces?limit=500") + await server.Http.GetStringAsync("api/v1/audit") + await server.Http.GetStringAsync("api/v1/audit/export");
        await server.RestartAsync();
        // By its id: the store has the spans of every server that runs in this process.
        var spans = await server.Http.GetStringAsync($"api/v1/traces/{withEvent}");
        Assert.Contains($"the key is {Redactor.Mark}", spans, StringComparison.Ordinal);
        Assert.DoesNotContain(Canary, spans, StringComparison.Ordinal);

        Assert.DoesNotContain(Canary, answers, StringComparison.Ordinal);
        Assert.Contains(Redactor.Mark, answers, StringComparison.Ordinal);
        Assert.DoesNotContain(log, line => line.Contains(Canary, StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains($"called with {Redactor.Mark}", StringComparison.Ordinal));
        var files = Files(server);
        Assert.Contains(files, file => Path.GetFileName(file) == "baton.db");
        Assert.Contains(files, file => Path.GetFileName(file) == "records.db");
        Assert.Contains(files, file => Path.GetFileName(file) == "events.db");
        foreach (var (file, bytes) in files.Select(file => (file, Read(file))))
        {
            foreach (var form in new[] { Encoding.UTF8.GetBytes(Canary), Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary))) })
            {
                Assert.True(bytes.AsSpan().IndexOf(form) < 0, $"{Path.GetFileName(file)} holds the secret");
            }
        }
    }

    [Fact]
    public void A_secret_that_is_a_number_or_behind_escapes_is_found_and_JSON_stays_JSON()
    {
        var redactor = new Redactor();
        redactor.Add("12345678");
        redactor.Add("caf\u00e9-au-lait");

        var cleaned = JsonNode.Parse(redactor.Clean("""{"pin":12345678,"list":[1,12345678],"say":"c\u0061f\u00e9-au-lait","caf\u00e9-au-lait":true,"left":1.10}"""))!;

        Assert.Equal($$"""{"pin":"{{Redactor.Mark}}","list":[1,"{{Redactor.Mark}}"],"say":"{{Redactor.Mark}}","{{Redactor.Mark}}":true,"left":1.10}""", cleaned.ToJsonString());
        Assert.Equal("""{"a":"\u0061"}""", redactor.Clean("""{"a":"\u0061"}"""));
    }

    [Fact]
    public async Task Encrypted_payloads_hold_no_clear_text_and_a_run_from_before_a_rotation_is_read()
    {
        await using var server = await TestServer.StartAsync(("Secrets:EncryptPayloads", "true"));
        const string Plain = "nothing secret but not for others";
        var client = server.Server.Services.GetRequiredService<ITemporalClient>();
        WorkflowHandle<Echo, string> handle;
        using (var worker = new TemporalWorker(client, new TemporalWorkerOptions("codec").AddWorkflow<Echo>()))
        {
            handle = await worker.ExecuteAsync(async () =>
            {
                var started = await client.StartWorkflowAsync((Echo echo) => echo.RunAsync(Plain), new("codec", "codec"));
                await started.QueryAsync(echo => echo.Waiting);
                return started;
            });
        }

        await server.Http.PostAsync("api/v1/secrets/rotate-key", null);
        await server.RestartAsync();
        client = server.Server.Services.GetRequiredService<ITemporalClient>();
        using (var worker = new TemporalWorker(client, new TemporalWorkerOptions("codec").AddWorkflow<Echo>()))
        {
            await worker.ExecuteAsync(async () =>
            {
                var again = client.GetWorkflowHandle<Echo, string>(handle.Id);
                await again.SignalAsync(echo => echo.GoOnAsync());
                Assert.Equal(Plain + Plain, await again.GetResultAsync());
            });
        }
        await server.RestartAsync();

        Assert.All(Files(server), file => Assert.True(Read(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(Plain)) < 0, file));
    }

    private static async Task PlantEventsAsync(TestServer server, CountingTarget target)
    {
        await server.Http.CallAsync(HttpMethod.Put, "secrets/hook", """{"value":"of the hook"}""");
        await server.Http.PostAsync("event-subscriptions", $$"""{"url":"{{target.Url}}/hook","secret":"secret://hook","pattern":"canary.sang"}""");
        await server.Http.CallAsync(HttpMethod.Put, "webhook-sources/mine", """{"kind":"gitlab","secret":"secret://hook"}""");
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"xy{Canary}z"));
        foreach (var sung in new[]
        {
            $$"""{"specversion":"1.0","id":"1","source":"/{{Canary}}","type":"canary.sang","subject":"{{Canary}}","data":{"{{Canary}}":["{{Canary}}"] } }""",
            $$"""{"specversion":"1.0","id":"2","source":"/b","type":"canary.sang","data_base64":"{{encoded}}"}""",
            $$"""{"specversion":"1.0","id":"3","source":"/b","type":"canary.sang","data":"{{Canary.Replace("c", "\\u0063", StringComparison.Ordinal)}}"}""",
        })
        {
            await server.Http.PostAsync("events", sung);
        }
        await target.CallAsync(3);
        await server.Http.CallAsync(HttpMethod.Post, "webhooks/mine", $$"""{"object_kind":"push","ref":"{{Canary}}"}""", headers: ("X-Gitlab-Token", "of the hook"));
        await using var consumer = await server.Server.Services.GetRequiredService<IEventLog>().ConsumeAsync(new("probe") { MaxDeliveries = 1 }, default);
        foreach (var delivery in await consumer.FetchAsync(1, TimeSpan.FromSeconds(30), default))
        {
            Assert.DoesNotContain(Canary, Encoding.UTF8.GetString(delivery.Logged.Event.Json.Span), StringComparison.Ordinal);
            await consumer.NakAsync(delivery, $"refused {Canary}", null, default);
        }
    }

    /// <summary>The first line of a stream that tells of it.</summary>
    private static async Task<string> LineAsync(Stream stream, string what)
    {
        using var reader = new StreamReader(stream);
        while (true)
        {
            if (await reader.ReadLineAsync() is var line && line!.Contains(what, StringComparison.Ordinal))
            {
                return line;
            }
        }
    }

    private static async Task FailAsync(ITemporalClient client)
    {
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions("canary").AddWorkflow<Leaking>().AddActivity(Leaking.LeakAsync));
        await worker.ExecuteAsync(async () =>
        {
            var failed = await Assert.ThrowsAsync<WorkflowFailedException>(() => client.ExecuteWorkflowAsync((Leaking leaking) => leaking.RunAsync($"input {Canary}"), new("canary", "canary")));
            Assert.Contains(Redactor.Mark, failed.InnerException!.InnerException!.Message, StringComparison.Ordinal);
        });
    }

    /// <summary>All that is kept; locks are empty, and cannot be read while they are held.</summary>
    private static string[] Files(TestServer server) => [.. Directory.GetFiles(server.DataFolder, "*", SearchOption.AllDirectories).Where(file => Path.GetExtension(file) != ".lock")];

    private static byte[] Read(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    [Workflow]
    public sealed class Leaking
    {
        [WorkflowRun]
        public Task<string> RunAsync(string input) =>
            Workflow.ExecuteActivityAsync(() => LeakAsync(input), new() { StartToCloseTimeout = TimeSpan.FromMinutes(1), RetryPolicy = new() { MaximumAttempts = 1 } });

        [Activity]
        public static Task<string> LeakAsync(string input) =>
            throw new ApplicationFailureException($"the call to https://x/?key={Canary} failed", new InvalidOperationException(Canary), details: [input, Canary]);
    }

    [Workflow]
    public sealed class Echo
    {
        private bool goesOn;

        [WorkflowQuery]
        public bool Waiting => !goesOn;

        [WorkflowRun]
        public async Task<string> RunAsync(string text)
        {
            await Workflow.WaitConditionAsync(() => goesOn);
            return text + text;
        }

        [WorkflowSignal]
        public Task GoOnAsync()
        {
            goesOn = true;
            return Task.CompletedTask;
        }
    }

    private sealed class Recording(ConcurrentQueue<string> log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Logger(log);

        public void Dispose()
        {
        }

        private sealed class Logger(ConcurrentQueue<string> log) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull
            {
                log.Enqueue($"{state}");
                return null;
            }

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                log.Enqueue($"{formatter(state, exception)} {exception} {(state is IEnumerable<KeyValuePair<string, object?>> values ? string.Join(' ', values) : "")}");
        }
    }
}
