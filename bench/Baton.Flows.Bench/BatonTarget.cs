using Baton.Durable.Bench.Targets;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Jq;
using Temporalio.Client;

namespace Baton.Flows.Bench;

/// <summary>Durable execution alone: <c>baton server start-dev</c>; the worker of flows and the client are in this process.</summary>
/// <param name="baton">The executable.</param>
/// <param name="database">The database, or null for memory.</param>
internal sealed class BatonTarget(string baton, string? database) : ITarget
{
    /// <summary>Takes a number, and adds to it in three steps.</summary>
    public const string ThreeSteps = """
        document: { dsl: 1.0.3, namespace: bench, name: three, version: 1.0.0 }
        do:
        - one: { set: { n: "${ .n + 1 }" } }
        - two: { set: { n: "${ .n + 1 }" } }
        - three: { set: { n: "${ .n + 1 }" } }
        """;

    private static readonly FlowDefinition Flow = FlowReader.Read(ThreeSteps).Definition!;

    private readonly FlowStart _start = new() { Definition = Flow.Json, Hash = Flow.Hash, Input = JqValue.FromObject([new("n", 1)]) };
    private readonly CancellationTokenSource _stop = new();

    private ChildProcess? _server;
    private TemporalClient _client = null!;
    private FlowWorker? _worker;
    private Task? _working;

    public string Name => database is null ? "baton, volatile" : "baton, over Temporal's API";

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
