namespace Baton.Jq;

/// <summary>An immutable object that keeps the order in which its fields were set.</summary>
/// <remarks>
/// Entries stand in one array; above <see cref="LinearLimit"/> of them a hash index of chained positions is added.
/// As with arrays, a new field may be put behind the entries of a shared array, by the evaluation that made it: an older object
/// ignores positions that lie beyond its own count, in the entries and in the chains alike. And as there, a field of a large
/// object is replaced by a patch over the entries.
/// </remarks>
internal sealed class JqObject
{
    public const int LinearLimit = 8;

    public static readonly JqObject Empty = new(new Table([], null, 0), 0);

    private readonly Table _table;
    private readonly JqPatches? _patches;

    internal JqObject(Table table, int count, JqPatches? patches = null)
    {
        _table = table;
        _patches = patches;
        Count = count;
    }

    public int Count { get; }

    /// <summary>Pairs in order; of a key that comes twice the first position and the last value remain.</summary>
    public static JqObject Of(ReadOnlySpan<string> keys, ReadOnlySpan<JqValue> values)
    {
        if (keys.Length > LinearLimit || HasTwins(keys))
        {
            var builder = new JqObjectBuilder(keys.Length);
            for (var i = 0; i < keys.Length; i++)
            {
                builder.Set(keys[i], values[i]);
            }

            return builder.ToObject();
        }

        var entries = new Entry[keys.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i].Key = keys[i];
            entries[i].Value = values[i];
        }

        return new(new Table(entries, null, entries.Length), entries.Length);
    }

    public static Entry[] NewEntries(int count) => count == 0 ? [] : new Entry[count];

    /// <summary>Takes ownership of entries whose keys all differ.</summary>
    public static JqObject OfDistinct(Entry[] entries)
    {
        var table = new Table(entries, null, entries.Length);
        return new(entries.Length <= LinearLimit ? table : table.Copy(entries.Length, entries.Length, null), entries.Length);
    }

    private static bool HasTwins(ReadOnlySpan<string> keys)
    {
        for (var i = 1; i < keys.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (ReferenceEquals(keys[i], keys[j]) || (keys[i].Length == keys[j].Length && keys[i] == keys[j]))
                {
                    return true;
                }
            }
        }

        return false;
    }

    public string KeyAt(int index) => _table.Entries[index].Key;

    public JqValue ValueAt(int index) => _patches is not null && _patches.TryGet(index, out var value) ? value : _table.Entries[index].Value;

    public JqValue Get(string key)
    {
        var index = _table.Find(key, Count);
        return index < 0 ? default : ValueAt(index);
    }

    public bool TryGet(string key, out JqValue value)
    {
        var index = _table.Find(key, Count);
        value = index < 0 ? default : ValueAt(index);
        return index >= 0;
    }

    public bool Has(string key) => _table.Find(key, Count) >= 0;

    public JqObject Set(string key, in JqValue value, Meter meter)
    {
        var index = _table.Find(key, Count);
        if (index >= 0)
        {
            return JqValue.Identical(ValueAt(index), value) ? this : Replace(index, value, meter);
        }

        if (_table.Owner == meter && _table.TryAppend(Count, key, value))
        {
            return new(_table, Count + 1, _patches);
        }

        meter.ChargeCopy(_table.Owner == meter && _table.IsFull(Count) ? 0 : Count);
        var table = TableCopy(Count < 4 ? 4 : Count * 2, meter);
        table.TryAppend(Count, key, value);
        // Full, the old one has been given up for the copy.
        _table.Close(meter);
        return new(table, Count + 1);
    }

    private JqObject Replace(int index, in JqValue value, Meter meter)
    {
        if (Count > JqPatches.MinCount)
        {
            meter.Charge(JqPatches.Cost);
            return new(_table, Count, (_patches ?? JqPatches.None).Set(index, value));
        }

        meter.ChargeCopy(Count);
        var table = TableCopy(Count, meter);
        table.Entries[index].Value = value;
        return new(table, Count);
    }

    public JqObject Remove(string key)
    {
        if (!Has(key))
        {
            return this;
        }

        var builder = new JqObjectBuilder(Count);
        for (var i = 0; i < Count; i++)
        {
            if (KeyAt(i) != key)
            {
                builder.Set(KeyAt(i), ValueAt(i));
            }
        }

        return builder.ToObject();
    }

    /// <summary>The same keys with other values, one per position.</summary>
    public JqObject WithValues(ReadOnlySpan<JqValue> values)
    {
        var table = _table.Copy(Count, Count, null);
        for (var i = 0; i < Count; i++)
        {
            table.Entries[i].Value = values[i];
        }

        return new(table, Count);
    }

    /// <summary>A table of its own with the same fields.</summary>
    internal Table TableCopy(int capacity, Meter? owner = null)
    {
        var table = _table.Copy(Count, capacity, owner);
        for (var i = 0; _patches is not null && i < Count; i++)
        {
            table.Entries[i].Value = ValueAt(i);
        }

        return table;
    }

    /// <summary>All keys, sorted by code point.</summary>
    public string[] SortedKeys()
    {
        var keys = new string[Count];
        for (var i = 0; i < Count; i++)
        {
            keys[i] = KeyAt(i);
        }

        Array.Sort(keys, CodePointOrder.Comparer);
        return keys;
    }

    internal struct Entry
    {
        public string Key;
        public int Hash;
        public int Next;
        public JqValue Value;
    }

    internal sealed class Table
    {
        private int _used;

        public Table(Entry[] entries, int[]? buckets, int used, Meter? owner = null)
        {
            Entries = entries;
            Buckets = buckets;
            Owner = owner;
            _used = used;
        }

        /// <summary>The evaluation that may append; null for none.</summary>
        public Meter? Owner { get; }

        public Entry[] Entries { get; private set; }

        /// <summary>Position + 1 of the newest entry of each chain; a power of two of them, or null while linear.</summary>
        public int[]? Buckets { get; private set; }

        public int Find(string key, int count)
        {
            var entries = Entries;
            if (Buckets is null)
            {
                for (var i = 0; i < count; i++)
                {
                    if (ReferenceEquals(entries[i].Key, key))
                    {
                        return i;
                    }
                }

                for (var i = 0; i < count; i++)
                {
                    if (entries[i].Key.Length == key.Length && entries[i].Key == key)
                    {
                        return i;
                    }
                }

                return -1;
            }

            var hash = HashOf(key);
            for (var i = Volatile.Read(ref Buckets[hash & (Buckets.Length - 1)]) - 1; i >= 0; i = entries[i].Next)
            {
                if (i < count && entries[i].Hash == hash && entries[i].Key == key)
                {
                    return i;
                }
            }

            return -1;
        }

        /// <summary>False where another object has taken the position, or there is no room.</summary>
        public bool TryAppend(int count, string key, in JqValue value)
        {
            if (count >= Entries.Length || _used != count)
            {
                return false;
            }

            _used = count + 1;
            Put(count, key, value);
            return true;
        }

        /// <summary>Whether an object of so many fields could be extended in place if there were room.</summary>
        public bool IsFull(int count) => _used == count && count == Entries.Length;

        /// <summary>Nothing more is appended.</summary>
        public void Close(Meter meter) => _used = Owner == meter ? int.MaxValue : _used;

        /// <summary>For a builder that nobody shares yet.</summary>
        public void Add(string key, in JqValue value)
        {
            if (_used == Entries.Length)
            {
                var grown = Copy(_used, Math.Max(4, _used * 2), null);
                Entries = grown.Entries;
                Buckets = grown.Buckets;
            }

            Put(_used++, key, value);
        }

        public Table Copy(int count, int capacity, Meter? owner)
        {
            var entries = new Entry[capacity];
            Array.Copy(Entries, entries, count);
            if (capacity <= LinearLimit)
            {
                return new(entries, null, count, owner);
            }

            var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity);
            if (Buckets is { } chains && chains.Length == size)
            {
                // Right where nobody has appended behind these entries, or is about to: a place is claimed before it is filled.
                var same = (int[])chains.Clone();
                Interlocked.MemoryBarrier();
                if (Volatile.Read(ref _used) == count)
                {
                    return new(entries, same, count, owner);
                }
            }

            var buckets = new int[size];
            for (var i = 0; i < count; i++)
            {
                if (Buckets is null)
                {
                    entries[i].Hash = HashOf(entries[i].Key);
                }

                ref var bucket = ref buckets[entries[i].Hash & (buckets.Length - 1)];
                entries[i].Next = bucket - 1;
                bucket = i + 1;
            }

            return new(entries, buckets, count, owner);
        }

        private void Put(int index, string key, in JqValue value)
        {
            ref var entry = ref Entries[index];
            entry.Key = key;
            entry.Value = value;
            if (Buckets is null)
            {
                return;
            }

            entry.Hash = HashOf(key);
            ref var bucket = ref Buckets[entry.Hash & (Buckets.Length - 1)];
            entry.Next = bucket - 1;
            Volatile.Write(ref bucket, index + 1);
        }

        // The runtime seeds string hashes per process, so hostile keys cannot be made to collide.
        private static int HashOf(string key) => key.GetHashCode() & int.MaxValue;
    }
}

/// <summary>Builds an object in place; a field set twice keeps its first position and its last value.</summary>
internal sealed class JqObjectBuilder
{
    private readonly JqObject.Table _table;
    private int _count;

    public JqObjectBuilder(int capacity = 4) =>
        _table = capacity <= JqObject.LinearLimit
            ? new(new JqObject.Entry[capacity], null, 0)
            : JqObject.Empty.TableCopy(capacity);

    public void Set(string key, in JqValue value)
    {
        var index = _table.Find(key, _count);
        if (index >= 0)
        {
            _table.Entries[index].Value = value;
            return;
        }

        _table.Add(key, value);
        _count++;
    }

    public JqObject ToObject() => new(_table, _count);
}
