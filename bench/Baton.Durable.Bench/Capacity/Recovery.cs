using System.Diagnostics;
using Baton.Durable.Bench.Load;

namespace Baton.Durable.Bench.Capacity;

/// <summary>A server with very many open executions, each with a timer, is killed with SIGKILL and started again.</summary>
internal static class Recovery
{
    private const int Callers = 32;

    public static async Task<IReadOnlyList<CapacityResult>> MeasureAsync(BenchSetup setup, int count)
    {
        await using var baton = setup.DurableBaton();
        await baton.StartServerAsync();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Callers };
        await Parallel.ForAsync(0, count, parallel, async (i, cancel) =>
        {
            await baton.Client.StartWorkflowAsync(nameof(Waiting), [], new($"open-{i}", RawWorker.TaskQueue));
            await RawWorker.ServeOneAsync(baton.Client, cancel);
        });
        await baton.Server.KillAsync();

        var began = Stopwatch.GetTimestamp();
        await baton.StartServerAsync();
        var answer = Elapsed();
        var memory = ProcessUsage.MemoryMiB(baton.ServerProcesses);
        var handle = baton.Client.GetWorkflowHandle($"open-{count / 2}");
        await handle.DescribeAsync();
        var describe = Elapsed();
        await handle.SignalAsync("release", []);
        while (await RawWorker.ServeOneAsync(baton.Client, CancellationToken.None) != handle.Id)
        {
        }
        var task = Elapsed();
        return
        [
            new($"recovery of {count}: first answer", "baton", answer, "ms", "at most 5000"),
            new($"recovery of {count}: an execution described", "baton", describe, "ms"),
            new($"recovery of {count}: a signal given to a worker", "baton", task, "ms"),
            new($"recovery of {count}: memory at first answer", "baton", memory, "MiB"),
            new($"recovery of {count}: file", "baton", baton.StoredMiB, "MiB"),
        ];

        double Elapsed() => Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }
}
