using System.Diagnostics;
using System.Globalization;
using Baton.Server.Bench.Measures;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Soak;

/// <summary>
/// Whether a server stays as it is: memory, handles and files under a steady load, with every kind of record kept for minutes
/// only, so that what comes and what goes are in balance. It fails when something still grows once the retention has caught up, when a call
/// is refused, or when an event has not become a run that was answered and ended.
/// </summary>
internal static class SoakRun
{
    private const double ShareAnHour = 0.1;

    private static readonly TimeSpan Drain = TimeSpan.FromMinutes(1);
    private static readonly string[] ShortRetention =
    [
        "Tasks:RetainFor=2m", "Audit:RetainFor=2m", "Temporal:RetainFor=2m", "Events:RetainFor=2m", "Events:DeduplicationWindow=1m", "Events:RetainDeadLettersFor=1h",
        "Traces:Retention=2m", "Http:IdempotencyTime=2m",
    ];

    /// <param name="warmUp">Minutes that do not count: the sweep of records comes every ten, and files reach their size with the second.</param>
    /// <returns>Whether everything stayed flat.</returns>
    public static async Task<bool> RunAsync(BenchFolder folders, int minutes, int warmUp, double rate, TextWriter output)
    {
        await using var server = await BatonProcess.StartAsync(folders, "baton", ShortRetention);
        await server.ApplyAsync("order", BenchFlows.Order);
        using var api = await server.AccountsAsync(1, 4);
        using var noEvents = new CancellationTokenSource();
        using var stop = new CancellationTokenSource();
        var traffic = new SoakTraffic(api, rate);
        var running = traffic.RunAsync(noEvents.Token, stop.Token);
        output.WriteLine($"| minute | {string.Join(" | ", SoakGauge.All.Select(gauge => gauge.Unit.Length > 0 ? $"{gauge.Name} {gauge.Unit}" : gauge.Name))} | events | answers | reads | streams | failures |");
        output.WriteLine($"|--:|{string.Concat(Enumerable.Repeat("--:|", SoakGauge.All.Count + 5))}");

        var samples = new List<(double Minute, double[] Values)>();
        var started = Stopwatch.GetTimestamp();
        using (var minute = new PeriodicTimer(TimeSpan.FromMinutes(1), TimeProvider.System))
        {
            for (var passed = 0; passed < minutes; passed++)
            {
                await await Task.WhenAny(minute.WaitForNextTickAsync().AsTask(), running);
                var values = await SoakGauge.ReadAsync(server);
                samples.Add((Stopwatch.GetElapsedTime(started).TotalMinutes, values));
                output.WriteLine(Line(passed + 1, values, traffic));
                output.Flush();
            }
        }
        await noEvents.CancelAsync();
        var ended = await DrainAsync(server, traffic);
        await stop.CancelAsync();
        await running;
        return Judge(samples.Where(sample => sample.Minute > warmUp).ToList(), traffic, ended, output);
    }

    /// <returns>Runs that have ended.</returns>
    private static async Task<long> DrainAsync(BatonProcess server, SoakTraffic traffic)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var ended = (long)await server.MetricAsync("baton_runs_ended_total", "baton_run_type=\"BatonFlow\"", "baton_outcome=\"completed\"");
            if (ended == traffic.Sent || Stopwatch.GetElapsedTime(started) > Drain)
            {
                return ended;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }
    }

    private static bool Judge(List<(double Minute, double[] Values)> samples, SoakTraffic traffic, long ended, TextWriter output)
    {
        var flat = samples.Count > 1;
        output.WriteLine("\n| after warm-up | mean | growth an hour | of it allowed | |\n|---|--:|--:|--:|---|");
        for (var i = 0; i < SoakGauge.All.Count && samples.Count > 1; i++)
        {
            var gauge = SoakGauge.All[i];
            var trend = Trend.Of([.. samples.Select(sample => (sample.Minute, sample.Values[i]))]);
            var allowed = Math.Max(gauge.Slack, ShareAnHour * trend.Mean);
            var isFlat = trend.PerHour <= allowed;
            flat &= isFlat;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {gauge.Name} | {trend.Mean:F1} {gauge.Unit} | {trend.PerHour:+0.0;-0.0} {gauge.Unit} | {allowed:F1} | {(isFlat ? "flat" : "GROWS")} |"));
        }
        output.WriteLine($"\n{traffic.Sent} events sent, {traffic.Answered} answers given, {ended} runs ended, {traffic.Reading} reads, {traffic.Streamed} streams, {traffic.Failures.Values.Sum()} failures.");
        foreach (var (message, count) in traffic.Failures.OrderByDescending(failure => failure.Value).Take(20))
        {
            output.WriteLine($"- {count} × {message}");
        }
        return flat && traffic.Failures.Count == 0 && ended == traffic.Sent && traffic.Answered == traffic.Sent;
    }

    private static string Line(int minute, double[] values, SoakTraffic traffic) => string.Create(CultureInfo.InvariantCulture,
        $"| {minute} | {string.Join(" | ", values.Select(value => value.ToString("F1", CultureInfo.InvariantCulture)))} | {traffic.Sent} | {traffic.Answered} | {traffic.Reading} | {traffic.Streamed} | {traffic.Failures.Values.Sum()} |");
}
