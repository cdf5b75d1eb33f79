using System.Text;

namespace Baton.Jq;

/// <summary><c>@csv</c> and its like.</summary>
internal static class Formats
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /// <summary>The function of a format, or null where there is none of that name.</summary>
    public static Func<Machine, JqValue, JqValue>? Find(string name) => name switch
    {
        "text" => Text.ToText,
        "json" => Text.ToJson,
        "csv" => (m, value) => Row(m, value, "csv", ",", text => $"\"{text.Replace("\"", "\"\"")}\""),
        "tsv" => (m, value) => Row(m, value, "tsv", "\t", EscapeTsv),
        "html" => (m, value) => OfText(m, value, EscapeHtml),
        "uri" => (m, value) => OfText(m, value, EscapeUri),
        "urid" => DecodeUri,
        "sh" => Shell,
        "base64" => (m, value) => OfText(m, value, text => Convert.ToBase64String(Encoding.UTF8.GetBytes(text))),
        "base64d" => DecodeBase64,
        "base32" => (m, value) => OfText(m, value, EncodeBase32),
        "base32d" => DecodeBase32,
        _ => null,
    };

    public static JqValue Format(Machine m, JqValue value, JqValue name)
    {
        if (name.Ref is not string text)
        {
            return Errors.Type(name, "is not a valid format");
        }

        return Find(text) is { } format ? format(m, value) : Errors.Raise($"{text} is not a valid format");
    }

    private static JqValue OfText(Machine m, JqValue value, Func<string, string> convert)
    {
        var text = Text.ToText(m, value);
        if (text.Ref is not string plain)
        {
            return text;
        }

        m.Meter.ChargeText(plain.Length);
        return convert(plain);
    }

    private static JqValue Row(Machine m, JqValue value, string name, string separator, Func<string, string> quote)
    {
        if (value.Ref is not JqArray cells)
        {
            return Errors.Type(value, $"cannot be {name}-formatted, only an array can be");
        }

        var row = new StringBuilder();
        for (var i = 0; i < cells.Count; i++)
        {
            m.Meter.Step();
            row.Append(i > 0 ? separator : "");
            var cell = cells[i];
            switch (cell.Ref)
            {
                case null:
                    break;
                case string text:
                    row.Append(quote(text));
                    break;
                case JqArray or JqObject:
                    return Errors.Type(cell, "is not valid in a csv row");
                default:
                    row.Append(cell.IsNumber && double.IsNaN(cell.RawNumber) ? "" : cell.ToJson());
                    break;
            }
        }

        m.Meter.ChargeText(row.Length);
        return row.ToString();
    }

    private static string EscapeTsv(string text) =>
        text.Replace("\\", "\\\\").Replace("\t", "\\t").Replace("\r", "\\r").Replace("\n", "\\n");

    private static string EscapeHtml(string text) =>
        text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("'", "&apos;").Replace("\"", "&quot;");

    private static string EscapeUri(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' or (byte)'.' or (byte)'~')
            {
                result.Append((char)b);
            }
            else
            {
                result.Append('%').Append(b.ToString("X2"));
            }
        }

        return result.ToString();
    }

    private static JqValue DecodeUri(Machine m, JqValue value)
    {
        var text = Text.ToText(m, value);
        if (text.Ref is not string encoded)
        {
            return text;
        }

        var utf8 = Encoding.UTF8.GetBytes(encoded);
        var decoded = new List<byte>(utf8.Length);
        for (var i = 0; i < utf8.Length; i++)
        {
            if (utf8[i] != '%')
            {
                decoded.Add(utf8[i]);
                continue;
            }

            if (i + 2 >= utf8.Length || !char.IsAsciiHexDigit((char)utf8[i + 1]) || !char.IsAsciiHexDigit((char)utf8[i + 2]))
            {
                return Errors.Type(text, "is not a valid uri encoding");
            }

            decoded.Add(Convert.FromHexString(Encoding.ASCII.GetString(utf8, i + 1, 2))[0]);
            i += 2;
        }

        var bytes = decoded.ToArray();
        return System.Text.Unicode.Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes)
            : Errors.Type(text, "is not a valid uri encoding");
    }

    private static JqValue Shell(Machine m, JqValue value)
    {
        var words = value.Ref as JqArray ?? JqArray.Of(value);
        var line = new StringBuilder();
        for (var i = 0; i < words.Count; i++)
        {
            m.Meter.Step();
            line.Append(i > 0 ? " " : "");
            switch (words[i].Ref)
            {
                case string text:
                    line.Append('\'').Append(text.Replace("'", "'\\''")).Append('\'');
                    break;
                case JqArray or JqObject:
                    return Errors.Type(words[i], "can not be escaped for shell");
                default:
                    line.Append(words[i].ToJson());
                    break;
            }
        }

        m.Meter.ChargeText(line.Length);
        return line.ToString();
    }

    /// <summary>Padding is optional and ends the data; invalid UTF-8 becomes U+FFFD.</summary>
    private static JqValue DecodeBase64(Machine m, JqValue value)
    {
        var text = Text.ToText(m, value);
        if (text.Ref is not string encoded)
        {
            return text;
        }

        var data = encoded.AsSpan();
        var pad = data.IndexOf('=');
        data = pad < 0 ? data : data[..pad];
        foreach (var c in data)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/'))
            {
                return Errors.Type(text, "is not valid base64 data");
            }
        }

        if (data.Length % 4 == 1 || (data.Length == 0 && encoded.Length > 0))
        {
            return Errors.Type(text, data.Length == 0 ? "is not valid base64 data" : "trailing base64 byte found");
        }

        return Encoding.UTF8.GetString(Convert.FromBase64String(data.ToString() + new string('=', (4 - (data.Length % 4)) % 4)));
    }

    private static string EncodeBase32(string text)
    {
        var result = new StringBuilder();
        var bits = 0;
        var count = 0;
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            bits = ((bits << 8) | b) & 0xFFFFF;
            for (count += 8; count >= 5; count -= 5)
            {
                result.Append(Base32[(bits >> (count - 5)) & 31]);
            }
        }

        if (count > 0)
        {
            result.Append(Base32[(bits << (5 - count)) & 31]);
        }

        return result.Append('=', (8 - (result.Length % 8)) % 8).ToString();
    }

    private static JqValue DecodeBase32(Machine m, JqValue value)
    {
        var text = Text.ToText(m, value);
        if (text.Ref is not string encoded)
        {
            return text;
        }

        var bytes = new List<byte>();
        var bits = 0;
        var count = 0;
        foreach (var c in encoded.TrimEnd('='))
        {
            var digit = Base32.IndexOf(c, StringComparison.Ordinal);
            if (digit < 0)
            {
                return Errors.Type(text, "is not valid base32 data");
            }

            bits = ((bits << 5) | digit) & 0xFFFFF;
            count += 5;
            if (count >= 8)
            {
                count -= 8;
                bytes.Add((byte)(bits >> count));
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }
}
