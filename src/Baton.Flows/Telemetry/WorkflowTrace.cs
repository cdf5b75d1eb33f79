using System.Diagnostics;
using Baton.Jq;
using Temporalio.Exceptions;
using Temporalio.Workflows;

namespace Baton.Flows.Telemetry;

/// <summary>
/// The trace of one workflow run, as its own code sees it: the span of the run, and the span that the code at hand belongs
/// to, which follows the workflow's asynchronous flow. Only to be used inside workflow code.
/// </summary>
internal sealed class WorkflowTrace
{
    private static readonly AsyncLocal<WorkflowTrace?> Running = new();

    private readonly AsyncLocal<ActivityContext?> innermost = new();
    private readonly Dictionary<string, object?> tags;
    private readonly DerivedSpan run;

    public WorkflowTrace(double sampling)
    {
        var info = Workflow.Info;
        var parent = TraceHeaders.Read(info.Headers);
        var trace = parent?.TraceId ?? DerivedSpan.TraceIdOf(info.FirstExecutionRunId);
        var context = new ActivityContext(
            trace, DerivedSpan.SpanIdOf($"run\n{info.RunId}"), parent?.TraceFlags ?? DerivedSpan.Sample(trace, sampling), parent?.TraceState);
        Parent = parent;
        run = new($"RunWorkflow:{info.WorkflowType}", context, parent?.SpanId, new DateTimeOffset(info.StartTime, TimeSpan.Zero));
        tags = new() { ["temporalWorkflowID"] = info.WorkflowId, ["temporalRunID"] = info.RunId };
    }

    /// <summary>The trace of the run whose code is being executed; null when nothing traces it.</summary>
    public static WorkflowTrace? Current => Running.Value;

    /// <summary>What the run was started by.</summary>
    public ActivityContext? Parent { get; }

    public ActivityContext Run => run.Context;

    /// <summary>What a call made now hangs on.</summary>
    public ActivityContext Innermost => innermost.Value ?? run.Context;

    private static bool IsReplaying => Workflow.Unsafe.IsReplaying;

    private static DateTimeOffset Now => new(Workflow.UtcNow, TimeSpan.Zero);

    /// <summary>Runs a workflow's code as this run's.</summary>
    public async Task<T> FollowAsync<T>(Func<Task<T>> code)
    {
        Running.Value = this;
        if (!IsReplaying)
        {
            run.Begin(tags);
            FlowTelemetry.RunStarted(Workflow.Info.WorkflowType);
        }
        try
        {
            var result = await code();
            End("completed", null);
            return result;
        }
        catch (ContinueAsNewException)
        {
            End("continued_as_new", null);
            throw;
        }
        catch (Exception error) when (TemporalException.IsCanceledException(error))
        {
            End("cancelled", null);
            throw;
        }
        catch (FailureException error)
        {
            // Anything else fails a workflow task only, and the run goes on.
            End("failed", error.Message);
            throw;
        }
    }

    /// <summary>Runs a handler of a signal or an update as a span of this run, linked to who sent it.</summary>
    public async Task<T> HandleAsync<T>(string what, string name, string seed, ActivityContext? sender, Func<Task<T>> code)
    {
        Running.Value = this;
        var span = Child($"{what}:{name}", $"{what}\n{seed}", run.Context, Now);
        innermost.Value = span.Context;
        try
        {
            var result = await code();
            Record(null);
            return result;
        }
        catch (FailureException error)
        {
            Record(error.Message);
            throw;
        }

        void Record(string? failure)
        {
            if (!IsReplaying)
            {
                span.End(Now, tags, failure, sender);
            }
        }
    }

    /// <summary>What is called from here on, in the same asynchronous flow, belongs to the trace of the event that caused it.</summary>
    /// <param name="events">A list of events; the last of those that name a trace counts.</param>
    public void Follow(JqValue events)
    {
        foreach (var cause in events.Kind == JqKind.Array ? events.EnumerateArray().Reverse() : [])
        {
            if (cause.Kind == JqKind.Object && cause["traceparent"].TryGetString(out var parent) && ActivityContext.TryParse(parent, null, isRemote: true, out var context))
            {
                innermost.Value = context;
                return;
            }
        }
    }

    /// <summary>Gives all spans of the run, from now on, another attribute.</summary>
    public void Tag(string name, object? value) => tags[name] = value;

    /// <summary>Begins a span of which what is called from here on, in the same asynchronous flow, is a part.</summary>
    /// <param name="seed">The same whenever this run, or one that it continues as, comes here; and different for every other span of the run.</param>
    public WorkflowSpan Begin(string name, string seed, DateTimeOffset start, IEnumerable<KeyValuePair<string, object?>> more)
    {
        var span = Child(name, seed, Innermost, start);
        innermost.Value = span.Context;
        var all = tags.Concat(more).ToList();
        if (!IsReplaying)
        {
            span.Begin(all);
        }
        return new(span, all);
    }

    private DerivedSpan Child(string name, string seed, ActivityContext parent, DateTimeOffset start) => new(
        name, new(run.Context.TraceId, DerivedSpan.SpanIdOf($"{Workflow.Info.FirstExecutionRunId}\n{seed}"), run.Context.TraceFlags, run.Context.TraceState), parent.SpanId, start);

    private void End(string outcome, string? failure)
    {
        if (!IsReplaying)
        {
            run.End(Now, tags.Append(new("baton.outcome", outcome)), failure);
            FlowTelemetry.RunEnded(Workflow.Info.WorkflowType, outcome, Now - run.Start);
        }
    }
}

/// <summary>A span of a run that has begun.</summary>
internal sealed class WorkflowSpan(DerivedSpan span, List<KeyValuePair<string, object?>> tags)
{
    public void End(DateTimeOffset end, string outcome, string? failure)
    {
        if (!Workflow.Unsafe.IsReplaying)
        {
            span.End(end, tags.Append(new("baton.outcome", outcome)), failure);
        }
    }
}
