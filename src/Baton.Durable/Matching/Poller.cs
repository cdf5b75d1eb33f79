using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.TaskQueue.V1;

namespace Baton.Durable.Matching;

/// <summary>Name of a queue of one kind of task. Tasks for one worker deployment version wait in a queue of their own.</summary>
internal readonly record struct QueueKey(string NamespaceId, string Name, TaskKind Kind, string Deployment, string BuildId);

/// <summary>A worker that waits for a task.</summary>
internal abstract class Poller(QueueKey queue, string identity)
{
    public QueueKey Queue { get; } = queue;

    public string Identity { get; } = identity;

    /// <summary>One worker process; its shutdown ends its polls.</summary>
    public string WorkerInstance { get; init; } = "";

    public PollingWorker Worker { get; init; } = PollingWorker.Unversioned;

    /// <summary>When the worker asked.</summary>
    public long Since { get; set; }

    /// <summary>How many polls more (or fewer) the worker had better have under way; 0 for as it is.</summary>
    public int ScalingDelta { get; set; }

    /// <summary>Tasks a second that the worker wants to see on this queue, null for no limit.</summary>
    public double? RateLimit { get; init; }

    /// <summary>Answered, gone or shut down.</summary>
    public bool IsDone { get; set; }

    /// <summary>Starts the task and answers the poll. False when the task is no longer wanted.</summary>
    public abstract bool TryStart(Step step, TaskRef task);

    /// <summary>Answers with a task that lives in memory. False when this poller takes none.</summary>
    public virtual bool TryStart(Step step, QueryTask query) => false;

    /// <summary>Answers with nothing, as after the long-poll time.</summary>
    public abstract void Complete(Step step);

    public abstract void Abandon(Exception reason);

    protected PollerScalingDecision? Scaling() => ScalingDelta == 0 ? null : new PollerScalingDecision { PollRequestDeltaSuggestion = ScalingDelta };
}

/// <summary>
/// A question to a workflow that goes to a worker on its own, beside the workflow's tasks, or a Nexus request from outside. Lives in memory: its caller
/// waits for it.
/// </summary>
internal sealed record QueryTask(string Id, long RunKey, long ExpiresAt, Action<Step, Poller> Start);
