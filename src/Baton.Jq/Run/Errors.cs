using System.Text;

namespace Baton.Jq;

/// <summary>Errors of programs, worded as jq words them.</summary>
internal static class Errors
{
    // jq prints into a buffer of 30 bytes, its terminator included.
    private const int MaxDump = 29;

    public static JqValue Raise(string message) => JqValue.Error(message);

    /// <summary><c>kind (value) problem</c>.</summary>
    public static JqValue Type(in JqValue bad, string problem) => Raise($"{Describe(bad)} {problem}");

    public static JqValue Type(in JqValue a, in JqValue b, string problem) => Raise($"{Describe(a)} and {Describe(b)} {problem}");

    public static string Describe(in JqValue value) => $"{KindName(value)} ({Dump(value)})";

    public static string KindName(in JqValue value) => value.Kind switch
    {
        JqKind.Null => "null",
        JqKind.Boolean => "boolean",
        JqKind.Number => "number",
        JqKind.String => "string",
        JqKind.Array => "array",
        _ => "object",
    };

    /// <summary>JSON cut to 29 bytes between characters; what closes the value still follows the dots.</summary>
    public static string Dump(in JqValue value)
    {
        var text = JsonWriter.ToJsonPrefix(value, MaxDump + 1);
        if (Encoding.UTF8.GetByteCount(text) <= MaxDump)
        {
            return text;
        }

        var close = value.Kind switch { JqKind.String => "\"", JqKind.Array => "]", JqKind.Object => "}", _ => "" };
        var room = MaxDump - 3 - close.Length;
        var cut = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            room -= rune.Utf8SequenceLength;
            if (room < 0)
            {
                break;
            }

            cut.Append(rune.ToString());
        }

        return $"{cut}...{close}";
    }
}
