using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text;
using Baton.Server.Audit;
using Baton.Server.Identity;
using Baton.Server.Secrets;
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
        // The audit.
        await services.GetRequiredService<AuditLog>().WriteAsync(new(Caller.System("test"), "test.act", $"thing/{Canary}") { Detail = Canary });
        // Histories: input, result, and the texts of failures.
        await FailAsync(services.GetRequiredService<ITemporalClient>());
        // Answers: an error that names it.
        using var refused = await server.Http.GetAsync($"api/v1/users/{Canary}");
        var answers = await refused.Content.ReadAsStringAsync() + await server.Http.GetStringAsync("api/v1/audit") + await server.Http.GetStringAsync("api/v1/audit/export");
        await server.RestartAsync();

        Assert.DoesNotContain(Canary, answers, StringComparison.Ordinal);
        Assert.Contains(Redactor.Mark, answers, StringComparison.Ordinal);
        Assert.DoesNotContain(log, line => line.Contains(Canary, StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains($"called with {Redactor.Mark}", StringComparison.Ordinal));
        var files = Files(server);
        Assert.Contains(files, file => Path.GetFileName(file) == "baton.db");
        Assert.Contains(files, file => Path.GetFileName(file) == "records.db");
        foreach (var (file, bytes) in files.Select(file => (file, Read(file))))
        {
            foreach (var form in new[] { Encoding.UTF8.GetBytes(Canary), Encoding.ASCII.GetBytes(Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary))) })
            {
                Assert.True(bytes.AsSpan().IndexOf(form) < 0, $"{Path.GetFileName(file)} holds the secret");
            }
        }
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
