namespace Baton.Durable.Bench.Capacity;

/// <summary>What a closed workflow takes on disk while it is retained: the size of a file with many of them, its log folded in.</summary>
internal static class StoredBytes
{
    private const int Workflows = 2_000;

    public static async Task<IReadOnlyList<CapacityResult>> MeasureAsync(BenchSetup setup)
    {
        var results = new List<CapacityResult>();
        foreach (var scenario in Enum.GetValues<Scenario>())
        {
            await using var baton = setup.DurableBaton();
            await baton.StartAsync();
            await Parallel.ForAsync(0, Workflows, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (_, _) => await baton.RunOneAsync(scenario));
            await baton.StopWorkerAsync();
            await baton.Server.StopAsync();
            results.Add(new($"stored by workflow, {scenario}", "baton", baton.StoredMiB * 1024 * 1024 / Workflows, "bytes"));
        }
        return results;
    }
}
