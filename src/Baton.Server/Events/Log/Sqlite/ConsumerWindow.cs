namespace Baton.Server.Events.Log.Sqlite;

/// <summary>
/// The part of the log that a consumer is at work on: pure state, without clock, lock or file.
///
/// Events are loaded in rising order and stand in lines, one for each key; only the head of a line is handed out, so that one that is
/// not settled holds back those behind it. An entry is waiting, out (until its acknowledgement is due) or delayed (until its next
/// attempt is). Below <see cref="Position"/> all is settled; what is settled above it is in <c>ahead</c>. Dead letters that were
/// requeued stand in the lines too, under the negative of their id; position does not know them.
///
/// What has changed since the last <see cref="Cut"/> is marked and written by the next commit in its state of then: what comes and
/// goes between two commits costs no write.
/// </summary>
internal sealed class ConsumerWindow(ConsumerSettings settings, long position, IEnumerable<long> settledAhead)
{
    private readonly Dictionary<long, WindowEntry> entries = [];
    private readonly Dictionary<long, Queue<WindowEntry>> lines = [];
    private readonly Queue<WindowEntry> order = new();
    private readonly PriorityQueue<WindowEntry, long> ready = new();
    private readonly PriorityQueue<(WindowEntry Entry, int Version), long> timers = new();
    private readonly SortedSet<long> ahead = [.. settledAhead];
    private readonly HashSet<long> changed = [];
    private readonly List<DeadEntry> dead = [];

    public ConsumerSettings Settings { get; set; } = settings;

    /// <summary>The first offset that is not loaded.</summary>
    public long Next { get; private set; } = position;

    public long Position => order.TryPeek(out var oldest) ? oldest.Offset : Next;

    public int Pending => entries.Values.Count(entry => entry.State is EntryState.Out or EntryState.Delayed);

    public bool HasRoom => entries.Count < Settings.MaxPending;

    public bool HasChanged => changed.Count > 0 || dead.Count > 0;

    /// <summary>When time alone changes something; null for never.</summary>
    public long? Due
    {
        get
        {
            while (timers.TryPeek(out var timer, out var due))
            {
                if (timer.Entry.Version == timer.Version)
                {
                    return due;
                }
                timers.Dequeue();
            }
            return null;
        }
    }

    /// <summary>Takes note of the next event of the log.</summary>
    /// <param name="attempts">Those before a restart.</param>
    public void Load(long offset, long key, bool fits, int attempts = 0)
    {
        Next = offset + 1;
        if (fits && !ahead.Contains(offset))
        {
            var entry = new WindowEntry(offset, offset, key) { Attempts = attempts };
            order.Enqueue(entry);
            Enter(entry);
        }
        Forget();
    }

    /// <summary>There is nothing before <paramref name="offset"/> to be loaded.</summary>
    public void SkipTo(long offset)
    {
        Next = Math.Max(Next, offset);
        Forget();
    }

    public void Requeue(long deadLetter, long offset, long key, int attempts = 0) => Enter(new WindowEntry(-deadLetter, offset, key) { Attempts = attempts });

    /// <summary>Moves to another place; what was requeued comes along, and what became of it and of dead letters since the last <see cref="Cut"/>.</summary>
    public ConsumerWindow MovedTo(long offset)
    {
        var moved = new ConsumerWindow(Settings, offset, []);
        moved.changed.UnionWith(changed.Where(id => id < 0));
        moved.dead.AddRange(dead);
        foreach (var entry in lines.Values.SelectMany(line => line).Where(entry => entry.Id < 0))
        {
            moved.Requeue(-entry.Id, entry.Offset, entry.Key, entry.Attempts);
        }
        return moved;
    }

    /// <summary>Hands out up to <paramref name="max"/> events, until <paramref name="now"/> plus the consumer's time for an acknowledgement.</summary>
    public List<WindowEntry> Take(int max, long now)
    {
        Advance(now);
        var taken = new List<WindowEntry>();
        while (taken.Count < max && ready.TryDequeue(out var entry, out _))
        {
            if (entry.State != EntryState.Waiting)
            {
                continue;
            }
            entry.Attempts++;
            changed.Add(entry.Id);
            Set(entry, EntryState.Out, now + Micros(Settings.AckWait));
            taken.Add(entry);
        }
        return taken;
    }

    /// <summary>An acknowledgement counts whenever it comes, as the event has been dealt with.</summary>
    public void Ack(WindowEntry entry)
    {
        if (IsHere(entry))
        {
            Settle(entry);
        }
    }

    /// <param name="attempt">A refusal counts for its own attempt only.</param>
    public void Nak(WindowEntry entry, int attempt, string reason, TimeSpan? delay, long now)
    {
        if (!IsHere(entry) || entry.State != EntryState.Out || entry.Attempts != attempt)
        {
            return;
        }
        if (Settings.IsLast(attempt))
        {
            Bury(entry, reason);
        }
        else
        {
            Set(entry, EntryState.Delayed, now + Micros(delay ?? Settings.DelayAfter(attempt)));
        }
    }

    public void Term(WindowEntry entry, string reason)
    {
        if (IsHere(entry))
        {
            Bury(entry, reason);
        }
    }

    public void Extend(WindowEntry entry, int attempt, long now)
    {
        if (IsHere(entry) && entry.State == EntryState.Out && entry.Attempts == attempt)
        {
            Set(entry, EntryState.Out, now + Micros(Settings.AckWait));
        }
    }

    /// <summary>What the next commit has to write; nothing is marked as changed afterwards.</summary>
    public WindowChanges Cut()
    {
        var changes = new WindowChanges(Position, [], [], [.. dead]);
        foreach (var id in changed)
        {
            if (entries.TryGetValue(id, out var entry))
            {
                changes.Attempts.Add((id, entry.Attempts));
            }
            else if (id < 0 ? !dead.Exists(buried => buried.Entry.Id == id) : ahead.Contains(id))
            {
                changes.Settled.Add(id);
            }
        }
        changed.Clear();
        dead.Clear();
        return changes;
    }

    /// <summary>Marks anew what a commit that failed had cut.</summary>
    public void Restore(WindowChanges changes)
    {
        changed.UnionWith(changes.Attempts.Select(row => row.Id));
        changed.UnionWith(changes.Settled);
        dead.InsertRange(0, changes.Dead);
        changed.UnionWith(changes.Dead.Select(buried => buried.Entry.Id));
    }

    private bool IsHere(WindowEntry entry) => entries.TryGetValue(entry.Id, out var known) && known == entry;

    private void Advance(long now)
    {
        while (Due <= now)
        {
            var (entry, _) = timers.Dequeue();
            if (entry.State == EntryState.Out && Settings.IsLast(entry.Attempts))
            {
                Bury(entry, $"not acknowledged within {Settings.AckWait.TotalSeconds} s, {entry.Attempts} times");
            }
            else
            {
                Wait(entry);
            }
        }
    }

    private void Enter(WindowEntry entry)
    {
        entries.Add(entry.Id, entry);
        if (!lines.TryGetValue(entry.Key, out var line))
        {
            lines.Add(entry.Key, line = new Queue<WindowEntry>());
        }
        line.Enqueue(entry);
        if (line.Count == 1)
        {
            Wait(entry);
        }
    }

    private void Wait(WindowEntry entry)
    {
        entry.State = EntryState.Waiting;
        entry.Version++;
        // What was requeued goes first, the lowest id first as well.
        ready.Enqueue(entry, entry.Id < 0 ? long.MinValue - entry.Id : entry.Id);
    }

    private void Set(WindowEntry entry, EntryState state, long due)
    {
        entry.State = state;
        entry.Version++;
        timers.Enqueue((entry, entry.Version), due);
    }

    private void Bury(WindowEntry entry, string reason)
    {
        dead.Add(new DeadEntry(entry, reason));
        Settle(entry);
    }

    // Only the head of a line is ever out, so what is settled is a head.
    private void Settle(WindowEntry entry)
    {
        entries.Remove(entry.Id);
        changed.Add(entry.Id);
        entry.State = EntryState.Settled;
        entry.Version++;
        var line = lines[entry.Key];
        line.Dequeue();
        if (line.TryPeek(out var head))
        {
            Wait(head);
        }
        else
        {
            lines.Remove(entry.Key);
        }
        if (entry.Id > 0)
        {
            ahead.Add(entry.Offset);
        }
        while (order.TryPeek(out var oldest) && oldest.State == EntryState.Settled)
        {
            order.Dequeue();
        }
        Forget();
    }

    private void Forget()
    {
        while (ahead.Count > 0 && ahead.Min < Position)
        {
            ahead.Remove(ahead.Min);
        }
    }

    private static long Micros(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;
}

internal enum EntryState { Waiting, Out, Delayed, Settled }

/// <param name="id">The offset, or the negative id of a requeued dead letter.</param>
internal sealed class WindowEntry(long id, long offset, long key)
{
    public long Id { get; } = id;

    public long Offset { get; } = offset;

    public long Key { get; } = key;

    public int Attempts { get; set; }

    public EntryState State { get; set; }

    /// <summary>Rises with each change of state: tells timers that no longer matter.</summary>
    public int Version { get; set; }
}

internal sealed record DeadEntry(WindowEntry Entry, string Reason);

/// <param name="Attempts">Entries at work and their attempts so far.</param>
/// <param name="Settled">Offsets settled above the position, and requeued dead letters that were acknowledged.</param>
internal sealed record WindowChanges(long Position, List<(long Id, int Attempts)> Attempts, List<long> Settled, List<DeadEntry> Dead);
