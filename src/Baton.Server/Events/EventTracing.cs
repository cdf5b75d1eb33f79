using System.Diagnostics;
using System.Diagnostics.Metrics;
using Baton.Server.Telemetry;

namespace Baton.Server.Events;

/// <summary>
/// Keeps what events lead to in the trace of who sent them, by the attribute `traceparent` as CloudEvents' extension "Distributed Tracing" has it.
/// </summary>
internal static class EventTracing
{
    public const string Attribute = "traceparent";

    private static readonly Counter<long> Delivered = ServerTelemetry.Meter.CreateCounter<long>("baton.events.delivered", "{event}", "Attempts to deliver events, by consumer.");

    /// <summary>A span around one attempt to deliver an event, in the trace of the event; null when nobody listens.</summary>
    public static Activity? Deliver(CloudEvent cloudEvent, string consumer)
    {
        Delivered.Add(1, new KeyValuePair<string, object?>("baton.consumer", consumer));
        if (!ServerTelemetry.Source.HasListeners() || !ActivityContext.TryParse(cloudEvent.Attribute(Attribute), cloudEvent.Attribute("tracestate"), isRemote: true, out var sender))
        {
            return null;
        }
        return ServerTelemetry.Source.StartActivity(
            $"deliver {cloudEvent.Type}", ActivityKind.Consumer, sender,
            [new("cloudevents.event_id", cloudEvent.Id), new("cloudevents.event_source", cloudEvent.Source), new("cloudevents.event_type", cloudEvent.Type), new("baton.consumer", consumer)]);
    }
}
