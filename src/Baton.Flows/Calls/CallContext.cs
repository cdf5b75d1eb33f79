using Baton.Flows.Interpret;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>A call as its handler sees it: with secrets resolved.</summary>
internal sealed record CallContext(FlowCall Call, JqValue Arguments, JqValue Authentication, Action Heartbeat)
{
    public string? Text(string name) => Arguments[name].TryGetString(out var text) ? text : null;

    /// <exception cref="FlowFaultException">It is missing.</exception>
    public string Required(string name) => Text(name) ?? throw new FlowFaultException(FlowErrors.Configuration($"The call has no '{name}'."));

    public bool Flag(string name) => Arguments[name].IsTruthy;
}

/// <summary>Carries out the calls of one or more kinds.</summary>
internal interface ICallHandler
{
    IReadOnlyList<string> Kinds { get; }

    Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken);
}
