using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;

namespace Baton.Jq;

/// <summary>Layout of JSON text: compact, or with each element on a line of its own.</summary>
/// <param name="Indent">Spaces per level; 0 for compact, -1 for one tab.</param>
internal readonly record struct JsonLayout(int Indent, bool SortKeys = false, bool Ascii = false)
{
    public static JsonLayout Compact => default;
}

/// <summary>Writes values as UTF-8 JSON on an explicit stack, so that depth costs no thread stack.</summary>
/// <remarks>Below 10,000 levels it writes <c>&lt;skipped: too deep&gt;</c> where the values stand, as jq does.</remarks>
internal static class JsonWriter
{
    public const int MaxDepth = 10_000;

    private static readonly SearchValues<char> EscapedChars = SearchValues.Create(
        [.. Enumerable.Range(0, 32).Select(i => (char)i), '"', '\\', (char)127, .. Enumerable.Range(0xD800, 0x800).Select(i => (char)i)]);

    public static string ToJson(in JqValue value)
    {
        var output = new ArrayBufferWriter<byte>(64);
        Write(value, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>Compact text, cut where it is sure to be longer than the bytes asked for.</summary>
    public static string ToJsonPrefix(in JqValue value, int bytes)
    {
        var output = new ArrayBufferWriter<byte>(64);
        Write(value, output, stopAfter: bytes);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    public static byte[] ToUtf8(in JqValue value)
    {
        var output = new ArrayBufferWriter<byte>(256);
        Write(value, output);
        return output.WrittenSpan.ToArray();
    }

    public static void Write(in JqValue value, IBufferWriter<byte> output, JsonLayout layout = default, long stopAfter = long.MaxValue)
    {
        var sink = new Sink(output, layout);
        if (value.Ref is not (JqArray or JqObject))
        {
            sink.Scalar(value);
        }
        else
        {
            WriteTree(value, ref sink, stopAfter);
        }

        sink.Flush();
    }

    /// <summary>Bytes that the compact text takes, counted only until it is clear that they exceed the limit.</summary>
    public static long Measure(in JqValue value, long limit)
    {
        var total = 0L;
        var pending = new Stack<JqValue>();
        pending.Push(value);
        while (total <= limit && pending.TryPop(out var next))
        {
            switch (next.Ref)
            {
                case JqArray array:
                    total += 1 + Math.Max(1, array.Count);
                    PushAll(array, pending, limit - total);
                    break;

                case JqObject obj:
                    total += 2;
                    for (var i = 0; i < obj.Count && total <= limit; i++)
                    {
                        total += obj.KeyAt(i).Length + 4;
                        pending.Push(obj.ValueAt(i));
                    }

                    break;

                case string text:
                    total += 2 + Encoding.UTF8.GetByteCount(text);
                    break;

                default:
                    total += next.IsNumber ? Math.Abs(next.RawNumber) < 10 && next.IsPlainNumber ? 1 : 8 : 4;
                    break;
            }
        }

        return total;
    }

    private static void PushAll(JqArray array, Stack<JqValue> pending, long limit)
    {
        if (array.Count > limit)
        {
            return;
        }

        foreach (var item in array.Span)
        {
            pending.Push(item);
        }
    }

    private static void WriteTree(in JqValue root, ref Sink sink, long stopAfter)
    {
        var stack = new Level[16];
        var depth = 0;
        Open(root, ref sink, ref stack, ref depth);
        while (depth > 0 && sink.Written <= stopAfter)
        {
            ref var level = ref stack[depth - 1];
            if (level.Next == level.Count)
            {
                depth--;
                if (level.Count > 0)
                {
                    sink.NewLine(depth);
                }

                sink.Byte(level.Array is null ? (byte)'}' : (byte)']');
                continue;
            }

            if (level.Next > 0)
            {
                sink.Byte((byte)',');
            }

            sink.NewLine(depth);
            JqValue item;
            if (level.Array is { } array)
            {
                item = array[level.Next++];
            }
            else if (level.Keys is { } keys)
            {
                var key = keys[level.Next++];
                sink.Key(key);
                item = level.Object!.Get(key);
            }
            else
            {
                sink.Key(level.Object!.KeyAt(level.Next));
                item = level.Object.ValueAt(level.Next++);
            }

            if (item.Ref is not (JqArray or JqObject))
            {
                sink.Scalar(item);
            }
            else if (depth > MaxDepth)
            {
                sink.Raw("<skipped: too deep>"u8);
            }
            else
            {
                Open(item, ref sink, ref stack, ref depth);
            }
        }
    }

    private static void Open(in JqValue value, ref Sink sink, ref Level[] stack, ref int depth)
    {
        if (depth == stack.Length)
        {
            Array.Resize(ref stack, depth * 2);
        }

        var obj = value.Ref as JqObject;
        stack[depth++] = new Level
        {
            Array = value.Ref as JqArray,
            Object = obj,
            Keys = sink.Layout.SortKeys ? obj?.SortedKeys() : null,
            Count = value.Count,
        };
        sink.Byte(obj is null ? (byte)'[' : (byte)'{');
    }

    private struct Level
    {
        public JqArray? Array;
        public JqObject? Object;
        public string[]? Keys;
        public int Next;
        public int Count;
    }

    /// <summary>Bytes gathered in a span taken from the output, so that each small write is a store.</summary>
    private ref struct Sink(IBufferWriter<byte> output, JsonLayout layout)
    {
        private Span<byte> _span = output.GetSpan(256);
        private int _used;
        private long _flushed;

        public readonly JsonLayout Layout => layout;

        public readonly long Written => _flushed + _used;

        public void Flush()
        {
            output.Advance(_used);
            _used = 0;
            _span = default;
        }

        public void Byte(byte value)
        {
            Reserve(1);
            _span[_used++] = value;
        }

        public void Raw(ReadOnlySpan<byte> bytes)
        {
            Reserve(bytes.Length);
            bytes.CopyTo(_span[_used..]);
            _used += bytes.Length;
        }

        public void NewLine(int depth)
        {
            if (layout.Indent == 0)
            {
                return;
            }

            Byte((byte)'\n');
            var width = layout.Indent < 0 ? depth : depth * layout.Indent;
            Reserve(width);
            _span.Slice(_used, width).Fill(layout.Indent < 0 ? (byte)'\t' : (byte)' ');
            _used += width;
        }

        public void Key(string key)
        {
            Text(key);
            Byte((byte)':');
            if (layout.Indent != 0)
            {
                Byte((byte)' ');
            }
        }

        public void Scalar(in JqValue value)
        {
            switch (value.Ref)
            {
                case string text:
                    Text(text);
                    break;

                case NumberLiteral literal:
                    Reserve(literal.Text.Length);
                    _used += Encoding.ASCII.GetBytes(literal.Text, _span[_used..]);
                    break;

                default:
                    if (value.IsPlainNumber)
                    {
                        Reserve(NumberText.MaxLength);
                        _used += NumberText.Write(value.RawNumber, _span[_used..]);
                    }
                    else
                    {
                        Raw(value.IsNull ? "null"u8 : value.IsTrue ? "true"u8 : "false"u8);
                    }

                    break;
            }
        }

        private void Text(string text)
        {
            Reserve((text.Length * 3) + 2);
            _span[_used++] = (byte)'"';
            if (!layout.Ascii && text.AsSpan().IndexOfAny(EscapedChars) < 0)
            {
                Utf8.FromUtf16(text, _span[_used..], out _, out var written);
                _used += written;
            }
            else
            {
                Escape(text);
            }

            Byte((byte)'"');
        }

        private void Escape(string text)
        {
            foreach (var rune in text.EnumerateRunes())
            {
                Reserve(12);
                switch (rune.Value)
                {
                    case '"':
                        Raw("\\\""u8);
                        break;
                    case '\\':
                        Raw("\\\\"u8);
                        break;
                    case '\b':
                        Raw("\\b"u8);
                        break;
                    case '\t':
                        Raw("\\t"u8);
                        break;
                    case '\n':
                        Raw("\\n"u8);
                        break;
                    case '\f':
                        Raw("\\f"u8);
                        break;
                    case '\r':
                        Raw("\\r"u8);
                        break;
                    case < 32 or 127:
                        Unicode((char)rune.Value);
                        break;
                    case > 127 when layout.Ascii:
                        foreach (var unit in rune.ToString())
                        {
                            Unicode(unit);
                        }

                        break;
                    default:
                        _used += rune.EncodeToUtf8(_span[_used..]);
                        break;
                }
            }
        }

        private void Unicode(char unit)
        {
            Raw("\\u"u8);
            Reserve(4);
            Utf8Formatter.TryFormat((uint)unit, _span[_used..], out var written, new StandardFormat('x', 4));
            _used += written;
        }

        private void Reserve(int count)
        {
            if (_span.Length - _used >= count)
            {
                return;
            }

            output.Advance(_used);
            _flushed += _used;
            _used = 0;
            _span = output.GetSpan(Math.Max(count, 4096));
        }
    }
}
