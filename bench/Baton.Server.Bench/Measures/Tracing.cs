using System.Globalization;
using Baton.Server.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Measures;

/// <summary>
/// What tracing costs: the same runs on a server that samples nothing and on one with the defaults, in pairs of short rounds whose
/// order alternates, so that a drift of the machine meets both alike.
/// </summary>
internal static class Tracing
{
    private const int AtOnce = 64;

    public static async Task<string> MeasureAsync(BenchFolder folders, LoadTimes times, int pairs)
    {
        await using var floor = await FloorServer.StartAsync(folders);
        await using var off = await BatonProcess.StartAsync(folders, "off", "Otlp:Sampling=0");
        await using var on = await BatonProcess.StartAsync(folders, "on");
        var throughput = new List<double>();
        var cpu = new List<double>();
        foreach (var server in (BatonProcess[])[off, on])
        {
            await server.ApplyAsync("call", BenchFlows.Call(floor.Api.Url));
            // Past the just-in-time compiler: without it the first pairs measure that.
            await RoundAsync(server, times with { Window = times.WarmUp * 3 });
        }
        for (var pair = 0; pair < pairs; pair++)
        {
            var first = pair % 2 == 0 ? off : on;
            var one = await RoundAsync(first, times);
            var two = await RoundAsync(first == off ? on : off, times);
            var (without, with) = first == off ? (one, two) : (two, one);
            throughput.Add(1 - (with.PerSecond / without.PerSecond));
            cpu.Add((with.ServerCpuMs / without.ServerCpuMs) - 1);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pair {pair + 1}: off {without.PerSecond:F0}/s {without.ServerCpuMs:F2} ms, on {with.PerSecond:F0}/s {with.ServerCpuMs:F2} ms"));
        }
        return $"""

            ### Tracing

            Runs of three steps, of which one is an HTTP call, {AtOnce} at once; {pairs} pairs of rounds without tracing and with its defaults.

            | cost of tracing | mean | 95 % confidence | aim |
            |---|--:|--:|--:|
            | throughput | {Percent(throughput.Average())} | {Interval(throughput)} | below 5 % |
            | CPU time of the server by run | {Percent(cpu.Average())} | {Interval(cpu)} | |
            """;
    }

    private static Task<LoadResult> RoundAsync(BatonProcess server, LoadTimes times) =>
        LoadRun.MeasureAsync(caller => FlowRuns.RunAsync(server.Owner, caller, "call"), AtOnce, times, [server.Id]);

    // Of the mean of the pairs, by Student's t for their number; the table's last line does for more.
    private static string Interval(List<double> shares)
    {
        double[] t = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09];
        if (shares.Count < 2)
        {
            return "";
        }
        var mean = shares.Average();
        var deviation = Math.Sqrt(shares.Sum(share => (share - mean) * (share - mean)) / (shares.Count - 1));
        var half = t[Math.Min(shares.Count - 2, t.Length - 1)] * deviation / Math.Sqrt(shares.Count);
        return $"{Percent(mean - half)} to {Percent(mean + half)}";
    }

    private static string Percent(double share) => share.ToString("P1", CultureInfo.InvariantCulture);
}
