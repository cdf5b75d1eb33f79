using Baton.Server.Events.Log;

namespace Baton.Server.Events.Http;

internal sealed record EventView(long Offset, DateTimeOffset At, CloudEvent Event)
{
    public static EventView Of(LoggedEvent logged) => new(logged.Offset, logged.At, logged.Event);
}

/// <param name="Next">Offset to go on from; null on the last page.</param>
internal sealed record EventPage(IReadOnlyList<EventView> Items, long? Next);

/// <param name="Duplicate">There was an event of this source and id already: the offset is its.</param>
internal sealed record EventReceipt(string Id, string Source, long Offset, bool Duplicate);

internal sealed record EventReceipts(IReadOnlyList<EventReceipt> Events);

/// <param name="Lag">Offsets between it and the end of the log.</param>
internal sealed record ConsumerView(string Name, string Pattern, long Position, long Lag, int Pending, long DeadLetters, double AckWaitSeconds, int MaxDeliveries);

internal sealed record DeadLetterView(long Id, string Consumer, long Offset, int Attempts, string Reason, DateTimeOffset At, CloudEvent Event)
{
    public static DeadLetterView Of(DeadLetter letter) => new(letter.Id, letter.Consumer, letter.Logged.Offset, letter.Attempts, letter.Reason, letter.At, letter.Logged.Event);
}

/// <param name="Next">Id to go on after; null on the last page.</param>
internal sealed record DeadLetterPage(IReadOnlyList<DeadLetterView> Items, long? Next);

/// <summary>Where a consumer is to go: one of the two.</summary>
internal sealed record SeekRequest(long? Offset, DateTimeOffset? Time);

internal sealed record SeekResult(string Name, long Offset);

internal sealed record RequeuedDeadLetter(long Id);

/// <param name="Type">Pattern, see <see cref="EventPattern"/>.</param>
internal sealed record EventFilter(string? Type, string? Source, string? Subject, string? Id)
{
    public Func<LoggedEvent, bool> Compile()
    {
        var pattern = Type is null ? EventPattern.All : EventPattern.TryParse(Type, out var parsed) ? parsed : throw Inputs.BadPattern(Type);
        return logged => pattern.Matches(logged.Event.Type)
            && (Source is null || logged.Event.Source == Source) && (Subject is null || logged.Event.Subject == Subject) && (Id is null || logged.Event.Id == Id);
    }
}
