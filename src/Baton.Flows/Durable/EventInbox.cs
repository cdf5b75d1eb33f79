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

    /// <summary>The highest floor that was named: everything before it has come.</summary>
    public long Floor { get; set; }

    /// <summary>Events before this place are another's, until the floor has passed it: what is sent later from before there is a replay.</summary>
    public long From { get; set; }
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
    private long before = long.MaxValue;

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
            Forget(place.Floor);
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

    /// <param name="start">Place in the log from which on events are the run's; null for those since <paramref name="since"/>.</param>
    public async Task SubscribeAsync(string runId, IReadOnlyList<JqValue> filters, DateTimeOffset since, long? start, CancellationToken cancellationToken)
    {
        if (isOpen)
        {
            return;
        }
        State.From = start ?? 0;
        for (JqValue from = default; !isOpen;)
        {
            from = await ReadAsync(runId,
            [
                new("filters", JqValue.FromArray(filters)),
                new("since", since.ToString("O", System.Globalization.CultureInfo.InvariantCulture)),
                new("start", start is { } place ? place : JqValue.Null),
                new("from", from),
            ], cancellationToken);
            if (from.IsNull)
            {
                Open();
            }
        }
    }

    /// <summary>Reads what was not sent yet, up to a place, and takes nothing from there on.</summary>
    /// <returns>That place: the end of the log, or after the last event that was delivered before.</returns>
    public async Task<long> CatchUpAsync(string runId, IReadOnlyList<JqValue> filters, FlowEventPlace end, CancellationToken cancellationToken)
    {
        before = Math.Max(end.Offset, State.Seen.Count == 0 ? 0 : State.Seen.Max + 1);
        for (JqValue from = Math.Max(Math.Max(end.Floor, State.Floor), State.From); !from.IsNull && from.GetDouble() < before;)
        {
            from = await ReadAsync(runId, [new("filters", JqValue.FromArray(filters)), new("from", from)], cancellationToken);
        }
        return before;
    }

    public Task UnsubscribeAsync(string runId) => runtime.CallAsync(new FlowCall("unsubscribe", JqValue.Null) { RunId = runId }, CancellationToken.None);

    private void Forget(long floor)
    {
        // What is read from the log while it catches up must be known.
        if (before == long.MaxValue)
        {
            State.Floor = Math.Max(State.Floor, floor);
            State.Seen.RemoveWhere(offset => offset < floor);
            State.From = State.From <= floor ? 0 : State.From;
        }
    }

    private async Task<JqValue> ReadAsync(string runId, IEnumerable<KeyValuePair<string, JqValue>> arguments, CancellationToken cancellationToken)
    {
        var page = (await runtime.CallAsync(new FlowCall("subscribe", JqValue.FromObject(arguments)) { RunId = runId }, cancellationToken)).Value;
        foreach (var earlier in page["events"].EnumerateArray())
        {
            Deliver(earlier["event"], (long)earlier["offset"].GetDouble());
        }
        return page["next"];
    }

    private void Deliver(JqValue cloudEvent, long offset)
    {
        if (offset >= State.From && offset < before && State.Seen.Add(offset))
        {
            deliver(cloudEvent);
        }
    }
}
