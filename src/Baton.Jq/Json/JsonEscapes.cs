using System.Text;

namespace Baton.Jq;

/// <summary>The escapes of JSON strings, which are also those of jq's own string literals.</summary>
internal static class JsonEscapes
{
    /// <summary>Decodes what stands between the quotes; null where an escape is wrong.</summary>
    public static string? Decode(ReadOnlySpan<byte> utf8)
    {
        var text = new StringBuilder(utf8.Length);
        while (true)
        {
            var slash = utf8.IndexOf((byte)'\\');
            if (slash < 0)
            {
                return text.Append(Encoding.UTF8.GetString(utf8)).ToString();
            }

            text.Append(Encoding.UTF8.GetString(utf8[..slash]));
            utf8 = utf8[(slash + 1)..];
            if (Fault(utf8) is not null)
            {
                return null;
            }

            utf8 = utf8[Append(text, utf8)..];
        }
    }

    /// <summary>What is wrong with the escape whose backslash was just read, in jq's words; null if nothing.</summary>
    public static string? Fault(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return "Expected escape character at end of string";
        }

        if (rest[0] != 'u')
        {
            return "\\\"/bfnrt"u8.Contains(rest[0]) ? null : "Invalid escape";
        }

        if (rest.Length < 5)
        {
            return "Invalid \\uXXXX escape";
        }

        var unit = Hex(rest[1..5]);
        if (unit < 0)
        {
            return "Invalid characters in \\uXXXX escape";
        }

        return null;
    }

    private static int Append(StringBuilder text, ReadOnlySpan<byte> rest)
    {
        switch (rest[0])
        {
            case (byte)'b':
                text.Append('\b');
                return 1;
            case (byte)'f':
                text.Append('\f');
                return 1;
            case (byte)'n':
                text.Append('\n');
                return 1;
            case (byte)'r':
                text.Append('\r');
                return 1;
            case (byte)'t':
                text.Append('\t');
                return 1;
            case (byte)'u':
                break;
            default:
                text.Append((char)rest[0]);
                return 1;
        }

        var unit = (char)Hex(rest[1..5]);
        if (char.IsHighSurrogate(unit) && rest.Length >= 11 && rest[5] == '\\' && rest[6] == 'u' && Hex(rest[7..11]) is >= 0xDC00 and <= 0xDFFF and var low)
        {
            text.Append(unit).Append((char)low);
            return 11;
        }

        text.Append(char.IsSurrogate(unit) ? '\uFFFD' : unit);
        return 5;
    }

    private static int Hex(ReadOnlySpan<byte> digits)
    {
        var value = 0;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                return -1;
            }

            value = (value << 4) | Convert.ToInt32(((char)digit).ToString(), 16);
        }

        return value;
    }
}
