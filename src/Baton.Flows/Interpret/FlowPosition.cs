using System.Text.Json.Serialization;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// Where a run is: a tree that mirrors the active tasks. The interpreter keeps it true at every point where it may be
/// cut, so that continue-as-new carries it over, and a new run's interpreter walks down to the same tasks and goes on.
/// <list type="bullet">
/// <item>of a list: <see cref="Index"/> the next task, <see cref="Data"/> its input, a child per active task;</item>
/// <item>of a task: <see cref="Data"/> its transformed input, <see cref="Deadline"/> of its timeout, children for its parts;</item>
/// <item>of a loop: <see cref="Index"/> the iteration, <see cref="Items"/> the collection, <see cref="Data"/> the last output;</item>
/// <item>of a call: <see cref="Token"/> of the answer that is waited for;</item>
/// <item>of a fork: <see cref="Outputs"/> of the branches that are done;</item>
/// <item>of a try: <see cref="Index"/> the retries, <see cref="Stage"/> (body, delay, catch), <see cref="Items"/> the caught error.</item>
/// </list>
/// </summary>
public sealed class FlowPosition
{
    /// <summary>False until the part has begun, so that a fresh node is told from one that is resumed.</summary>
    public bool Started { get; set; }

    public int Index { get; set; }

    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Data { get; set; }

    [JsonConverter(typeof(JqValueConverter))]
    public JqValue Items { get; set; }

    public string? Stage { get; set; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? Deadline { get; set; }

    /// <summary>End of a pause that is under way: a wait, or the delay before a retry.</summary>
    public DateTimeOffset? Until { get; set; }

    public string? Token { get; set; }

    public Dictionary<string, int>? Visits { get; set; }

    public Dictionary<string, CompletedBranch>? Outputs { get; set; }

    public ListenState? Listen { get; set; }

    public Dictionary<string, FlowPosition>? Children { get; set; }

    internal FlowPosition Child(string key)
    {
        Children ??= [];
        if (!Children.TryGetValue(key, out var child))
        {
            Children.Add(key, child = new FlowPosition());
        }
        return child;
    }

    internal void Leave(string key) => Children?.Remove(key);

    /// <summary>How often the list has come to a task: part of its idempotency key, as 'then' may lead back to it.</summary>
    internal int Visit(string task, bool again)
    {
        Visits ??= [];
        Visits.TryGetValue(task, out var count);
        if (again)
        {
            Visits[task] = ++count;
        }
        return count;
    }
}

public sealed record CompletedBranch([property: JsonConverter(typeof(JqValueConverter))] JqValue Output);

/// <summary>What a listen task has consumed so far.</summary>
public sealed class ListenState
{
    public List<ConsumedEvent> Consumed { get; set; } = [];

    /// <summary>Filters of 'all' that have had their event.</summary>
    public HashSet<int> Matched { get; set; } = [];

    /// <summary>Correlation values that later events must have.</summary>
    public Dictionary<string, ConsumedEvent> Keys { get; set; } = [];

    public bool Done { get; set; }

    /// <summary>Events that foreach has been through.</summary>
    public int Processed { get; set; }

    public List<ConsumedEvent> Outputs { get; set; } = [];

    public ListenState? Until { get; set; }

    /// <summary>The subscription of a protocol that the last round was answered from.</summary>
    public string? Feed { get; set; }
}

public sealed record ConsumedEvent([property: JsonConverter(typeof(JqValueConverter))] JqValue Value);
