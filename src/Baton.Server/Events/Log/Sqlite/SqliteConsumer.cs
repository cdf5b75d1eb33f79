namespace Baton.Server.Events.Log.Sqlite;

/// <summary>A consumer of a <see cref="SqliteEventLog"/>: its window, guarded by the log's gate, and how events get into it and out.</summary>
internal sealed class SqliteConsumer(SqliteEventLog log, long id, ConsumerWindow window) : IEventConsumer
{
    private const int LoadAtOnce = 1_000;

    private ConsumerWindow window = window;
    private EventPattern pattern = EventPattern.Parse(window.Settings.Pattern);
    private Dictionary<long, int> attemptsBefore = [];
    private long writtenPosition = window.Position;
    private Pulse changed = new();
    private bool closed;

    public long Id => id;

    public ConsumerStatus Status => new(window.Settings, window.Position, window.Pending);

    /// <summary>A position alone is written now and then: what fits no pattern is soon read again.</summary>
    public bool NeedsWrite => window.HasChanged || window.Position - writtenPosition >= LoadAtOnce;

    public static SqliteConsumer Restore(SqliteEventLog log, long id, ConsumerSettings settings, long position, EventFile file)
    {
        var deliveries = file.ReadDeliveries(id);
        var restored = new SqliteConsumer(log, id, new ConsumerWindow(settings, position, deliveries.Where(row => row.Settled).Select(row => row.Offset)))
        {
            attemptsBefore = deliveries.Where(row => !row.Settled).ToDictionary(row => row.Offset, row => row.Attempts),
        };
        foreach (var (letter, offset, key, attempts) in file.ReadRequeued(id))
        {
            restored.window.Requeue(letter, offset, key, attempts);
        }
        return restored;
    }

    public async Task<IReadOnlyList<Delivery>> FetchAsync(int max, TimeSpan wait, CancellationToken cancel)
    {
        var until = log.Now() + wait.Ticks / TimeSpan.TicksPerMicrosecond;
        while (true)
        {
            List<WindowEntry> taken;
            long? due;
            bool isBehind, hasChanged;
            Task change;
            lock (log.Gate)
            {
                if (closed)
                {
                    throw new EventLogException("the consumer is gone, or the log of events is closed");
                }
                taken = window.Take(max, log.Now());
                due = window.Due;
                isBehind = window.HasRoom && window.Next <= log.LastNeedsLock;
                hasChanged = window.HasChanged;
                change = changed.Task;
            }
            if (hasChanged)
            {
                log.FlushLater();
            }
            if (taken.Count > 0)
            {
                return [.. taken.Select(entry => new Delivery(Read(entry), entry.Attempts) { Handle = entry })];
            }
            if (isBehind)
            {
                Load();
                continue;
            }
            var left = Math.Min(until, due ?? long.MaxValue) - log.Now();
            if (until <= log.Now())
            {
                return [];
            }
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var pause = Task.Delay(TimeSpan.FromMicroseconds(Math.Max(left, 0)), log.Time, timeout.Token);
            await Task.WhenAny(change, pause);
            await timeout.CancelAsync();
            cancel.ThrowIfCancellationRequested();
        }
    }

    public Task AckAsync(Delivery delivery, CancellationToken cancel) => ChangeAsync(() => window.Ack(Entry(delivery)));

    public Task NakAsync(Delivery delivery, string reason, TimeSpan? delay, CancellationToken cancel) =>
        ChangeAsync(() => window.Nak(Entry(delivery), delivery.Attempt, reason, delay, log.Now()));

    public Task TermAsync(Delivery delivery, string reason, CancellationToken cancel) => ChangeAsync(() => window.Term(Entry(delivery), reason));

    public Task ExtendAsync(Delivery delivery, CancellationToken cancel)
    {
        lock (log.Gate)
        {
            window.Extend(Entry(delivery), delivery.Attempt, log.Now());
        }
        return Task.CompletedTask;
    }

    /// <summary>The consumer stays: only its log ends it.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // What follows is called under the gate.

    public WindowChanges Cut()
    {
        var changes = window.Cut();
        writtenPosition = changes.Position;
        return changes;
    }

    public void Restore(WindowChanges changes)
    {
        window.Restore(changes);
        writtenPosition = 0;
    }

    public void Offer(LoggedEvent logged)
    {
        if (window.Next == logged.Offset && window.HasRoom)
        {
            Load(logged.Offset, logged.Event.Key, logged.Event.Type);
            Change();
        }
    }

    public void Update(ConsumerSettings settings)
    {
        window.Settings = settings;
        pattern = EventPattern.Parse(settings.Pattern);
        Change();
    }

    public void Move(long position)
    {
        window = window.MovedTo(position);
        attemptsBefore.Clear();
        writtenPosition = position;
        Change();
    }

    public void Requeue(long deadLetter, long offset, long key)
    {
        window.Requeue(deadLetter, offset, key);
        Change();
    }

    public void Close()
    {
        closed = true;
        Change();
    }

    private static WindowEntry Entry(Delivery delivery) => (WindowEntry)delivery.Handle!;

    private Task ChangeAsync(Action change)
    {
        lock (log.Gate)
        {
            change();
            Change();
        }
        return log.FlushAsync();
    }

    private void Change()
    {
        changed.Set();
        changed = new Pulse();
    }

    private void Load()
    {
        ConsumerWindow target;
        long next, last;
        lock (log.Gate)
        {
            (target, next, last) = (window, window.Next, log.LastNeedsLock);
        }
        var heads = log.Reader.Heads(next, LoadAtOnce);
        lock (log.Gate)
        {
            if (window != target)
            {
                return;
            }
            // Meanwhile appends may have loaded the first ones.
            foreach (var (offset, key, type) in heads.Where(head => head.Offset >= window.Next).TakeWhile(_ => window.HasRoom))
            {
                Load(offset, key, type);
            }
            if (heads.Count < LoadAtOnce && window.HasRoom)
            {
                window.SkipTo(last + 1);
            }
        }
    }

    private void Load(long offset, long key, string type) => window.Load(offset, key, pattern.Matches(type), attemptsBefore.Remove(offset, out var attempts) ? attempts : 0);

    private LoggedEvent Read(WindowEntry entry)
    {
        lock (log.Gate)
        {
            if (log.FindRecentNeedsLock(entry.Offset) is { } recent)
            {
                return recent;
            }
        }
        return (entry.Id < 0 ? log.Reader.DeadLetterEvent(-entry.Id) : log.Reader.Events(entry.Offset, 1, backwards: false).FirstOrDefault(logged => logged.Offset == entry.Offset))
            ?? throw new EventLogException($"event {entry.Offset} is not in the log any more");
    }
}
