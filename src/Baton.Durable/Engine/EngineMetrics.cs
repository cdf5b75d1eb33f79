using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Baton.Durable.Engine;

/// <summary>What the engine measures, on the meter `Baton.Durable`. A commit is one fsync, whatever number of calls it answers.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter meter = new("Baton.Durable");
    private readonly Counter<long> answers;
    private readonly Counter<long> failures;
    private readonly Histogram<double> duration;

    /// <param name="waiting">Commands that have come and are not applied yet.</param>
    public EngineMetrics(Func<int> waiting)
    {
        answers = meter.CreateCounter<long>("baton.durable.answers", "{call}", "Calls that were answered after what they did was on disk.");
        failures = meter.CreateCounter<long>("baton.durable.commit.failures", "{commit}", "Commits that the disk refused.");
        duration = meter.CreateHistogram<double>(
            "baton.durable.commit.duration", "s", "Writing and syncing one commit; its count is the number of commits.",
            advice: new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5] });
        meter.CreateObservableGauge("baton.durable.commands.waiting", waiting, "{command}", "Commands that have come and are not applied yet.");
    }

    public void Committed(long started, int answered)
    {
        duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        answers.Add(answered);
    }

    public void Refused() => failures.Add(1);

    public void Dispose() => meter.Dispose();
}
