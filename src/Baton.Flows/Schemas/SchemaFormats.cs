using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Baton.Flows.Schemas;

/// <summary>The formats of JSON Schema that are asserted. A format that is not here is an annotation only.</summary>
internal static partial class SchemaFormats
{
    public static bool Matches(string format, string text) => format switch
    {
        "date-time" => DateTimePattern().IsMatch(text) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        "time" => TimePattern().IsMatch(text),
        "duration" => Expressions.FlowDurations.TryParse(text, out _),
        "email" => EmailPattern().IsMatch(text),
        "hostname" => text.Length <= 253 && HostPattern().IsMatch(text),
        "ipv4" => IPAddress.TryParse(text, out var four) && four.AddressFamily == AddressFamily.InterNetwork && text.Count(c => c == '.') == 3,
        "ipv6" => IPAddress.TryParse(text, out var six) && six.AddressFamily == AddressFamily.InterNetworkV6,
        "uri" => Uri.TryCreate(text, UriKind.Absolute, out _) && !text.Any(char.IsWhiteSpace),
        "uri-reference" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _) && !text.Any(char.IsWhiteSpace),
        "uri-template" => !text.Any(char.IsWhiteSpace) && text.Count(c => c == '{') == text.Count(c => c == '}'),
        "uuid" => text.Length == 36 && Guid.TryParseExact(text, "D", out _),
        "json-pointer" => text.Length == 0 || PointerPattern().IsMatch(text),
        "regex" => IsRegex(text),
        _ => true,
    };

    private static bool IsRegex(string text)
    {
        try
        {
            _ = new Regex(text);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")]
    private static partial Regex DateTimePattern();

    [GeneratedRegex(@"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")]
    private static partial Regex TimePattern();

    [GeneratedRegex(@"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)*$")]
    private static partial Regex EmailPattern();

    [GeneratedRegex(@"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$")]
    private static partial Regex HostPattern();

    [GeneratedRegex("^(/([^~/]|~[01])*)+$")]
    private static partial Regex PointerPattern();
}
