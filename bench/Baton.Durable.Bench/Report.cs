using System.Globalization;
using System.Text.Json;
using Baton.Durable.Bench.Capacity;
using Baton.Durable.Bench.Load;

namespace Baton.Durable.Bench;

/// <summary>Results as tables in Markdown, and as JSON.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public List<LoadResult> Load { get; } = [];

    public List<CapacityResult> Capacity { get; } = [];

    public void Print(TextWriter output)
    {
        if (Load.Count > 0)
        {
            output.WriteLine("| workflow | at once | target | workflows/s | of the floor | of Restate | p50 ms | p99 ms | CPU ms | of it servers | server MiB |");
            output.WriteLine("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        }
        foreach (var r in Load)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {r.Scenario} | {r.AtOnce} | {r.Target} | {r.PerSecond:F0} | {Ratio(r, "floor")} | {Ratio(r, "restate")} | {r.P50Ms:F1} | {r.P99Ms:F1} | {r.CpuMs:F2} | {r.ServerCpuMs:F2} | {r.ServerMiB:F0} |"));
        }
        if (Capacity.Count > 0)
        {
            output.WriteLine();
            output.WriteLine("| measure | target | value | aim |");
            output.WriteLine("|---|---|--:|--:|");
        }
        foreach (var c in Capacity)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {c.Measure} | {c.Target} | {c.Value:F0} {c.Unit} | {c.Aim} |"));
        }
    }

    public async Task WriteJsonAsync(string path)
    {
        await using var file = File.Create(path);
        await JsonSerializer.SerializeAsync(file, new { Machine = Machine(), Load, Capacity }, Indented);
    }

    /// <summary>What the figures depend on beside the programs.</summary>
    public static string Machine()
    {
        var model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(static line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim();
        return $"{Environment.ProcessorCount} × {model}, {Environment.OSVersion}, .NET {Environment.Version}, load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]}";
    }

    private string Ratio(LoadResult result, string target) =>
        result.Target != target && Load.FirstOrDefault(other => other.Target == target && other.Scenario == result.Scenario && other.AtOnce == result.AtOnce) is { } other
            ? (result.PerSecond / other.PerSecond).ToString("P0", CultureInfo.InvariantCulture)
            : "";
}
