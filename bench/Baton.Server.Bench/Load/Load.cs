using System.Diagnostics;
using Baton.Durable.Bench.Load;

namespace Baton.Server.Bench.Load;

/// <param name="WarmUp">Load before anything counts.</param>
/// <param name="Window">Length of the measurement.</param>
internal sealed record LoadTimes(TimeSpan WarmUp, TimeSpan Window);

/// <param name="Count">Of what is counted; a call may be several.</param>
/// <param name="P50Ms">Of a call, as P99Ms.</param>
/// <param name="CpuMs">CPU time by what is counted, of the servers and this client together.</param>
/// <param name="ServerCpuMs">The servers' part of it.</param>
internal sealed record LoadResult(int Count, double Seconds, double P50Ms, double P99Ms, double CpuMs, double ServerCpuMs)
{
    public double PerSecond => Count / Seconds;
}

/// <summary>Callers of which each makes a call, waits for its answer, and makes the next.</summary>
internal static class LoadRun
{
    /// <param name="call">Gets the number of the caller.</param>
    /// <param name="perCall">How many of what is counted a call is.</param>
    public static async Task<LoadResult> MeasureAsync(Func<int, Task> call, int atOnce, LoadTimes times, IReadOnlyList<int> servers, int perCall = 1)
    {
        await PassAsync(call, atOnce, times.WarmUp);
        var usage = new Usage(servers);
        var latencies = await PassAsync(call, atOnce, times.Window);
        var (seconds, cpu, serverCpu) = usage.Stop();
        latencies.Sort();
        var count = latencies.Count * perCall;
        return latencies.Count == 0
            ? throw new InvalidOperationException("Nothing was answered while it was measured. Give it more time with --seconds.")
            : new(count, seconds, latencies[latencies.Count / 2], latencies[(int)(latencies.Count * 0.99)], cpu / count, serverCpu / count);
    }

    /// <summary>Does one piece of work that counts so many.</summary>
    public static async Task<LoadResult> OnceAsync(Func<Task> work, int count, IReadOnlyList<int> servers)
    {
        var usage = new Usage(servers);
        await work();
        var (seconds, cpu, serverCpu) = usage.Stop();
        return new(count, seconds, double.NaN, double.NaN, cpu / count, serverCpu / count);
    }

    // A caller that has begun before the end finishes, and the time goes on until it has: nothing is cut off, nothing counted twice.
    private static async Task<List<double>> PassAsync(Func<int, Task> call, int atOnce, TimeSpan length)
    {
        var started = Stopwatch.GetTimestamp();
        var latencies = await Task.WhenAll(Enumerable.Range(0, atOnce).Select(caller => Task.Run(async () =>
        {
            var own = new List<double>();
            while (Stopwatch.GetElapsedTime(started) < length)
            {
                var begun = Stopwatch.GetTimestamp();
                await call(caller);
                own.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            }
            return own;
        })));
        return [.. latencies.SelectMany(own => own)];
    }

    private sealed class Usage(IReadOnlyList<int> servers)
    {
        private readonly long started = Stopwatch.GetTimestamp();
        private readonly double client = ProcessUsage.CpuMs([Environment.ProcessId]);
        private readonly double server = ProcessUsage.CpuMs(servers);

        public (double Seconds, double CpuMs, double ServerCpuMs) Stop()
        {
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var serverCpu = ProcessUsage.CpuMs(servers) - server;
            return (seconds, ProcessUsage.CpuMs([Environment.ProcessId]) - client + serverCpu, serverCpu);
        }
    }
}
