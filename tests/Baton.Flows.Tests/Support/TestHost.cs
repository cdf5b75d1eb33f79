using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Tests.Support;

/// <summary>A host for flows that may run processes and whose HTTP calls go to the stand-ins.</summary>
internal static class TestHost
{
    private static readonly Dictionary<string, string> Subflows = new()
    {
        ["child"] = "set: { doubled: \"${ .n * 2 }\" }",
        ["failing"] = "raise: { error: { type: \"https://x.example/conflict\", status: 409 } }",
        ["endless"] = "run: { workflow: { namespace: tests, name: endless, version: 1.0.0 } }",
    };

    public static FlowHost Create(StandIns standIns, IFlowEventBus bus, IReadOnlyDictionary<string, JqValue>? secrets = null) => new()
    {
        Http = standIns.Redirect,
        Events = bus,
        Policy = FlowPolicy.Default with { AllowShell = true, AllowScript = true, AllowMcpProcess = true, MaxResponseBytes = 256 * 1024 },
        Secrets = new FixedSecrets(secrets ?? new Dictionary<string, JqValue>()),
        Definitions = new FixedDefinitions(),
    };

    public static string? Subflow(string name) => Subflows.TryGetValue(name, out var task)
        ? $"document: {{ dsl: 1.0.3, namespace: tests, name: {name}, version: 1.0.0 }}\ndo: [ {{ only: {{ {task} }} }} ]\n"
        : null;

    private sealed class FixedSecrets(IReadOnlyDictionary<string, JqValue> secrets) : IFlowSecrets
    {
        public ValueTask<JqValue?> FindAsync(string name, CancellationToken cancellationToken) => new(secrets.TryGetValue(name, out var value) ? value : (JqValue?)null);
    }

    private sealed class FixedDefinitions : IFlowDefinitions
    {
        public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken) => new(Subflow(name));
    }
}
