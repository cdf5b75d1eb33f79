using System.Buffers;
using System.Text;

namespace Baton.Jq;

/// <summary>Reads JSON texts from UTF-8 into values. Not thread-safe; reuse one for many texts.</summary>
/// <remarks>
/// The reader only decides whether a text is right, on an explicit stack: finished values and keys wait in two arrays
/// until their container closes. Where a text is wrong, <see cref="JsonDiagnostics"/> reads it again, slowly, to say
/// what jq would say. Keys are kept, since JSON lines repeat them: a key met again costs a comparison, no string.
/// </remarks>
internal sealed class JsonReader
{
    public const int MaxDepth = 10_000;

    private const int KeySlots = 512;
    private const int MaxKeptKey = 64;

    private static readonly SearchValues<byte> StringStops = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(i => (byte)i), (byte)'"', (byte)'\\']);

    private static readonly double[] PowersOfTen = [.. Enumerable.Range(0, 16).Select(i => Math.Pow(10, i))];

    private readonly (byte[] Utf8, string Text)[] _keptKeys = new (byte[], string)[KeySlots];
    private JqValue[] _values = new JqValue[64];
    private string[] _keys = new string[32];
    private Frame[] _frames = new Frame[16];

    private int _valueCount;
    private int _keyCount;
    private int _frameCount;

    /// <summary>The one text in the span. Throws <see cref="JqJsonException"/> as <c>fromjson</c> words it.</summary>
    public static JqValue ParseOne(ReadOnlySpan<byte> utf8)
    {
        var reader = new JsonReader();
        var position = 0;
        if (reader.TryReadPart(utf8, ref position, out var value) && OnlySpace(utf8[position..]))
        {
            return value;
        }

        throw new JqJsonException($"{JsonDiagnostics.DescribeOne(utf8)} (while parsing '{Encoding.UTF8.GetString(utf8)}')");
    }

    /// <summary>The next text from the position on; false at the end. Throws where it is broken.</summary>
    public bool TryRead(ReadOnlySpan<byte> utf8, ref int position, out JqValue value)
    {
        var start = position;
        if (TryReadPart(utf8, ref position, out value))
        {
            return true;
        }

        return OnlySpace(SkipMark(utf8[start..], start)) ? false : throw new JqJsonException(JsonDiagnostics.Describe(utf8) ?? "Invalid JSON text");
    }

    private static ReadOnlySpan<byte> SkipMark(ReadOnlySpan<byte> utf8, int position) =>
        position == 0 && utf8.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;

    public static bool OnlySpace(ReadOnlySpan<byte> utf8) => utf8.IndexOfAnyExcept(" \t\r\n"u8) < 0;

    private static int SkipSpace(ReadOnlySpan<byte> utf8, int position)
    {
        while ((uint)position < (uint)utf8.Length && utf8[position] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            position++;
        }

        return position;
    }

    /// <summary>False at the end and at any fault, without saying which.</summary>
    public bool TryReadPart(ReadOnlySpan<byte> utf8, ref int position, out JqValue value)
    {
        value = default;
        _valueCount = _keyCount = _frameCount = 0;
        var at = position == 0 && utf8.StartsWith("\uFEFF"u8) ? 3 : position;
        while (true)
        {
            // 1. A value, or the start of a container.
            at = SkipSpace(utf8, at);
            if (at >= utf8.Length)
            {
                return false;
            }

            JqValue item;
            switch (utf8[at])
            {
                case (byte)'"':
                    at++;
                    if (ReadString(utf8, ref at, isKey: false) is not { } text)
                    {
                        return false;
                    }

                    item = JqValue.From(text);
                    break;

                case (byte)'{':
                    at = SkipSpace(utf8, at + 1);
                    if (at < utf8.Length && utf8[at] == '}' && _frameCount < MaxDepth)
                    {
                        at++;
                        item = JqValue.From(JqObject.Empty);
                        break;
                    }

                    if (!Push(isObject: true) || !ReadKey(utf8, ref at))
                    {
                        return false;
                    }

                    continue;

                case (byte)'[':
                    at = SkipSpace(utf8, at + 1);
                    if (at < utf8.Length && utf8[at] == ']' && _frameCount < MaxDepth)
                    {
                        at++;
                        item = JqValue.From(JqArray.Of([]));
                        break;
                    }

                    if (!Push(isObject: false))
                    {
                        return false;
                    }

                    continue;

                default:
                    if (!TryReadLiteral(utf8, ref at, out item))
                    {
                        return false;
                    }

                    break;
            }

            // 2. Put it where it belongs, and close what ends here.
            while (true)
            {
                if (_frameCount == 0)
                {
                    position = at;
                    value = item;
                    return true;
                }

                Add(item);
                at = SkipSpace(utf8, at);
                if (at >= utf8.Length)
                {
                    return false;
                }

                ref var frame = ref _frames[_frameCount - 1];
                var c = utf8[at++];
                if (c == ',')
                {
                    if (!frame.IsObject || ReadKey(utf8, ref at))
                    {
                        break;
                    }

                    return false;
                }

                if (c != (frame.IsObject ? (byte)'}' : (byte)']'))
                {
                    return false;
                }

                item = Close(frame);
                _frameCount--;
            }
        }
    }

    private bool Push(bool isObject)
    {
        if (_frameCount >= MaxDepth)
        {
            return false;
        }

        if (_frameCount == _frames.Length)
        {
            Array.Resize(ref _frames, _frameCount * 2);
        }

        _frames[_frameCount++] = new Frame { IsObject = isObject, FirstValue = _valueCount, FirstKey = _keyCount };
        return true;
    }

    private void Add(in JqValue item)
    {
        if (_valueCount == _values.Length)
        {
            Array.Resize(ref _values, _valueCount * 2);
        }

        _values[_valueCount++] = item;
    }

    private JqValue Close(in Frame frame)
    {
        var items = _values.AsSpan(frame.FirstValue, _valueCount - frame.FirstValue);
        _valueCount = frame.FirstValue;
        if (!frame.IsObject)
        {
            return JqValue.From(JqArray.Of(items.ToArray()));
        }

        var keys = _keys.AsSpan(frame.FirstKey, _keyCount - frame.FirstKey);
        _keyCount = frame.FirstKey;
        return JqValue.From(JqObject.Of(keys, items));
    }

    private bool ReadKey(ReadOnlySpan<byte> utf8, ref int at)
    {
        at = SkipSpace(utf8, at);
        if (at >= utf8.Length || utf8[at] != '"')
        {
            return false;
        }

        at++;
        if (ReadString(utf8, ref at, isKey: true) is not { } key)
        {
            return false;
        }

        at = SkipSpace(utf8, at);
        if (at >= utf8.Length || utf8[at] != ':')
        {
            return false;
        }

        at++;
        if (_keyCount == _keys.Length)
        {
            Array.Resize(ref _keys, _keyCount * 2);
        }

        _keys[_keyCount++] = key;
        return true;
    }

    /// <summary>Reads from behind the opening quote to behind the closing one; null at a fault.</summary>
    private string? ReadString(ReadOnlySpan<byte> utf8, ref int at, bool isKey)
    {
        var rest = utf8[at..];
        var stop = rest.IndexOfAny(StringStops);
        if (stop < 0)
        {
            return null;
        }

        if (rest[stop] == '"')
        {
            at += stop + 1;
            var text = rest[..stop];
            return isKey && stop <= MaxKeptKey ? KeptKey(text) : Encoding.UTF8.GetString(text);
        }

        // An escape: find the end, then decode the whole.
        var end = stop;
        while (rest[end] == '\\')
        {
            if (end + 2 > rest.Length)
            {
                return null;
            }

            var next = rest[(end + 2)..].IndexOfAny(StringStops);
            if (next < 0)
            {
                return null;
            }

            end += next + 2;
        }

        at += end + 1;
        return rest[end] == '"' ? JsonEscapes.Decode(rest[..end]) : null;
    }

    private string KeptKey(ReadOnlySpan<byte> utf8)
    {
        var length = utf8.Length;
        var hash = length == 0 ? 0 : (length * 31) + (utf8[0] * 7) + (utf8[length >> 1] * 131) + (utf8[length - 1] * 17);
        ref var slot = ref _keptKeys[hash & (KeySlots - 1)];
        if (slot.Utf8 is not null && utf8.SequenceEqual(slot.Utf8))
        {
            return slot.Text;
        }

        slot = (utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        return slot.Text;
    }

    private static bool TryReadLiteral(ReadOnlySpan<byte> utf8, ref int at, out JqValue value)
    {
        var rest = utf8[at..];
        value = default;
        switch (rest[0])
        {
            case (byte)'t' when Is(rest, "true"u8):
                at += 4;
                value = JqValue.True;
                return true;

            case (byte)'f' when Is(rest, "false"u8):
                at += 5;
                value = JqValue.False;
                return true;

            case (byte)'n' when Is(rest, "null"u8):
                at += 4;
                return true;

            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                return TryReadNumber(rest, ref at, out value);

            default:
                return TryReadUnusual(rest, ref at, out value);
        }
    }

    private static bool Is(ReadOnlySpan<byte> rest, ReadOnlySpan<byte> word) =>
        rest.StartsWith(word) && (rest.Length == word.Length || IsDelimiter(rest[word.Length]));

    private static bool IsDelimiter(byte c) =>
        c is (byte)',' or (byte)']' or (byte)'}' or (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t' or (byte)':' or (byte)'[' or (byte)'{' or (byte)'"';

    /// <summary>Up to fifteen digits are exact as a double and print as they were; all else goes the long way.</summary>
    private static bool TryReadNumber(ReadOnlySpan<byte> rest, ref int at, out JqValue value)
    {
        var i = rest[0] == '-' ? 1 : 0;
        var first = i;
        long mantissa = 0;
        while (i < rest.Length && (uint)(rest[i] - '0') <= 9 && i - first < 16)
        {
            mantissa = (mantissa * 10) + (rest[i++] - '0');
        }

        var digits = i - first;
        var usual = digits is > 0 and < 16 && (digits == 1 || rest[first] != '0');
        var decimals = 0;
        if (usual && i < rest.Length && rest[i] == '.')
        {
            var point = i++;
            while (i < rest.Length && (uint)(rest[i] - '0') <= 9 && digits + decimals < 16)
            {
                mantissa = (mantissa * 10) + (rest[i++] - '0');
                decimals = i - point - 1;
            }

            // Trailing zeros, and fractions small enough for an exponent, print otherwise as doubles.
            usual = decimals > 0 && digits + decimals < 16 && rest[i - 1] != '0' && (rest[first] != '0' || rest[point + 1] != '0');
        }

        if (usual && (i == rest.Length || IsDelimiter(rest[i])))
        {
            at += i;
            var magnitude = decimals == 0 ? mantissa : mantissa / PowersOfTen[decimals];
            value = JqValue.From(first == 1 ? -magnitude : magnitude);
            return true;
        }

        return TryReadUnusual(rest, ref at, out value);
    }

    private static bool TryReadUnusual(ReadOnlySpan<byte> rest, ref int at, out JqValue value)
    {
        var length = 0;
        while (length < rest.Length && !IsDelimiter(rest[length]))
        {
            length++;
        }

        at += length;
        return TryParseNumber(Encoding.UTF8.GetString(rest[..length]), out value);
    }

    /// <summary>A number as jq reads it: JSON's, a leading plus, <c>.5</c>, <c>5.</c>, nan and Infinity.</summary>
    public static bool TryParseNumber(string token, out JqValue value)
    {
        value = default;
        var unsigned = token.AsSpan(token.Length > 0 && token[0] is '-' or '+' ? 1 : 0);
        if (unsigned.Equals("nan", StringComparison.OrdinalIgnoreCase))
        {
            value = JqValue.From(double.NaN);
            return true;
        }

        if (unsigned.Equals("infinity", StringComparison.OrdinalIgnoreCase) || unsigned.Equals("inf", StringComparison.OrdinalIgnoreCase))
        {
            value = JqValue.From(token[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity);
            return true;
        }

        if (!IsDecimal(unsigned))
        {
            return false;
        }

        value = NumberLiteral.Read(token);
        return true;
    }

    private static bool IsDecimal(ReadOnlySpan<char> text)
    {
        var i = 0;
        var digits = 0;
        var seenPoint = false;
        for (; i < text.Length && (char.IsAsciiDigit(text[i]) || (text[i] == '.' && !seenPoint)); i++)
        {
            seenPoint |= text[i] == '.';
            digits += text[i] == '.' ? 0 : 1;
        }

        if (digits == 0)
        {
            return false;
        }

        if (i < text.Length && text[i] is 'e' or 'E')
        {
            i++;
            i += i < text.Length && text[i] is '-' or '+' ? 1 : 0;
            var first = i;
            while (i < text.Length && char.IsAsciiDigit(text[i]))
            {
                i++;
            }

            if (i == first)
            {
                return false;
            }
        }

        return i == text.Length;
    }

    private struct Frame
    {
        public bool IsObject;
        public int FirstValue;
        public int FirstKey;
    }
}
