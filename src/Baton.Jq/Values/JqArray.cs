namespace Baton.Jq;

/// <summary>An immutable array: a window on a buffer that other arrays may share.</summary>
/// <remarks>
/// A slice shares its parent's buffer. An append takes the first free slot behind the window if nobody has taken it
/// yet, so that building an array one element at a time costs constant time per element although every intermediate
/// array stays valid: each sees only its own window. Only the evaluation that made a buffer, whose meter is the mark, appends
/// to it: what others do with the same value changes neither the cost nor the charge. An element of a large array is
/// replaced by a patch over the buffer.
/// </remarks>
internal sealed class JqArray
{
    public static readonly JqArray Empty = new(new Buffer([], 0, null), 0, 0);

    private readonly Buffer _buffer;
    private readonly int _offset;
    private readonly JqPatches? _patches;
    private JqValue[]? _flat;

    private JqArray(Buffer buffer, int offset, int count, JqPatches? patches = null)
    {
        _buffer = buffer;
        _offset = offset;
        _patches = patches;
        Count = count;
    }

    public int Count { get; }

    public ReadOnlySpan<JqValue> Span => _patches is null ? Unpatched : _flat ??= Flatten(_patches);

    private Span<JqValue> Unpatched => _buffer.Items.AsSpan(_offset, Count);

    public JqValue this[int index] => _patches is not null && _patches.TryGet(index, out var value) ? value : _buffer.Items[_offset + index];

    /// <summary>Takes ownership of the items.</summary>
    public static JqArray Of(params JqValue[] items) => Of(items, items.Length);

    public static JqArray Of(JqValue[] items, int count) => new(new Buffer(items, count, null), 0, count);

    /// <summary>Element, or null outside the array.</summary>
    public JqValue At(int index) => (uint)index < (uint)Count ? this[index] : default;

    public JqArray Slice(int start, int end) =>
        start == 0 && end == Count ? this
        : start >= end ? Of([])
        : _patches is null ? new(_buffer, _offset + start, end - start)
        : Of(Span[start..end].ToArray());

    public JqArray Append(in JqValue item, Meter meter)
    {
        var room = Extended(1, meter);
        room._buffer.Items[room._offset + Count] = item;
        return room;
    }

    public JqArray Concat(JqArray other, Meter meter)
    {
        if (other.Count == 0)
        {
            return this;
        }

        if (Count == 0)
        {
            return other;
        }

        meter.ChargeCopy(other.Count);
        var added = other.Span;
        var room = Extended(other.Count, meter);
        added.CopyTo(room._buffer.Items.AsSpan(room._offset + Count));
        return room;
    }

    /// <summary>With one element replaced, or appended after nulls where the index lies behind the end.</summary>
    public JqArray Set(int index, in JqValue value, Meter meter)
    {
        if (index == Count)
        {
            return Append(value, meter);
        }

        if (index < Count && Count > JqPatches.MinCount)
        {
            meter.Charge(JqPatches.Cost);
            return new(_buffer, _offset, Count, (_patches ?? JqPatches.None).Set(index, value));
        }

        meter.ChargeCopy(Math.Max(Count, index));
        var items = new JqValue[index < Count ? Count : Grown(index + 1)];
        Span.CopyTo(items);
        items[index] = value;
        return Of(items, Math.Max(Count, index + 1));
    }

    /// <summary>A copy in which [start, end) is replaced.</summary>
    public JqArray Splice(int start, int end, JqArray insert)
    {
        var items = new JqValue[Count - (end - start) + insert.Count];
        Span[..start].CopyTo(items);
        insert.Span.CopyTo(items.AsSpan(start));
        Span[end..].CopyTo(items.AsSpan(start + insert.Count));
        return Of(items);
    }

    private static int Grown(int count) => count < 4 ? 4 : checked(count + (count >> 1));

    /// <summary>The array with so many more elements, which the caller is to set: in the same buffer if this evaluation may, or in a copy.</summary>
    private JqArray Extended(int more, Meter meter)
    {
        var end = _offset + Count;
        if (_buffer.TryClaim(end, more, meter))
        {
            return new(_buffer, _offset, Count + more, _patches);
        }

        meter.ChargeCopy(_buffer.IsOwnedBy(meter) && _buffer.Used == end ? 0 : Count);
        var items = new JqValue[Grown(Count + more)];
        Span.CopyTo(items);
        // Full, it has been given up for the copy, which is how growing costs constant time per element.
        _buffer.Close(meter);
        return new(new Buffer(items, Count + more, meter), 0, Count + more);
    }

    private JqValue[] Flatten(JqPatches patches)
    {
        var items = Unpatched.ToArray();
        patches.ApplyTo(items);
        return items;
    }

    private sealed class Buffer(JqValue[] items, int used, Meter? owner)
    {
        public JqValue[] Items { get; } = items;

        public int Used { get; private set; } = used;

        public bool IsOwnedBy(Meter meter) => owner == meter;

        public bool TryClaim(int end, int count, Meter meter)
        {
            if (owner != meter || Used != end || end + count > Items.Length)
            {
                return false;
            }

            Used = end + count;
            return true;
        }

        public void Close(Meter meter) => Used = owner == meter ? int.MaxValue : Used;
    }
}
