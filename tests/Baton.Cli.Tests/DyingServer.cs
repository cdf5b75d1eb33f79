using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Baton.Cli.Tests;

/// <summary>
/// `baton server run` on one folder and one durable port. It is started again whenever it was killed, each time with the next crash point
/// armed; once there is none left, it lives on.
/// </summary>
/// <param name="crashPoints">NAME:N each, in the order in which they are to kill.</param>
/// <param name="settings">Settings, KEY=VALUE each.</param>
internal sealed class DyingServer(IEnumerable<string> crashPoints, params string[] settings) : IAsyncDisposable
{
    private const int KilledBySignal = 128 + 9;

    private readonly int port = FreePort();
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly ConcurrentQueue<string> points = new(crashPoints);
    private readonly CancellationTokenSource stopping = new();
    private readonly SemaphoreSlim starting = new(1, 1);
    private Process? process;
    private string? armed;
    private string? failure;
    private Task watching = Task.CompletedTask;

    /// <summary>Where its data is: a project for the command line.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("baton-kill-").FullName;

    /// <summary>The points that have killed it, the first first.</summary>
    public ConcurrentQueue<string> Deaths { get; } = new();

    /// <summary>All points have killed it.</summary>
    public bool HasDiedEnough => points.IsEmpty && armed is null;

    public string TemporalAddress => $"127.0.0.1:{port}";

    /// <param name="isArmed">Whether the first life ends at the first point.</param>
    public async Task StartAsync(bool isArmed = true)
    {
        await LaunchAsync(isArmed);
        watching = WatchAsync();
    }

    /// <summary>SIGKILL, from outside. The next life has the next point armed.</summary>
    public void Kill() => process!.Kill();

    public Task<CliResult> RunAsync(params string[] args) => BatonProcess.RunAsync([.. args, "--project", Folder]);

    /// <summary>Asks as a sender does who was not answered: again, until it is.</summary>
    public async Task<JsonNode?> CallAsync(HttpMethod method, string path, string? body, string type, CancellationToken cancel)
    {
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            Assert.True(failure is null, failure);
            try
            {
                var control = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "control.json"), cancel))!;
                using var request = new HttpRequestMessage(method, $"{control["Address"]}/api/v1/{path}") { Headers = { Authorization = new("Bearer", (string)control["Token"]!) } };
                request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, type);
                using var response = await http.SendAsync(request, cancel);
                var answer = await response.Content.ReadAsStringAsync(cancel);
                if (response.IsSuccessStatusCode)
                {
                    return answer.Length == 0 ? null : JsonNode.Parse(answer);
                }
                // A token of an earlier life is none any more.
                Assert.True(response.StatusCode is HttpStatusCode.Unauthorized or >= HttpStatusCode.InternalServerError, $"{method} {path}: {answer}");
            }
            catch (Exception error) when (error is HttpRequestException or IOException or JsonException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
            {
                // It is dead, or was while it answered.
            }
            await RecoverAsync();
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancel);
        }
    }

    public async Task<JsonNode> GetAsync(string path, CancellationToken cancel) => (await CallAsync(HttpMethod.Get, path, null, "", cancel))!;

    /// <summary>Ends once a server is up, this one or the next.</summary>
    public async Task RecoverAsync()
    {
        await starting.WaitAsync();
        starting.Release();
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        process!.Kill();
        await watching;
        process.Dispose();
        http.Dispose();
        starting.Dispose();
        stopping.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task WatchAsync()
    {
        while (true)
        {
            await process!.WaitForExitAsync();
            if (stopping.IsCancellationRequested)
            {
                return;
            }
            if (process.ExitCode != KilledBySignal)
            {
                failure = $"the server ended by itself with {process.ExitCode}, armed with {armed}";
                return;
            }
            if (armed is not null)
            {
                Deaths.Enqueue(armed);
            }
            await LaunchAsync(isArmed: true);
        }
    }

    private async Task LaunchAsync(bool isArmed)
    {
        await starting.WaitAsync();
        try
        {
            armed = isArmed && points.TryDequeue(out var point) ? point : null;
            process = Process.Start(BatonProcess.StartInfo(
                ["server", "run", "--data", Folder, "--log-level", "never", "--json", .. new[] { "Http:Url=http://127.0.0.1:0", $"Temporal:Port={port}" }.Concat(settings).SelectMany(setting => new[] { "--set", setting })],
                ("BATON_CRASH_POINT", armed ?? "")))!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync();
            // It prints where it answers once it does; it may also die before.
            string? line;
            do
            {
                line = await process.StandardOutput.ReadLineAsync();
            }
            while (line is not null and not "{");
            if (line is null && await errors is { Length: > 0 } said)
            {
                failure = said;
            }
        }
        finally
        {
            starting.Release();
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
