using System.Text;

namespace Baton.Conformance.Kill;

/// <summary>The worker process of the kill tests, and what it runs.</summary>
internal static class KillWorker
{
    /// <summary>First command line argument that turns this assembly into the worker; address, task queue and ledger file follow.</summary>
    public const string Argument = "kill-worker";

    public static async Task RunAsync(string address, string taskQueue, string ledgerPath)
    {
        using var ledger = new Ledger(ledgerPath);
        while (true)
        {
            // Client and worker ask the server when they start, and it may be down just then.
            try
            {
                var client = await TemporalClient.ConnectAsync(new(address) { Identity = $"worker-{Environment.ProcessId}" });
                using var worker = new TemporalWorker(client, new TemporalWorkerOptions(taskQueue).AddWorkflow<Errand>().AddAllActivities(ledger));
                await worker.ExecuteAsync(CancellationToken.None);
            }
            catch (Exception error) when (error is RpcException or InvalidOperationException)
            {
                await Eventually.PauseAsync();
            }
        }
    }
}

/// <summary>The outside world: a file that only grows and is on disk before an activity goes on.</summary>
internal sealed class Ledger(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
    private readonly Lock _lock = new();

    [Activity]
    public int Note(int step)
    {
        var info = ActivityExecutionContext.Current.Info;
        lock (_lock)
        {
            _file.Write(Encoding.UTF8.GetBytes($"{info.WorkflowId} {info.ActivityId} {info.Attempt}\n"));
            _file.Flush(flushToDisk: true);
        }
        return step;
    }

    /// <summary>Every attempt that began, in order. A line that a kill tore is not one: its activity never went on.</summary>
    public static IReadOnlyList<string> Read(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }
        using var file = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = file.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Notes its steps in the ledger, takes what it is sent, and ends with all of it when it has as much as it was told to wait for.</summary>
[Workflow]
internal sealed class Errand
{
    private readonly List<string> _items = [];
    private int? _expected;

    [WorkflowRun]
    public async Task<IReadOnlyCollection<string>> RunAsync(int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            var number = step;
            await Workflow.ExecuteActivityAsync((Ledger ledger) => ledger.Note(number), new()
            {
                StartToCloseTimeout = TimeSpan.FromSeconds(2),
                RetryPolicy = new() { InitialInterval = TimeSpan.FromMilliseconds(20), BackoffCoefficient = 1 },
            });
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(5));
        }
        await Workflow.WaitConditionAsync(() => _items.Count >= _expected && Workflow.AllHandlersFinished);
        return _items;
    }

    [WorkflowSignal]
    public Task AddAsync(string item)
    {
        _items.Add(item);
        return Task.CompletedTask;
    }

    [WorkflowSignal]
    public Task ExpectAsync(int count)
    {
        _expected = count;
        return Task.CompletedTask;
    }

    [WorkflowUpdate]
    public Task<string> PutAsync(string item)
    {
        _items.Add(item);
        return Task.FromResult($"put {item}");
    }
}
