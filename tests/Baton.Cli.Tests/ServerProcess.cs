using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Baton.Cli.Tests;

/// <summary>`baton server run` on a folder, killed at its end.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process process;
    private readonly string url;
    private readonly string token;

    private ServerProcess(Process process, JsonNode ready, string token)
    {
        (this.process, url, this.token) = (process, (string)ready["url"]!, token);
        TemporalAddress = (string)ready["address"]!;
        Http = new HttpClient { BaseAddress = new Uri(url), DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
    }

    public HttpClient Http { get; }

    public string TemporalAddress { get; }

    public static async Task<ServerProcess> StartAsync(string folder)
    {
        var process = Process.Start(BatonProcess.StartInfo(
            ["server", "run", "--data", folder, "--output", "jsonl", "--log-level", "never", "--set", "Http:Url=http://127.0.0.1:0", "--set", "Temporal:Port=0"]))!;
        var line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(await process.StandardError.ReadToEndAsync());
        var control = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "control.json")))!;
        return new(process, JsonNode.Parse(line)!, (string)control["Token"]!);
    }

    public Task<CliResult> CliAsync(params string[] args) => BatonProcess.RunAsync([.. args, "--url", url, "--token", token]);

    /// <summary>Asks until the answer is as wanted.</summary>
    public async Task<JsonNode> UntilAsync(string path, Func<JsonNode, bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2), TimeProvider.System);
        while (true)
        {
            using var response = await Http.GetAsync(path, limit.Token);
            if (response.IsSuccessStatusCode && JsonNode.Parse(await response.Content.ReadAsStringAsync(limit.Token))! is var json && condition(json))
            {
                return json;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, limit.Token);
        }
    }

    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        Http.Dispose();
        process.Dispose();
    }
}
