using Baton.Durable.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Soak;

/// <summary>Something that must not grow, and by how much it may seem to.</summary>
/// <param name="Slack">Growth in an hour that is taken for noise: what allocators and caches do by themselves.</param>
internal sealed record SoakGauge(string Name, string Unit, double Slack)
{
    private const double Mebi = 1024 * 1024;

    public static IReadOnlyList<SoakGauge> All { get; } =
    [
        new("RSS", "MiB", 24), new("heap", "MiB", 12), new("handles", "", 24), new("threads", "", 12),
        new("records.db", "MiB", 4), new("baton.db", "MiB", 8), new("events.db", "MiB", 4), new("traces.db", "MiB", 8), new("folder", "MiB", 16),
    ];

    /// <summary>All of them now, in the order of <see cref="All"/>. A database counts with its log.</summary>
    public static async Task<double[]> ReadAsync(BatonProcess server)
    {
        double Database(string name) => Files(server.Folder, name + "*");
        return
        [
            ProcessUsage.MemoryMiB([server.Id]),
            await server.MetricAsync("dotnet_gc_last_collection_heap_size_bytes") / Mebi,
            Directory.GetFileSystemEntries($"/proc/{server.Id}/fd").Length,
            Directory.GetDirectories($"/proc/{server.Id}/task").Length,
            Database("records.db"), Database("baton.db"), Database("events.db"), Database("traces.db"), Files(server.Folder, "*"),
        ];
    }

    // A file may go while it is counted.
    private static double Files(string folder, string pattern) =>
        new DirectoryInfo(folder).EnumerateFiles(pattern, SearchOption.AllDirectories).Sum(file => file.Exists ? file.Length : 0) / Mebi;
}

/// <summary>A straight line through measurements, by least squares.</summary>
/// <param name="PerHour">How it rises.</param>
internal sealed record Trend(double Mean, double PerHour)
{
    public static Trend Of(IReadOnlyList<(double Minute, double Value)> points)
    {
        var (x, y) = (points.Average(point => point.Minute), points.Average(point => point.Value));
        var spread = points.Sum(point => (point.Minute - x) * (point.Minute - x));
        return new(y, spread == 0 ? 0 : points.Sum(point => (point.Minute - x) * (point.Value - y)) / spread * 60);
    }
}
