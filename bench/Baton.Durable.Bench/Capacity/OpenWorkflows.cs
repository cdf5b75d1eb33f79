using Baton.Durable.Bench.Load;

namespace Baton.Durable.Bench.Capacity;

/// <summary>Workflows that all wait for a signal at once, each with a worker that has it in its cache.</summary>
internal static class OpenWorkflows
{
    public static async Task<IReadOnlyList<CapacityResult>> MeasureAsync(BenchSetup setup, int count)
    {
        await using var baton = setup.DurableBaton();
        await baton.StartAsync();
        await baton.RunOneAsync(Scenario.OneTask);
        var before = ProcessUsage.MemoryMiB(baton.ServerProcesses);
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (_, _) =>
        {
            var handle = await baton.Client.StartWorkflowAsync(nameof(Waiting), [], baton.NewOptions());
            // Its first workflow task is done when a worker has scheduled nothing and waits: the history says so.
            await RawWorker.FirstTaskCompletedAsync(baton.Client, handle.Id, handle.ResultRunId!);
        });
        return
        [
            new($"memory with {count} open", "baton", ProcessUsage.MemoryMiB(baton.ServerProcesses), "MiB"),
            new("memory before", "baton", before, "MiB"),
        ];
    }
}
