using NATS.Client.Core;
using NATS.Client.JetStream;

namespace Baton.Server.Events.Log.Nats;

/// <summary>
/// A consumer as seen from one process. In the server it is one JetStream consumer for each lane, and one for what was requeued; each has
/// one message out at a time, so that order holds whoever fetches. While a fetch wants events, every lane has one pull under way; a
/// message that comes when nobody fetches waits here, and is forgotten once the server gives it to somebody else. The server counts
/// such a message as delivered: where a process ends, an attempt may go by that nobody has seen.
/// </summary>
internal sealed class NatsEventConsumer(NatsEventLog log, ConsumerSettings settings, INatsJSConsumer[] lanes) : IEventConsumer
{
    private static readonly TimeSpan PullFor = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(250);

    private readonly Task<Pulled?>?[] pulls = new Task<Pulled?>?[lanes.Length];
    private readonly CancellationTokenSource closed = new();

    public async Task<IReadOnlyList<Delivery>> FetchAsync(int max, TimeSpan wait, CancellationToken cancel)
    {
        var until = log.Time.GetUtcNow() + wait;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var deadline = Task.Delay(wait, log.Time, timeout.Token);
        var deliveries = new List<Delivery>();
        try
        {
            while (true)
            {
                for (var lane = 0; lane < lanes.Length; lane++)
                {
                    pulls[lane] ??= PullAsync(lanes[lane]);
                }
                await Task.WhenAny([.. pulls.OfType<Task>(), deadline]);
                cancel.ThrowIfCancellationRequested();
                for (var lane = 0; lane < lanes.Length && deliveries.Count < max; lane++)
                {
                    if (pulls[lane] is { IsCompleted: true } pull)
                    {
                        pulls[lane] = null;
                        if (await pull is { } pulled && await OpenAsync(pulled, cancel) is { } delivery)
                        {
                            deliveries.Add(delivery);
                        }
                    }
                }
                if (deliveries.Count > 0 || log.Time.GetUtcNow() >= until)
                {
                    return deliveries;
                }
            }
        }
        finally
        {
            await timeout.CancelAsync();
        }
    }

    public Task AckAsync(Delivery delivery, CancellationToken cancel) =>
        AnswerAsync(delivery, (message, token) => message.AckAsync(new AckOpts { DoubleAck = true }, token), cancel);

    public async Task NakAsync(Delivery delivery, string reason, TimeSpan? delay, CancellationToken cancel)
    {
        if (settings.IsLast(delivery.Attempt))
        {
            await TermAsync(delivery, reason, cancel);
        }
        else
        {
            await AnswerAsync(delivery, (message, token) => message.NakAsync(new AckOpts { NakDelay = delay ?? settings.DelayAfter(delivery.Attempt), DoubleAck = true }, token), cancel);
        }
    }

    public async Task TermAsync(Delivery delivery, string reason, CancellationToken cancel)
    {
        await BuryAsync(delivery.Logged, Message(delivery), delivery.Attempt, reason, cancel);
        await AnswerAsync(delivery, (message, token) => message.AckTerminateAsync(new AckOpts { DoubleAck = true }, token), cancel);
    }

    public Task ExtendAsync(Delivery delivery, CancellationToken cancel) =>
        AnswerAsync(delivery, (message, token) => message.AckProgressAsync(new AckOpts { DoubleAck = true }, token), cancel);

    /// <summary>Gives back what nobody has fetched.</summary>
    public async ValueTask DisposeAsync()
    {
        if (closed.IsCancellationRequested)
        {
            return;
        }
        await closed.CancelAsync();
        foreach (var pull in pulls.OfType<Task<Pulled?>>())
        {
            try
            {
                if (await pull is { } pulled)
                {
                    await pulled.Message.NakAsync();
                }
            }
            catch (Exception error) when (error is NatsException or EventLogException or OperationCanceledException)
            {
                // It comes back by itself, only later.
            }
        }
    }

    private async Task<Pulled?> PullAsync(INatsJSConsumer lane)
    {
        try
        {
            return await lane.NextAsync<byte[]>(opts: new NatsJSNextOpts { Expires = PullFor }, cancellationToken: closed.Token) is { } message
                ? new Pulled(message, log.Time.GetUtcNow()) : null;
        }
        catch (Exception error) when (NatsEventLog.IsConsumerGone(error))
        {
            throw new EventLogException($"the consumer {settings.Name} is gone", error);
        }
        catch (Exception error) when (NatsEventLog.IsPassing(error, closed.Token))
        {
            await Task.Delay(RetryDelay, log.Time, closed.Token);
            return null;
        }
    }

    /// <returns>Null for a message that is not to be delivered: waited here too long, or tried too often.</returns>
    private async Task<Delivery?> OpenAsync(Pulled pulled, CancellationToken cancel)
    {
        if (log.Time.GetUtcNow() - pulled.At >= settings.AckWait || pulled.Message.Metadata is not { } metadata)
        {
            return null;
        }
        var attempt = (int)metadata.NumDelivered;
        var logged = EventHeaders.ReadLogged(pulled.Message.Headers, pulled.Message.Data)
            ?? new LoggedEvent((long)metadata.Sequence.Stream, metadata.Timestamp, CloudEvent.Parse(pulled.Message.Data!));
        var delivery = new Delivery(logged, attempt) { Handle = pulled.Message };
        if (settings.MaxDeliveries == 0 || attempt <= settings.MaxDeliveries)
        {
            return delivery;
        }
        await BuryAsync(logged, pulled.Message, attempt - 1, $"not acknowledged within {settings.AckWait.TotalSeconds} s, {attempt - 1} times", cancel);
        await AnswerAsync(delivery, (message, token) => message.AckTerminateAsync(new AckOpts { DoubleAck = true }, token), cancel);
        return null;
    }

    // The id makes one dead letter of the attempts to write it.
    private Task BuryAsync(LoggedEvent logged, INatsJSMsg<byte[]> message, int attempts, string reason, CancellationToken cancel) =>
        log.BuryAsync(settings.Name, logged, $"{settings.Name}-{message.Metadata!.Value.Stream}-{message.Metadata.Value.Sequence.Stream}", attempts, reason, cancel);

    private async Task AnswerAsync(Delivery delivery, Func<INatsJSMsg<byte[]>, CancellationToken, ValueTask> answer, CancellationToken cancel) => await log.TryAsync(async token =>
    {
        await answer(Message(delivery), token);
        return true;
    }, cancel);

    private static INatsJSMsg<byte[]> Message(Delivery delivery) => (INatsJSMsg<byte[]>)delivery.Handle!;

    private sealed record Pulled(INatsJSMsg<byte[]> Message, DateTimeOffset At);
}
