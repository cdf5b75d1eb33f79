using System.Net.Http.Json;
using Baton.Durable.Bench.Targets;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Jq;
using Temporalio.Client;

namespace Baton.Flows.Bench;

/// <summary>Something that runs the flow of the bench: takes a number, adds to it in three steps, and answers.</summary>
internal interface ITarget : IAsyncDisposable
{
    string Name { get; }

    /// <summary>Processes whose CPU time counts.</summary>
    IReadOnlyList<int> Processes { get; }

    Task StartAsync();

    /// <summary>Starts one run and waits for its answer.</summary>
    Task RunAsync();
}

/// <summary><c>baton server start-dev</c> on a database file; the worker of flows and the client are in this process.</summary>
/// <param name="baton">The executable.</param>
/// <param name="database">The database, or null for memory.</param>
internal sealed class BatonTarget(string baton, string? database) : ITarget
{
    private static readonly FlowDefinition Flow = FlowReader.Read("""
        document: { dsl: 1.0.3, namespace: bench, name: three, version: 1.0.0 }
        do:
        - one: { set: { n: "${ .n + 1 }" } }
        - two: { set: { n: "${ .n + 1 }" } }
        - three: { set: { n: "${ .n + 1 }" } }
        """).Definition!;

    private readonly FlowStart _start = new() { Definition = Flow.Json, Hash = Flow.Hash, Input = JqValue.FromObject([new("n", 1)]) };
    private readonly CancellationTokenSource _stop = new();

    private ChildProcess? _server;
    private TemporalClient _client = null!;
    private FlowWorker? _worker;
    private Task? _working;

    public string Name => database is null ? "baton, volatile" : "baton";

    public IReadOnlyList<int> Processes => [_server!.Id, Environment.ProcessId];

    public async Task StartAsync()
    {
        var port = ChildProcess.FreePort();
        string[] file = database is null ? [] : ["--db-filename", database];
        _server = ChildProcess.Start(baton, ["server", "start-dev", "--port", $"{port}", "--ip", "127.0.0.1", "--headless", "--log-level", "error", .. file]);
        await _server.ListensAsync(port);
        _client = await TemporalClient.ConnectAsync(new($"127.0.0.1:{port}"));
        _worker = new FlowWorker(_client, new FlowHost());
        _working = _worker.ExecuteAsync(_stop.Token);
    }

    public async Task RunAsync()
    {
        var handle = await _client.StartWorkflowAsync((FlowWorkflow flow) => flow.RunAsync(_start), new($"bench-{Guid.NewGuid():N}", FlowWorkflow.TaskQueue));
        await handle.GetResultAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_working is not null)
        {
            await _working.ContinueWith(_ => { }, TaskScheduler.Default);
        }
        _worker?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
        _stop.Dispose();
    }
}

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
