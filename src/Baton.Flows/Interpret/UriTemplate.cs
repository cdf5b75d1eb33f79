using System.Text;
using Baton.Flows.Expressions;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// The language's part of RFC 6570: simple string expansion of top-level properties. A name that is not there expands
/// to nothing; a list or an object is an error.
/// </summary>
internal static class UriTemplate
{
    public static string Expand(string template, JqValue variables)
    {
        if (!template.Contains('{', StringComparison.Ordinal))
        {
            return template;
        }
        var result = new StringBuilder();
        var rest = template.AsSpan();
        while (rest.IndexOf('{') is var open && open >= 0 && rest[open..].IndexOf('}') is var length && length > 0)
        {
            result.Append(rest[..open]);
            result.Append(Value(rest.Slice(open + 1, length - 1).ToString(), variables));
            rest = rest[(open + length + 1)..];
        }
        return result.Append(rest).ToString();
    }

    private static string Value(string name, JqValue variables)
    {
        var value = variables.Kind == JqKind.Object ? variables[name] : JqValue.Null;
        return value.Kind switch
        {
            JqKind.Null => "",
            JqKind.String => Uri.EscapeDataString(value.GetString()),
            JqKind.Number or JqKind.Boolean => Uri.EscapeDataString(value.ToJson()),
            _ => throw new ExpressionException($"'{{{name}}}' in the URI is {(value.Kind == JqKind.Array ? "a list" : "an object")}; only a string, a number, a boolean or null can stand there."),
        };
    }
}
