using Temporalio.Common;

namespace Baton.Flows.Durable;

/// <summary>The search attributes by which runs of flows are found. A server must know them before a run may carry them.</summary>
public static class FlowAttributes
{
    /// <summary><c>namespace/name</c>.</summary>
    public static SearchAttributeKey<string> Flow { get; } = SearchAttributeKey.CreateKeyword("BatonFlow");

    /// <summary>Version as the document gives it.</summary>
    public static SearchAttributeKey<string> Version { get; } = SearchAttributeKey.CreateKeyword("BatonFlowVersion");

    public static SearchAttributeCollection Of(string ns, string name, string version) =>
        new SearchAttributeCollection.Builder().Set(Flow, $"{ns}/{name}").Set(Version, version).ToSearchAttributeCollection();
}
