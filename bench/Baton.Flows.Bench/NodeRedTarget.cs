using System.Net.Http.Json;
using Baton.Durable.Bench.Targets;

namespace Baton.Flows.Bench;

/// <summary>Node-RED: an HTTP request, three change nodes, an HTTP response. It keeps nothing of its runs.</summary>
/// <param name="node">The Node.js executable, 22.9 or later.</param>
/// <param name="folder">Where <c>npm install node-red</c> was run.</param>
internal sealed class NodeRedTarget(string node, string folder) : ITarget
{
    private readonly string _user = Directory.CreateTempSubdirectory("baton-bench-red-").FullName;
    private readonly HttpClient _http = new();
    private readonly int _port = ChildProcess.FreePort();

    private ChildProcess? _process;

    public string Name => "node-red";

    public IReadOnlyList<int> Processes => [_process!.Id, Environment.ProcessId];

    public async Task StartAsync()
    {
        object Change(string id, string next) => new
        {
            id, type = "change", z = "bench", name = "", x = 0, y = 0, wires = new[] { new[] { next } },
            rules = new[] { new { t = "set", p = "payload.n", pt = "msg", to = "payload.n + 1", tot = "jsonata" } },
        };
        object[] flow =
        [
            new { id = "bench", type = "tab", label = "bench" },
            new { id = "in", type = "http in", z = "bench", url = "/run", method = "post", x = 0, y = 0, wires = new[] { new[] { "one" } } },
            Change("one", "two"),
            Change("two", "three"),
            Change("three", "out"),
            new { id = "out", type = "http response", z = "bench", x = 0, y = 0, wires = Array.Empty<string[]>() },
        ];
        await File.WriteAllTextAsync(Path.Combine(_user, "flows.json"), System.Text.Json.JsonSerializer.Serialize(flow));
        await File.WriteAllTextAsync(Path.Combine(_user, "settings.js"), $"module.exports = {{ uiPort: {_port}, uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: false, telemetry: {{ enabled: false }}, logging: {{ console: {{ level: 'error' }} }} }};\n");
        _process = ChildProcess.Start(node, [Path.Combine(folder, "node_modules", "node-red", "red.js"), "--userDir", _user]);
        await _process.ListensAsync(_port);
        // It listens before its flow is there.
        while (!(await _http.PostAsJsonAsync($"http://127.0.0.1:{_port}/run", new { n = 1 })).IsSuccessStatusCode)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public async Task RunAsync()
    {
        using var answer = await _http.PostAsJsonAsync($"http://127.0.0.1:{_port}/run", new { n = 1 });
        if (await answer.Content.ReadAsStringAsync() is var text && text != """{"n":4}""")
        {
            throw new InvalidOperationException($"Node-RED answered {(int)answer.StatusCode} {text}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }
        _http.Dispose();
        Directory.Delete(_user, recursive: true);
    }
}
