using System.Diagnostics;
using Baton.Durable.Bench.Load;
using Baton.Durable.Bench.Targets;

namespace Baton.Durable.Bench.Capacity;

/// <summary>From the spawn of a server on an empty directory to its first answer, and what it holds in memory when nobody asks for anything.</summary>
internal static class Startup
{
    private const int Starts = 5;

    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<CapacityResult>> MeasureAsync(BenchSetup setup)
    {
        var (batonReady, batonIdle) = await MedianAsync(() => setup.DurableBaton(), static target => target.StartServerAsync());
        List<CapacityResult> results =
        [
            new("start to ready", "baton", batonReady, "ms", "at most 2000"),
            new("idle memory", "baton", batonIdle, "MiB", "at most 200"),
        ];
        if (setup.HasRestate)
        {
            var (restateReady, restateIdle) = await MedianAsync(setup.Restate, static target => target.StartServerAsync());
            results.Add(new("start to ready", "restate", restateReady, "ms"));
            results.Add(new("idle memory", "restate", restateIdle, "MiB"));
        }
        return results;
    }

    private static async Task<(double ReadyMs, double IdleMiB)> MedianAsync<T>(Func<T> create, Func<T, Task> start)
        where T : ITarget
    {
        var ready = new List<double>();
        var idle = 0.0;
        for (var i = 0; i < Starts; i++)
        {
            await using var target = create();
            var began = Stopwatch.GetTimestamp();
            await start(target);
            ready.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            if (i == Starts - 1)
            {
                await Task.Delay(Settle, TimeProvider.System);
                idle = ProcessUsage.MemoryMiB(target.ServerProcesses);
            }
        }
        ready.Sort();
        return (ready[Starts / 2], idle);
    }
}
