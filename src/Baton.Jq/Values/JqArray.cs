namespace Baton.Jq;

/// <summary>An immutable array: a window on a buffer that other arrays may share.</summary>
/// <remarks>
/// A slice shares its parent's buffer. An append takes the first free slot behind the window if nobody has taken it
/// yet, so that building an array one element at a time costs constant time per element although every intermediate
/// array stays valid: each sees only its own window.
/// </remarks>
internal sealed class JqArray
{
    public static readonly JqArray Empty = new(new Buffer([], 0), 0, 0);

    private readonly Buffer _buffer;
    private readonly int _offset;

    private JqArray(Buffer buffer, int offset, int count)
    {
        _buffer = buffer;
        _offset = offset;
        Count = count;
    }

    public int Count { get; }

    public ReadOnlySpan<JqValue> Span => _buffer.Items.AsSpan(_offset, Count);

    public JqValue this[int index] => _buffer.Items[_offset + index];

    /// <summary>Takes ownership of the items.</summary>
    public static JqArray Of(params JqValue[] items) => new(new Buffer(items, items.Length), 0, items.Length);

    public static JqArray Of(JqValue[] items, int count) => new(new Buffer(items, count), 0, count);

    /// <summary>Element, or null outside the array.</summary>
    public JqValue At(int index) => (uint)index < (uint)Count ? _buffer.Items[_offset + index] : default;

    public JqArray Slice(int start, int end) =>
        start == 0 && end == Count ? this : start >= end ? Of([]) : new(_buffer, _offset + start, end - start);

    public JqArray Append(in JqValue item)
    {
        var end = _offset + Count;
        if (end < _buffer.Items.Length && _buffer.TryClaim(end, 1))
        {
            _buffer.Items[end] = item;
            return new(_buffer, _offset, Count + 1);
        }

        var items = new JqValue[Grown(Count + 1)];
        Span.CopyTo(items);
        items[Count] = item;
        return Of(items, Count + 1);
    }

    public JqArray Concat(JqArray other)
    {
        if (other.Count == 0)
        {
            return this;
        }

        if (Count == 0)
        {
            return other;
        }

        var end = _offset + Count;
        if (end + other.Count <= _buffer.Items.Length && _buffer.TryClaim(end, other.Count))
        {
            other.Span.CopyTo(_buffer.Items.AsSpan(end));
            return new(_buffer, _offset, Count + other.Count);
        }

        var items = new JqValue[Grown(Count + other.Count)];
        Span.CopyTo(items);
        other.Span.CopyTo(items.AsSpan(Count));
        return Of(items, Count + other.Count);
    }

    /// <summary>A copy with one element replaced, or appended after nulls where the index lies behind the end.</summary>
    public JqArray Set(int index, in JqValue value)
    {
        if (index == Count)
        {
            return Append(value);
        }

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

    private sealed class Buffer(JqValue[] items, int used)
    {
        private int _used = used;

        public JqValue[] Items { get; } = items;

        public bool TryClaim(int end, int count) => Interlocked.CompareExchange(ref _used, end + count, end) == end;
    }
}
