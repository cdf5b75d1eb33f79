using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <summary>
/// Values of more than 256 KiB are kept outside of the history. What a call gives is searched from the outside in: of an
/// object, its large members are taken out; a value that is still large is taken out as a whole. In its place stands a
/// reference, a string of the form <c>⟦blob:SHA-256:BYTES⟧</c>, which history, positions and subflows carry.
/// <list type="bullet">
/// <item>Activities put the values back before they use their arguments.</item>
/// <item>An expression that only moves values (<see cref="JqProgram.IsSelection"/>) moves the references.</item>
/// <item>An expression that looks into one, or a schema that checks one, is evaluated by an activity, whose answer the history
/// has: a replay needs no stored value, and it stays right after the store has forgotten it.</item>
/// </list>
/// A hash of 256 bits cannot be guessed, so that a reference that came in from outside tells nobody more than he knew.
/// </summary>
public static partial class LargeValues
{
    /// <summary>Bytes of JSON above which a value is kept outside.</summary>
    public const int Limit = 256 * 1024;

    private const string Prefix = "⟦blob:";

    public static bool HasReference(JqValue value) => value.Kind switch
    {
        JqKind.String => IsReference(value),
        JqKind.Array => value.EnumerateArray().Any(HasReference),
        JqKind.Object => value.EnumerateObject().Any(p => HasReference(p.Value)),
        _ => false,
    };

    public static bool IsReference(JqValue value) => value.TryGetString(out var text) && text.StartsWith(Prefix, StringComparison.Ordinal) && Reference().IsMatch(text);

    /// <summary>Takes large values out, so that what remains is small.</summary>
    /// <param name="run">Workflow id of the run that will refer to them.</param>
    public static async ValueTask<JqValue> StoreAsync(JqValue value, IFlowBlobs blobs, string run, CancellationToken cancellationToken)
    {
        if (value.Kind is not (JqKind.String or JqKind.Array or JqKind.Object) || value.ToUtf8Json() is not { Length: > Limit } json)
        {
            return value;
        }
        if (value.Kind == JqKind.Object)
        {
            var members = new List<KeyValuePair<string, JqValue>>();
            foreach (var (name, member) in value.EnumerateObject())
            {
                members.Add(new(name, await StoreAsync(member, blobs, run, cancellationToken)));
            }
            value = JqValue.FromObject(members);
            json = value.ToUtf8Json();
            if (json.Length <= Limit)
            {
                return value;
            }
        }
        // What is inside of a stored value is no reference, so that one step puts all of it back.
        json = HasReference(value) ? (await LoadAsync(value, blobs, cancellationToken)).ToUtf8Json() : json;
        var hash = await blobs.PutAsync(json, run, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{hash}:{json.Length}⟧");
    }

    /// <summary>Puts large values back.</summary>
    /// <exception cref="FlowFaultException">The store does not have one.</exception>
    public static async ValueTask<JqValue> LoadAsync(JqValue value, IFlowBlobs blobs, CancellationToken cancellationToken)
    {
        if (!HasReference(value))
        {
            return value;
        }
        switch (value.Kind)
        {
            case JqKind.Array:
                var items = new List<JqValue>();
                foreach (var item in value.EnumerateArray())
                {
                    items.Add(await LoadAsync(item, blobs, cancellationToken));
                }
                return JqValue.FromArray(items);
            case JqKind.Object:
                var members = new List<KeyValuePair<string, JqValue>>();
                foreach (var (name, member) in value.EnumerateObject())
                {
                    members.Add(new(name, await LoadAsync(member, blobs, cancellationToken)));
                }
                return JqValue.FromObject(members);
            default:
                var hash = Reference().Match(value.GetString()).Groups["hash"].Value;
                return await blobs.GetAsync(hash, cancellationToken) is { } content ? JqValue.Parse(content)
                    : throw new FlowFaultException(FlowErrors.Runtime($"The value {hash} is no longer stored: it is older than the store keeps values, or another process without this store made it."));
        }
    }

    [GeneratedRegex("^⟦blob:(?<hash>[0-9a-f]{64}):[0-9]+⟧$")]
    private static partial Regex Reference();
}
