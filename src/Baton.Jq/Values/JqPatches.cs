using System.Numerics;

namespace Baton.Jq;

/// <summary>
/// Elements that differ from those of the array they lie over, by position: an immutable tree of 32 branches a node, of which
/// a new version shares all but the way to what was set. So one element of a large array is replaced without copying the array.
/// </summary>
internal sealed class JqPatches
{
    /// <summary>Arrays and objects of no more elements are copied rather than patched.</summary>
    public const int MinCount = 32;

    /// <summary>Steps that setting an element is charged, for what it copies.</summary>
    public const int Cost = 8;

    public static readonly JqPatches None = new(new object?[Width], Bits);

    private const int Bits = 5;
    private const int Width = 1 << Bits;
    private const int Mask = Width - 1;

    private readonly object?[] _root;
    private readonly int _shift;

    private JqPatches(object?[] root, int shift)
    {
        _root = root;
        _shift = shift;
    }

    public bool TryGet(int index, out JqValue value)
    {
        value = default;
        if (index >> _shift >= Width)
        {
            return false;
        }

        var node = _root;
        for (var shift = _shift; shift > Bits; shift -= Bits)
        {
            if (node[(index >> shift) & Mask] is not object?[] next)
            {
                return false;
            }

            node = next;
        }

        if (node[(index >> Bits) & Mask] is not Leaf leaf || (leaf.Taken & Bit(index)) == 0)
        {
            return false;
        }

        value = leaf.Values[leaf.Place(index)];
        return true;
    }

    public JqPatches Set(int index, in JqValue value)
    {
        var (root, shift) = (_root, _shift);
        for (; index >> shift >= Width; shift += Bits)
        {
            var above = new object?[Width];
            above[0] = root;
            root = above;
        }

        return new(Set(root, shift, index, value), shift);
    }

    /// <summary>Puts all of them into a copy of what they lie over.</summary>
    public void ApplyTo(Span<JqValue> items)
    {
        for (var i = 0; i < items.Length; i++)
        {
            if (TryGet(i, out var value))
            {
                items[i] = value;
            }
        }
    }

    private static object?[] Set(object?[]? node, int shift, int index, in JqValue value)
    {
        var copy = node is null ? new object?[Width] : (object?[])node.Clone();
        ref var place = ref copy[(index >> shift) & Mask];
        place = shift > Bits ? Set((object?[]?)place, shift - Bits, index, value) : ((Leaf?)place ?? Leaf.Empty).With(index, value);
        return copy;
    }

    private static uint Bit(int index) => 1u << (index & Mask);

    /// <param name="Taken">A bit for each position that has a value; the values stand in their order.</param>
    private sealed record Leaf(uint Taken, JqValue[] Values)
    {
        public static readonly Leaf Empty = new(0, []);

        public int Place(int index) => BitOperations.PopCount(Taken & (Bit(index) - 1));

        public Leaf With(int index, in JqValue value)
        {
            var place = Place(index);
            var isNew = (Taken & Bit(index)) == 0;
            var values = new JqValue[Values.Length + (isNew ? 1 : 0)];
            Values.AsSpan(0, place).CopyTo(values);
            values[place] = value;
            Values.AsSpan(isNew ? place : place + 1).CopyTo(values.AsSpan(place + 1));
            return new(Taken | Bit(index), values);
        }
    }
}
