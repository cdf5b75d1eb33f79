using System.Diagnostics;
using System.Diagnostics.Metrics;
using Baton.CrashTesting;
using Baton.Flows.Durable;
using Baton.Server.Events.Log;
using Baton.Server.Hosting;
using Baton.Server.Telemetry;

namespace Baton.Server.Events;

/// <summary>The one door into the log, for what comes over HTTP, by webhooks and from flows.</summary>
internal sealed class EventIntake(IEventLog log)
{
    private static readonly Counter<long> Received = ServerTelemetry.Meter.CreateCounter<long>("baton.events.received", "{event}", "Events that were given to the log.");

    /// <summary>Writes the events as they go to the log: each names who gave it, and those that name no trace belong to the one at hand.</summary>
    /// <param name="publisher">As the server knows them, for four eyes on what the event starts.</param>
    public async Task<IReadOnlyList<AppendedEvent>> TakeAsync(IReadOnlyList<CloudEvent> events, string publisher, CancellationToken cancel)
    {
        Received.Add(events.Count);
        var trace = Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { } current } ? current : null;
        var stamped = events.Select(one => one.With(FlowAttributes.Publisher, publisher))
            .Select(one => trace is not null && one.Attribute(EventTracing.Attribute) is null ? one.With(EventTracing.Attribute, trace) : one);
        CrashPoint.Pass(CrashPoints.BeforeAppend);
        var appended = await log.AppendAsync([.. stamped], cancel);
        CrashPoint.Pass(CrashPoints.AfterAppend);
        return appended;
    }
}
