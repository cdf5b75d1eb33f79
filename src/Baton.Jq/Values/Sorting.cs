namespace Baton.Jq;

/// <summary>Sorting and grouping: stable, in jq's order.</summary>
internal static class Sorting
{
    public static JqArray Sort(JqArray items, Meter meter) => Pick(items, Order(items, meter));

    public static JqValue SortBy(JqArray items, JqArray keys, Meter meter) => JqValue.From(Pick(items, Order(keys, meter)));

    /// <summary>Runs of items whose keys are equal, in the order of the keys.</summary>
    public static JqValue GroupBy(JqArray items, JqArray keys, Meter meter)
    {
        var groups = new List<JqValue>();
        foreach (var run in Runs(keys, meter))
        {
            groups.Add(JqValue.From(Pick(items, run)));
        }

        return JqValue.FromArray(groups);
    }

    /// <summary>The first item of each run of equal keys.</summary>
    public static JqValue UniqueBy(JqArray items, JqArray keys, Meter meter)
    {
        var unique = new List<JqValue>();
        foreach (var run in Runs(keys, meter))
        {
            unique.Add(items[run[0]]);
        }

        return JqValue.FromArray(unique);
    }

    /// <summary>The first smallest, or the last largest; null where there is none.</summary>
    public static JqValue Extreme(JqArray items, JqArray keys, bool smallest, Meter meter)
    {
        if (items.Count == 0)
        {
            return default;
        }

        var best = 0;
        for (var i = 1; i < items.Count; i++)
        {
            meter.Step();
            if (ValueComparer.Compare(keys[i], keys[best], meter) < 0 == smallest)
            {
                best = i;
            }
        }

        return items[best];
    }

    private static JqArray Pick(JqArray items, ReadOnlySpan<int> order)
    {
        var picked = new JqValue[order.Length];
        for (var i = 0; i < picked.Length; i++)
        {
            picked[i] = items[order[i]];
        }

        return JqArray.Of(picked);
    }

    private static List<int[]> Runs(JqArray keys, Meter meter)
    {
        var order = Order(keys, meter);
        var runs = new List<int[]>();
        for (var start = 0; start < order.Length;)
        {
            var end = start + 1;
            while (end < order.Length && ValueComparer.Compare(keys[order[start]], keys[order[end]], meter) == 0)
            {
                end++;
            }

            runs.Add(order[start..end]);
            start = end;
        }

        return runs;
    }

    /// <summary>A merge sort of positions: stable, and at ease with nan, which is less than itself.</summary>
    private static int[] Order(JqArray keys, Meter meter)
    {
        meter.ChargeCopy(keys.Count);
        var order = new int[keys.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        var spare = new int[order.Length];
        for (var width = 1; width < order.Length; width *= 2)
        {
            for (var start = 0; start < order.Length; start += 2 * width)
            {
                Merge(keys, order, spare, start, Math.Min(start + width, order.Length), Math.Min(start + (2 * width), order.Length), meter);
            }

            (order, spare) = (spare, order);
        }

        return order;
    }

    private static void Merge(JqArray keys, int[] from, int[] to, int left, int middle, int end, Meter meter)
    {
        var right = middle;
        var first = left;
        for (var i = first; i < end; i++)
        {
            if (left < middle && (right >= end || CompareCharged(keys[from[left]], keys[from[right]], meter) <= 0))
            {
                to[i] = from[left++];
            }
            else
            {
                to[i] = from[right++];
            }
        }
    }

    private static int CompareCharged(in JqValue a, in JqValue b, Meter meter)
    {
        meter.Step();
        return ValueComparer.Compare(a, b, meter);
    }
}
