using System.Globalization;
using System.Text;

namespace Baton.Server.Events;

/// <summary>
/// Which types of events are meant, in the notation of NATS: the parts of a type lie between its dots, `*` stands for any one part, and
/// `>` at the end for one or more. `com.github.*`, `com.>`, `>`.
/// </summary>
internal sealed class EventPattern
{
    public static readonly EventPattern All = new(">");

    private readonly string[] parts;

    private EventPattern(string text)
    {
        Text = text;
        parts = text.Split('.');
    }

    public string Text { get; }

    public static bool TryParse(string text, out EventPattern pattern)
    {
        pattern = All;
        var parts = text.Split('.');
        var valid = text.Length is > 0 and <= CloudEventRules.MaxLength
            && parts.Index().All(part => part.Item == ">" ? part.Index == parts.Length - 1 : part.Item == "*" || !part.Item.AsSpan().ContainsAny('*', '>'));
        if (valid)
        {
            pattern = new EventPattern(text);
        }
        return valid;
    }

    public static EventPattern Parse(string text) =>
        TryParse(text, out var pattern) ? pattern : throw new FormatException($"'{text}' is no pattern of event types: `*` is a whole part, `>` the whole last part");

    public bool Matches(string type)
    {
        if (parts is [">"])
        {
            return true;
        }
        var index = 0;
        foreach (var range in type.AsSpan().Split('.'))
        {
            if (index >= parts.Length)
            {
                return false;
            }
            if (parts[index] == ">")
            {
                return true;
            }
            if (parts[index] != "*" && !type.AsSpan()[range].SequenceEqual(parts[index]))
            {
                return false;
            }
            index++;
        }
        return index == parts.Length;
    }

    /// <summary>The pattern, or a type, as tokens of a NATS subject: what a subject cannot hold is percent-encoded.</summary>
    public static string ToSubject(string text, bool isPattern) =>
        string.Join('.', text.Split('.').Select(part => isPattern && part is "*" or ">" ? part : Token(part)));

    private static string Token(string part)
    {
        if (part.Length == 0)
        {
            return "%";
        }
        if (part.All(IsPlain))
        {
            return part;
        }
        var token = new StringBuilder();
        foreach (var value in Encoding.UTF8.GetBytes(part))
        {
            token = IsPlain((char)value) ? token.Append((char)value) : token.Append('%').Append(value.ToString("X2", CultureInfo.InvariantCulture));
        }
        return token.ToString();
    }

    private static bool IsPlain(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '/' or ':' or '@' or '+' or '=';

    public override string ToString() => Text;
}
