using System.Text;
using Baton.CrashTesting;
using Baton.Flows;
using Baton.Flows.Hosting;
using Baton.Jq;
using Baton.Server.Events.Log;
using Baton.Server.Hosting;
using Baton.Server.Identity;

namespace Baton.Server.Events.Routing;

/// <summary>
/// The events of flows. A run that listens is written into the index first, and then told what has come since it started: so every
/// event is either in that answer, or finds the run in the index (see <see cref="EventRouter"/>), or both, which the run itself sees.
/// </summary>
internal sealed class FlowEventBus(EventIntake intake, IEventLog log, FlowListeners listeners) : IFlowEventBus
{
    private const int PageEvents = 200;
    private const int PageBytes = 512 * 1024;
    private const int ReadAtOnce = 500;

    public bool NeedsSubscriptions => true;

    public async Task PublishAsync(IReadOnlyList<JqValue> cloudEvents, CancellationToken cancellationToken)
    {
        var events = new List<CloudEvent>(cloudEvents.Count);
        foreach (var value in cloudEvents)
        {
            if (!CloudEvent.TryParse(Encoding.UTF8.GetBytes(value.ToJson()), out var cloudEvent, out var problems))
            {
                throw new FlowFaultException(FlowErrors.Validation($"The event does not follow CloudEvents 1.0: {string.Join("; ", problems)}."));
            }
            events.Add(cloudEvent);
        }
        await intake.TakeAsync(events, Caller.System("flow").Name, cancellationToken);
    }

    public async Task<FlowEventPage> SubscribeAsync(FlowEventSubscription subscription, CancellationToken cancellationToken)
    {
        var from = subscription.From;
        if (from is null)
        {
            await listeners.SetAsync(subscription.RunId, subscription.Filters, cancellationToken);
            CrashPoint.Pass(CrashPoints.AfterListen);
            from = subscription.Start ?? await log.FindOffsetAsync(subscription.Since, cancellationToken);
        }
        var events = new List<FlowEvent>();
        for (var bytes = 0; events.Count < PageEvents && bytes < PageBytes;)
        {
            var read = await log.ReadAsync(from.Value, ReadAtOnce, backwards: false, cancellationToken);
            foreach (var logged in read)
            {
                var value = JqValue.Parse(logged.Event.Json.Span);
                from = logged.Offset + 1;
                if (subscription.Filters.Any(filter => FlowEventFilters.Matches(filter, value)))
                {
                    events.Add(new FlowEvent(logged.Offset, value));
                    bytes += logged.Event.Json.Length;
                }
                if (events.Count >= PageEvents || bytes >= PageBytes)
                {
                    break;
                }
            }
            if (read.Count == 0 || (read.Count < ReadAtOnce && from > read[^1].Offset))
            {
                return new FlowEventPage(events, null);
            }
        }
        return new FlowEventPage(events, from);
    }

    public Task UnsubscribeAsync(string runId, CancellationToken cancellationToken) => listeners.RemoveAsync(runId, cancellationToken);
}
