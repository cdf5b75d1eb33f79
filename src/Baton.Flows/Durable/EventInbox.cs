using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Jq;
using Temporalio.Converters;

namespace Baton.Flows.Durable;

/// <summary>Second argument of the signal <c>event</c>.</summary>
/// <param name="Offset">Place of the event in the log of events.</param>
/// <param name="Floor">No event before this place will be sent again.</param>
public sealed record FlowEventPlace(long Offset, long Floor);

/// <summary>State of an <see cref="EventInbox"/>, carried over when a run continues as new.</summary>
public sealed class EventInboxState
{
    /// <summary>Places from the floor on whose events have been delivered.</summary>
    public SortedSet<long> Seen { get; set; } = [];
}

/// <summary>
/// How events of a log come into a run: each once, however often it is sent, and none is missed.
///
/// The run makes its interest known as its first act (an activity, whose answer is in the history): the bus writes it down, and answers
/// with the events since the run's start that match. What comes by signal before that answer waits for it, so that all
/// is delivered in the order of the log. From then on the place of an event tells whether it was there before; as the bus names a
/// floor below which nothing is sent again, the places kept are few.
/// </summary>
internal sealed class EventInbox(IFlowRuntime runtime, EventInboxState? carried, Action<JqValue> deliver)
{
    private readonly List<(JqValue Event, FlowEventPlace Place)> waiting = [];
    private bool isOpen = carried is not null;

    public EventInboxState State { get; } = carried ?? new();

    public void Receive(IRawValue cloudEvent, FlowEventPlace? place)
    {
        if (place is null)
        {
            deliver(RawValues.Value(cloudEvent));
        }
        else if (isOpen)
        {
            Deliver(RawValues.Value(cloudEvent), place.Offset);
            State.Seen.RemoveWhere(offset => offset < place.Floor);
        }
        else
        {
            waiting.Add((RawValues.Value(cloudEvent), place));
        }
    }

    /// <summary>Takes signals as they come, without a subscription.</summary>
    public void Open()
    {
        isOpen = true;
        foreach (var (cloudEvent, place) in waiting.OrderBy(item => item.Place.Offset))
        {
            Deliver(cloudEvent, place.Offset);
        }
        waiting.Clear();
    }

    public async Task SubscribeAsync(string runId, IReadOnlyList<JqValue> filters, DateTimeOffset since, CancellationToken cancellationToken)
    {
        for (JqValue from = default; !isOpen;)
        {
            var page = (await runtime.CallAsync(new FlowCall("subscribe", JqValue.FromObject(
            [
                new("filters", JqValue.FromArray(filters)),
                new("since", since.ToString("O", System.Globalization.CultureInfo.InvariantCulture)),
                new("from", from),
            ])) { RunId = runId }, cancellationToken)).Value;
            foreach (var earlier in page["events"].EnumerateArray())
            {
                Deliver(earlier["event"], (long)earlier["offset"].GetDouble());
            }
            from = page["next"];
            if (from.IsNull)
            {
                Open();
            }
        }
    }

    public Task UnsubscribeAsync(string runId) => runtime.CallAsync(new FlowCall("unsubscribe", JqValue.Null) { RunId = runId }, CancellationToken.None);

    private void Deliver(JqValue cloudEvent, long offset)
    {
        if (State.Seen.Add(offset))
        {
            deliver(cloudEvent);
        }
    }
}
