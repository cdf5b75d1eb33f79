using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>Kinds of calls that the language has and this runtime does not carry out: they fault with a configuration error.</summary>
internal sealed class UnsupportedCalls : ICallHandler
{
    public IReadOnlyList<string> Kinds => Names;

    internal static string[] Names { get; } = ["asyncapi"];

    public Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken) =>
        throw new FlowFaultException(FlowErrors.Configuration($"This runtime does not carry out '{context.Call.Kind}' calls."));
}
