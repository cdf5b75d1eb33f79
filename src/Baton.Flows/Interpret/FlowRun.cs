using System.Text.Json.Serialization;
using Baton.Flows.Model;
using Baton.Jq;

namespace Baton.Flows.Interpret;

public enum FlowLifecycle
{
    /// <summary>No lifecycle events.</summary>
    None,

    /// <summary>Events of the run: started, suspended, resumed, faulted, completed, cancelled.</summary>
    Workflow,

    /// <summary>Events of the run and of each task.</summary>
    Task,
}

/// <summary>What identifies and configures a run; fixed for its whole life.</summary>
internal sealed record FlowRun
{
    public required FlowDefinition Flow { get; init; }

    public required string Id { get; init; }

    /// <summary>Seed of idempotency keys; stays the same when a run continues as new.</summary>
    public required string Key { get; init; }

    public required JqValue Input { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public FlowLifecycle Lifecycle { get; init; }

    /// <summary>Events that are kept for tasks that do not listen yet.</summary>
    public int MaxUnread { get; init; } = 1_000;

    /// <summary>Depth of subflows; 0 for a run that no flow started.</summary>
    public int Depth { get; init; }
}

/// <summary>State that a run carries over when it continues as new, beside its position.</summary>
public sealed class FlowCarry
{
    public FlowPosition Position { get; set; } = new();

    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Context { get; set; }

    public List<ConsumedEvent> Unread { get; set; } = [];

    public bool Suspended { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    public string Key { get; set; } = "";

    public string SecretPrefix { get; set; } = "";

    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Secrets { get; set; }

    /// <summary>Answers that came and that no task has taken yet, by their tokens; at most 1,000.</summary>
    public Dictionary<string, LateAnswer> Answers { get; set; } = [];

    /// <summary>The last tokens whose answers were taken, so that one that comes twice counts once.</summary>
    public List<string> Answered { get; set; } = [];

    public DateTimeOffset? Deadline { get; set; }

    public int Steps { get; set; }

    /// <summary>Whether the run has met a large value.</summary>
    public bool Large { get; set; }
}

/// <summary>The answer to a call whose function promised one.</summary>
/// <param name="Error">Null for a value.</param>
public sealed record LateAnswer([property: JsonConverter(typeof(JqValueConverter))] JqValue Value, FlowError? Error);

public enum FlowStatus { Running, Waiting, Suspended, Completed, Faulted, Cancelled, Continued }

/// <summary>How a run ended, or, with <see cref="FlowStatus.Continued"/>, where it was cut.</summary>
internal sealed record FlowOutcome(FlowStatus Status, JqValue Output, FlowError? Error, FlowCarry? Carry);

/// <summary>One execution of a task, for those who watch.</summary>
/// <param name="Status">running, skipped, completed, faulted or cancelled.</param>
public sealed record FlowStep(int Number, string Task, string Name, string Kind, string Status, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, FlowErrorDto? Error)
{
    /// <summary>From 1; more where <c>catch.retry</c> repeats the task.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Length of the run's history when the task began: where a retry from this task has to begin. 0 where there is no history.</summary>
    public int Mark { get; init; }

    /// <summary>Not told with the others, as it may be large; see the query <c>step</c>.</summary>
    [JsonIgnore]
    public JqValue Input { get; init; }

    [JsonIgnore]
    public JqValue Output { get; init; }
}

public sealed record FlowErrorDto(string Type, int Status, string? Title, string? Detail, string? Instance)
{
    internal static FlowErrorDto? From(FlowError? error) => error is null ? null : new(error.Type, error.Status, error.Title, error.Detail, error.Instance);
}
