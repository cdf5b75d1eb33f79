using System.Text;

namespace Baton.Jq;

/// <summary>Functions of arrays and objects.</summary>
internal static class Collections
{
    public static JqValue Keys(Machine m, JqValue value, bool sorted)
    {
        m.Meter.ChargeCopy(value.Count);
        switch (value.Ref)
        {
            case JqObject obj:
                var names = sorted ? obj.SortedKeys() : Enumerable.Range(0, obj.Count).Select(obj.KeyAt).ToArray();
                return JqValue.From(JqArray.Of(Array.ConvertAll(names, name => (JqValue)name)));

            case JqArray array:
                return JqValue.FromArray(Enumerable.Range(0, array.Count).Select(i => JqValue.From((double)i)));

            default:
                return Errors.Type(value, "has no keys");
        }
    }

    /// <summary>The sum of the elements, or of an object's values; null where there is none.</summary>
    public static JqValue Add(Machine m, JqValue value)
    {
        if (value.Ref is not (JqArray or JqObject))
        {
            return NotIterable(value);
        }

        var items = Values(value);
        if (items.Length > 2 && items[0].Ref is string && items[1].Ref is string)
        {
            return AddStrings(m, items);
        }

        JqValue sum = default;
        foreach (var item in items)
        {
            m.Meter.Step();
            sum = Arithmetic.Add(m, sum, item);
            if (sum.IsError)
            {
                return sum;
            }
        }

        return sum;
    }

    public static JqValue ToEntries(Machine m, JqValue value)
    {
        m.Meter.ChargeCopy(value.Count);
        var entries = new JqValue[value.Count];
        switch (value.Ref)
        {
            case JqObject obj:
                for (var i = 0; i < entries.Length; i++)
                {
                    entries[i] = Entry(obj.KeyAt(i), obj.ValueAt(i));
                }

                break;

            case JqArray array:
                for (var i = 0; i < entries.Length; i++)
                {
                    entries[i] = Entry(JqValue.From((double)i), array[i]);
                }

                break;

            default:
                return Errors.Type(value, "has no keys");
        }

        return JqValue.From(JqArray.Of(entries));
    }

    /// <summary>Takes key, k, name and their capitals; a key that is no string is printed, and a missing one is null.</summary>
    public static JqValue FromEntries(Machine m, JqValue value)
    {
        if (value.Ref is not (JqArray or JqObject))
        {
            return NotIterable(value);
        }

        var result = new JqObjectBuilder();
        foreach (var entry in Values(value))
        {
            m.Meter.Step();
            var key = FirstTrue(entry, ["key", "Key", "k", "K", "name", "Name"], m);
            if (key.IsError)
            {
                return key;
            }

            var name = key.Ref switch
            {
                string text => text,
                _ => key.ToJson(),
            };
            var field = FirstPresent((JqObject?)entry.Ref, ["value", "Value", "v", "V"]);
            result.Set(name, field);
        }

        return JqValue.From(result.ToObject());
    }

    public static JqValue Reverse(Machine m, JqValue value)
    {
        m.Meter.ChargeCopy(value.Count);
        switch (value.Ref)
        {
            case null:
                return JqValue.From(JqArray.Of([]));

            case string text:
                var runes = text.EnumerateRunes().Reverse();
                return string.Concat(runes.Select(r => r.ToString()));

            case JqArray array:
                var items = array.Span.ToArray();
                Array.Reverse(items);
                return JqValue.From(JqArray.Of(items));

            case JqObject { Count: 0 }:
            case not JqObject when value.IsNumber && value.RawNumber == 0:
                return JqValue.From(JqArray.Of([]));

            case JqObject:
                return Access.Get(value, JqValue.From(value.Count - 1.0), m.Meter);

            default:
                return value.IsNumber ? Access.Get(value, 0, m.Meter) : Errors.Type(value, "has no length");
        }
    }

    public static JqValue Flatten(Machine m, JqValue value, double depth)
    {
        if (value.Ref is not (JqArray or JqObject))
        {
            return NotIterable(value);
        }

        var flat = new List<JqValue>();
        var pending = new Stack<(JqValue[] Items, int Next, double Depth)>();
        pending.Push((Values(value), 0, depth));
        while (pending.TryPop(out var level))
        {
            for (var i = level.Next; i < level.Items.Length; i++)
            {
                m.Meter.Step();
                if (level.Items[i].Ref is JqArray inner && level.Depth > 0)
                {
                    pending.Push((level.Items, i + 1, level.Depth));
                    pending.Push((inner.Span.ToArray(), 0, level.Depth - 1));
                    break;
                }

                flat.Add(level.Items[i]);
            }
        }

        return JqValue.FromArray(flat);
    }

    public static JqValue Transpose(Machine m, JqValue value)
    {
        if (value.Ref is not (JqArray or JqObject))
        {
            return NotIterable(value);
        }

        var rows = Values(value);
        var width = 0;
        foreach (var row in rows)
        {
            if (row.Ref is not (null or JqArray))
            {
                return Errors.Raise($"Cannot index {Errors.KindName(row)} with number");
            }

            width = Math.Max(width, row.Count);
        }

        m.Meter.Charge((long)width * rows.Length);
        var columns = new JqValue[width];
        for (var i = 0; i < width; i++)
        {
            columns[i] = JqValue.From(JqArray.Of(Array.ConvertAll(rows, row => row[i])));
        }

        return JqValue.From(JqArray.Of(columns));
    }

    public static JqValue Extreme(Machine m, JqValue value, JqValue keys, bool smallest)
    {
        if (value.Ref is not JqArray items || keys.Ref is not JqArray by)
        {
            return Errors.Type(value, keys, "cannot be iterated over");
        }

        return items.Count == by.Count ? Sorting.Extreme(items, by, smallest, m.Meter) : Errors.Type(value, keys, "have wrong length");
    }

    public static JqValue By(Machine m, JqValue value, JqValue keys, Func<JqArray, JqArray, Meter, JqValue> function) =>
        value.Ref is JqArray items && keys.Ref is JqArray by && items.Count == by.Count
            ? function(items, by, m.Meter)
            : Errors.Type(value, keys, "cannot be sorted, as they are not both arrays");

    /// <summary>Position in a sorted array; where it is missing, -1 minus the position where it would stand.</summary>
    public static JqValue BinarySearch(Machine m, JqValue value, JqValue sought)
    {
        if (value.Ref is not JqArray items)
        {
            return Errors.Type(value, "cannot be searched from");
        }

        var (low, high) = (0, items.Count);
        while (low < high)
        {
            m.Meter.Step();
            var middle = low + ((high - low) / 2);
            var order = ValueComparer.Compare(items[middle], sought, m.Meter);
            if (order == 0)
            {
                return middle;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle);
        }

        return -1 - low;
    }

    public static JqValue NotIterable(in JqValue value) =>
        Errors.Raise(value.IsNull ? "Cannot iterate over null" : $"Cannot iterate over {Errors.Describe(value)}");

    private static JqValue Entry(in JqValue key, in JqValue value)
    {
        var entry = JqObject.NewEntries(2);
        entry[0].Key = "key";
        entry[0].Value = key;
        entry[1].Key = "value";
        entry[1].Value = value;
        return JqValue.From(JqObject.OfDistinct(entry));
    }

    private static JqValue[] Values(in JqValue value)
    {
        if (value.Ref is JqArray array)
        {
            return array.Span.ToArray();
        }

        var obj = (JqObject)value.Ref!;
        var values = new JqValue[obj.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = obj.ValueAt(i);
        }

        return values;
    }

    private static JqValue AddStrings(Machine m, JqValue[] items)
    {
        var text = new StringBuilder();
        foreach (var item in items)
        {
            m.Meter.Step();
            if (item.Ref is string part)
            {
                m.Meter.ChargeText((long)text.Length + part.Length);
                text.Append(part);
            }
            else if (!item.IsNull)
            {
                return Errors.Type(text.ToString(), item, "cannot be added");
            }
        }

        return text.ToString();
    }

    private static JqValue FirstTrue(in JqValue entry, ReadOnlySpan<string> names, Machine m)
    {
        JqValue last = default;
        foreach (var name in names)
        {
            var value = Access.Get(entry, name, m.Meter);
            if (value.IsError || value.IsTruthy)
            {
                return value;
            }

            // "false" is a key too; only null counts as missing.
            if (value.IsFalse)
            {
                last = value;
            }
        }

        return last;
    }

    private static JqValue FirstPresent(JqObject? entry, ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (entry is not null && entry.TryGet(name, out var value))
            {
                return value;
            }
        }

        return default;
    }
}
