using System.Globalization;
using System.Net;
using System.Net.Http.Json;

namespace Baton.Durable.Bench.Targets;

/// <summary>
/// Restate's server with its defaults on the given directory, and a Node process with its SDK (bench/restate). Its log is synced
/// before anything is acknowledged: <c>log-server.rocksdb-disable-wal-fsync</c> is false by default.
/// </summary>
internal sealed class RestateTarget(string source, string data) : ITarget
{
    private readonly HttpClient client = new(new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
    {
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TimeSpan.FromMinutes(2),
    };
    private readonly int ingress = ChildProcess.FreePort();
    private ChildProcess? server;
    private ChildProcess? service;
    private long lastId;

    public string Name => "restate";

    public IReadOnlyList<int> ServerProcesses => [server!.Id];

    public IReadOnlyList<int> WorkerProcesses => [service!.Id];

    public async Task StartAsync()
    {
        if (!Directory.Exists(Path.Combine(source, "node_modules")))
        {
            await ChildProcess.RunAsync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], source);
        }
        await StartServerAsync();
        var port = ChildProcess.FreePort();
        service = ChildProcess.Start("node", ["service.mjs", $"{port}"], source, new Dictionary<string, string> { ["NODE_ENV"] = "production", ["RESTATE_LOGGING"] = "ERROR" });
        await service.ListensAsync(port);
        using var registered = await client.PostAsJsonAsync($"http://127.0.0.1:{Admin}/deployments", new { uri = $"http://127.0.0.1:{port}", force = true });
        registered.EnsureSuccessStatusCode();
    }

    /// <summary>Starts the server alone and waits until it is healthy.</summary>
    public async Task StartServerAsync()
    {
        var package = $"restate-server-linux-{(System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.X64 ? "x64" : "arm64")}";
        server = ChildProcess.Start(Path.Combine(source, "node_modules", "@restatedev", package, "bin", "restate-server"), ["--base-dir", data], data, new Dictionary<string, string>
        {
            ["RESTATE_INGRESS__BIND_ADDRESS"] = $"127.0.0.1:{ingress}",
            ["RESTATE_ADMIN__BIND_ADDRESS"] = $"127.0.0.1:{Admin}",
            ["RESTATE_BIND_ADDRESS"] = $"127.0.0.1:{ChildProcess.FreePort()}",
            ["RESTATE_DISABLE_TELEMETRY"] = "true",
            ["RESTATE_LOG_FILTER"] = "error",
        });
        await server.ListensAsync(ingress);
        while (!await IsHealthyAsync($"http://127.0.0.1:{ingress}/restate/health") || !await IsHealthyAsync($"http://127.0.0.1:{Admin}/health"))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    public async Task RunOneAsync(Scenario scenario)
    {
        using var response = await client.PostAsync($"http://127.0.0.1:{ingress}/{scenario}/bench-{Interlocked.Increment(ref lastId)}/run", content: null);
        var body = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode || int.Parse(body, CultureInfo.InvariantCulture) != 3)
        {
            throw new InvalidOperationException($"restate: {scenario} gave {(int)response.StatusCode} {body}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await (service?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
        client.Dispose();
    }

    private int Admin { get; } = ChildProcess.FreePort();

    private async Task<bool> IsHealthyAsync(string url)
    {
        try
        {
            using var response = await client.GetAsync(url);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
