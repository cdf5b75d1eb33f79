using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Durable.Bench.Targets;

namespace Baton.Flows.Bench;

/// <summary>The whole server, <c>baton server run</c>: a run is started over the HTTP API, and its end awaited by the same request.</summary>
/// <param name="baton">The executable.</param>
/// <param name="folder">Its data.</param>
internal sealed class ServerTarget(string baton, string folder) : ITarget
{
    private const string Flow = "flows/bench/three";

    private ChildProcess? _process;
    private HttpClient _http = new();

    public string Name => "baton";

    public string DurableFile => Path.Combine(folder, "baton.db");

    public IReadOnlyList<int> Processes => [_process!.Id, Environment.ProcessId];

    public async Task StartAsync()
    {
        Directory.CreateDirectory(folder);
        var port = ChildProcess.FreePort();
        _process = ChildProcess.Start(baton,
        [
            "server", "run", "--data", folder, "--log-level", "error",
            "--set", $"Http:Url=http://127.0.0.1:{port}", "--set", "Http:RequestsPerSecond=0", "--set", "Temporal:Port=0",
        ]);
        await _process.ListensAsync(port);
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/api/v1/") };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(port));
        using var applied = await _http.PutAsync(Flow, new StringContent(BatonTarget.ThreeSteps, Encoding.UTF8, "application/yaml"));
        applied.EnsureSuccessStatusCode();
        // It listens before its worker does.
        while (!await AnswersAsync())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public async Task RunAsync()
    {
        if (!await AnswersAsync())
        {
            throw new InvalidOperationException("Baton gave another answer than 4.");
        }
    }

    /// <summary>Milliseconds that a list of runs takes, the median of several.</summary>
    public async Task<double> ListMsAsync(string query)
    {
        const int Times = 15;
        var times = new List<double>();
        for (var i = 0; i < Times; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await _http.GetByteArrayAsync($"runs?{query}");
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        times.Sort();
        return times[Times / 2];
    }

    /// <summary>Ends the server in order; <see cref="StartAsync"/> starts it again.</summary>
    public async Task StopAsync()
    {
        _http.Dispose();
        await _process!.StopAsync();
        await _process.DisposeAsync();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
        Directory.Delete(folder, recursive: true);
    }

    private async Task<bool> AnswersAsync()
    {
        using var answer = await _http.PostAsJsonAsync($"{Flow}/runs?wait=30", new { input = new { n = 1 } });
        using var run = JsonDocument.Parse(await answer.Content.ReadAsStreamAsync());
        return answer.IsSuccessStatusCode && run.RootElement.GetProperty("output") is { ValueKind: JsonValueKind.Object } output && output.GetProperty("n").GetInt32() == 4;
    }

    // The server writes it last, after it listens.
    private async Task<string> TokenAsync(int port)
    {
        var file = Path.Combine(folder, "control.json");
        while (true)
        {
            if (File.Exists(file))
            {
                using var control = JsonDocument.Parse(await File.ReadAllTextAsync(file));
                if (control.RootElement.GetProperty("Address").GetString()!.Contains($":{port}", StringComparison.Ordinal))
                {
                    return control.RootElement.GetProperty("Token").GetString()!;
                }
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }
}
