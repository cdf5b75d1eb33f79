using Baton.Flows.Durable;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Baton.Server.Telemetry;

namespace Baton.Server.Events;

/// <summary>
/// Keeps events in the trace of who sent them, by the attribute `traceparent` as CloudEvents' extension "Distributed Tracing" has it, and counts them.
/// </summary>
internal static class EventTracing
{
    private const string Attribute = "traceparent";

    private static readonly Counter<long> Received = ServerTelemetry.Meter.CreateCounter<long>("baton.events.received", "{event}", "Events that were given to the log.");
    private static readonly Counter<long> Delivered = ServerTelemetry.Meter.CreateCounter<long>("baton.events.delivered", "{event}", "Attempts to deliver events, by consumer.");

    /// <summary>The events as they go to the log: each names who gave it, and those that name no trace belong to the one at hand.</summary>
    /// <param name="publisher">As the server knows them, for four eyes on what the event starts.</param>
    public static IReadOnlyList<CloudEvent> Receive(IReadOnlyList<CloudEvent> events, string publisher)
    {
        Received.Add(events.Count);
        var trace = Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } current } ? current : null;
        return [.. events.Select(one => one.With(FlowAttributes.Publisher, publisher)).Select(one => trace is not null && one.Attribute(Attribute) is null ? one.With(Attribute, trace) : one)];
    }

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
