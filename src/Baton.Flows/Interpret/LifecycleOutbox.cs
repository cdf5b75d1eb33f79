using System.Globalization;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// Lifecycle events of a run as CloudEvents. They are sent in order and in batches: what gathers while one batch is
/// under way makes the next, so that a fast flow does not wait for them.
/// </summary>
internal sealed class LifecycleOutbox(FlowRun run, IFlowRuntime runtime)
{
    private const string Prefix = "io.serverlessworkflow.";

    private readonly List<JqValue> _waiting = [];
    private Task? _sending;
    private int _batches;

    /// <summary>True when all has been sent.</summary>
    public bool IsIdle => _waiting.Count == 0 && _sending?.IsCompleted != false;

    private string Name => $"{run.Id}.{run.Flow.Document.Namespace}";

    public void Started() => Workflow("started", "startedAt", ("definition", JqValue.FromObject(
        [new("name", run.Flow.Document.Name), new("namespace", run.Flow.Document.Namespace), new("version", run.Flow.Document.Version)])));

    public void Workflow(string what, string when, params ReadOnlySpan<(string Name, JqValue Value)> more)
    {
        if (run.Lifecycle != FlowLifecycle.None)
        {
            Add($"workflow.{what}.v1", [new("name", Name), new(when, Now())], more);
        }
    }

    public void Task(FlowTask task, string what, string when, params ReadOnlySpan<(string Name, JqValue Value)> more)
    {
        if (run.Lifecycle == FlowLifecycle.Task)
        {
            Add($"task.{what}.v1", [new("workflow", Name), new("task", task.Pointer), new(when, Now())], more);
        }
    }

    private void Add(string type, List<KeyValuePair<string, JqValue>> data, ReadOnlySpan<(string Name, JqValue Value)> more)
    {
        foreach (var (name, value) in more)
        {
            data.Add(new(name, value));
        }
        _waiting.Add(JqValue.FromObject(
        [
            new("specversion", "1.0"),
            new("id", runtime.NewId()),
            new("source", $"/flows/{run.Flow.Document.Namespace}/{run.Flow.Document.Name}"),
            new("type", Prefix + type),
            new("subject", run.Id),
            new("time", Now()),
            new("datacontenttype", "application/json"),
            new("data", JqValue.FromObject(data)),
        ]));
        if (_sending?.IsCompleted != false)
        {
            _sending = SendAsync();
        }
    }

    private async Task SendAsync()
    {
        while (_waiting.Count > 0)
        {
            var batch = JqValue.FromArray(_waiting);
            _waiting.Clear();
            try
            {
                await runtime.CallAsync(new FlowCall("lifecycle", batch) { RunId = run.Id, Flow = run.Flow.Document.Reference, IdempotencyKey = $"{run.Key}-lifecycle-{_batches++}" }, CancellationToken.None);
            }
            catch (FlowFaultException)
            {
                // The run is what matters: events about it that a bus refuses do not make it fail. The activity has logged it.
            }
        }
    }

    private string Now() => runtime.UtcNow.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
