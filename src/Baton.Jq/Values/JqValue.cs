using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Baton.Jq;

/// <summary>An immutable JSON value. <c>default</c> is null. Safe to share between threads.</summary>
/// <remarks>
/// Sixteen bytes: a reference that tells the kind, and the double of a number. The reference is null for null, a tag
/// object for booleans and plain numbers, a <see cref="string"/>, a <see cref="JqText"/> that stands for one, a <see cref="JqArray"/>, a <see cref="JqObject"/>,
/// or a <see cref="NumberLiteral"/> for a number whose text says more than its double. Two more tags never leave the
/// assembly: the absence of an output, and a raised error, which thus travels without the cost of an exception.
/// </remarks>
public readonly struct JqValue : IEquatable<JqValue>, IComparable<JqValue>
{
    private const long MaxExact = 1L << 53;

    private static readonly object NumberTag = new();
    private static readonly object TrueTag = new();
    private static readonly object FalseTag = new();
    private static readonly object EmptyTag = new();

    private readonly object? _ref;
    private readonly double _number;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private JqValue(object? reference, double number = 0)
    {
        _ref = reference;
        _number = number;
    }

    /// <summary>What tells the kind; a string is always a <see cref="string"/>.</summary>
    internal object? Ref
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _ref is JqText text ? text.ToString() : _ref;
    }

    /// <summary>A string that has not been put together yet; null for any other value.</summary>
    internal JqText? Growing => _ref as JqText;

    /// <summary>Length of a string, -1 for any other value.</summary>
    internal int TextLength => _ref is string text ? text.Length : _ref is JqText growing ? growing.Length : -1;

    public static JqValue Null => default;

    public static JqValue True => new(TrueTag);

    public static JqValue False => new(FalseTag);

    internal static JqValue Empty => new(EmptyTag);

    public JqKind Kind
    {
        get
        {
            if (_ref is string)
            {
                return JqKind.String;
            }

            if (ReferenceEquals(_ref, NumberTag))
            {
                return JqKind.Number;
            }

            return _ref switch
            {
                JqObject => JqKind.Object,
                JqArray => JqKind.Array,
                null => JqKind.Null,
                NumberLiteral => JqKind.Number,
                JqText => JqKind.String,
                _ => JqKind.Boolean,
            };
        }
    }

    public bool IsNull => _ref is null;

    /// <summary>jq's truth: everything but null and false.</summary>
    public bool IsTruthy => _ref is not null && !ReferenceEquals(_ref, FalseTag);

    /// <summary>Elements of an array, fields of an object, 0 otherwise.</summary>
    public int Count => _ref switch
    {
        JqArray array => array.Count,
        JqObject obj => obj.Count,
        _ => 0,
    };

    internal bool IsEmpty => ReferenceEquals(_ref, EmptyTag);

    internal bool IsError => _ref is RaisedError;

    /// <summary>Neither an output missing nor an error: something a program can hold.</summary>
    internal bool IsProper
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => !ReferenceEquals(_ref, EmptyTag) && _ref is not RaisedError;
    }

    internal bool IsNumber => ReferenceEquals(_ref, NumberTag) || _ref is NumberLiteral;

    internal bool IsFalse => ReferenceEquals(_ref, FalseTag);

    internal bool IsTrue => ReferenceEquals(_ref, TrueTag);

    /// <summary>The double, whatever the kind: 0 where the value is no number.</summary>
    internal double RawNumber => _number;

    internal bool IsPlainNumber => ReferenceEquals(_ref, NumberTag);

    /// <summary>Element, or null where there is none. A negative index counts from the end.</summary>
    /// <exception cref="InvalidOperationException">The value is neither an array nor null.</exception>
    public JqValue this[int index] => Ref switch
    {
        JqArray array => array.At(index < 0 ? index + array.Count : index),
        null => default,
        _ => throw Mismatch(JqKind.Array),
    };

    /// <summary>Field, or null where there is none.</summary>
    /// <exception cref="InvalidOperationException">The value is neither an object nor null.</exception>
    public JqValue this[string key] => Ref switch
    {
        JqObject obj => obj.Get(key),
        null => default,
        _ => throw Mismatch(JqKind.Object),
    };

    public static implicit operator JqValue(string value) => From(value);

    public static implicit operator JqValue(double value) => From(value);

    public static implicit operator JqValue(bool value) => From(value);

    public static bool operator ==(JqValue left, JqValue right) => left.Equals(right);

    public static bool operator !=(JqValue left, JqValue right) => !left.Equals(right);

    public static bool operator <(JqValue left, JqValue right) => left.CompareTo(right) < 0;

    public static bool operator >(JqValue left, JqValue right) => left.CompareTo(right) > 0;

    public static bool operator <=(JqValue left, JqValue right) => left.CompareTo(right) <= 0;

    public static bool operator >=(JqValue left, JqValue right) => left.CompareTo(right) >= 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static JqValue From(bool value) => new(value ? TrueTag : FalseTag);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static JqValue From(double value) => new(NumberTag, value);

    /// <summary>A number; beyond 2^53 its exact digits are kept for output and comparison.</summary>
    public static JqValue From(long value) =>
        value is >= -MaxExact and <= MaxExact ? From((double)value) : new(new NumberLiteral(value.ToString()), value);

    /// <summary>A string, or null for null. Lone surrogates become U+FFFD on output.</summary>
    public static JqValue From(string? value) => new(value);

    public static JqValue FromArray(IEnumerable<JqValue> items) => new(JqArray.Of(items.ToArray()));

    /// <summary>An object in the order given; a later field replaces an earlier one of the same name.</summary>
    public static JqValue FromObject(IEnumerable<KeyValuePair<string, JqValue>> fields)
    {
        var builder = new JqObjectBuilder();
        foreach (var (key, value) in fields)
        {
            builder.Set(key, value);
        }

        return new(builder.ToObject());
    }

    /// <summary>Copies a node; null stands for JSON null.</summary>
    public static JqValue From(JsonNode? node) => node is null ? Null : Parse(JsonSerializer.SerializeToUtf8Bytes(node, JsonBridge.Options));

    public static JqValue From(JsonElement element) => element.ValueKind == JsonValueKind.Undefined ? Null : Parse(System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(element));

    /// <summary>Reads one JSON text. Accepts what jq accepts beyond JSON: nan, Infinity, a byte order mark.</summary>
    /// <exception cref="JqJsonException">Not one JSON text.</exception>
    public static JqValue Parse(ReadOnlySpan<byte> utf8) => JsonReader.ParseOne(utf8);

    /// <inheritdoc cref="Parse(ReadOnlySpan{byte})"/>
    public static JqValue Parse(string json) => JsonReader.ParseOne(System.Text.Encoding.UTF8.GetBytes(json));

    /// <summary>Reads JSON texts one after another, as in a file of JSON lines; any white space may stand between.</summary>
    /// <exception cref="JqJsonException">While enumerating, at the first text that is broken.</exception>
    public static IEnumerable<JqValue> ParseMany(ReadOnlyMemory<byte> utf8)
    {
        var reader = new JsonReader();
        var position = 0;
        while (reader.TryRead(utf8.Span, ref position, out var value))
        {
            yield return value;
        }
    }

    /// <exception cref="InvalidOperationException">The value is no boolean.</exception>
    public bool GetBoolean() => Kind == JqKind.Boolean ? IsTrue : throw Mismatch(JqKind.Boolean);

    /// <exception cref="InvalidOperationException">The value is no number.</exception>
    public double GetDouble() => IsNumber ? _number : throw Mismatch(JqKind.Number);

    /// <exception cref="InvalidOperationException">The value is no string.</exception>
    public string GetString() => Ref as string ?? throw Mismatch(JqKind.String);

    public bool TryGetString([NotNullWhen(true)] out string? value) => (value = Ref as string) is not null;

    /// <summary>True where the value is an object that has the field.</summary>
    public bool TryGetField(string key, out JqValue value)
    {
        if (Ref is JqObject obj && obj.TryGet(key, out value))
        {
            return true;
        }

        value = default;
        return false;
    }

    /// <exception cref="InvalidOperationException">The value is no array.</exception>
    public IEnumerable<JqValue> EnumerateArray()
    {
        var array = Ref as JqArray ?? throw Mismatch(JqKind.Array);
        for (var i = 0; i < array.Count; i++)
        {
            yield return array[i];
        }
    }

    /// <summary>Fields in the order in which they were set.</summary>
    /// <exception cref="InvalidOperationException">The value is no object.</exception>
    public IEnumerable<KeyValuePair<string, JqValue>> EnumerateObject()
    {
        var obj = Ref as JqObject ?? throw Mismatch(JqKind.Object);
        for (var i = 0; i < obj.Count; i++)
        {
            yield return new(obj.KeyAt(i), obj.ValueAt(i));
        }
    }

    /// <summary>Compact JSON, as <c>tojson</c> gives it: nan is null, infinities are the largest doubles.</summary>
    public string ToJson() => JsonWriter.ToJson(this);

    /// <summary>Compact JSON.</summary>
    public override string ToString() => IsProper ? ToJson() : "(internal)";

    public byte[] ToUtf8Json() => JsonWriter.ToUtf8(this);

    public void WriteTo(System.Buffers.IBufferWriter<byte> output) => JsonWriter.Write(this, output);

    public void WriteTo(Utf8JsonWriter writer) => writer.WriteRawValue(ToUtf8Json(), skipInputValidation: true);

    /// <summary>A node of its own; null for JSON null.</summary>
    public JsonNode? ToJsonNode() => JsonNode.Parse(ToUtf8Json(), documentOptions: JsonBridge.DocumentOptions);

    public JsonElement ToJsonElement()
    {
        using var document = JsonDocument.Parse(ToUtf8Json(), JsonBridge.DocumentOptions);
        return document.RootElement.Clone();
    }

    /// <summary>jq's order: null, false, true, numbers, strings by code point, arrays, objects.</summary>
    public int CompareTo(JqValue other) => ValueComparer.Compare(this, other, null);

    public bool Equals(JqValue other) => ValueComparer.AreEqual(this, other, null);

    public override bool Equals(object? obj) => obj is JqValue other && Equals(other);

    public override int GetHashCode() => ValueComparer.Hash(this);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static JqValue From(JqArray array) => new(array);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static JqValue From(JqObject obj) => new(obj);

    internal static JqValue From(JqText text) => new(text);

    internal static JqValue From(NumberLiteral literal) => new(literal, literal.Value);

    internal static JqValue Error(JqValue value) => new(new RaisedError(value));

    internal static JqValue Error(RaisedError error) => new(error);

    /// <summary>What jq's compiler and paths call identical: the same object in memory, or the same bits.</summary>
    internal static bool Identical(in JqValue a, in JqValue b) =>
        ReferenceEquals(a._ref, b._ref) && BitConverter.DoubleToInt64Bits(a._number) == BitConverter.DoubleToInt64Bits(b._number);

    private InvalidOperationException Mismatch(JqKind wanted) => new($"The JSON value is of kind {Kind}, not {wanted}.");
}

/// <summary>The value that <c>error</c> raised, on its way to the nearest <c>try</c>.</summary>
internal sealed class RaisedError(JqValue value)
{
    public JqValue Value { get; } = value;
}

internal static class JsonBridge
{
    public static readonly JsonSerializerOptions Options = new() { MaxDepth = 10_000 };

    public static readonly JsonDocumentOptions DocumentOptions = new() { MaxDepth = 10_000 };
}
