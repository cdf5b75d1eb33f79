using System.Collections.Immutable;
using Baton.Flows.Validate;

namespace Baton.Flows.Parse;

/// <summary>
/// Reads one object of the document key by key, reporting what is missing, of the wrong type or, at
/// <see cref="End"/>, unknown. Reading goes on after a problem, so that all of a document's problems come at once.
/// </summary>
internal sealed class MapReader
{
    private readonly SourceNode _node;
    private readonly string _what;
    private readonly DiagnosticBag _problems;
    private readonly HashSet<string> _asked = [];

    public MapReader(SourceNode node, string pointer, string what, DiagnosticBag problems)
    {
        _node = node;
        Pointer = pointer;
        _what = what;
        _problems = problems;
        if (node.Kind != SourceKind.Mapping)
        {
            problems.Error(FlowCodes.WrongType, node.Position, pointer, $"{what} must be an object, not {node.Describe()}.", "Write it as 'key: value' lines, indented.");
        }
    }

    public string Pointer { get; }

    public SourceNode Node => _node;

    public bool Has(string key) => _node.Find(key) is not null;

    public string At(string key) => Pointer + "/" + JsonPointer.Escape(key);

    public SourceNode? Optional(string key)
    {
        _asked.Add(key);
        return _node.Find(key);
    }

    public SourceNode? Required(string key)
    {
        if (Optional(key) is { } value)
        {
            return value;
        }
        if (_node.Kind == SourceKind.Mapping)
        {
            _problems.Error(FlowCodes.Missing, _node.Position, Pointer, $"{_what} has no '{key}'.", $"Add '{key}'.");
        }
        return null;
    }

    public string? Text(string key, bool required = false)
    {
        var value = required ? Required(key) : Optional(key);
        return value is null ? null : AsText(value, key);
    }

    public string? Choice(string key, string fallback, params ReadOnlySpan<string> allowed)
    {
        var value = Text(key);
        if (value is null)
        {
            return fallback;
        }
        if (!allowed.Contains(value))
        {
            _problems.Error(FlowCodes.WrongValue, _node.Find(key)!.Position, At(key), $"'{key}' of {Lower(_what)} is '{value}'.", $"Use one of: {string.Join(", ", allowed!)}.{Suggest(value, allowed)}");
            return fallback;
        }
        return value;
    }

    public bool Flag(string key, bool fallback)
    {
        var value = Optional(key);
        if (value is null)
        {
            return fallback;
        }
        if (value.Kind == SourceKind.Boolean)
        {
            return value.IsTrue;
        }
        WrongType(value, key, "true or false");
        return fallback;
    }

    public int? Integer(string key, int min, int max, bool required = false)
    {
        var value = required ? Required(key) : Optional(key);
        if (value is null)
        {
            return null;
        }
        if (value.Kind == SourceKind.Number && int.TryParse(value.Text, System.Globalization.CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
        {
            return number;
        }
        WrongType(value, key, $"a whole number from {min} to {max}");
        return null;
    }

    public ImmutableArray<SourceNode> List(string key, bool required = false)
    {
        var value = required ? Required(key) : Optional(key);
        if (value is null)
        {
            return [];
        }
        if (value.Kind == SourceKind.Sequence)
        {
            return value.Items;
        }
        WrongType(value, key, "a list");
        return [];
    }

    /// <summary>Entries of an object whose keys are free names.</summary>
    public ImmutableArray<SourceEntry> Names(string key)
    {
        var value = Optional(key);
        if (value is null)
        {
            return [];
        }
        if (value.Kind == SourceKind.Mapping)
        {
            return value.Entries;
        }
        WrongType(value, key, "an object");
        return [];
    }

    /// <summary>Marks keys as known without reading them.</summary>
    public MapReader Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            _asked.Add(key);
        }
        return this;
    }

    /// <summary>Reports every key that was not asked for.</summary>
    public void End()
    {
        foreach (var entry in _node.Entries)
        {
            if (!_asked.Contains(entry.Key))
            {
                _problems.Error(FlowCodes.Unknown, entry.KeyPosition, At(entry.Key), $"{_what} has no property '{entry.Key}'.",
                    $"Remove it, or check its indentation.{Suggest(entry.Key, [.. _asked])}");
            }
        }
    }

    public void WrongType(SourceNode value, string key, string expected) =>
        _problems.Error(FlowCodes.WrongType, value.Position, At(key), $"'{key}' of {Lower(_what)} must be {expected}, not {value.Describe()}.",
            value.Kind is SourceKind.Number or SourceKind.Boolean or SourceKind.Null && expected.Contains("string", StringComparison.Ordinal) ? "Put the value in quotes." : $"Write {expected}.");

    private string? AsText(SourceNode value, string key)
    {
        if (value.Kind == SourceKind.String)
        {
            return value.Text;
        }
        WrongType(value, key, "a string");
        return null;
    }

    private static string Lower(string what) => char.ToLowerInvariant(what[0]) + what[1..];

    /// <summary>" Did you mean 'x'?" for the nearest candidate within two edits.</summary>
    public static string Suggest(string word, ReadOnlySpan<string> candidates)
    {
        var best = "";
        var bestDistance = 3;
        foreach (var candidate in candidates)
        {
            var distance = Distance(word, candidate);
            if (distance < bestDistance && distance < candidate.Length)
            {
                (best, bestDistance) = (candidate, distance);
            }
        }
        return best.Length == 0 ? "" : $" Did you mean '{best}'?";
    }

    private static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 2 || a.Length > 100)
        {
            return int.MaxValue;
        }
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                var same = char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]);
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.Length];
    }
}

internal static class JsonPointer
{
    public static string Escape(string token) =>
        token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
