using System.Diagnostics;
using System.Diagnostics.Metrics;
using Baton.Durable.Matching;

namespace Baton.Durable.Engine;

/// <summary>What the engine measures, on the meter `Baton.Durable`. A commit is one fsync, whatever number of calls it answers.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter meter = new("Baton.Durable");
    private readonly Counter<long> answers;
    private readonly Counter<long> failures;
    private readonly Histogram<double> duration;

    /// <param name="waiting">Commands that have come and are not applied yet.</param>
    /// <param name="loaded">Executions in memory.</param>
    /// <param name="matching">Tasks and workers, a row for each kind of task.</param>
    public EngineMetrics(Func<int> waiting, Func<int> loaded, IReadOnlyList<MatchCounts> matching)
    {
        answers = meter.CreateCounter<long>("baton.durable.answers", "{call}", "Calls that were answered after what they did was on disk.");
        failures = meter.CreateCounter<long>("baton.durable.commit.failures", "{commit}", "Commits that the disk refused.");
        duration = meter.CreateHistogram<double>(
            "baton.durable.commit.duration", "s", "Writing and syncing one commit; its count is the number of commits.",
            advice: new() { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5] });
        meter.CreateObservableGauge("baton.durable.commands.waiting", waiting, "{command}", "Commands that have come and are not applied yet.");
        meter.CreateObservableGauge("baton.durable.executions.loaded", loaded, "{execution}", "Executions whose state is in memory.");
        meter.CreateObservableGauge("baton.durable.tasks.backlog", () => matching.Select(static kind => Of(kind, kind.Waiting)), "{task}", "Tasks that wait for a worker, by kind.");
        meter.CreateObservableCounter(
            "baton.durable.tasks.dispatched", () => matching.SelectMany(static kind => new[] { Of(kind, kind.HandedAtOnce, "sync"), Of(kind, kind.HandedLater, "backlog") }),
            "{task}", "Tasks given to workers, by kind, and by match: sync (a worker was waiting for it) or backlog.");
        var wait = meter.CreateHistogram<double>(
            "baton.durable.task.wait.duration", "s", "Time that a task waited for a worker, by kind.",
            advice: new() { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 3600] });
        foreach (var kind in matching)
        {
            kind.Wait = wait;
        }
    }

    public void Committed(long started, int answered)
    {
        duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
        answers.Add(answered);
    }

    public void Refused() => failures.Add(1);

    public void Dispose() => meter.Dispose();

    private static Measurement<long> Of(MatchCounts kind, long value) => new(value, new KeyValuePair<string, object?>("baton.task.kind", kind.Kind));

    private static Measurement<long> Of(MatchCounts kind, long value, string match) =>
        new(value, new KeyValuePair<string, object?>("baton.task.kind", kind.Kind), new KeyValuePair<string, object?>("baton.match", match));
}
