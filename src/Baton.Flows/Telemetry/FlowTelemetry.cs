using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Baton.Flows.Telemetry;

/// <summary>What workflows, activities and flows tell of themselves: source and meter `Baton.Flows`. Nothing is recorded unless somebody listens.</summary>
public static class FlowTelemetry
{
    public const string Name = "Baton.Flows";

    /// <summary>Attribute of a span whose end is still to come; it is recorded again under the same id when it ends.</summary>
    public const string Open = "baton.open";

    internal static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    private static readonly Counter<long> Started = Meter.CreateCounter<long>("baton.runs.started", "{run}", "Workflow runs that began, by type.");
    private static readonly Counter<long> Ended = Meter.CreateCounter<long>("baton.runs.ended", "{run}", "Workflow runs that ended, by type and outcome.");
    private static readonly Histogram<double> RunDuration = Meter.CreateHistogram<double>("baton.run.duration", "s", "From the start of a run to its end.");
    private static readonly Histogram<double> StepDuration = Meter.CreateHistogram<double>("baton.step.duration", "s", "From the start of a task of a flow to its end, by kind and outcome.");
    private static readonly Histogram<double> AttemptDuration = Meter.CreateHistogram<double>("baton.activity.attempt.duration", "s", "One attempt of an activity, by type and outcome.");

    internal static void RunStarted(string type) => Started.Add(1, new KeyValuePair<string, object?>("baton.run.type", type));

    internal static void RunEnded(string type, string outcome, TimeSpan duration)
    {
        var tags = new TagList { { "baton.run.type", type }, { "baton.outcome", outcome } };
        Ended.Add(1, tags);
        RunDuration.Record(duration.TotalSeconds, tags);
    }

    internal static void StepEnded(string kind, string outcome, TimeSpan duration) =>
        StepDuration.Record(duration.TotalSeconds, new("baton.step.kind", kind), new("baton.outcome", outcome));

    internal static void AttemptEnded(string type, string outcome, TimeSpan duration) =>
        AttemptDuration.Record(duration.TotalSeconds, new("baton.activity.type", type), new("baton.outcome", outcome));
}
