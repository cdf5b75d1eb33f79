using System.Text.RegularExpressions;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// What <c>$secrets</c> holds inside a flow: not the secrets but references to them, strings of the form
/// <c>⟦PREFIX:name/path⟧</c>, which travel through expressions and history and are replaced by the values only inside the
/// activity that makes the call. The prefix is random per run, so that data from outside cannot forge a reference.
/// </summary>
internal static partial class SecretReferences
{
    private const int MinConcealed = 4;

    /// <summary>References for the shape of a secret: a string, or an object of which each member gets its own.</summary>
    public static JqValue Make(string prefix, string name, JqValue shape) => shape.Kind == JqKind.Object
        ? JqValue.FromObject(shape.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, Make(prefix, $"{name}/{Parse.JsonPointer.Escape(p.Key)}", p.Value))))
        : $"⟦{prefix}:{name}⟧";

    /// <summary>The value with all references of this run replaced.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="prefix">The run's prefix; empty if it has no secrets.</param>
    /// <param name="resolve">Gives the value for <c>name/path</c>.</param>
    public static JqValue Resolve(JqValue value, string prefix, Func<string, string> resolve)
    {
        if (prefix.Length == 0)
        {
            return value;
        }
        switch (value.Kind)
        {
            case JqKind.String when value.GetString().Contains('⟦', StringComparison.Ordinal):
                return Reference().Replace(value.GetString(), match => match.Groups["prefix"].Value == prefix ? resolve(match.Groups["path"].Value) : match.Value);
            case JqKind.Array:
                return JqValue.FromArray(value.EnumerateArray().Select(item => Resolve(item, prefix, resolve)));
            case JqKind.Object:
                return JqValue.FromObject(value.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, Resolve(p.Value, prefix, resolve))));
            default:
                return value;
        }
    }

    /// <summary>The value with all secrets that it shows turned back into references: what a service echoes stays out of the history too.</summary>
    /// <param name="secrets">Value and <c>name/path</c>; values of less than four characters are too common to be recognized.</param>
    public static JqValue Conceal(JqValue value, string prefix, IReadOnlyList<KeyValuePair<string, string>> secrets) => secrets.Count == 0 ? value : value.Kind switch
    {
        JqKind.String => Conceal(value.GetString(), prefix, secrets),
        JqKind.Array => JqValue.FromArray(value.EnumerateArray().Select(item => Conceal(item, prefix, secrets))),
        JqKind.Object => JqValue.FromObject(value.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, Conceal(p.Value, prefix, secrets)))),
        _ => value,
    };

    public static string Conceal(string text, string prefix, IReadOnlyList<KeyValuePair<string, string>> secrets)
    {
        foreach (var (secret, path) in secrets)
        {
            if (secret.Length >= MinConcealed)
            {
                text = text.Replace(secret, $"⟦{prefix}:{path}⟧", StringComparison.Ordinal);
            }
        }
        return text;
    }

    [GeneratedRegex("⟦(?<prefix>[0-9a-f-]+):(?<path>[^⟧]+)⟧")]
    private static partial Regex Reference();
}
