namespace Baton.Jq;

/// <summary>jq's total order, equality, and containment.</summary>
/// <remarks>
/// Depth is limited to 10,000 levels as in jq. A value can share parts so often that walking it takes exponential
/// time (<c>reduce range(99) as $i (0; [., .])</c>), so each pair visited is charged to the meter where there is one.
/// </remarks>
internal static class ValueComparer
{
    public const int MaxDepth = 10_000;

    public static int Compare(in JqValue a, in JqValue b, Meter? meter) => Compare(a, b, meter, 0);

    public static bool AreEqual(in JqValue a, in JqValue b, Meter? meter) => AreEqual(a, b, meter, 0);

    public static int Hash(in JqValue value) => value.Ref switch
    {
        string text => text.GetHashCode(),
        JqArray array => HashCode.Combine(1, array.Count, array.Count > 0 && array[0].Ref is not (JqArray or JqObject) ? Hash(array[0]) : 0),
        JqObject obj => HashCode.Combine(2, obj.Count),
        _ when value.IsNumber => value.RawNumber.GetHashCode(),
        _ => value.IsTruthy ? 3 : value.IsNull ? 4 : 5,
    };

    /// <summary>Whether b is contained in a; both must be of one kind. Throws <see cref="DepthException"/>.</summary>
    public static bool Contains(in JqValue a, in JqValue b, Meter? meter, int depth = 0)
    {
        Enter(meter, depth, "Containment check too deep");
        switch (a.Ref, b.Ref)
        {
            case (string x, string y):
                return x.Contains(y, StringComparison.Ordinal);

            case (JqObject x, JqObject y):
                for (var i = 0; i < y.Count; i++)
                {
                    if (!x.TryGet(y.KeyAt(i), out var own) || own.Kind != y.ValueAt(i).Kind || !ContainsDeep(own, y.ValueAt(i), meter, depth))
                    {
                        return false;
                    }
                }

                return true;

            case (JqArray x, JqArray y):
                for (var i = 0; i < y.Count; i++)
                {
                    var found = false;
                    for (var j = 0; j < x.Count && !found; j++)
                    {
                        found = x[j].Kind == y[i].Kind && ContainsDeep(x[j], y[i], meter, depth);
                    }

                    if (!found)
                    {
                        return false;
                    }
                }

                return true;

            default:
                return AreEqual(a, b, meter);
        }
    }

    private static bool ContainsDeep(JqValue a, JqValue b, Meter? meter, int depth) =>
        StackGuard.HasRoom() ? Contains(a, b, meter, depth + 1) : StackGuard.OnNewStack(() => Contains(a, b, meter, depth + 1));

    private static bool AreEqual(in JqValue a, in JqValue b, Meter? meter, int depth)
    {
        switch (a.Ref)
        {
            case string x:
                return b.Ref is string y && x == y;

            case JqArray x:
                return b.Ref is JqArray array && AreEqual(x, array, meter, depth);

            case JqObject x:
                return b.Ref is JqObject obj && AreEqual(x, obj, meter, depth);

            default:
                return a.IsNumber ? b.IsNumber && CompareNumbers(a, b) == 0 : ReferenceEquals(a.Ref, b.Ref);
        }
    }

    private static bool AreEqual(JqArray a, JqArray b, Meter? meter, int depth)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        Enter(meter, depth, "Equality check too deep");
        for (var i = 0; i < a.Count; i++)
        {
            if (!AreEqualDeep(a[i], b[i], meter, depth))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreEqual(JqObject a, JqObject b, Meter? meter, int depth)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        Enter(meter, depth, "Equality check too deep");
        for (var i = 0; i < a.Count; i++)
        {
            if (!b.TryGet(a.KeyAt(i), out var other) || !AreEqualDeep(a.ValueAt(i), other, meter, depth))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreEqualDeep(JqValue a, JqValue b, Meter? meter, int depth) =>
        StackGuard.HasRoom() ? AreEqual(a, b, meter, depth + 1) : StackGuard.OnNewStack(() => AreEqual(a, b, meter, depth + 1));

    private static int Compare(in JqValue a, in JqValue b, Meter? meter, int depth)
    {
        switch (a.Ref)
        {
            case string x when b.Ref is string y:
                return CodePointOrder.Compare(x, y);

            case JqArray x when b.Ref is JqArray y:
                Enter(meter, depth, "Comparison too deep");
                var common = Math.Min(x.Count, y.Count);
                for (var i = 0; i < common; i++)
                {
                    if (CompareDeep(x[i], y[i], meter, depth) is var order and not 0)
                    {
                        return order;
                    }
                }

                return x.Count.CompareTo(y.Count);

            case JqObject x when b.Ref is JqObject y:
                Enter(meter, depth, "Comparison too deep");
                return CompareObjects(x, y, meter, depth);

            default:
                return a.IsNumber && b.IsNumber ? CompareNumbers(a, b) : Rank(a).CompareTo(Rank(b));
        }
    }

    private static int CompareDeep(JqValue a, JqValue b, Meter? meter, int depth) =>
        StackGuard.HasRoom() ? Compare(a, b, meter, depth + 1) : StackGuard.OnNewStack(() => Compare(a, b, meter, depth + 1));

    private static int CompareObjects(JqObject a, JqObject b, Meter? meter, int depth)
    {
        // Key sets first, as sorted arrays; then values in the order of the keys.
        var (keysA, keysB) = (a.SortedKeys(), b.SortedKeys());
        for (var i = 0; i < Math.Min(keysA.Length, keysB.Length); i++)
        {
            if (CodePointOrder.Compare(keysA[i], keysB[i]) is var order and not 0)
            {
                return order;
            }
        }

        if (keysA.Length != keysB.Length)
        {
            return keysA.Length.CompareTo(keysB.Length);
        }

        foreach (var key in keysA)
        {
            if (CompareDeep(a.Get(key), b.Get(key), meter, depth) is var order and not 0)
            {
                return order;
            }
        }

        return 0;
    }

    /// <summary>nan sorts below every number, itself included: nan &lt; nan is true, as in jq.</summary>
    private static int CompareNumbers(in JqValue a, in JqValue b)
    {
        if (a.Ref is NumberLiteral x)
        {
            if (b.Ref is NumberLiteral y)
            {
                return NumberLiteral.Compare(x, y);
            }
        }

        var (m, n) = (a.RawNumber, b.RawNumber);
        return m < n ? -1 : m == n ? 0 : double.IsNaN(m) ? -1 : 1;
    }

    private static int Rank(in JqValue value) => value.Kind switch
    {
        JqKind.Null => 0,
        JqKind.Boolean => value.IsTrue ? 2 : 1,
        var kind => (int)kind + 1,
    };

    private static void Enter(Meter? meter, int depth, string tooDeep)
    {
        if (depth > MaxDepth)
        {
            throw new DepthException(tooDeep);
        }

        meter?.Charge(1);
    }
}

/// <summary>A value is nested deeper than jq's own limit; the machine turns it into an error of the program.</summary>
internal sealed class DepthException(string message) : Exception(message);
