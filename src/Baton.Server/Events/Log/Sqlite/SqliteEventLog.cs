using System.Threading.RateLimiting;
using Microsoft.Data.Sqlite;

namespace Baton.Server.Events.Log.Sqlite;

/// <summary>
/// The log in one SQLite file, for one process.
///
/// All writes are made by one thread, in rounds: it takes what has gathered since the last round, writes it in one transaction, and
/// lets the callers know when that is on disk. So a sync is shared by all who wait, and throughput is not set by it. Where consumers
/// stand lives in memory, in a <see cref="ConsumerWindow"/> each, and in the file as of the last round; what a crash takes from it is
/// at most knowledge of deliveries, never of acknowledgements that were answered, and so leads to a further delivery.
/// </summary>
internal sealed class SqliteEventLog : IEventLog
{
    private const int QueuedBytes = 64 << 20;
    private const int WaitingBytes = 256 << 20;

    // Enough for consumers that keep up; the others read the file.
    private const int CachedBytes = 4 << 20;

    private readonly Lock gate = new();
    private readonly EventLogOptions options;
    private readonly TimeProvider time;
    private readonly FileStream fileLock;
    private readonly EventFile file;
    private readonly string connectionString;
    private readonly RecentEvents recent = new(CachedBytes);
    private readonly ConcurrencyLimiter room = new(new() { PermitLimit = QueuedBytes, QueueLimit = WaitingBytes, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });
    private readonly Dictionary<string, SqliteConsumer> consumers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim work = new(0);
    private readonly SemaphoreSlim administration = new(1);
    private readonly Thread writer;

    // The writer's own: where the log ends with the round under way.
    private LogEnd end;

    // Guarded by the gate.
    private List<IWrite> writes = [];
    private Pulse appended = new();
    private LogEnd committed;
    private bool closed;

    private SqliteEventLog(EventLogOptions options, TimeProvider time, FileStream fileLock, EventFile file, string connectionString)
    {
        this.options = options;
        this.time = time;
        this.fileLock = fileLock;
        this.file = file;
        this.connectionString = connectionString;
        Reader = new EventReader(connectionString);
        var (last, lastAt) = file.ReadEnd();
        end = committed = new LogEnd(last, lastAt, file.ReadBytes());
        foreach (var (id, settings, position) in file.ReadConsumers())
        {
            consumers.Add(settings.Name, SqliteConsumer.Restore(this, id, settings, position, file));
        }
        writer = new Thread(WriteRounds) { Name = "baton-events", IsBackground = true };
        writer.Start();
    }

    public EventReader Reader { get; }

    /// <exception cref="EventLogException">The file is in use, of another program, or of a newer release.</exception>
    public static SqliteEventLog Open(string path, EventLogOptions options, TimeProvider time)
    {
        var fileLock = TakeLock(path);
        try
        {
            var connectionString = new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 5 }.ToString();
            return new SqliteEventLog(options, time, fileLock, EventFile.Open(connectionString), connectionString);
        }
        catch (Exception error)
        {
            fileLock.Dispose();
            throw error is SqliteException ? new EventLogException($"the log of events '{path}' cannot be opened: {error.Message}", error) : error;
        }
    }

    public async Task<IReadOnlyList<AppendedEvent>> AppendAsync(IReadOnlyList<CloudEvent> events, CancellationToken cancel)
    {
        if (events.Count == 0)
        {
            return [];
        }
        var size = Math.Min(events.Sum(cloudEvent => cloudEvent.Json.Length), QueuedBytes);
        using var lease = await room.AcquireAsync(size, cancel);
        if (!lease.IsAcquired)
        {
            throw new EventLogFullException($"{WaitingBytes} bytes of events are waiting to be written");
        }
        lock (gate)
        {
            if (committed.Bytes + size > options.MaxBytes)
            {
                throw new EventLogFullException($"the log holds {committed.Bytes} bytes of events, and may hold {options.MaxBytes}");
            }
        }
        return await EnqueueAsync(new Write<IReadOnlyList<AppendedEvent>>(() => Append(events)));
    }

    public Task<IReadOnlyList<LoggedEvent>> ReadAsync(long from, int count, bool backwards, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<LoggedEvent>>(Reader.Events(from, count, backwards));

    public Task WaitAsync(long offset, CancellationToken cancel)
    {
        lock (gate)
        {
            return committed.Last >= offset ? Task.CompletedTask : appended.Task.WaitAsync(cancel);
        }
    }

    public Task<EventLogStats> StatsAsync(CancellationToken cancel)
    {
        var (first, events, deadLetters) = Reader.Counts();
        lock (gate)
        {
            return Task.FromResult(new EventLogStats(events == 0 ? committed.Last + 1 : first, committed.Last, events, committed.Bytes, deadLetters));
        }
    }

    public async Task<IEventConsumer> ConsumeAsync(ConsumerSettings settings, CancellationToken cancel) =>
        await AdministerAsync(new Write<SqliteConsumer>(() =>
        {
            if (consumers.TryGetValue(settings.Name, out var known))
            {
                file.UpdateConsumer(known.Id, settings);
                return (known, () => known.Update(settings));
            }
            var position = settings.Start == ConsumerStart.Latest ? end.Last + 1 : 1;
            var consumer = new SqliteConsumer(this, file.InsertConsumer(settings, position), new ConsumerWindow(settings, position, []));
            return (consumer, () => consumers.Add(settings.Name, consumer));
        }), cancel);

    public Task<bool> SeekAsync(string consumer, long offset, CancellationToken cancel) => AdministerAsync(new Write<bool>(() =>
    {
        if (!consumers.TryGetValue(consumer, out var known))
        {
            return (false, null);
        }
        var position = Math.Clamp(offset, 1, end.Last + 1);
        file.MoveConsumer(known.Id, position);
        return (true, () => known.Move(position));
    }), cancel);

    public Task<bool> DeleteConsumerAsync(string consumer, CancellationToken cancel) => AdministerAsync(new Write<bool>(() =>
    {
        if (!consumers.TryGetValue(consumer, out var known))
        {
            return (false, null);
        }
        file.DeleteConsumer(known.Id);
        return (true, () =>
        {
            consumers.Remove(consumer);
            known.Close();
        });
    }), cancel);

    public Task<IReadOnlyList<ConsumerStatus>> ConsumersAsync(CancellationToken cancel)
    {
        lock (gate)
        {
            return Task.FromResult<IReadOnlyList<ConsumerStatus>>([.. consumers.Values.Select(consumer => consumer.Status)]);
        }
    }

    public Task<IReadOnlyList<DeadLetter>> DeadLettersAsync(string? consumer, long after, int count, CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<DeadLetter>>(Reader.DeadLetters(consumer, after, count));

    public Task<bool> RequeueAsync(long deadLetter, CancellationToken cancel) => AdministerAsync(new Write<bool>(() =>
        file.Requeue(deadLetter) is { } letter && consumers.Values.FirstOrDefault(consumer => consumer.Id == letter.Consumer) is { } consumer
            ? (true, () => consumer.Requeue(deadLetter, letter.Offset, letter.Key))
            : (false, null)), cancel);

    public Task<bool> DeleteDeadLetterAsync(long deadLetter, CancellationToken cancel) =>
        EnqueueAsync(new Write<bool>(() => (file.DeleteDeadLetter(deadLetter), null)));

    public async Task<long> TrimAsync(CancellationToken cancel)
    {
        long removed = 0;
        bool more;
        do
        {
            var (events, hasMore) = await EnqueueAsync(new Write<(long Events, bool More)>(Trim));
            removed += events;
            more = hasMore;
        }
        while (more && !cancel.IsCancellationRequested);
        return removed;
    }

    /// <summary>What was accepted is written before this returns.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (closed)
            {
                return;
            }
            closed = true;
            appended.Set();
            foreach (var consumer in consumers.Values)
            {
                consumer.Close();
            }
        }
        work.Release();
        await Task.Run(writer.Join);
        room.Dispose();
        work.Dispose();
        file.Dispose();
        using (var connection = new SqliteConnection(connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }
        await fileLock.DisposeAsync();
    }

    internal long Now() => EventTime.ToMicros(time.GetUtcNow());

    internal TimeProvider Time => time;

    internal Lock Gate => gate;

    internal long LastNeedsLock => committed.Last;

    internal LoggedEvent? FindRecentNeedsLock(long offset) => recent.Find(offset);

    /// <summary>Has the windows' changes written with the next round.</summary>
    /// <returns>Ends when they are on disk.</returns>
    internal Task FlushAsync() => EnqueueAsync(new Write<bool>(static () => (true, null)));

    /// <summary>The same, for changes that nobody waits for.</summary>
    internal void FlushLater() => _ = FlushAsync().ContinueWith(static flush => _ = flush.Exception, TaskScheduler.Default);

    private Task<T> EnqueueAsync<T>(Write<T> write)
    {
        lock (gate)
        {
            if (closed)
            {
                return Task.FromException<T>(new EventLogException("the log of events is closed"));
            }
            writes.Add(write);
        }
        work.Release();
        return write.Task;
    }

    /// <summary>One at a time, so that each meets consumers as the one before has left them.</summary>
    private async Task<T> AdministerAsync<T>(Write<T> write, CancellationToken cancel)
    {
        await administration.WaitAsync(cancel);
        try
        {
            return await EnqueueAsync(write);
        }
        finally
        {
            administration.Release();
        }
    }

    private void WriteRounds()
    {
        while (true)
        {
            work.Wait();
            List<IWrite> round;
            lock (gate)
            {
                if (writes.Count == 0)
                {
                    if (closed)
                    {
                        return;
                    }
                    continue;
                }
                (round, writes) = (writes, []);
            }
            WriteRound(round);
        }
    }

    // 1. Cut the windows. 2. Write and commit. 3. Let memory follow the file. 4. Tell the callers.
    private void WriteRound(List<IWrite> round)
    {
        var cut = new List<(SqliteConsumer Consumer, WindowChanges Changes)>();
        var before = end;
        try
        {
            file.Begin();
            lock (gate)
            {
                cut.AddRange(consumers.Values.Where(consumer => consumer.NeedsWrite).Select(consumer => (consumer, consumer.Cut())));
            }
            foreach (var (consumer, changes) in cut)
            {
                file.WriteChanges(consumer.Id, changes, Now());
            }
            foreach (var write in round)
            {
                write.Run();
            }
            if (end.Bytes != before.Bytes)
            {
                file.WriteBytes(end.Bytes);
            }
            file.Commit();
        }
        catch (Exception error)
        {
            end = before;
            lock (gate)
            {
                foreach (var (consumer, changes) in cut)
                {
                    consumer.Restore(changes);
                }
            }
            TryRollback();
            var failure = new EventLogException($"the log of events cannot be written: {error.Message}", error);
            round.ForEach(write => write.Fail(failure));
            return;
        }
        lock (gate)
        {
            foreach (var write in round)
            {
                write.Apply();
            }
            committed = end;
            if (end.Last != before.Last)
            {
                appended.Set();
                appended = new Pulse();
            }
        }
        round.ForEach(write => write.Complete());
    }

    private (IReadOnlyList<AppendedEvent>, Action?) Append(IReadOnlyList<CloudEvent> events)
    {
        var since = Now() - options.DeduplicationWindow.Ticks / TimeSpan.TicksPerMicrosecond;
        var results = new AppendedEvent[events.Count];
        var stored = new List<LoggedEvent>(events.Count);
        for (var index = 0; index < events.Count; index++)
        {
            var identity = events[index].Identity;
            if (file.FindSeen(identity, since) is { } known)
            {
                results[index] = new AppendedEvent(known, Duplicate: true);
                continue;
            }
            end = new LogEnd(end.Last + 1, Math.Max(end.LastAt, Now()), end.Bytes + events[index].Json.Length);
            file.Insert(end.Last, end.LastAt, events[index], identity);
            stored.Add(new LoggedEvent(end.Last, EventTime.FromMicros(end.LastAt), events[index]));
            results[index] = new AppendedEvent(end.Last, Duplicate: false);
        }
        return (results, () =>
        {
            foreach (var logged in stored)
            {
                recent.Add(logged);
                foreach (var consumer in consumers.Values)
                {
                    consumer.Offer(logged);
                }
            }
        });
    }

    private ((long, bool), Action?) Trim()
    {
        long floor;
        lock (gate)
        {
            floor = consumers.Values.Select(consumer => consumer.Status.Position).Append(end.Last + 1).Min();
        }
        var now = time.GetUtcNow();
        var (events, size, more) = file.Trim(floor, EventTime.ToMicros(now - options.RetainFor), end.Bytes - options.RetainBytes);
        end = end with { Bytes = end.Bytes - size };
        if (!more)
        {
            file.Forget(EventTime.ToMicros(now - options.DeduplicationWindow), EventTime.ToMicros(now - options.RetainDeadLettersFor));
            file.Shrink();
        }
        return ((events, more), null);
    }

    private void TryRollback()
    {
        try
        {
            file.Rollback();
        }
        catch (SqliteException)
        {
            // Some failures have ended the transaction already.
        }
    }

    private static FileStream TakeLock(string path)
    {
        try
        {
            return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new EventLogException($"the log of events '{path}' is in use by another process, or cannot be written: {error.Message}", error);
        }
    }

    private readonly record struct LogEnd(long Last, long LastAt, long Bytes);

    private interface IWrite
    {
        /// <summary>In the transaction.</summary>
        void Run();

        /// <summary>After the commit, under the gate.</summary>
        void Apply();

        void Complete();

        void Fail(Exception error);
    }

    private sealed class Write<T>(Func<(T Result, Action? Apply)> run) : IWrite
    {
        private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private (T Result, Action? Apply) outcome;

        public Task<T> Task => done.Task;

        public void Run() => outcome = run();

        public void Apply() => outcome.Apply?.Invoke();

        public void Complete() => done.TrySetResult(outcome.Result);

        public void Fail(Exception error) => done.TrySetException(error);
    }
}
