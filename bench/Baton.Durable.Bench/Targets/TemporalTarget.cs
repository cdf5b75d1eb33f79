using Baton.Durable.Bench.Floor;
using Temporalio.Client;
using Temporalio.Worker;

namespace Baton.Durable.Bench.Targets;

/// <summary>A server that speaks Temporal's API, in a process of its own, with a client and a worker of the official .NET SDK in this one.</summary>
/// <param name="command">The executable and its arguments for a port.</param>
/// <param name="database">The file of its state, when it keeps any.</param>
internal sealed class TemporalTarget(string name, Func<int, (string File, string[] Arguments)> command, string? database = null) : ITarget
{
    private const string TaskQueue = "bench";

    private readonly int port = ChildProcess.FreePort();
    private readonly CancellationTokenSource stop = new();
    private ChildProcess? server;
    private TemporalWorker? worker;
    private Task running = Task.CompletedTask;
    private long lastId;

    /// <summary>Baton as its users start it, on a file or in memory.</summary>
    public static TemporalTarget Baton(string name, string executable, string? database) => new(name, port =>
        (executable, ["server", "start-dev", "--port", $"{port}", "--headless", "--log-level", "error", .. database is null ? Array.Empty<string>() : ["--db-filename", database]]), database);

    /// <summary>This program as the server that keeps nothing.</summary>
    public static TemporalTarget Floor() => new("floor", port => (Environment.ProcessPath!, [FloorServer.Verb, $"{port}"]));

    public string Name => name;

    public string Address => $"127.0.0.1:{port}";

    public ChildProcess Server => server ?? throw new InvalidOperationException($"{name} is not started.");

    public IReadOnlyList<int> ServerProcesses => [Server.Id];

    public IReadOnlyList<int> WorkerProcesses => [];

    /// <summary>Size of the file and its log.</summary>
    public double StoredMiB => new[] { database!, database + "-wal" }.Where(File.Exists).Sum(static file => new FileInfo(file).Length) / 1024.0 / 1024;

    public ITemporalClient Client { get; private set; } = null!;

    /// <summary>Starts the server alone and waits for its first answer.</summary>
    public async Task StartServerAsync()
    {
        var (file, arguments) = command(port);
        server = ChildProcess.Start(file, arguments);
        await server.ListensAsync(port);
        Client = await TemporalClient.ConnectAsync(new(Address));
    }

    public void StartWorker()
    {
        worker = new TemporalWorker(Client, new TemporalWorkerOptions(TaskQueue)
            .AddWorkflow<OneTask>()
            .AddWorkflow<ThreeActivities>()
            .AddWorkflow<ThreeLocalActivities>()
            .AddWorkflow<Waiting>()
            .AddActivity(Steps.Next));
        running = worker.ExecuteAsync(stop.Token);
    }

    public async Task StartAsync()
    {
        await StartServerAsync();
        StartWorker();
    }

    public async Task RunOneAsync(Scenario scenario)
    {
        var result = await Client.ExecuteWorkflowAsync<int>(scenario.ToString(), [], NewOptions());
        if (result != 3)
        {
            throw new InvalidOperationException($"{name}: {scenario} gave {result} where 3 was right.");
        }
    }

    public WorkflowOptions NewOptions() => new($"bench-{Interlocked.Increment(ref lastId)}", TaskQueue);

    public async Task StopWorkerAsync()
    {
        await stop.CancelAsync();
        try
        {
            await running;
        }
        catch (OperationCanceledException)
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopWorkerAsync();
        worker?.Dispose();
        await (server?.DisposeAsync() ?? ValueTask.CompletedTask);
        stop.Dispose();
    }
}
