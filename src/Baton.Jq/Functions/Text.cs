using System.Text;

namespace Baton.Jq;

/// <summary>Functions of strings.</summary>
internal static class Text
{
    // White_Space of Unicode, as jq's trim has it.
    private static readonly char[] Space =
    [
        '\t', '\n', '\v', '\f', '\r', ' ', '\u0085', '\u00A0', '\u1680', '\u2000', '\u2001', '\u2002', '\u2003', '\u2004', '\u2005',
        '\u2006', '\u2007', '\u2008', '\u2009', '\u200A', '\u2028', '\u2029', '\u202F', '\u205F', '\u3000',
    ];

    public static JqValue Length(Machine m, JqValue value) => value.Ref switch
    {
        null => 0,
        string text => CodePointOrder.Count(text),
        JqArray or JqObject => value.Count,
        _ when value.IsNumber => Arithmetic.Absolute(value),
        _ => Errors.Type(value, "has no length"),
    };

    public static JqValue Utf8ByteLength(Machine m, JqValue value) =>
        value.Ref is string text ? Encoding.UTF8.GetByteCount(text) : Errors.Type(value, "only strings have UTF-8 byte length");

    public static JqValue ToText(Machine m, JqValue value)
    {
        if (value.Ref is string)
        {
            return value;
        }

        return ToJson(m, value);
    }

    /// <summary>Measured first, so that a small value which shares its parts cannot fill memory with its text.</summary>
    public static JqValue ToJson(Machine m, JqValue value)
    {
        if (value.Ref is JqArray or JqObject or string)
        {
            m.Meter.ChargeText(JsonWriter.Measure(value, m.Meter.Limits.MaxOutputBytes));
        }

        return value.ToJson();
    }

    public static JqValue FromJson(Machine m, JqValue value)
    {
        if (value.Ref is not string text)
        {
            return Errors.Type(value, "only strings can be parsed");
        }

        m.Meter.ChargeText(text.Length);
        try
        {
            return JqValue.Parse(text);
        }
        catch (JqJsonException e)
        {
            return Errors.Raise(e.Message);
        }
    }

    public static JqValue ToNumber(Machine m, JqValue value)
    {
        if (value.IsNumber)
        {
            return value;
        }

        return value.Ref is string text && JsonReader.TryParseNumber(text, out var number) && !double.IsNaN(number.RawNumber) && !double.IsInfinity(number.RawNumber)
            ? number
            : Errors.Type(value, "cannot be parsed as a number");
    }

    public static JqValue ToBoolean(Machine m, JqValue value) => value.Ref switch
    {
        "true" => JqValue.True,
        "false" => JqValue.False,
        _ when value.Kind == JqKind.Boolean => value,
        _ => Errors.Type(value, "cannot be parsed as a boolean"),
    };

    public static JqValue StartsWith(Machine m, JqValue value, JqValue start) =>
        value.Ref is string text && start.Ref is string prefix
            ? JqValue.From(text.StartsWith(prefix, StringComparison.Ordinal))
            : Errors.Raise("startswith() requires string inputs");

    public static JqValue EndsWith(Machine m, JqValue value, JqValue end) =>
        value.Ref is string text && end.Ref is string suffix
            ? JqValue.From(text.EndsWith(suffix, StringComparison.Ordinal))
            : Errors.Raise("endswith() requires string inputs");

    public static JqValue TrimStart(Machine m, JqValue value, JqValue start)
    {
        var starts = StartsWith(m, value, start);
        return starts.IsTrue ? ((string)value.Ref!)[((string)start.Ref!).Length..] : starts.IsError ? starts : value;
    }

    public static JqValue TrimEnd(Machine m, JqValue value, JqValue end)
    {
        var ends = EndsWith(m, value, end);
        return ends.IsTrue ? ((string)value.Ref!)[..^((string)end.Ref!).Length] : ends.IsError ? ends : value;
    }

    public static JqValue TrimBoth(Machine m, JqValue value, JqValue part)
    {
        var trimmed = TrimStart(m, value, part);
        return trimmed.IsError ? trimmed : TrimEnd(m, trimmed, part);
    }

    public static JqValue Trim(Machine m, JqValue value) =>
        value.Ref is string text ? text.Trim(Space) : Errors.Raise("trim input must be a string");

    public static JqValue TrimLeft(Machine m, JqValue value) =>
        value.Ref is string text ? text.TrimStart(Space) : Errors.Raise("trim input must be a string");

    public static JqValue TrimRight(Machine m, JqValue value) =>
        value.Ref is string text ? text.TrimEnd(Space) : Errors.Raise("trim input must be a string");

    public static JqValue Downcase(Machine m, JqValue value) => MapAscii(value, "ascii_downcase", char.IsAsciiLetterUpper);

    public static JqValue Upcase(Machine m, JqValue value) => MapAscii(value, "ascii_upcase", char.IsAsciiLetterLower);

    public static JqValue Split(Machine m, JqValue value, JqValue separator) =>
        value.Ref is string text && separator.Ref is string by
            ? Split(m, text, by)
            : Errors.Raise("split input and separator must be strings");

    public static JqValue Split(Machine m, string text, string separator)
    {
        m.Meter.ChargeText(text.Length);
        if (text.Length == 0)
        {
            return JqValue.From(JqArray.Of([]));
        }

        if (separator.Length > 0)
        {
            return JqValue.From(JqArray.Of(Array.ConvertAll(text.Split(separator), part => (JqValue)part)));
        }

        var characters = new List<JqValue>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            characters.Add(rune.ToString());
        }

        return JqValue.FromArray(characters);
    }

    public static JqValue Explode(Machine m, JqValue value)
    {
        if (value.Ref is not string text)
        {
            return Errors.Raise("explode input must be a string");
        }

        m.Meter.ChargeCopy(text.Length);
        var points = new List<JqValue>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            points.Add(rune.Value);
        }

        return JqValue.FromArray(points);
    }

    public static JqValue Implode(Machine m, JqValue value)
    {
        if (value.Ref is not JqArray points)
        {
            return Errors.Raise("implode input must be an array");
        }

        m.Meter.ChargeText(points.Count);
        var text = new StringBuilder(points.Count);
        foreach (var point in points.Span)
        {
            if (!point.IsNumber || double.IsNaN(point.RawNumber))
            {
                return Errors.Type(point, "can't be imploded, unicode codepoint needs to be numeric");
            }

            var number = (int)Math.Clamp(point.RawNumber, -1, 0x110000);
            text.Append(Rune.IsValid(number) ? new Rune(number).ToString() : "\uFFFD");
        }

        return text.ToString();
    }

    /// <summary><c>join</c>: null is empty, numbers and booleans are printed, the rest must be strings.</summary>
    public static JqValue Join(Machine m, JqValue value, JqValue separator)
    {
        if (value.Ref is not (JqArray or JqObject))
        {
            return Errors.Raise(value.IsNull ? "Cannot iterate over null" : $"Cannot iterate over {Errors.Describe(value)}");
        }

        var text = new StringBuilder();
        for (var i = 0; i < value.Count; i++)
        {
            var item = value.Ref is JqArray array ? array[i] : ((JqObject)value.Ref).ValueAt(i);
            if (i > 0)
            {
                if (separator.Ref is string between)
                {
                    text.Append(between);
                }
                else if (!separator.IsNull)
                {
                    return Errors.Type(text.ToString(), separator, "cannot be added");
                }
            }

            if (item.Ref is JqArray or JqObject)
            {
                return Errors.Type(text.ToString(), item, "cannot be added");
            }

            text.Append(item.IsNull ? "" : item.Ref as string ?? item.ToJson());
            m.Meter.Step();
        }

        m.Meter.ChargeText(text.Length);
        return text.ToString();
    }

    public static JqValue Contains(Machine m, JqValue value, JqValue part)
    {
        var isComparable = value.Kind == part.Kind && (value.Kind != JqKind.Boolean || value.IsTrue == part.IsTrue);
        return isComparable
            ? JqValue.From(ValueComparer.Contains(value, part, m.Meter))
            : Errors.Type(value, part, "cannot have their containment checked");
    }

    public static JqValue StringIndices(Machine m, JqValue value, JqValue part)
    {
        if (value.Ref is not string text)
        {
            return Errors.Type(value, "cannot be searched, as it is not a string");
        }

        if (part.Ref is not string sought)
        {
            return Errors.Type(part, "is not a string");
        }

        var found = new List<JqValue>();
        if (sought.Length > 0)
        {
            var points = 0;
            var counted = 0;
            for (var i = text.IndexOf(sought, StringComparison.Ordinal); i >= 0; i = text.IndexOf(sought, i + 1, StringComparison.Ordinal))
            {
                m.Meter.Step();
                points += CodePointOrder.Count(text[counted..i]);
                counted = i;
                found.Add(points);
            }
        }

        return JqValue.FromArray(found);
    }

    public static JqValue Indices(Machine m, JqValue value, JqValue part) => (value.Ref, part.Ref) switch
    {
        (null, _) => default,
        (string, string) => StringIndices(m, value, part),
        (JqArray array, JqArray parts) => IndicesOf(array, parts, m.Meter),
        (JqArray array, _) => IndicesOf(array, JqArray.Of(part), m.Meter),
        _ => Access.Get(value, part, m.Meter),
    };

    /// <summary>Where a run of elements equals the part; null for an empty one.</summary>
    public static JqValue IndicesOf(JqArray array, JqArray part, Meter meter)
    {
        if (part.Count == 0)
        {
            return default;
        }

        var found = new List<JqValue>();
        for (var i = 0; i + part.Count <= array.Count; i++)
        {
            meter.Step();
            var j = 0;
            while (j < part.Count && ValueComparer.AreEqual(array[i + j], part[j], meter))
            {
                meter.Step();
                j++;
            }

            if (j == part.Count)
            {
                found.Add(i);
            }
        }

        return JqValue.FromArray(found);
    }

    private static JqValue MapAscii(JqValue value, string name, Func<char, bool> changes)
    {
        if (value.Ref is not string text)
        {
            return Errors.Raise($"{name} input must be a string");
        }

        // Bit 5 is all that tells the cases of ASCII letters apart.
        return string.Create(text.Length, (text, changes), static (span, state) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                var c = state.text[i];
                span[i] = state.changes(c) ? (char)(c ^ 0x20) : c;
            }
        });
    }
}
