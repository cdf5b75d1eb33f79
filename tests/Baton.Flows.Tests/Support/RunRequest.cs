using Baton.Flows.Interpret;
using Baton.Jq;

namespace Baton.Flows.Tests.Support;

/// <param name="After">ISO 8601 duration since the start.</param>
internal sealed record PlannedEvent(string After, JqValue Event);

internal sealed record RunRequest(string Definition, JqValue Input)
{
    public IReadOnlyList<PlannedEvent> Events { get; init; } = [];

    public IReadOnlyDictionary<string, JqValue> Secrets { get; init; } = new Dictionary<string, JqValue>();
}

internal sealed record RunResult(FlowStatus Status, JqValue Output, FlowError? Error, IReadOnlyList<FlowStep> Steps);
