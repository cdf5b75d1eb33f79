using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Baton.Server.Telemetry;

/// <summary>Source and meter of the server's own concepts: events, tasks, webhooks.</summary>
internal static class ServerTelemetry
{
    public const string Name = "Baton.Server";

    public static ActivitySource Source { get; } = new(Name);

    public static Meter Meter { get; } = new(Name);
}
