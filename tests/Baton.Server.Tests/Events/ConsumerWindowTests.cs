using Baton.Server.Events.Log;
using Baton.Server.Events.Log.Sqlite;
using CsCheck;

namespace Baton.Server.Tests.Events;

/// <summary>The window of a consumer beside a plain model of it, through random lives: acknowledgements in any order, refusals, lapses, failed commits, crashes, replays.</summary>
public sealed class ConsumerWindowTests
{
    private static readonly ConsumerSettings Settings = new("c")
    {
        AckWait = TimeSpan.FromMicroseconds(10),
        MaxDeliveries = 3,
        Backoff = [TimeSpan.FromMicroseconds(4), TimeSpan.FromMicroseconds(15)],
        MaxPending = 9,
    };

    [Fact]
    public void Whatever_happens_the_window_is_as_its_model() =>
        Gen.Select(Gen.Int[0, 19], Gen.Int[0, 99], Gen.Int[0, 99]).List[0, 120].Sample(
            steps =>
            {
                var life = new Life();
                foreach (var (kind, one, other) in steps)
                {
                    life.Step(kind, one, other);
                    life.Compare();
                }
                life.Drain();
            },
            iter: 5_000);

    /// <summary>A log, a window with its model and their file, and those who have had events.</summary>
    private sealed class Life
    {
        private readonly List<(long Key, bool Fits)> log = [];
        private readonly List<Handed> handed = [];
        private readonly Disk disk = new();
        private readonly HashSet<long> ended = [];
        private ConsumerWindow window = new(Settings, 1, []);
        private Model model = new(1, []);
        private long now;

        public void Step(int kind, int one, int other)
        {
            var (entry, item, attempt) = handed.Count == 0 ? new(null!, null!, 0) : handed[one % handed.Count];
            switch (kind)
            {
                case < 4:
                    log.Add((one % 4, other % 5 != 0));
                    Load();
                    break;
                case < 8:
                    Take(one % 4 + 1);
                    break;
                case < 11 when entry is not null:
                    window.Ack(entry);
                    model.Settle(item, null);
                    break;
                case 11 when entry is not null:
                    window.Term(entry, "term");
                    model.Settle(item, "term");
                    break;
                case 12 or 13 when entry is not null:
                    long? delay = other % 2 == 0 ? other : null;
                    window.Nak(entry, attempt, "nak", delay is { } micros ? TimeSpan.FromMicroseconds(micros) : null, now);
                    model.Refuse(item, attempt, delay, now);
                    break;
                case 14 when entry is not null:
                    window.Extend(entry, attempt, now);
                    model.Extend(item, attempt, now);
                    break;
                case 15:
                    now += one % 12;
                    break;
                case 16:
                    Commit();
                    break;
                case 17:
                    window.Restore(window.Cut());
                    break;
                case 18:
                    Restart();
                    break;
                default:
                    if (other % 2 == 0)
                    {
                        Requeue(one);
                    }
                    else
                    {
                        Seek(one % (log.Count + 1) + 1);
                    }
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(model.Position, window.Position);
            Assert.Equal(model.Next, window.Next);
            Assert.Equal(model.Items.Count(item => item.State is EntryState.Out or EntryState.Delayed), window.Pending);
            Assert.Equal(model.Items.Where(item => item.State is EntryState.Out or EntryState.Delayed).Min(item => (long?)item.Due), window.Due);
            Assert.Equal(model.Items.Count < Settings.MaxPending, window.HasRoom);
        }

        /// <summary>In the end each event was settled, and a crash then brings none back.</summary>
        public void Drain()
        {
            do
            {
                Load();
                now += 1_000;
                foreach (var (entry, item, _) in Take(100))
                {
                    window.Ack(entry);
                    model.Settle(item, null);
                }
            }
            while (window.Next <= log.Count || model.Items.Count > 0);
            Commit();
            Assert.Equal(log.Count + 1, window.Position);
            Assert.Equal(model.Dead.Order(), disk.Letters.Select(letter => letter.Offset).Order());
            Restart();
            Load();
            Assert.Empty(window.Take(100, now));
        }

        private void Load()
        {
            while (window.HasRoom && window.Next <= log.Count)
            {
                var offset = window.Next;
                var (key, fits) = log[(int)offset - 1];
                var attempts = disk.Attempts.GetValueOrDefault(offset);
                window.Load(offset, key, fits, attempts);
                model.Load(offset, key, fits, attempts);
            }
        }

        private List<Handed> Take(int max)
        {
            var (entries, items) = (window.Take(max, now), model.Take(max, now));
            Assert.Equal(items.Select(item => (item.Id, item.Attempts)), entries.Select(entry => (entry.Id, entry.Attempts)));
            Assert.All(entries, entry => Assert.DoesNotContain(entry.Id, ended));
            List<Handed> taken = [.. entries.Zip(items, (entry, item) => new Handed(entry, item, entry.Attempts))];
            handed.AddRange(taken);
            return taken;
        }

        private void Commit()
        {
            disk.Write(window.Cut(), log);
            Assert.False(window.HasChanged);
            model.Commit();
            // What is settled on disk is never handed out again, unless somebody asks for a replay.
            ended.UnionWith(model.Settled);
        }

        /// <summary>The process dies: the file is all that is left.</summary>
        private void Restart()
        {
            handed.Clear();
            window = new(Settings, disk.Position, disk.Settled);
            model = new(disk.Position, disk.Settled) { Dead = [.. disk.Letters.Where(letter => !letter.IsRequeued).Select(letter => letter.Offset)] };
            foreach (var letter in disk.Letters.Where(letter => letter.IsRequeued))
            {
                window.Requeue(letter.Id, letter.Offset, letter.Key, letter.Attempts);
                model.Requeue(letter.Id, letter.Offset, letter.Key, letter.Attempts);
            }
            Load();
        }

        private void Requeue(int one)
        {
            // A round of writes cuts the window before it does anything else.
            Commit();
            if (disk.Letters.FindAll(letter => !letter.IsRequeued) is { Count: > 0 } letters)
            {
                var letter = letters[one % letters.Count];
                (letter.IsRequeued, letter.Attempts) = (true, 0);
                ended.Remove(-letter.Id);
                window.Requeue(letter.Id, letter.Offset, letter.Key);
                model.Dead.Remove(letter.Offset);
                model.Requeue(letter.Id, letter.Offset, letter.Key, 0);
            }
        }

        private void Seek(long offset)
        {
            (disk.Position, disk.Attempts, disk.Settled) = (offset, [], []);
            ended.RemoveWhere(id => id >= offset);
            window = window.MovedTo(offset);
            model.MoveTo(offset);
        }
    }

    /// <summary>What the file keeps of a consumer.</summary>
    private sealed class Disk
    {
        private long lastLetter;

        public long Position { get; set; } = 1;

        public Dictionary<long, int> Attempts { get; set; } = [];

        public HashSet<long> Settled { get; set; } = [];

        public List<Letter> Letters { get; } = [];

        public void Write(WindowChanges changes, List<(long Key, bool Fits)> log)
        {
            foreach (var (id, attempts) in changes.Attempts)
            {
                if (id < 0)
                {
                    Letters.Single(letter => letter.Id == -id).Attempts = attempts;
                }
                else
                {
                    Attempts[id] = attempts;
                }
            }
            Letters.RemoveAll(letter => changes.Settled.Contains(-letter.Id));
            Settled.UnionWith(changes.Settled.Where(id => id > 0));
            foreach (var (entry, _) in changes.Dead)
            {
                if (entry.Id < 0)
                {
                    Letters.Single(letter => letter.Id == -entry.Id).IsRequeued = false;
                }
                else
                {
                    Letters.Add(new() { Id = ++lastLetter, Offset = entry.Offset, Key = log[(int)entry.Offset - 1].Key });
                }
            }
            Position = changes.Position;
            Settled.RemoveWhere(offset => offset < Position);
            foreach (var offset in Attempts.Keys.Where(offset => offset < Position || Settled.Contains(offset)).ToList())
            {
                Attempts.Remove(offset);
            }
        }
    }

    private sealed class Letter
    {
        public long Id { get; init; }

        public long Offset { get; init; }

        public long Key { get; init; }

        public int Attempts { get; set; }

        public bool IsRequeued { get; set; }
    }

    /// <summary>The same without any cleverness: a list of what is not settled, searched from its beginning each time.</summary>
    private sealed class Model(long position, IEnumerable<long> settledAhead)
    {
        private readonly HashSet<long> ahead = [.. settledAhead];
        private readonly List<long> uncommitted = [];

        public List<Item> Items { get; } = [];

        public List<long> Dead { get; init; } = [];

        public List<long> Settled { get; } = [];

        public long Next { get; private set; } = position;

        public long Position => Items.Where(item => item.Id > 0).Min(item => (long?)item.Offset) ?? Next;

        public void Load(long offset, long key, bool fits, int attempts)
        {
            Next = offset + 1;
            if (fits && !ahead.Contains(offset))
            {
                Items.Add(new() { Id = offset, Offset = offset, Key = key, Attempts = attempts });
            }
        }

        public void Requeue(long letter, long offset, long key, int attempts)
        {
            Settled.RemoveAll(id => id == -letter);
            Items.Add(new() { Id = -letter, Offset = offset, Key = key, Attempts = attempts });
        }

        public List<Item> Take(int max, long now)
        {
            foreach (var item in Items.Where(item => item.State is EntryState.Out or EntryState.Delayed && item.Due <= now).ToList())
            {
                if (item.State == EntryState.Out && Settings.IsLast(item.Attempts))
                {
                    Settle(item, "lapsed");
                }
                item.State = EntryState.Waiting;
            }
            var taken = Items.Where(item => item.State == EntryState.Waiting && Items.First(other => other.Key == item.Key) == item)
                .OrderBy(item => item.Id > 0).ThenBy(item => Math.Abs(item.Id)).Take(max).ToList();
            foreach (var item in taken)
            {
                item.Attempts++;
                (item.State, item.Due) = (EntryState.Out, now + 10);
            }
            return taken;
        }

        /// <param name="reason">Of a dead letter.</param>
        public void Settle(Item item, string? reason)
        {
            if (Items.Remove(item))
            {
                uncommitted.Add(item.Id);
                if (reason is not null)
                {
                    Dead.Add(item.Offset);
                }
            }
        }

        public void Refuse(Item item, int attempt, long? delay, long now)
        {
            if (Items.Contains(item) && item.State == EntryState.Out && item.Attempts == attempt)
            {
                if (Settings.IsLast(attempt))
                {
                    Settle(item, "nak");
                    return;
                }
                (item.State, item.Due) = (EntryState.Delayed, now + (delay ?? (attempt == 1 ? 4 : 15)));
            }
        }

        public void Extend(Item item, int attempt, long now)
        {
            if (Items.Contains(item) && item.State == EntryState.Out && item.Attempts == attempt)
            {
                item.Due = now + 10;
            }
        }

        public void Commit()
        {
            Settled.AddRange(uncommitted);
            uncommitted.Clear();
        }

        public void MoveTo(long offset)
        {
            // Who had them before the move has them no more.
            List<Item> requeued = [.. Items.Where(item => item.Id < 0).Select(item => new Item { Id = item.Id, Offset = item.Offset, Key = item.Key, Attempts = item.Attempts })];
            Items.Clear();
            Items.AddRange(requeued);
            ahead.Clear();
            Settled.RemoveAll(id => id > 0);
            uncommitted.RemoveAll(id => id > 0);
            Next = offset;
        }
    }

    /// <param name="Attempt">A refusal is one of its own attempt.</param>
    private sealed record Handed(WindowEntry Entry, Item Item, int Attempt);

    private sealed class Item
    {
        public long Id { get; init; }

        public long Offset { get; init; }

        public long Key { get; init; }

        public int Attempts { get; set; }

        public EntryState State { get; set; }

        public long Due { get; set; }
    }
}
