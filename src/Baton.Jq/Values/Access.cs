namespace Baton.Jq;

/// <summary>Reading, setting and deleting inside values by key, slice and path.</summary>
internal static class Access
{
    private const int MaxPathLength = 10_000;
    private const int MaxIndex = (1 << 29) - 1;

    public static JqValue Get(in JqValue target, in JqValue key, Meter meter)
    {
        switch (target.Ref, key.Ref)
        {
            case (JqObject obj, string name):
                return obj.Get(name);

            case (JqArray array, _) when key.IsNumber:
                return double.IsNaN(key.RawNumber) ? default : array.At(Offset(key.RawNumber, array.Count));

            case (JqArray or string, JqObject slice):
                meter.Settle(target);
                return Slice(target, slice);

            case (JqArray array, JqArray part):
                return Text.IndicesOf(array, part, meter);

            case (null, string or JqObject):
                return default;

            case (null, _) when key.IsNumber:
                return default;

            default:
                return Errors.Raise(key.Ref is string || key.IsNumber
                    ? $"Cannot index {Errors.KindName(target)} with {Errors.Describe(key)}"
                    : $"Cannot index {Errors.KindName(target)} with {Errors.KindName(key)}");
        }
    }

    /// <summary>Gets, and extends the machine's path where it follows one.</summary>
    public static JqValue Follow(Machine m, in JqValue target, in JqValue key)
    {
        if (m.Path is not { } path)
        {
            return Get(target, key, m.Meter);
        }

        if (!JqValue.Identical(path.At, target))
        {
            return Errors.Raise($"Invalid path expression near attempt to access element {Errors.Dump(key)} of {Errors.Dump(target)}");
        }

        var value = Get(target, key, m.Meter);
        if (value.IsProper)
        {
            m.Path = path.To(key, value);
        }

        return value;
    }

    public static JqValue GetPath(in JqValue root, in JqValue path, Meter meter)
    {
        if (path.Ref is not JqArray keys)
        {
            return Errors.Raise("Path must be specified as an array");
        }

        if (keys.Count > MaxPathLength)
        {
            return Errors.Raise("Path too deep");
        }

        var value = root;
        for (var i = 0; i < keys.Count; i++)
        {
            meter.Step();
            if (value.IsNull)
            {
                return default;
            }

            value = Get(value, keys[i], meter);
            if (value.IsError)
            {
                return value;
            }
        }

        return value;
    }

    public static JqValue SetPath(in JqValue root, in JqValue path, in JqValue value, Meter meter)
    {
        if (path.Ref is not JqArray keys)
        {
            return Errors.Raise("Path must be specified as an array");
        }

        if (keys.Count > MaxPathLength)
        {
            return Errors.Raise("Path too deep");
        }

        if (keys.Count == 0)
        {
            return value;
        }

        // Down, remembering each container; then up, rebuilding each around its changed child.
        var containers = new JqValue[keys.Count];
        var current = root;
        for (var i = 0; i < keys.Count; i++)
        {
            meter.Step();
            containers[i] = current;
            if (i + 1 == keys.Count)
            {
                break;
            }

            current = Get(current, keys[i], meter);
            if (current.IsError)
            {
                return current;
            }
        }

        var result = value;
        for (var i = keys.Count - 1; i >= 0 && !result.IsError; i--)
        {
            result = Set(containers[i], keys[i], result, meter);
        }

        return result;
    }

    public static JqValue Set(in JqValue target, in JqValue key, in JqValue value, Meter meter)
    {
        switch (key.Ref)
        {
            case string name when target.Ref is null or JqObject:
                return JqValue.From((target.Ref as JqObject ?? JqObject.Empty).Set(name, value, meter));

            case JqObject slice when target.Ref is null or JqArray:
                return SetSlice(target.Ref as JqArray ?? JqArray.Empty, slice, value, meter);

            case JqObject when target.Ref is string:
                return Errors.Raise("Cannot update string slices");

            default:
                if (key.IsNumber && target.Ref is (null or JqArray))
                {
                    return SetElement(target.Ref as JqArray ?? JqArray.Empty, key.RawNumber, value, meter);
                }

                // What cannot be read is said so in the words of reading.
                var current = Get(target, key, meter);
                return current.IsError
                    ? current
                    : Errors.Raise($"Cannot update field at {Errors.KindName(key)} index of {Errors.KindName(target)}");
        }
    }

    /// <summary>Removes several paths at once: none shifts the place that another names.</summary>
    public static JqValue DeletePaths(in JqValue root, in JqValue paths, Meter meter)
    {
        if (paths.Ref is not JqArray list)
        {
            return Errors.Raise("Paths must be specified as an array");
        }

        foreach (var path in list.Span)
        {
            if (path.Ref is not JqArray keys)
            {
                return Errors.Raise($"Path must be specified as array, not {Errors.KindName(path)}");
            }

            if (keys.Count > MaxPathLength)
            {
                return Errors.Raise("Path too deep");
            }
        }

        var sorted = Sorting.Sort(list, meter);
        return sorted.Count == 0 ? root : sorted[0].Count == 0 ? default : Delete(root, sorted.Span, 0, meter);
    }

    /// <summary>Paths are sorted, share their first keys, and are longer than those.</summary>
    private static JqValue Delete(JqValue target, ReadOnlySpan<JqValue> paths, int depth, Meter meter)
    {
        var doomed = new List<JqValue>();
        var result = target;
        for (var i = 0; i < paths.Length;)
        {
            meter.Step();
            var first = (JqArray)paths[i].Ref!;
            var key = first[depth];
            var end = i + 1;
            while (end < paths.Length && ValueComparer.AreEqual(((JqArray)paths[end].Ref!)[depth], key, meter))
            {
                end++;
            }

            if (first.Count == depth + 1)
            {
                doomed.Add(key);
            }
            else
            {
                var child = Get(result, key, meter);
                var pruned = child.IsNull || child.IsError ? child : DeleteDeeper(child, paths[i..end].ToArray(), depth + 1, meter);
                if (pruned.IsError)
                {
                    return pruned;
                }

                if (!child.IsNull)
                {
                    result = Set(result, key, pruned, meter);
                    if (result.IsError)
                    {
                        return result;
                    }
                }
            }

            i = end;
        }

        return doomed.Count == 0 ? result : Remove(result, doomed, meter);
    }

    private static JqValue DeleteDeeper(JqValue child, JqValue[] paths, int depth, Meter meter) =>
        StackGuard.HasRoom() ? Delete(child, paths, depth, meter) : StackGuard.OnNewStack(() => Delete(child, paths, depth, meter));

    private static JqValue Remove(in JqValue target, List<JqValue> keys, Meter meter)
    {
        meter.ChargeCopy(target.Count);
        switch (target.Ref)
        {
            case null:
                return default;

            case JqObject obj:
                foreach (var key in keys)
                {
                    if (key.Ref is not string name)
                    {
                        return Errors.Raise($"Cannot delete {Errors.KindName(key)} field of object");
                    }

                    obj = obj.Remove(name);
                }

                return JqValue.From(obj);

            case JqArray array:
                return RemoveElements(array, keys);

            default:
                return Errors.Raise($"Cannot delete fields from {Errors.KindName(target)}");
        }
    }

    private static JqValue RemoveElements(JqArray array, List<JqValue> keys)
    {
        var gone = new bool[array.Count];
        foreach (var key in keys)
        {
            if (key.Ref is JqObject slice)
            {
                if (!TryBounds(slice, array.Count, out var start, out var end))
                {
                    return Errors.Raise("Start and end indices of an array slice must be numbers");
                }

                gone.AsSpan(start, end - start).Fill(true);
            }
            else if (!key.IsNumber)
            {
                return Errors.Raise($"Cannot delete {Errors.KindName(key)} element of array");
            }
            else if (!double.IsNaN(key.RawNumber) && Offset(key.RawNumber, array.Count) is var index && index >= 0 && index < array.Count)
            {
                gone[index] = true;
            }
        }

        var kept = new JqValue[array.Count];
        var count = 0;
        for (var i = 0; i < gone.Length; i++)
        {
            if (!gone[i])
            {
                kept[count++] = array[i];
            }
        }

        return JqValue.From(JqArray.Of(kept, count));
    }

    private static JqValue SetElement(JqArray array, double index, in JqValue value, Meter meter)
    {
        if (double.IsNaN(index))
        {
            return Errors.Raise("Cannot set array element at NaN index");
        }

        var offset = Offset(index, array.Count);
        if (offset < 0)
        {
            return Errors.Raise("Out of bounds negative array index");
        }

        if (offset > MaxIndex)
        {
            return Errors.Raise("Array index too large");
        }

        return JqValue.From(array.Set(offset, value, meter));
    }

    private static JqValue SetSlice(JqArray array, JqObject slice, in JqValue value, Meter meter)
    {
        if (!TryBounds(slice, array.Count, out var start, out var end))
        {
            return Errors.Raise("Start and end indices of an array slice must be numbers");
        }

        if (value.Ref is not JqArray insert)
        {
            return Errors.Raise("A slice of an array can only be assigned another array");
        }

        meter.ChargeCopy((long)array.Count + insert.Count);
        return JqValue.From(array.Splice(start, end, insert));
    }

    private static JqValue Slice(in JqValue target, JqObject slice)
    {
        if (target.Ref is JqArray array)
        {
            return TryBounds(slice, array.Count, out var start, out var end)
                ? JqValue.From(array.Slice(start, end))
                : Errors.Raise("Start and end indices of an array slice must be numbers");
        }

        var text = (string)target.Ref!;
        var isFlat = CodePointOrder.IsFlat(text);
        if (!TryBounds(slice, isFlat ? text.Length : CodePointOrder.Count(text), out var from, out var to))
        {
            return Errors.Raise("Start and end indices of an string slice must be numbers");
        }

        return isFlat ? text[from..to] : text[CodePointOrder.IndexOf(text, from)..CodePointOrder.IndexOf(text, to)];
    }

    /// <summary>The start is rounded down, the end up; both count from the end where negative, and are clamped.</summary>
    private static bool TryBounds(JqObject slice, int length, out int start, out int end)
    {
        start = end = 0;
        var (from, to) = (slice.Get("start"), slice.Get("end"));
        if (!(from.IsNull || from.IsNumber) || !(to.IsNull || to.IsNumber))
        {
            return false;
        }

        var first = from.IsNull || double.IsNaN(from.RawNumber) ? 0 : from.RawNumber;
        var last = to.IsNull || double.IsNaN(to.RawNumber) ? length : to.RawNumber;
        first = Math.Clamp(first < 0 ? first + length : first, 0, length);
        last = Math.Clamp(last < 0 ? last + length : last, 0, length);
        start = (int)first;
        end = Math.Max(start, (int)Math.Ceiling(last));
        return true;
    }

    /// <summary>Index rounded down; a negative one counts from the end, and stays negative where it lies before it.</summary>
    private static int Offset(double index, int count)
    {
        var whole = Math.Floor(index);
        return (int)Math.Clamp(whole < 0 ? whole + count : whole, -1, int.MaxValue);
    }
}
