using System.Diagnostics;
using System.Diagnostics.Metrics;
using Baton.Server.Telemetry;

namespace Baton.Server.Tasks;

/// <summary>What tasks tell of themselves: how many, how long people took, and in the trace of the run one span from question to answer.</summary>
internal static class TaskTelemetry
{
    private static readonly Counter<long> Created = ServerTelemetry.Meter.CreateCounter<long>("baton.tasks.created", "{task}", "Tasks and approvals that were asked for, by kind.");
    private static readonly Counter<long> Closed = ServerTelemetry.Meter.CreateCounter<long>("baton.tasks.closed", "{task}", "Tasks and approvals that were closed, by kind and outcome.");
    private static readonly Histogram<double> Wait = ServerTelemetry.Meter.CreateHistogram<double>(
        "baton.task.wait.duration", "s", "From question to answer.", advice: new() { HistogramBucketBoundaries = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400, 604_800] });

    public static void WasCreated(HumanTask task) => Created.Add(1, new KeyValuePair<string, object?>("baton.task.kind", Kind(task)));

    /// <summary>To be called once for a task, by whoever wrote its end.</summary>
    public static void WasClosed(HumanTask task)
    {
        var outcome = task.State == TaskState.Completed ? task.Outcome! : task.State.ToString().ToLowerInvariant();
        Closed.Add(1, new("baton.task.kind", Kind(task)), new("baton.outcome", outcome));
        Wait.Record((task.ClosedAt!.Value - task.CreatedAt).TotalSeconds, new KeyValuePair<string, object?>("baton.task.kind", Kind(task)));
        if (!ActivityContext.TryParse(task.TraceParent, null, isRemote: true, out var asked))
        {
            return;
        }
        var decision = Activity.Current;
        using var span = ServerTelemetry.Source.StartActivity(
            ActivityKind.Internal, asked, [new("baton.task.id", task.Id.ToString()), new("temporalWorkflowID", task.Run), new("baton.outcome", outcome)],
            decision is null ? null : [new ActivityLink(decision.Context)], task.CreatedAt, $"wait for {Kind(task)}");
        span?.SetEndTime(task.ClosedAt!.Value.UtcDateTime);
        span?.Stop();
        Activity.Current = decision;
    }

    /// <summary>Around telling what a change left to be told, in the trace of that change.</summary>
    public static Activity? Tell(TaskMessage message) => ActivityContext.TryParse(message.TraceParent, null, isRemote: true, out var changed)
        ? ServerTelemetry.Source.StartActivity("tell of task", ActivityKind.Internal, changed)
        : null;

    private static string Kind(HumanTask task) => task.Kind.ToString().ToLowerInvariant();
}
