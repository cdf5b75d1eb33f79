namespace Baton.Jq;

/// <summary>The binary operators and negation.</summary>
internal static class Arithmetic
{
    private const long MaxRepeated = int.MaxValue;

    public static JqValue Add(Machine m, JqValue a, JqValue b)
    {
        if (a.IsNumber && b.IsNumber)
        {
            return JqValue.From(a.RawNumber + b.RawNumber);
        }

        if (a.TextLength >= 0 && b.TextLength >= 0)
        {
            return AddText(m, a, b);
        }

        switch (a.Ref, b.Ref)
        {
            case (null, _):
                return b;

            case (_, null):
                return a;

            case (JqArray x, JqArray y):
                return JqValue.From(x.Concat(y, m.Meter));

            case (JqObject x, JqObject y):
                return Merge(m, x, y);

            default:
                return Errors.Type(a, b, "cannot be added");
        }
    }

    public static JqValue Subtract(Machine m, JqValue a, JqValue b)
    {
        if (a.IsNumber && b.IsNumber)
        {
            return JqValue.From(a.RawNumber - b.RawNumber);
        }

        if (a.Ref is not JqArray x || b.Ref is not JqArray y)
        {
            return Errors.Type(a, b, "cannot be subtracted");
        }

        var kept = new List<JqValue>();
        foreach (var item in x.Span)
        {
            var found = false;
            for (var i = 0; i < y.Count && !found; i++)
            {
                m.Meter.Step();
                found = ValueComparer.AreEqual(item, y[i], m.Meter);
            }

            if (!found)
            {
                kept.Add(item);
            }
        }

        return JqValue.FromArray(kept);
    }

    public static JqValue Multiply(Machine m, JqValue a, JqValue b)
    {
        if (a.IsNumber && b.IsNumber)
        {
            return JqValue.From(a.RawNumber * b.RawNumber);
        }

        return (a.Ref, b.Ref) switch
        {
            (string text, _) when b.IsNumber => Repeat(m, text, b.RawNumber),
            (_, string text) when a.IsNumber => Repeat(m, text, a.RawNumber),
            (JqObject x, JqObject y) => MergeDeep(m, x, y, 0),
            _ => Errors.Type(a, b, "cannot be multiplied"),
        };
    }

    public static JqValue Divide(Machine m, JqValue a, JqValue b)
    {
        if (a.IsNumber && b.IsNumber)
        {
            return b.RawNumber == 0
                ? Errors.Type(a, b, "cannot be divided because the divisor is zero")
                : JqValue.From(a.RawNumber / b.RawNumber);
        }

        m.Meter.Settle(a);
        return a.Ref is string text && b.Ref is string separator
            ? Text.Split(m, text, separator)
            : Errors.Type(a, b, "cannot be divided");
    }

    /// <summary>The remainder of the whole parts, with the sign of the dividend.</summary>
    public static JqValue Modulo(Machine m, JqValue a, JqValue b)
    {
        if (!a.IsNumber || !b.IsNumber)
        {
            return Errors.Type(a, b, "cannot be divided (remainder)");
        }

        if (double.IsNaN(a.RawNumber) || double.IsNaN(b.RawNumber))
        {
            return JqValue.From(double.NaN);
        }

        var divisor = Whole(b.RawNumber);
        return divisor switch
        {
            0 => Errors.Type(a, b, "cannot be divided (remainder) because the divisor is zero"),
            -1 => JqValue.From(0.0),
            _ => JqValue.From((double)(Whole(a.RawNumber) % divisor)),
        };
    }

    public static JqValue Equal(Machine m, JqValue a, JqValue b) => JqValue.From(AreEqual(m, a, b));

    public static JqValue NotEqual(Machine m, JqValue a, JqValue b) => JqValue.From(!AreEqual(m, a, b));

    public static JqValue Less(Machine m, JqValue a, JqValue b) => JqValue.From(Compare(m, a, b) < 0);

    public static JqValue LessOrEqual(Machine m, JqValue a, JqValue b) => JqValue.From(Compare(m, a, b) <= 0);

    public static JqValue Greater(Machine m, JqValue a, JqValue b) => JqValue.From(Compare(m, a, b) > 0);

    public static JqValue GreaterOrEqual(Machine m, JqValue a, JqValue b) => JqValue.From(Compare(m, a, b) >= 0);

    public static JqValue Negate(Machine m, JqValue value) => value.Ref switch
    {
        NumberLiteral literal => JqValue.From(literal.Negated()),
        _ when value.IsNumber => JqValue.From(-value.RawNumber),
        _ => Errors.Type(value, "cannot be negated"),
    };

    public static JqValue Absolute(JqValue value) => value.Ref switch
    {
        NumberLiteral { Value: < 0 } literal => JqValue.From(literal.Negated()),
        NumberLiteral => value,
        _ => JqValue.From(Math.Abs(value.RawNumber)),
    };

    /// <summary>The fields of both; where both have one, that of the second.</summary>
    public static JqValue Merge(Machine m, JqObject a, JqObject b)
    {
        if (b.Count == 0)
        {
            return JqValue.From(a);
        }

        if (b.Count * 8 <= a.Count || b.Count == 1)
        {
            for (var i = 0; i < b.Count; i++)
            {
                a = a.Set(b.KeyAt(i), b.ValueAt(i), m.Meter);
            }

            return JqValue.From(a);
        }

        m.Meter.ChargeCopy(a.Count + b.Count);
        var builder = new JqObjectBuilder(a.Count + b.Count);
        for (var i = 0; i < a.Count; i++)
        {
            builder.Set(a.KeyAt(i), a.ValueAt(i));
        }

        for (var i = 0; i < b.Count; i++)
        {
            builder.Set(b.KeyAt(i), b.ValueAt(i));
        }

        return JqValue.From(builder.ToObject());
    }

    private static JqValue AddText(Machine m, in JqValue a, in JqValue b)
    {
        if (a.TextLength == 0 || b.TextLength == 0)
        {
            return a.TextLength == 0 ? b : a;
        }

        var added = (string)b.Ref!;
        return a.Growing is { } text ? text.Append(added, m.Meter) : JqText.Join((string)a.Ref!, added, m.Meter);
    }

    private static bool AreEqual(Machine m, in JqValue a, in JqValue b)
    {
        if (a.TextLength != b.TextLength)
        {
            return false;
        }

        m.Meter.Settle(a);
        m.Meter.Settle(b);
        return ValueComparer.AreEqual(a, b, m.Meter);
    }

    private static int Compare(Machine m, in JqValue a, in JqValue b)
    {
        m.Meter.Settle(a);
        m.Meter.Settle(b);
        return ValueComparer.Compare(a, b, m.Meter);
    }

    private static JqValue MergeDeep(Machine m, JqObject a, JqObject b, int depth)
    {
        if (depth > ValueComparer.MaxDepth)
        {
            return Errors.Raise("Object merge too deep");
        }

        if (!StackGuard.HasRoom())
        {
            return StackGuard.OnNewStack(() => MergeDeep(m, a, b, depth));
        }

        m.Meter.ChargeCopy(a.Count + b.Count);
        var builder = new JqObjectBuilder(a.Count + b.Count);
        for (var i = 0; i < a.Count; i++)
        {
            builder.Set(a.KeyAt(i), a.ValueAt(i));
        }

        for (var i = 0; i < b.Count; i++)
        {
            var value = b.ValueAt(i);
            if (value.Ref is JqObject theirs && a.Get(b.KeyAt(i)).Ref is JqObject ours)
            {
                value = MergeDeep(m, ours, theirs, depth + 1);
                if (value.IsError)
                {
                    return value;
                }
            }

            builder.Set(b.KeyAt(i), value);
        }

        return JqValue.From(builder.ToObject());
    }

    private static JqValue Repeat(Machine m, string text, double times)
    {
        if (times < 0 || double.IsNaN(times))
        {
            return default;
        }

        var count = Math.Floor(times);
        if (text.Length == 0 || count == 0)
        {
            return "";
        }

        if (count * text.Length >= MaxRepeated)
        {
            return Errors.Raise("Repeat string result too long");
        }

        m.Meter.ChargeText((long)count * text.Length);
        return new System.Text.StringBuilder(text.Length * (int)count).Insert(0, text, (int)count).ToString();
    }

    private static long Whole(double value) => value switch
    {
        < long.MinValue => long.MinValue,
        >= long.MaxValue => long.MaxValue,
        _ => (long)value,
    };
}
