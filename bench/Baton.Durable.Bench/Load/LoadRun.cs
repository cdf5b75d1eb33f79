using System.Diagnostics;
using Baton.Durable.Bench.Targets;

namespace Baton.Durable.Bench.Load;

/// <summary>What one target did within one window.</summary>
internal sealed record LoadSample(IReadOnlyList<double> LatenciesMs, TimeSpan Elapsed, double CpuMs, double ServerCpuMs, double ServerMiB);

/// <summary>What one target did under one scenario with so many workflows at once, over all rounds.</summary>
/// <param name="CpuMs">CPU time by workflow, of the servers, the workers and this client together.</param>
/// <param name="ServerCpuMs">The servers' part of it.</param>
/// <param name="ServerMiB">Resident memory of the servers at the end.</param>
internal sealed record LoadResult(
    string Target, Scenario Scenario, int AtOnce, double PerSecond, double P50Ms, double P99Ms, double CpuMs, double ServerCpuMs, double ServerMiB)
{
    public static LoadResult Of(string target, Scenario scenario, int atOnce, IReadOnlyList<LoadSample> rounds)
    {
        var latencies = rounds.SelectMany(static round => round.LatenciesMs).Order().ToList();
        var count = latencies.Count;
        if (count == 0)
        {
            throw new InvalidOperationException($"{target} completed no {scenario} while it was measured. Give it more time with --seconds.");
        }
        return new LoadResult(
            target, scenario, atOnce,
            PerSecond: count / rounds.Sum(static round => round.Elapsed.TotalSeconds),
            P50Ms: latencies[count / 2],
            P99Ms: latencies[(int)(count * 0.99)],
            CpuMs: rounds.Sum(static round => round.CpuMs) / count,
            ServerCpuMs: rounds.Sum(static round => round.ServerCpuMs) / count,
            ServerMiB: rounds[^1].ServerMiB);
    }
}

/// <summary>
/// Keeps so many workflows under way: each caller starts one, reads its result, and starts the next. What completes within the window counts.
/// </summary>
internal static class LoadRun
{
    public static async Task<LoadSample> MeasureAsync(ITarget target, Scenario scenario, int atOnce, TimeSpan warmUp, TimeSpan window)
    {
        using var end = new CancellationTokenSource();
        var measuring = false;
        var latencies = new List<double>();
        var callers = Enumerable.Range(0, atOnce).Select(_ => Task.Run(CallAsync)).ToArray();

        await PassAsync(warmUp);
        int[] everybody = [Environment.ProcessId, .. target.ServerProcesses, .. target.WorkerProcesses];
        var (cpu, serverCpu, began) = (ProcessUsage.CpuMs(everybody), ProcessUsage.CpuMs(target.ServerProcesses), Stopwatch.GetTimestamp());
        Volatile.Write(ref measuring, true);
        await PassAsync(window);
        Volatile.Write(ref measuring, false);
        var elapsed = Stopwatch.GetElapsedTime(began);
        (cpu, serverCpu) = (ProcessUsage.CpuMs(everybody) - cpu, ProcessUsage.CpuMs(target.ServerProcesses) - serverCpu);
        var memory = ProcessUsage.MemoryMiB(target.ServerProcesses);
        await end.CancelAsync();
        await Task.WhenAll(callers);

        return new LoadSample(latencies, elapsed, cpu, serverCpu, memory);

        async Task CallAsync()
        {
            while (!end.IsCancellationRequested)
            {
                var start = Stopwatch.GetTimestamp();
                await target.RunOneAsync(scenario);
                var took = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (Volatile.Read(ref measuring))
                {
                    lock (latencies)
                    {
                        latencies.Add(took);
                    }
                }
            }
        }

        // A broken caller ends the measurement at once.
        async Task PassAsync(TimeSpan time)
        {
            var pause = Task.Delay(time, TimeProvider.System);
            await await Task.WhenAny([pause, .. callers]);
        }
    }
}
