using Temporalio.Common;

namespace Baton.Flows.Durable;

/// <summary>
/// What runs of flows carry beside their input: search attributes by which they are found (a server must know them before a run
/// may carry them), and who is behind them.
/// </summary>
public static class FlowAttributes
{
    /// <summary><c>namespace/name</c>.</summary>
    public static SearchAttributeKey<string> Flow { get; } = SearchAttributeKey.CreateKeyword("BatonFlow");

    /// <summary>Version as the document gives it.</summary>
    public static SearchAttributeKey<string> Version { get; } = SearchAttributeKey.CreateKeyword("BatonFlowVersion");

    /// <summary>Memo of a run: who started it.</summary>
    public const string StartedBy = "baton.startedBy";

    /// <summary>Attribute of an event: who gave it to the server, as the server knows them and not as the event says.</summary>
    public const string Publisher = "batonpublisher";

    public static SearchAttributeCollection Of(string ns, string name, string version) =>
        new SearchAttributeCollection.Builder().Set(Flow, $"{ns}/{name}").Set(Version, version).ToSearchAttributeCollection();
}
