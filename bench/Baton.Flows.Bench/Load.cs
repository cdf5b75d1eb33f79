using System.Diagnostics;
using Baton.Durable.Bench.Load;

namespace Baton.Flows.Bench;

internal sealed record LoadResult(string Target, int AtOnce, int Runs, double Seconds, double P50, double P99, double CpuMs)
{
    public const string Header = "| target | at once | runs/s | p50 ms | p99 ms | CPU ms a run |\n|---|--:|--:|--:|--:|--:|";

    public override string ToString() => $"| {Target} | {AtOnce} | {Runs / Seconds:0} | {P50:0.0} | {P99:0.0} | {CpuMs / Math.Max(1, Runs):0.00} |";
}

/// <summary>Callers that start a run, wait for its answer, and start the next.</summary>
internal static class Load
{
    public static async Task<LoadResult> MeasureAsync(ITarget target, int atOnce, TimeSpan warmUp, TimeSpan length)
    {
        await RunAsync(target, atOnce, warmUp);
        var cpu = ProcessUsage.CpuMs(target.Processes);
        var started = Stopwatch.GetTimestamp();
        var times = await RunAsync(target, atOnce, length);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        cpu = ProcessUsage.CpuMs(target.Processes) - cpu;
        times.Sort();
        return new LoadResult(target.Name, atOnce, times.Count, seconds, At(times, 0.5), At(times, 0.99), cpu);
    }

    /// <summary>Makes so many runs, 64 at once.</summary>
    public static Task FillAsync(ITarget target, int runs) =>
        Parallel.ForAsync(0, runs, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (_, _) => await target.RunAsync());

    private static async Task<List<double>> RunAsync(ITarget target, int atOnce, TimeSpan length)
    {
        var started = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, atOnce).Select(async _ =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(started) < length)
            {
                var begun = Stopwatch.GetTimestamp();
                await target.RunAsync();
                own.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
            return own;
        }));
        return [.. times.SelectMany(t => t)];
    }

    private static double At(List<double> sorted, double share) => sorted.Count == 0 ? 0 : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];
}
