using System.Net.Http.Json;
using System.Text.Json;
using Baton.Durable.Bench.Targets;

namespace Baton.Flows.Bench;

/// <summary>n8n: a webhook and three set nodes, of which the last one answers. Executions are kept in its SQLite database.</summary>
/// <param name="node">The Node.js executable, 24 or later.</param>
/// <param name="folder">Where <c>npm install n8n</c> was run.</param>
internal sealed class N8nTarget(string node, string folder) : ITarget
{
    private const string Id = "benchbenchbench1";

    private readonly string _user = Directory.CreateTempSubdirectory("baton-bench-n8n-").FullName;
    private readonly HttpClient _http = new();
    private readonly int _port = ChildProcess.FreePort();

    private ChildProcess? _process;

    public string Name => "n8n";

    public IReadOnlyList<int> Processes => [_process!.Id, Environment.ProcessId];

    public async Task StartAsync()
    {
        static object Set(string name, string value) => new
        {
            parameters = new { assignments = new { assignments = new[] { new { id = "n", name = "n", value, type = "number" } } }, options = new { } },
            id = name, name, type = "n8n-nodes-base.set", typeVersion = 3.4, position = new[] { 0, 0 },
        };
        static object To(string next) => new { main = new[] { new[] { new { node = next, type = "main", index = 0 } } } };
        object webhook = new
        {
            parameters = new { httpMethod = "POST", path = "run", responseMode = "lastNode", options = new { } },
            id = "in", name = "in", type = "n8n-nodes-base.webhook", typeVersion = 2, position = new[] { 0, 0 }, webhookId = "run",
        };
        object workflow = new
        {
            id = Id, name = "bench", active = true, settings = new { executionOrder = "v1" },
            nodes = new[] { webhook, Set("one", "={{ $json.body.n + 1 }}"), Set("two", "={{ $json.n + 1 }}"), Set("three", "={{ $json.n + 1 }}") },
            connections = new Dictionary<string, object> { ["in"] = To("one"), ["one"] = To("two"), ["two"] = To("three") },
        };
        var file = Path.Combine(_user, "workflow.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new[] { workflow }));
        await RunToEndAsync("import:workflow", $"--input={file}");
        await RunToEndAsync("publish:workflow", $"--id={Id}");
        _process = Start("start");
        await _process.ListensAsync(_port);
        // It listens before its workflows are there.
        while (!await AnswersAsync())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }

    public async Task RunAsync()
    {
        if (!await AnswersAsync())
        {
            throw new InvalidOperationException("n8n gave another answer than 4.");
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

    private async Task<bool> AnswersAsync()
    {
        using var answer = await _http.PostAsJsonAsync($"http://127.0.0.1:{_port}/webhook/run", new { n = 1 });
        return (await answer.Content.ReadAsStringAsync()).Contains("\"n\":4", StringComparison.Ordinal);
    }

    private async Task RunToEndAsync(params string[] arguments)
    {
        await using var process = Start(arguments);
        await process.EndsAsync();
    }

    private ChildProcess Start(params string[] arguments) => ChildProcess.Start(node, [Path.Combine(folder, "node_modules", "n8n", "bin", "n8n"), .. arguments], _user, new Dictionary<string, string>
    {
        ["N8N_USER_FOLDER"] = _user,
        ["N8N_PORT"] = $"{_port}",
        ["N8N_LISTEN_ADDRESS"] = "127.0.0.1",
        ["N8N_DIAGNOSTICS_ENABLED"] = "false",
        ["N8N_VERSION_NOTIFICATIONS_ENABLED"] = "false",
        ["N8N_LOG_LEVEL"] = "error",
        // It starts helpers by the name of node.
        ["PATH"] = $"{Path.GetDirectoryName(Path.GetFullPath(node))}:{Environment.GetEnvironmentVariable("PATH")}",
    });
}
