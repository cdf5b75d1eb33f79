using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Baton.Jq;

/// <summary>Doubles as jq prints them: shortest digits that read back, scientific once sixteen zeros or more would pad the digits, or four follow the point.</summary>
internal static class NumberText
{
    /// <summary>Longest text that <see cref="TryWrite"/> produces.</summary>
    public const int MaxLength = 32;

    public static string Format(double value)
    {
        Span<byte> buffer = stackalloc byte[MaxLength];
        return Encoding.ASCII.GetString(buffer[..Write(value, buffer)]);
    }

    /// <summary>Writes at most <see cref="MaxLength"/> bytes and answers how many. nan is null.</summary>
    public static int Write(double value, Span<byte> output)
    {
        if (double.IsNaN(value))
        {
            "null"u8.CopyTo(output);
            return 4;
        }

        // Up to here an integer never has sixteen trailing zeros to hide behind an exponent.
        if (Math.Abs(value) < 1e16 && value == Math.Truncate(value) && (value != 0 || !double.IsNegative(value)))
        {
            Utf8Formatter.TryFormat((long)value, output, out var length);
            return length;
        }

        return WriteShortest(double.IsInfinity(value) ? double.CopySign(double.MaxValue, value) : value, output);
    }

    private static int WriteShortest(double value, Span<byte> output)
    {
        Span<byte> shortest = stackalloc byte[MaxLength];
        value.TryFormat(shortest, out var shortLength, "R", CultureInfo.InvariantCulture);
        return Layout(shortest[..shortLength], output);
    }

    private static int Layout(ReadOnlySpan<byte> text, Span<byte> output)
    {
        // 1. Take sign, digits and decimal point position apart.
        Span<byte> digits = stackalloc byte[MaxLength];
        var count = 0;
        var point = 0;
        var seenPoint = false;
        var exponent = 0;
        var length = 0;
        var i = 0;
        if (text[0] == '-')
        {
            output[length++] = (byte)'-';
            i = 1;
        }

        for (; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '.')
            {
                seenPoint = true;
            }
            else if (c == 'E')
            {
                exponent = int.Parse(text[(i + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                break;
            }
            else
            {
                if (count > 0 || c != '0')
                {
                    digits[count++] = c;
                    if (!seenPoint)
                    {
                        point++;
                    }
                }
                else if (seenPoint)
                {
                    point--;
                }
            }
        }

        if (count == 0)
        {
            output[length++] = (byte)'0';
            return length;
        }

        while (count > 1 && digits[count - 1] == '0')
        {
            count--;
        }

        point += exponent;

        // 2. Lay them out: scientific, small fraction, integer with zeros, or with a point inside.
        if (point <= -4 || point > count + 15)
        {
            output[length++] = digits[0];
            if (count > 1)
            {
                output[length++] = (byte)'.';
                digits[1..count].CopyTo(output[length..]);
                length += count - 1;
            }

            output[length++] = (byte)'e';
            var e = point - 1;
            output[length++] = (byte)(e < 0 ? '-' : '+');
            Utf8Formatter.TryFormat((uint)Math.Abs(e), output[length..], out var written, new System.Buffers.StandardFormat('D', 2));
            return length + written;
        }

        if (point <= 0)
        {
            "0."u8.CopyTo(output[length..]);
            length += 2;
            output.Slice(length, -point).Fill((byte)'0');
            length -= point;
            digits[..count].CopyTo(output[length..]);
            return length + count;
        }

        if (count <= point)
        {
            digits[..count].CopyTo(output[length..]);
            output.Slice(length + count, point - count).Fill((byte)'0');
            return length + point;
        }

        digits[..point].CopyTo(output[length..]);
        length += point;
        output[length++] = (byte)'.';
        digits[point..count].CopyTo(output[length..]);
        return length + count - point;
    }
}
