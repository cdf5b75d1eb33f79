using System.Globalization;

namespace Baton.Server.Bench.Load;

/// <summary>Measurements of one kind, with the ratio of each to the peers that did the same.</summary>
/// <param name="unit">What is counted.</param>
/// <param name="peers">Targets that the others are compared to.</param>
internal sealed class LoadTable(string title, string unit, params string[] peers)
{
    private readonly List<(string What, int AtOnce, string Target, LoadResult Result)> rows = [];

    public void Add(string what, int atOnce, string target, LoadResult result)
    {
        rows.Add((what, atOnce, target, result));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title}: {what} x{atOnce} {target}: {result.PerSecond:F0} {unit}/s, p99 {result.P99Ms:F1} ms"));
    }

    public void Print(TextWriter output)
    {
        output.WriteLine($"\n### {title}\n");
        output.WriteLine($"| what | at once | target | {unit}/s |{string.Concat(peers.Select(peer => $" of {peer} |"))} p50 ms | p99 ms | CPU ms | of it servers |");
        output.WriteLine($"|---|--:|---|--:|{string.Concat(peers.Select(_ => "--:|"))}--:|--:|--:|--:|");
        foreach (var (what, atOnce, target, result) in rows)
        {
            var ratios = string.Concat(peers.Select(peer => $" {Ratio(what, atOnce, target, result, peer)} |"));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {what} | {atOnce} | {target} | {result.PerSecond:F0} |{ratios} {Ms(result.P50Ms)} | {Ms(result.P99Ms)} | {result.CpuMs:F3} | {result.ServerCpuMs:F3} |"));
        }
    }

    private static string Ms(double value) => double.IsNaN(value) ? "" : value.ToString("F1", CultureInfo.InvariantCulture);

    private string Ratio(string what, int atOnce, string target, LoadResult result, string peer) =>
        target != peer && rows.FirstOrDefault(other => other.Target == peer && other.What == what && other.AtOnce == atOnce).Result is { } other
            ? (result.PerSecond / other.PerSecond).ToString("P0", CultureInfo.InvariantCulture)
            : "";
}
