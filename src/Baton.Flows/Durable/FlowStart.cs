using System.Text.Json.Serialization;
using Baton.Flows.Interpret;
using Baton.Jq;

namespace Baton.Flows.Durable;

/// <summary>
/// Input of the workflow <see cref="FlowWorkflow.Name"/>. The definition travels in it, so that it is part of the run's
/// history: a run keeps its version when the flow changes, and replays without asking anyone.
/// </summary>
public sealed record FlowStart
{
    /// <summary>The definition, as YAML or JSON; <see cref="Model.FlowDefinition.Json"/> is the compact form.</summary>
    public required string Definition { get; init; }

    /// <summary>SHA-256 of the compact form; if given, a definition of another hash is refused.</summary>
    public string? Hash { get; init; }

    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Input { get; init; }

    public FlowLifecycle Lifecycle { get; init; }

    /// <summary>Whether the run tells the event bus what it listens to, as its first act.</summary>
    public bool Subscribe { get; init; }

    /// <summary>Whether the server has the search attributes of <see cref="FlowAttributes"/>: subflows are given them too.</summary>
    public bool Indexed { get; init; }

    /// <summary>Depth of subflows.</summary>
    public int Depth { get; init; }

    /// <summary>Events after which the run is cut, 0 for when the server suggests it. For tests.</summary>
    public int ContinueAfterEvents { get; init; }

    /// <summary>Set by the run itself when it continues as new.</summary>
    public FlowCarry? Carry { get; init; }

    /// <inheritdoc cref="Carry"/>
    public EventInboxState? Inbox { get; init; }
}

/// <summary>What the query <c>state</c> tells.</summary>
public sealed record FlowRunState(string Status, string Flow, string Hash, bool Listening, [property: JsonConverter(typeof(JqValueConverter))] JqValue Context, IReadOnlyList<FlowStep> Steps);

/// <summary>What the query <c>step</c> tells.</summary>
public sealed record FlowStepData([property: JsonConverter(typeof(JqValueConverter))] JqValue Input, [property: JsonConverter(typeof(JqValueConverter))] JqValue Output);
