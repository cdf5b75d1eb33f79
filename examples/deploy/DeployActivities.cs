using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Temporalio.Activities;
using Temporalio.Exceptions;

namespace Deploy;

/// <summary>
/// What a deploy does to the world. Each attempt works in a folder of its own and publishes by one rename, so that an
/// attempt that was killed, or one that still runs somewhere, changes nothing for the next.
/// </summary>
public sealed partial class DeployActivities(DeploySettings settings, HttpClient http, TimeProvider time, ILogger<DeployActivities> log)
{
    /// <summary>Error type: the release does not get healthy.</summary>
    public const string Unhealthy = "Unhealthy";

    private const int BuildAttempts = 3;

    private readonly ReleaseFolder releases = new(settings.Root);

    private static CancellationToken Cancel => ActivityExecutionContext.Current.CancellationToken;

    private string Scratch => Path.Combine(settings.Root, "work", ActivityExecutionContext.Current.Info.WorkflowRunId!);

    /// <summary>Clones the repository and resolves <paramref name="ref"/> (a branch, tag or commit).</summary>
    [Activity]
    public Task<Source> FetchAsync(string repo, string @ref) => WithHeartbeats(async () =>
    {
        var clone = NewFolder("source");
        var cloned = await Run($"git clone --quiet --bare -- {Shell.Quote(repo)} {Shell.Quote(clone)}", settings.Root);
        if (cloned.ExitCode != 0)
        {
            throw new ApplicationFailureException($"git clone {repo} failed: {cloned.Tail}", "CloneFailed");
        }
        var resolved = await Run($"git rev-parse --verify --quiet {Shell.Quote(@ref + "^{commit}")}", clone);
        return resolved.ExitCode == 0
            ? new Source(clone, Commit(resolved.Tail))
            : throw new ApplicationFailureException($"{repo} has no branch, tag or commit {@ref}", "UnknownRef", nonRetryable: true);
    });

    /// <summary>Builds with the repository's own command and keeps the result as a release. A build may need the network: it is tried three times.</summary>
    [Activity]
    public Task BuildAsync(Source source) => WithHeartbeats(async () =>
    {
        if (releases.Has(source.Revision))
        {
            return;
        }
        var (folder, commands) = await CheckOutAsync(source);
        var built = await Run(commands.Build, folder);
        if (built.ExitCode != 0)
        {
            throw new ApplicationFailureException(
                $"the build failed with exit code {built.ExitCode}:\n{built.Tail}", "BuildFailed",
                nonRetryable: ActivityExecutionContext.Current.Info.Attempt >= BuildAttempts);
        }
        var output = Path.Combine(folder, commands.Release);
        if (!Directory.Exists(output))
        {
            throw new ApplicationFailureException($"the build left no folder {commands.Release}", "BuildFailed", nonRetryable: true);
        }
        releases.Add(source.Revision, output);
    });

    /// <summary>Tests with the repository's own command. A test that fails would fail again.</summary>
    [Activity]
    public Task TestAsync(Source source) => WithHeartbeats(async () =>
    {
        var (folder, commands) = await CheckOutAsync(source);
        var tested = await Run(commands.Test, folder);
        if (tested.ExitCode != 0)
        {
            throw new ApplicationFailureException($"the tests failed with exit code {tested.ExitCode}:\n{tested.Tail}", "TestsFailed", nonRetryable: true);
        }
    });

    [Activity]
    public Task NotifyAsync(string message)
    {
        LogNotice(message);
        return Task.CompletedTask;
    }

    [Activity]
    public Task<string?> LiveAsync() => Task.FromResult(releases.Live());

    [Activity]
    public Task ActivateAsync(string revision)
    {
        releases.Activate(revision, Scratch);
        LogActivated(revision);
        return Task.CompletedTask;
    }

    [Activity]
    public Task RestartAsync() => WithHeartbeats(async () =>
    {
        var restarted = await Run(settings.RestartCommand, settings.Root);
        if (restarted.ExitCode != 0)
        {
            throw new ApplicationFailureException($"the restart failed with exit code {restarted.ExitCode}: {restarted.Tail}", "RestartFailed");
        }
    });

    /// <summary>Asks until the service answers well and as <paramref name="revision"/>, or patience ends.</summary>
    [Activity]
    public Task CheckHealthAsync(string revision) => WithHeartbeats(async () =>
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var problem = await HealthProblemAsync(revision);
            if (problem is null)
            {
                return;
            }
            if (time.GetElapsedTime(start) > settings.HealthPatience)
            {
                throw new ApplicationFailureException($"{revision} is not healthy: {problem}", Unhealthy, nonRetryable: true);
            }
            await Task.Delay(TimeSpan.FromMilliseconds(250), time, Cancel);
        }
    });

    /// <summary>Deletes the scratch folder of this deploy, and releases that are long past.</summary>
    [Activity]
    public Task CleanUpAsync()
    {
        if (Directory.Exists(Scratch))
        {
            Directory.Delete(Scratch, recursive: true);
        }
        releases.Prune(keep: null);
        return Task.CompletedTask;
    }

    private async Task<(string Folder, RepositoryCommands Commands)> CheckOutAsync(Source source)
    {
        var folder = NewFolder("checkout");
        var result = await Run(
            $"git clone --quiet --no-checkout -- {Shell.Quote(source.Repository)} {Shell.Quote(folder)} && git -C {Shell.Quote(folder)} checkout --quiet --detach {source.Revision}",
            settings.Root);
        return result.ExitCode == 0
            ? (folder, RepositoryCommands.Read(folder))
            : throw new ApplicationFailureException($"the checkout failed: {result.Tail}", "CheckoutFailed");
    }

    private async Task<string?> HealthProblemAsync(string revision)
    {
        try
        {
            using var response = await http.GetAsync(settings.HealthUrl, Cancel);
            var health = await response.Content.ReadFromJsonAsync<JsonElement>(Cancel);
            var running = health.TryGetProperty("revision", out var value) ? value.GetString() : null;
            return running != revision ? $"{running ?? "another release"} answers"
                : !response.IsSuccessStatusCode ? $"HTTP {(int)response.StatusCode}, {health}"
                : null;
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException || (exception is TaskCanceledException && !Cancel.IsCancellationRequested))
        {
            return exception.Message;
        }
    }

    // It becomes a path and an argument: nothing else may stand in it.
    private static string Commit(string output) =>
        output.Trim() is var commit && commit.Length >= 40 && commit.All(char.IsAsciiHexDigitLower)
            ? commit
            : throw new ApplicationFailureException($"git rev-parse answered '{output}'", "CloneFailed");

    private string NewFolder(string purpose)
    {
        Directory.CreateDirectory(Scratch);
        return Path.Combine(Scratch, $"{purpose}-{Guid.NewGuid():N}");
    }

    private Task<ShellResult> Run(string command, string folder) => Shell.RunAsync(command, folder, line => LogOutput(line), Cancel);

    private async Task WithHeartbeats(Func<Task> act)
    {
        using var heartbeats = StartHeartbeats();
        await act();
    }

    private async Task<T> WithHeartbeats<T>(Func<Task<T>> act)
    {
        using var heartbeats = StartHeartbeats();
        return await act();
    }

    private ITimer StartHeartbeats()
    {
        var context = ActivityExecutionContext.Current;
        return time.CreateTimer(_ => context.Heartbeat(), null, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [LoggerMessage(1, LogLevel.Warning, "NOTICE: {Message}")]
    private partial void LogNotice(string message);

    [LoggerMessage(2, LogLevel.Information, "current -> {Revision}")]
    private partial void LogActivated(string revision);

    [LoggerMessage(3, LogLevel.Debug, "{Line}")]
    private partial void LogOutput(string line);
}
