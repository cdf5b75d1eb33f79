using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Baton.Flows.Validate;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Baton.Flows.Parse;

/// <summary>Bounds on what a document may cost to read. A document over a bound is refused with the bound named.</summary>
public sealed record SourceLimits
{
    public static SourceLimits Default { get; } = new();

    /// <summary>Bytes of UTF-8 text; default 1 MiB, below the 2 MB that one payload of durable execution may have.</summary>
    public int MaxBytes { get; init; } = 1024 * 1024;

    /// <summary>Nesting of lists and objects; default 200, which is about 60 tasks inside each other.</summary>
    public int MaxDepth { get; init; } = 200;

    /// <summary>Values after aliases are expanded; default 100,000. This is what stops a YAML bomb.</summary>
    public int MaxNodes { get; init; } = 100_000;
}

/// <summary>
/// Reads YAML 1.2 (core schema) or JSON into positioned nodes. Well-formed JSON is read as JSON, anything else as YAML. Aliases are expanded by reference and charged by their expanded size against
/// <see cref="SourceLimits.MaxNodes"/>, so an exponential document costs no more than the bound.
/// </summary>
internal sealed partial class SourceReader
{
    private readonly SourceLimits _limits;
    private readonly DiagnosticBag _problems;
    private readonly Dictionary<string, (SourceNode Node, int Weight)> _anchors = [];
    private int _nodes;

    private SourceReader(SourceLimits limits, DiagnosticBag problems)
    {
        _limits = limits;
        _problems = problems;
    }

    /// <returns>The document, or null when it could not be read; then <paramref name="problems"/> says why.</returns>
    public static SourceNode? Read(string text, SourceLimits limits, DiagnosticBag problems)
    {
        if (Encoding.UTF8.GetByteCount(text) is var bytes && bytes > limits.MaxBytes)
        {
            problems.Error(FlowCodes.TooLarge, default, "", $"The document has {bytes:N0} bytes; the limit is {limits.MaxBytes:N0}.",
                "Split the flow into subflows (run: workflow) or move its data into the input.");
            return null;
        }
        var reader = new SourceReader(limits, problems);
        var start = text.AsSpan().TrimStart("\uFEFF \t\r\n");
        try
        {
            return start.StartsWith("{") && IsJson(text) ? reader.ReadJson(text) : reader.ReadYaml(text);
        }
        catch (SourceException refusal)
        {
            problems.Error(refusal.Code, refusal.Position, "", refusal.Message, refusal.Remedy);
        }
        catch (InvalidOperationException)
        {
            // What the parser throws, without a place, for some collections that end in the middle.
            problems.Error(FlowCodes.Syntax, new SourcePosition(1, 1), "", "Not valid YAML: brackets, braces or quotes do not match.", "Check that each opened bracket, brace and quote is closed.");
        }
        catch (ArgumentException)
        {
            // What it throws, without a place either, for some tags.
            problems.Error(FlowCodes.Syntax, new SourcePosition(1, 1), "", "Not valid YAML: a tag (!...) is no URI.", "Leave tags out: a flow needs none.");
        }
        catch (YamlException error)
        {
            problems.Error(FlowCodes.Syntax, Position(error.Start), "", $"Not valid YAML: {error.Message}",
                "Check indentation, quotes and brackets near this place.");
        }
        return null;
    }

    /// <summary>An object of JSON may also be a flow mapping of YAML, which needs no quotes; only well-formed JSON is read as such.</summary>
    private static bool IsJson(string text)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text.TrimStart('\uFEFF')), new JsonReaderOptions { MaxDepth = 100_000 });
        try
        {
            while (reader.Read())
            {
                // Only whether it ends without an error matters.
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private SourceNode? ReadYaml(string text)
    {
        var parser = new Parser(new StringReader(text));
        parser.Consume<StreamStart>();
        if (parser.TryConsume<StreamEnd>(out _))
        {
            throw new SourceException(FlowCodes.Syntax, new SourcePosition(1, 1), "The document is empty.", "Write a flow with 'document' and 'do'.");
        }
        parser.Consume<DocumentStart>();
        var root = ReadYamlNode(parser, 1, out _);
        parser.Consume<DocumentEnd>();
        if (!parser.TryConsume<StreamEnd>(out _))
        {
            throw new SourceException(FlowCodes.Syntax, Position(parser.Current!.Start), "The file holds more than one YAML document.",
                "Put each flow into a file of its own.");
        }
        return root;
    }

    private SourceNode ReadYamlNode(Parser parser, int depth, out int weight)
    {
        var at = Position(parser.Current!.Start);
        CheckDepth(depth, at);
        SourceNode node;
        var before = _nodes;
        if (parser.TryConsume<AnchorAlias>(out var alias))
        {
            if (!_anchors.TryGetValue(alias.Value.Value, out var target))
            {
                throw new SourceException(FlowCodes.Syntax, at, $"The alias '*{alias.Value}' has no anchor before it.", "Define the anchor (&name) above its first use.");
            }
            Charge(target.Weight, at);
            weight = target.Weight;
            return target.Node;
        }
        Charge(1, at);
        if (parser.TryConsume<Scalar>(out var scalar))
        {
            node = Resolve(scalar, at);
            Remember(scalar.Anchor, node, _nodes - before);
        }
        else if (parser.TryConsume<SequenceStart>(out var sequence))
        {
            var items = ImmutableArray.CreateBuilder<SourceNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadYamlNode(parser, depth + 1, out _));
            }
            node = SourceNode.Sequence(items.ToImmutable(), at);
            Remember(sequence.Anchor, node, _nodes - before);
        }
        else
        {
            var mapping = parser.Consume<MappingStart>();
            var entries = new MappingBuilder(_problems);
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var keyAt = Position(parser.Current!.Start);
                if (!parser.TryConsume<Scalar>(out var key))
                {
                    throw new SourceException(FlowCodes.Syntax, keyAt, "A key is not a plain string.", "Use strings as keys.");
                }
                entries.Add(key.Value, keyAt, ReadYamlNode(parser, depth + 1, out _));
            }
            node = SourceNode.Mapping(entries.ToImmutable(), at);
            Remember(mapping.Anchor, node, _nodes - before);
        }
        weight = _nodes - before;
        return node;
    }

    private void Remember(AnchorName anchor, SourceNode node, int weight)
    {
        if (!anchor.IsEmpty)
        {
            _anchors[anchor.Value] = (node, weight);
        }
    }

    private static SourceNode Resolve(Scalar scalar, SourcePosition at)
    {
        var text = scalar.Value;
        var tag = scalar.Tag.IsEmpty ? null : scalar.Tag.Value;
        if (tag is "tag:yaml.org,2002:str" or "!" || (tag is null && scalar.Style != ScalarStyle.Plain))
        {
            return SourceNode.String(text, at);
        }
        if (tag is not (null or "tag:yaml.org,2002:null" or "tag:yaml.org,2002:bool" or "tag:yaml.org,2002:int" or "tag:yaml.org,2002:float"))
        {
            throw new SourceException(FlowCodes.Syntax, at, $"The YAML tag '{tag}' is not of the core schema.", "Remove the tag.");
        }
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return SourceNode.Null(at);
            case "true" or "True" or "TRUE":
                return SourceNode.Boolean(true, at);
            case "false" or "False" or "FALSE":
                return SourceNode.Boolean(false, at);
        }
        if (DecimalPattern().IsMatch(text))
        {
            return SourceNode.Number(JsonNumber(text), at);
        }
        if (text.StartsWith("0x", StringComparison.Ordinal) && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex))
        {
            return SourceNode.Number(hex.ToString(CultureInfo.InvariantCulture), at);
        }
        if (OctalPattern().IsMatch(text))
        {
            return SourceNode.Number(Convert.ToInt64(text[2..], 8).ToString(CultureInfo.InvariantCulture), at);
        }
        if (NotFinitePattern().IsMatch(text))
        {
            throw new SourceException(FlowCodes.Syntax, at, $"'{text}' has no counterpart in JSON.", "Quote it, or use a finite number.");
        }
        return SourceNode.String(text, at);
    }

    /// <summary>YAML allows a leading '+', leading zeros, and a point without digits on one side; JSON allows none of these.</summary>
    private static string JsonNumber(string text)
    {
        var sign = text[0] == '-' ? "-" : "";
        var body = text.TrimStart('+', '-');
        var exponentAt = body.AsSpan().IndexOfAny('e', 'E');
        var exponent = exponentAt < 0 ? "" : body[exponentAt..];
        var mantissa = exponentAt < 0 ? body : body[..exponentAt];
        var point = mantissa.IndexOf('.', StringComparison.Ordinal);
        var whole = (point < 0 ? mantissa : mantissa[..point]).TrimStart('0');
        var fraction = point < 0 ? "" : mantissa[(point + 1)..];
        return $"{sign}{(whole.Length == 0 ? "0" : whole)}{(fraction.Length == 0 ? "" : "." + fraction)}{exponent}";
    }

    private SourceNode ReadJson(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text.TrimStart('\uFEFF'));
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = 100_000 });
        var places = new LineIndex(bytes);
        reader.Read();
        var root = ReadJsonNode(ref reader, places, 1);
        // A trailing token makes Read throw with its place.
        reader.Read();
        return root;
    }

    private SourceNode ReadJsonNode(ref Utf8JsonReader reader, LineIndex places, int depth)
    {
        var at = places.Position(reader.TokenStartIndex);
        CheckDepth(depth, at);
        Charge(1, at);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var entries = new MappingBuilder(_problems);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var keyAt = places.Position(reader.TokenStartIndex);
                    var key = reader.GetString()!;
                    reader.Read();
                    entries.Add(key, keyAt, ReadJsonNode(ref reader, places, depth + 1));
                }
                return SourceNode.Mapping(entries.ToImmutable(), at);
            case JsonTokenType.StartArray:
                var items = ImmutableArray.CreateBuilder<SourceNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(ReadJsonNode(ref reader, places, depth + 1));
                }
                return SourceNode.Sequence(items.ToImmutable(), at);
            case JsonTokenType.String:
                return SourceNode.String(reader.GetString()!, at);
            case JsonTokenType.Number:
                return SourceNode.Number(Encoding.UTF8.GetString(reader.ValueSpan), at);
            case JsonTokenType.True or JsonTokenType.False:
                return SourceNode.Boolean(reader.TokenType == JsonTokenType.True, at);
            default:
                return SourceNode.Null(at);
        }
    }

    private void CheckDepth(int depth, SourcePosition at)
    {
        if (depth > _limits.MaxDepth)
        {
            throw new SourceException(FlowCodes.TooDeep, at, $"The document nests deeper than {_limits.MaxDepth} levels.",
                "Move inner tasks into subflows (run: workflow) or functions (use.functions).");
        }
    }

    private void Charge(int nodes, SourcePosition at)
    {
        if (nodes > _limits.MaxNodes - _nodes)
        {
            throw new SourceException(FlowCodes.TooLarge, at, $"The document has more than {_limits.MaxNodes:N0} values once its aliases are expanded.",
                "Split the flow into subflows, and do not nest aliases in each other.");
        }
        _nodes += nodes;
    }

    private static SourcePosition Position(Mark mark) => new((int)mark.Line, (int)mark.Column);

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex DecimalPattern();

    [GeneratedRegex("^0o[0-7]{1,20}$")]
    private static partial Regex OctalPattern();

    [GeneratedRegex(@"^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$")]
    private static partial Regex NotFinitePattern();

    /// <summary>Collects entries and reports a key that occurs twice; the first one stays.</summary>
    private sealed class MappingBuilder(DiagnosticBag problems)
    {
        private readonly ImmutableArray<SourceEntry>.Builder _entries = ImmutableArray.CreateBuilder<SourceEntry>();
        private readonly Dictionary<string, SourcePosition> _keys = [];

        public void Add(string key, SourcePosition at, SourceNode value)
        {
            if (_keys.TryGetValue(key, out var first))
            {
                problems.Error(FlowCodes.DuplicateKey, at, "", $"The key '{key}' is already defined at {first}.", "Remove or rename one of the two.");
                return;
            }
            _keys.Add(key, at);
            _entries.Add(new SourceEntry(key, at, value));
        }

        public ImmutableArray<SourceEntry> ToImmutable() => _entries.ToImmutable();
    }

    /// <summary>Maps byte offsets to lines; columns are counted in bytes of UTF-8.</summary>
    private sealed class LineIndex
    {
        private readonly List<int> _starts = [0];

        public LineIndex(byte[] bytes)
        {
            for (var i = 0; i < bytes.Length; i++)
            {
                if (bytes[i] == (byte)'\n')
                {
                    _starts.Add(i + 1);
                }
            }
        }

        public SourcePosition Position(long offset)
        {
            var found = _starts.BinarySearch((int)offset);
            var line = found >= 0 ? found : ~found - 1;
            return new SourcePosition(line + 1, (int)offset - _starts[line] + 1);
        }
    }

    private sealed class SourceException(string code, SourcePosition position, string message, string remedy) : Exception(message)
    {
        public string Code => code;

        public SourcePosition Position => position;

        public string Remedy => remedy;
    }
}
