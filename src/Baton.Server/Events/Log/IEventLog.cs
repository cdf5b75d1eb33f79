namespace Baton.Server.Events.Log;

/// <summary>
/// The log of events. What every implementation does, and one compliance suite holds them to:
/// <list type="number">
/// <item>An event is on disk, or with the server whose log it is, before <see cref="AppendAsync"/> returns; the events of one call keep
/// their order, and each gets an offset that is higher than all before it.</item>
/// <item>An event of the same source and id as one within the last <see cref="EventLogOptions.DeduplicationWindow"/> is not stored
/// again: its offset is that of the first.</item>
/// <item>A consumer is durable: each event that fits its pattern is delivered until it is acknowledged, or becomes a dead letter with
/// a reason. Nothing is dropped in silence: not by a crash, and not by retention, which spares what a consumer has yet to settle.</item>
/// <item>Events of one source and subject come in order: one that is not settled holds back the later ones, also while it waits for
/// its next attempt. Others are not held back, save, in NATS, those that share a lane.</item>
/// <item>Instances that share a log share its consumers: an event goes to one of them.</item>
/// </list>
/// Failures of the log itself are <see cref="EventLogException"/>.
/// </summary>
internal interface IEventLog : IAsyncDisposable
{
    /// <summary>Waits while the log is behind; refuses with <see cref="EventLogFullException"/> when it has reached its size.</summary>
    /// <returns>In the order of <paramref name="events"/>.</returns>
    Task<IReadOnlyList<AppendedEvent>> AppendAsync(IReadOnlyList<CloudEvent> events, CancellationToken cancel);

    /// <summary>Events from an offset on, or, backwards, from it downwards; those that retention took are not among them.</summary>
    Task<IReadOnlyList<LoggedEvent>> ReadAsync(long from, int count, bool backwards, CancellationToken cancel);

    /// <summary>Ends when an offset of at least <paramref name="offset"/> may be there to read.</summary>
    Task WaitAsync(long offset, CancellationToken cancel);

    Task<EventLogStats> StatsAsync(CancellationToken cancel);

    /// <summary>Makes the consumer, or gives an existing one these settings; where it stands stays as it is.</summary>
    Task<IEventConsumer> ConsumeAsync(ConsumerSettings settings, CancellationToken cancel);

    /// <summary>Delivers again from an offset on, or skips what comes before it. Dead letters stay.</summary>
    /// <returns>False if there is no such consumer.</returns>
    Task<bool> SeekAsync(string consumer, long offset, CancellationToken cancel);

    /// <summary>Forgets a consumer, its position and its dead letters.</summary>
    Task<bool> DeleteConsumerAsync(string consumer, CancellationToken cancel);

    Task<IReadOnlyList<ConsumerStatus>> ConsumersAsync(CancellationToken cancel);

    /// <param name="consumer">Null for those of all.</param>
    /// <param name="after">Only those with a higher id.</param>
    Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(string? consumer, long after, int count, CancellationToken cancel);

    /// <summary>Delivers a dead letter to its consumer again, with all its attempts; later events have not waited for it.</summary>
    Task<bool> RequeueAsync(long deadLetter, CancellationToken cancel);

    Task<bool> DeleteDeadLetterAsync(long deadLetter, CancellationToken cancel);

    /// <summary>Removes what is older or more than the options allow and settled by every consumer.</summary>
    /// <returns>How many events went.</returns>
    Task<long> TrimAsync(CancellationToken cancel);
}

/// <summary>The events of one consumer. Not for several callers of <see cref="FetchAsync"/> at once.</summary>
internal interface IEventConsumer : IAsyncDisposable
{
    /// <summary>Waits up to <paramref name="wait"/> for a first event.</summary>
    Task<IReadOnlyList<Delivery>> FetchAsync(int max, TimeSpan wait, CancellationToken cancel);

    /// <summary>Settles an event; it does not come back once this has returned.</summary>
    Task AckAsync(Delivery delivery, CancellationToken cancel);

    /// <summary>Asks for another attempt, later: after <paramref name="delay"/>, or as the consumer's backoff says. The last makes a dead letter.</summary>
    Task NakAsync(Delivery delivery, string reason, TimeSpan? delay, CancellationToken cancel);

    /// <summary>Makes a dead letter of an event that no attempt can help.</summary>
    Task TermAsync(Delivery delivery, string reason, CancellationToken cancel);

    /// <summary>Starts the time for the acknowledgement anew.</summary>
    Task ExtendAsync(Delivery delivery, CancellationToken cancel);
}

internal sealed record EventLogOptions
{
    /// <summary>How long an event is known by source and id.</summary>
    public TimeSpan DeduplicationWindow { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Age from which events may go.</summary>
    public TimeSpan RetainFor { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Size, in bytes of events, above which the oldest may go.</summary>
    public long RetainBytes { get; init; } = 1L << 30;

    /// <summary>Size at which the log refuses further events, because a consumer does not come after.</summary>
    public long MaxBytes { get; init; } = 4L << 30;

    /// <summary>Age from which dead letters go.</summary>
    public TimeSpan RetainDeadLettersFor { get; init; } = TimeSpan.FromDays(30);
}

/// <param name="Offset">From 1, rising, with gaps.</param>
internal sealed record LoggedEvent(long Offset, DateTimeOffset At, CloudEvent Event);

internal readonly record struct AppendedEvent(long Offset, bool Duplicate);

/// <param name="Attempt">From 1.</param>
internal sealed record Delivery(LoggedEvent Logged, int Attempt)
{
    /// <summary>The implementation's own.</summary>
    internal object? Handle { get; init; }
}

internal enum ConsumerStart { Earliest, Latest }

internal sealed record ConsumerSettings(string Name)
{
    public const int MaxNameLength = 64;

    /// <summary>Types of events, see <see cref="EventPattern"/>.</summary>
    public string Pattern { get; init; } = EventPattern.All.Text;

    /// <summary>Where a new consumer starts.</summary>
    public ConsumerStart Start { get; init; }

    /// <summary>Time for an acknowledgement, after which there is another attempt.</summary>
    public TimeSpan AckWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts after which an event becomes a dead letter; 0 for no bound.</summary>
    public int MaxDeliveries { get; init; } = 10;

    /// <summary>Waits after the first, second, ... refusal; the last stands for all later ones.</summary>
    public IReadOnlyList<TimeSpan> Backoff { get; init; } =
        [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10)];

    /// <summary>Events that are out or held back at a time; more wait in the log.</summary>
    public int MaxPending { get; init; } = 1024;

    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    internal TimeSpan DelayAfter(int attempt) => Backoff.Count == 0 ? TimeSpan.Zero : Backoff[Math.Clamp(attempt - 1, 0, Backoff.Count - 1)];

    internal bool IsLast(int attempt) => MaxDeliveries > 0 && attempt >= MaxDeliveries;
}

/// <param name="Position">Every event before this offset is settled.</param>
/// <param name="Pending">Events that are out, or wait for another attempt.</param>
internal sealed record ConsumerStatus(ConsumerSettings Settings, long Position, int Pending)
{
    /// <param name="last">End of the log.</param>
    public long LagTo(long last) => Math.Max(0, last + 1 - Position);
}

/// <param name="Id">Of the dead letter, not of its event.</param>
internal sealed record DeadLetter(long Id, string Consumer, LoggedEvent Logged, int Attempts, string Reason, DateTimeOffset At);

/// <param name="First">Offset of the oldest event; one more than <paramref name="Last"/> where there is none.</param>
internal sealed record EventLogStats(long First, long Last, long Events, long Bytes, long DeadLetters);

/// <summary>The log cannot be reached, or failed.</summary>
internal class EventLogException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The log has reached <see cref="EventLogOptions.MaxBytes"/>.</summary>
internal sealed class EventLogFullException(string message) : EventLogException(message);
