using System.Collections.Concurrent;
using System.Text.Json;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NATS.Net;

namespace Baton.Server.Events.Log.Nats;

/// <summary>
/// The log in a stream of NATS JetStream, shared by all processes that name it. Offsets are the stream's sequence numbers. The stream
/// refuses messages when it is full rather than drop its oldest; <see cref="TrimAsync"/> alone removes. While the server does not
/// answer, calls are tried again for <see cref="NatsLogOptions.Patience"/>: message ids make that harmless. For the consumers see
/// <see cref="NatsNames"/> and <see cref="NatsEventConsumer"/>.
/// </summary>
internal sealed class NatsEventLog : IEventLog
{
    private const int AppendAtOnce = 256;
    private const int StreamNotFound = 10059;
    private const int ConsumerNotFound = 10014;
    private const int MessageNotFound = 10037;
    private const int SequenceNotFound = 10043;
    private const int StreamFull = 10077;
    private const int NoStorage = 10047;
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(200);

    private readonly NatsConnection connection;
    private readonly NatsJSContext js;
    private readonly NatsLogOptions nats;
    private readonly EventLogOptions options;
    private readonly TimeProvider time;
    private readonly ConcurrentBag<NatsEventConsumer> open = [];

    private NatsEventLog(NatsLogOptions nats, EventLogOptions options, TimeProvider time)
    {
        this.nats = nats;
        this.options = options;
        this.time = time;
        Names = new NatsNames(nats.Stream, nats.Prefix);
        connection = new NatsConnection(new NatsOpts
        {
            Url = nats.Url,
            Name = "baton",
            AuthOpts = nats.CredentialsFile is { } file ? new NatsAuthOpts { CredsFile = file } : NatsAuthOpts.Default,
            MaxReconnectRetry = -1,
            RequestTimeout = TimeSpan.FromSeconds(5),
        });
        js = new NatsJSContext(connection);
    }

    public NatsNames Names { get; }

    internal TimeProvider Time => time;

    /// <summary>Connects, and makes or updates the streams.</summary>
    /// <exception cref="EventLogException">The server does not answer, or has no JetStream.</exception>
    public static async Task<NatsEventLog> OpenAsync(NatsLogOptions nats, EventLogOptions options, TimeProvider time, CancellationToken cancel)
    {
        var log = new NatsEventLog(nats, options, time);
        try
        {
            await log.TryAsync(log.PrepareAsync, cancel);
            return log;
        }
        catch
        {
            await log.DisposeAsync();
            throw;
        }
    }

    public async Task<IReadOnlyList<AppendedEvent>> AppendAsync(IReadOnlyList<CloudEvent> events, CancellationToken cancel)
    {
        var appended = new List<AppendedEvent>(events.Count);
        // A connection's messages are stored in the order in which they were sent: what is missing after a failure is the tail.
        while (appended.Count < events.Count)
        {
            await TryAsync(async token => await SendAsync(events, appended, token), cancel);
        }
        return appended;
    }

    public async Task<IReadOnlyList<LoggedEvent>> ReadAsync(long from, int count, bool backwards, CancellationToken cancel)
    {
        if (!backwards)
        {
            return await TryAsync(token => ReadForwardAsync(from, count, token), cancel);
        }
        var stats = await StatsAsync(cancel);
        var found = new List<LoggedEvent>();
        for (var high = Math.Min(from, stats.Last); found.Count < count && high >= stats.First;)
        {
            var low = Math.Max(stats.First, high - (count - found.Count) + 1);
            var part = await TryAsync(token => ReadForwardAsync(low, (int)(high - low + 1), token), cancel);
            found.AddRange(part.Where(logged => logged.Offset <= high).Reverse());
            high = low - 1;
        }
        return found;
    }

    public async Task WaitAsync(long offset, CancellationToken cancel)
    {
        var consumer = await TryAsync(token => ReaderAsync(Names.Stream, offset, token), cancel);
        try
        {
            await consumer.NextAsync<byte[]>(opts: new NatsJSNextOpts { Expires = TimeSpan.FromSeconds(20) }, cancellationToken: cancel);
        }
        catch (NatsException)
        {
            // "May be there": whoever waits looks, and comes again.
        }
    }

    public async Task<EventLogStats> StatsAsync(CancellationToken cancel)
    {
        var state = (await TryAsync(async token => await js.GetStreamAsync(Names.Stream, cancellationToken: token), cancel)).Info.State;
        var dead = (await TryAsync(async token => await js.GetStreamAsync(Names.DeadStream, cancellationToken: token), cancel)).Info.State;
        var last = (long)state.LastSeq;
        return new EventLogStats(state.Messages == 0 ? last + 1 : (long)state.FirstSeq, last, state.Messages, state.Bytes, dead.Messages);
    }

    public async Task<IEventConsumer> ConsumeAsync(ConsumerSettings settings, CancellationToken cancel)
    {
        var lanes = new INatsJSConsumer[NatsNames.Lanes + 1];
        // A new consumer starts at one place in all its lanes.
        var start = settings.Start == ConsumerStart.Latest ? (await StatsAsync(cancel)).Last + 1 : 1;
        for (var lane = 0; lane < NatsNames.Lanes; lane++)
        {
            lanes[lane] = await EnsureConsumerAsync(Names.Stream, LaneConfig(settings, lane, start), cancel);
        }
        lanes[^1] = await EnsureConsumerAsync(Names.RequeueStream, RequeueConfig(settings), cancel);
        var consumer = new NatsEventConsumer(this, settings, lanes);
        open.Add(consumer);
        return consumer;
    }

    public async Task<bool> SeekAsync(string consumer, long offset, CancellationToken cancel)
    {
        if ((await ConsumersAsync(cancel)).FirstOrDefault(status => status.Settings.Name == consumer)?.Settings is not { } settings)
        {
            return false;
        }
        for (var lane = 0; lane < NatsNames.Lanes; lane++)
        {
            var config = LaneConfig(settings, lane, Math.Max(offset, 1));
            await TryAsync(token => DeleteConsumerAsync(Names.Stream, config.DurableName!, token), cancel);
            await EnsureConsumerAsync(Names.Stream, config, cancel);
        }
        return true;
    }

    public async Task<bool> DeleteConsumerAsync(string consumer, CancellationToken cancel)
    {
        var existed = false;
        for (var lane = 0; lane < NatsNames.Lanes; lane++)
        {
            var name = NatsNames.LaneConsumer(consumer, lane);
            existed |= await TryAsync(token => DeleteConsumerAsync(Names.Stream, name, token), cancel);
        }
        await TryAsync(token => DeleteConsumerAsync(Names.RequeueStream, NatsNames.RequeueConsumer(consumer), token), cancel);
        await TryAsync(async token => await js.PurgeStreamAsync(Names.RequeueStream, new StreamPurgeRequest { Filter = Names.Requeued(consumer) }, token), cancel);
        await TryAsync(async token => await js.PurgeStreamAsync(Names.DeadStream, new StreamPurgeRequest { Filter = Names.Dead(consumer) }, token), cancel);
        return existed;
    }

    public async Task<IReadOnlyList<ConsumerStatus>> ConsumersAsync(CancellationToken cancel)
    {
        // Before the consumers: what comes meanwhile is beyond it.
        var last = (await StatsAsync(cancel)).Last;
        var infos = await TryAsync(async token => await js.ListConsumersAsync(Names.Stream, token).Select(consumer => consumer.Info).ToListAsync(token), cancel);
        return
        [
            .. from info in infos
            let lane = NatsNames.ParseLane(info.Name)
            where lane is not null && info.Config.Description is not null
            group info by lane.Value.Name into lanes
            where lanes.Count() == NatsNames.Lanes
            orderby lanes.Key
            select new ConsumerStatus(
                JsonSerializer.Deserialize<ConsumerSettings>(lanes.First().Config.Description!)!,
                lanes.Min(info => info is { NumPending: 0, NumAckPending: 0 } ? last + 1 : (long)info.AckFloor.StreamSeq + 1),
                lanes.Sum(info => info.NumAckPending)),
        ];
    }

    // Unfiltered, as this server's filters lose messages beside deleted ones.
    public async Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(string? consumer, long after, int count, CancellationToken cancel)
    {
        var letters = new List<DeadLetter>();
        while (letters.Count < count)
        {
            var page = await TryAsync(token => ReadDeadAsync(after + 1, count, token), cancel);
            letters.AddRange(page.Where(letter => consumer is null || letter.Consumer == consumer).Take(count - letters.Count));
            if (page.Count < count)
            {
                break;
            }
            after = page[^1].Id;
        }
        return letters;
    }

    public async Task<bool> RequeueAsync(long deadLetter, CancellationToken cancel)
    {
        if ((await DeadLettersAsync(null, deadLetter - 1, 1, cancel)).FirstOrDefault() is not { } letter || letter.Id != deadLetter)
        {
            return false;
        }
        // A crash between the two leaves the dead letter; requeued again, the message id makes one of both.
        await PublishAsync(Names.Requeued(letter.Consumer), letter.Logged, EventHeaders.OfRequeued(letter.Logged, $"requeue-{deadLetter}"), cancel);
        return await DeleteDeadLetterAsync(deadLetter, cancel);
    }

    public async Task<bool> DeleteDeadLetterAsync(long deadLetter, CancellationToken cancel) => await TryAsync(async token =>
    {
        try
        {
            return (await js.DeleteMessageAsync(Names.DeadStream, new StreamMsgDeleteRequest { Seq = (ulong)deadLetter }, token)).Success;
        }
        catch (NatsJSApiException error) when (error.Error.ErrCode is MessageNotFound or SequenceNotFound)
        {
            return false;
        }
    }, cancel);

    public async Task<long> TrimAsync(CancellationToken cancel)
    {
        var floor = (await ConsumersAsync(cancel)).Select(consumer => consumer.Position).DefaultIfEmpty(long.MaxValue).Min();
        var stats = await StatsAsync(cancel);
        var cut = await this.FindOffsetAsync(time.GetUtcNow() - options.RetainFor, cancel);
        if (stats.Bytes > options.RetainBytes && stats.Events > 0)
        {
            // The server knows sizes only in total: events are taken to be of equal size.
            var excess = (stats.Bytes - options.RetainBytes) * stats.Events / stats.Bytes + 1;
            cut = Math.Max(cut, stats.First + excess);
        }
        cut = Math.Min(Math.Min(cut, floor), stats.Last + 1);
        if (cut <= stats.First)
        {
            return 0;
        }
        return (await TryAsync(async token => await js.PurgeStreamAsync(Names.Stream, new StreamPurgeRequest { Seq = (ulong)cut }, token), cancel)).Purged;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var consumer in open)
        {
            await consumer.DisposeAsync();
        }
        await connection.DisposeAsync();
    }

    internal async Task BuryAsync(string consumer, LoggedEvent logged, string messageId, int attempts, string reason, CancellationToken cancel) =>
        await PublishAsync(Names.Dead(consumer), logged, EventHeaders.OfDead(logged, messageId, attempts, reason), cancel);

    /// <summary>Tries again while the server is away, so that its restart is no failure.</summary>
    internal async Task<T> TryAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancel)
    {
        var until = time.GetUtcNow() + nats.Patience;
        while (true)
        {
            try
            {
                return await call(cancel);
            }
            catch (NatsJSApiException error) when (error.Error.ErrCode == StreamFull)
            {
                throw new EventLogFullException($"the stream {Names.Stream} is full: {error.Error.Description}");
            }
            catch (NatsJSApiException error) when (error.Error.Code is >= 400 and < 500 || error.Error.ErrCode == NoStorage)
            {
                throw new EventLogException($"NATS refused: {error.Error.Description} ({error.Error.ErrCode})", error);
            }
            catch (Exception error) when (IsPassing(error, cancel))
            {
                if (time.GetUtcNow() >= until)
                {
                    throw new EventLogException($"NATS at {nats.Url} does not answer: {error.Message}", error);
                }
                await Task.Delay(RetryDelay, time, cancel);
            }
        }
    }

    internal static bool IsConsumerGone(Exception error) =>
        error is NatsJSApiException { Error.ErrCode: ConsumerNotFound or StreamNotFound }
        || (error is NatsJSProtocolException && error.Message.Contains("Consumer Deleted", StringComparison.OrdinalIgnoreCase));

    /// <summary>What a server that is away, or just coming back, makes of a call.</summary>
    internal static bool IsPassing(Exception error, CancellationToken cancel) =>
        error is NatsException or TimeoutException || (error is OperationCanceledException && !cancel.IsCancellationRequested);

    private async Task<bool> PrepareAsync(CancellationToken cancel)
    {
        await js.CreateOrUpdateStreamAsync(new StreamConfig(Names.Stream, [Names.AllEvents])
        {
            Discard = StreamConfigDiscard.New,
            MaxBytes = options.MaxBytes,
            DuplicateWindow = options.DeduplicationWindow,
            NumReplicas = nats.Replicas,
        }, cancel);
        foreach (var (stream, subjects) in ((string, string)[])[(Names.DeadStream, Names.AllDead), (Names.RequeueStream, Names.AllRequeued)])
        {
            await js.CreateOrUpdateStreamAsync(new StreamConfig(stream, [subjects])
            {
                MaxAge = options.RetainDeadLettersFor,
                DuplicateWindow = TimeSpan.FromMinutes(2),
                NumReplicas = nats.Replicas,
            }, cancel);
        }
        return true;
    }

    private async Task<bool> SendAsync(IReadOnlyList<CloudEvent> events, List<AppendedEvent> appended, CancellationToken cancel)
    {
        var sent = new List<NatsJSPublishConcurrentFuture>();
        try
        {
            foreach (var cloudEvent in events.Skip(appended.Count).Take(AppendAtOnce))
            {
                sent.Add(await js.PublishConcurrentAsync(Names.Event(cloudEvent), cloudEvent.Json, headers: EventHeaders.Of(cloudEvent), cancellationToken: cancel));
            }
            foreach (var future in sent)
            {
                var response = await future.GetResponseAsync(cancel);
                if (response.Error is { } error)
                {
                    throw new NatsJSApiException(error);
                }
                appended.Add(new AppendedEvent((long)response.Seq, response.Duplicate));
            }
            return true;
        }
        finally
        {
            foreach (var future in sent)
            {
                await future.DisposeAsync();
            }
        }
    }

    private async Task PublishAsync(string subject, LoggedEvent logged, NatsHeaders headers, CancellationToken cancel) => await TryAsync(async token =>
    {
        var response = await js.PublishAsync(subject, logged.Event.Json, headers: headers, cancellationToken: token);
        return response.Error is { } error ? throw new NatsJSApiException(error) : response;
    }, cancel);

    private async Task<IReadOnlyList<DeadLetter>> ReadDeadAsync(long from, int count, CancellationToken cancel)
    {
        var letters = new List<DeadLetter>();
        var reader = await ReaderAsync(Names.DeadStream, from, cancel);
        await foreach (var message in reader.FetchNoWaitAsync<byte[]>(new NatsJSFetchOpts { MaxMsgs = count }, cancellationToken: cancel))
        {
            letters.Add(EventHeaders.ReadDead(message, Names.Dead("").Length));
        }
        return letters;
    }

    private async Task<IReadOnlyList<LoggedEvent>> ReadForwardAsync(long from, int count, CancellationToken cancel)
    {
        var events = new List<LoggedEvent>();
        var reader = await ReaderAsync(Names.Stream, from, cancel);
        await foreach (var message in reader.FetchNoWaitAsync<byte[]>(new NatsJSFetchOpts { MaxMsgs = count }, cancellationToken: cancel))
        {
            events.Add(new LoggedEvent(Sequence(message), message.Metadata!.Value.Timestamp, CloudEvent.Parse(message.Data!)));
        }
        return events;
    }

    /// <summary>A passing consumer that acknowledges nothing; the server forgets it by itself.</summary>
    private async Task<INatsJSConsumer> ReaderAsync(string stream, long from, CancellationToken cancel) =>
        await js.CreateConsumerAsync(stream, new ConsumerConfig
        {
            Name = $"reader-{Guid.NewGuid():N}",
            AckPolicy = ConsumerConfigAckPolicy.None,
            DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence,
            OptStartSeq = (ulong)Math.Max(from, 1),
            InactiveThreshold = TimeSpan.FromSeconds(30),
            MemStorage = true,
        }, cancel);

    private ConsumerConfig LaneConfig(ConsumerSettings settings, int lane, long start) => new(NatsNames.LaneConsumer(settings.Name, lane))
    {
        Description = JsonSerializer.Serialize(settings),
        DurableName = NatsNames.LaneConsumer(settings.Name, lane),
        AckPolicy = ConsumerConfigAckPolicy.Explicit,
        AckWait = settings.AckWait,
        MaxAckPending = 1,
        MaxDeliver = -1,
        FilterSubject = Names.Filter(lane, settings.Pattern),
        DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence,
        OptStartSeq = (ulong)start,
    };

    private ConsumerConfig RequeueConfig(ConsumerSettings settings) => new(NatsNames.RequeueConsumer(settings.Name))
    {
        DurableName = NatsNames.RequeueConsumer(settings.Name),
        AckPolicy = ConsumerConfigAckPolicy.Explicit,
        AckWait = settings.AckWait,
        MaxAckPending = 1,
        MaxDeliver = -1,
        FilterSubject = Names.Requeued(settings.Name),
        DeliverPolicy = ConsumerConfigDeliverPolicy.All,
    };

    private async Task<INatsJSConsumer> EnsureConsumerAsync(string stream, ConsumerConfig config, CancellationToken cancel) => await TryAsync(async token =>
    {
        try
        {
            var known = (await js.GetConsumerAsync(stream, config.DurableName!, token)).Info.Config;
            // Where it started cannot be changed, and does not matter any more.
            config.DeliverPolicy = known.DeliverPolicy;
            config.OptStartSeq = known.OptStartSeq;
        }
        catch (NatsJSApiException error) when (error.Error.ErrCode == ConsumerNotFound)
        {
            // A new one.
        }
        return await js.CreateOrUpdateConsumerAsync(stream, config, token);
    }, cancel);

    private async Task<bool> DeleteConsumerAsync(string stream, string name, CancellationToken cancel)
    {
        try
        {
            return await js.DeleteConsumerAsync(stream, name, cancel);
        }
        catch (NatsJSApiException error) when (error.Error.ErrCode == ConsumerNotFound)
        {
            return false;
        }
    }

    private static long Sequence(INatsJSMsg<byte[]> message) => (long)message.Metadata!.Value.Sequence.Stream;
}
