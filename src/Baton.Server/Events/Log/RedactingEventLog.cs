using Baton.Server.Secrets;

namespace Baton.Server.Events.Log;

/// <summary>
/// A log that holds no secret: the values of secrets are taken out of events before they are stored, and again of what was stored
/// before the value was known, wherever it goes then: to the API, live streams, flows, subscriptions, dead letters. Reasons of failures are
/// treated alike.
/// </summary>
internal sealed class RedactingEventLog(IEventLog inner, Redactor redactor) : IEventLog
{
    public Task<IReadOnlyList<AppendedEvent>> AppendAsync(IReadOnlyList<CloudEvent> events, CancellationToken cancel) =>
        inner.AppendAsync([.. events.Select(redactor.Redact)], cancel);

    public async Task<IReadOnlyList<LoggedEvent>> ReadAsync(long from, int count, bool backwards, CancellationToken cancel) =>
        [.. (await inner.ReadAsync(from, count, backwards, cancel)).Select(Clean)];

    public Task WaitAsync(long offset, CancellationToken cancel) => inner.WaitAsync(offset, cancel);

    public Task<EventLogStats> StatsAsync(CancellationToken cancel) => inner.StatsAsync(cancel);

    public async Task<IEventConsumer> ConsumeAsync(ConsumerSettings settings, CancellationToken cancel) => new Consumer(await inner.ConsumeAsync(settings, cancel), this);

    public Task<bool> SeekAsync(string consumer, long offset, CancellationToken cancel) => inner.SeekAsync(consumer, offset, cancel);

    public Task<bool> DeleteConsumerAsync(string consumer, CancellationToken cancel) => inner.DeleteConsumerAsync(consumer, cancel);

    public Task<IReadOnlyList<ConsumerStatus>> ConsumersAsync(CancellationToken cancel) => inner.ConsumersAsync(cancel);

    public async Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(string? consumer, long after, int count, CancellationToken cancel) =>
        [.. (await inner.DeadLettersAsync(consumer, after, count, cancel)).Select(letter => letter with { Logged = Clean(letter.Logged), Reason = redactor.Redact(letter.Reason) })];

    public Task<bool> RequeueAsync(long deadLetter, CancellationToken cancel) => inner.RequeueAsync(deadLetter, cancel);

    public Task<bool> DeleteDeadLetterAsync(long deadLetter, CancellationToken cancel) => inner.DeleteDeadLetterAsync(deadLetter, cancel);

    public Task<long> TrimAsync(CancellationToken cancel) => inner.TrimAsync(cancel);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private LoggedEvent Clean(LoggedEvent logged) => redactor.Redact(logged.Event) is var cleaned && ReferenceEquals(cleaned, logged.Event) ? logged : logged with { Event = cleaned };

    private sealed class Consumer(IEventConsumer inner, RedactingEventLog log) : IEventConsumer
    {
        public async Task<IReadOnlyList<Delivery>> FetchAsync(int max, TimeSpan wait, CancellationToken cancel) =>
            [.. (await inner.FetchAsync(max, wait, cancel)).Select(delivery => delivery with { Logged = log.Clean(delivery.Logged) })];

        public Task AckAsync(Delivery delivery, CancellationToken cancel) => inner.AckAsync(delivery, cancel);

        public Task NakAsync(Delivery delivery, string reason, TimeSpan? delay, CancellationToken cancel) => inner.NakAsync(delivery, log.Redact(reason), delay, cancel);

        public Task TermAsync(Delivery delivery, string reason, CancellationToken cancel) => inner.TermAsync(delivery, log.Redact(reason), cancel);

        public Task ExtendAsync(Delivery delivery, CancellationToken cancel) => inner.ExtendAsync(delivery, cancel);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private string Redact(string text) => redactor.Redact(text);
}
