using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Baton.Flows.Parse;

/// <summary>A place in a flow document; line and column count from 1.</summary>
public readonly record struct SourcePosition(int Line, int Column)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Line}:{Column}");
}

public enum SourceKind { Null, Boolean, Number, String, Sequence, Mapping }

/// <summary>
/// A value of a flow document, immutable, with its place. YAML's tags and styles are resolved by the core schema of
/// YAML 1.2 to the six kinds of JSON, so that a YAML and a JSON document of the same content give equal trees.
/// </summary>
public sealed class SourceNode
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1024 };

    private readonly string? _text;

    private SourceNode(SourceKind kind, SourcePosition position, string? text)
    {
        Kind = kind;
        Position = position;
        _text = text;
    }

    public SourceKind Kind { get; }

    public SourcePosition Position { get; }

    public ImmutableArray<SourceNode> Items { get; private init; } = [];

    /// <summary>Entries in document order; keys are unique.</summary>
    public ImmutableArray<SourceEntry> Entries { get; private init; } = [];

    /// <summary>The text of a string, or the JSON literal of a number; null for other kinds.</summary>
    public string? Text => Kind is SourceKind.String or SourceKind.Number ? _text : null;

    public bool IsTrue => Kind == SourceKind.Boolean && _text == "true";

    public static SourceNode Null(SourcePosition position) => new(SourceKind.Null, position, null);

    public static SourceNode Boolean(bool value, SourcePosition position) => new(SourceKind.Boolean, position, value ? "true" : "false");

    public static SourceNode Number(string jsonLiteral, SourcePosition position) => new(SourceKind.Number, position, jsonLiteral);

    public static SourceNode String(string value, SourcePosition position) => new(SourceKind.String, position, value);

    public static SourceNode Sequence(ImmutableArray<SourceNode> items, SourcePosition position) =>
        new(SourceKind.Sequence, position, null) { Items = items };

    public static SourceNode Mapping(ImmutableArray<SourceEntry> entries, SourcePosition position) =>
        new(SourceKind.Mapping, position, null) { Entries = entries };

    public SourceNode? Find(string key)
    {
        foreach (var entry in Entries)
        {
            if (entry.Key == key)
            {
                return entry.Value;
            }
        }
        return null;
    }

    /// <summary>The kind in the words of an error message.</summary>
    public string Describe() => Kind switch
    {
        SourceKind.Null => "null",
        SourceKind.Boolean => "a boolean",
        SourceKind.Number => "a number",
        SourceKind.String => "a string",
        SourceKind.Sequence => "a list",
        _ => "an object",
    };

    public string ToJson() => Encoding.UTF8.GetString(ToUtf8Json());

    public byte[] ToUtf8Json()
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Compact))
        {
            Write(writer);
        }
        return buffer.WrittenSpan.ToArray();
    }

    private void Write(Utf8JsonWriter writer)
    {
        switch (Kind)
        {
            case SourceKind.Null:
                writer.WriteNullValue();
                break;
            case SourceKind.Boolean:
                writer.WriteBooleanValue(IsTrue);
                break;
            case SourceKind.Number:
                writer.WriteRawValue(_text!);
                break;
            case SourceKind.String:
                writer.WriteStringValue(_text);
                break;
            case SourceKind.Sequence:
                writer.WriteStartArray();
                foreach (var item in Items)
                {
                    item.Write(writer);
                }
                writer.WriteEndArray();
                break;
            default:
                writer.WriteStartObject();
                foreach (var entry in Entries)
                {
                    writer.WritePropertyName(entry.Key);
                    entry.Value.Write(writer);
                }
                writer.WriteEndObject();
                break;
        }
    }
}

/// <summary>One entry of a mapping.</summary>
public sealed record SourceEntry(string Key, SourcePosition KeyPosition, SourceNode Value);
