using System.Globalization;
using Baton.Jq;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Baton.Flows.Calls;

/// <summary>
/// Messages known by their descriptors only, between JSON and the wire, by the JSON mapping of Protocol Buffers: 64-bit
/// integers are strings, enums names, bytes Base64, and well-known types have their own forms. Fields without presence
/// are written with their default, so that an expression need not know what was sent and what was left out.
/// </summary>
/// <param name="files">Where the types inside an <c>Any</c> are looked up.</param>
internal sealed class ProtoJson(IReadOnlyList<FileDescriptor> files)
{
    private const int MaxDepth = 100;

    private static readonly Dictionary<string, MessageDescriptor> OwnForms = new MessageDescriptor[]
    {
        Timestamp.Descriptor, Google.Protobuf.WellKnownTypes.Duration.Descriptor, FieldMask.Descriptor, Struct.Descriptor, Value.Descriptor, ListValue.Descriptor,
        DoubleValue.Descriptor, FloatValue.Descriptor, Int64Value.Descriptor, UInt64Value.Descriptor, Int32Value.Descriptor, UInt32Value.Descriptor,
        BoolValue.Descriptor, StringValue.Descriptor, BytesValue.Descriptor,
    }.ToDictionary(d => d.FullName);

    /// <exception cref="FlowFaultException">The value does not fit the message; the error names the field.</exception>
    public byte[] Encode(MessageDescriptor type, JqValue value) => Encode(type, value, type.Name, 0);

    /// <exception cref="FlowFaultException">The bytes are no such message.</exception>
    public JqValue Decode(MessageDescriptor type, byte[] bytes)
    {
        try
        {
            return Decode(type, bytes, 0);
        }
        catch (Exception error) when (error is InvalidProtocolBufferException or InvalidOperationException)
        {
            throw new FlowFaultException(FlowErrors.Communication($"What the service sent is no {type.FullName}: {error.Message}", 502, "Bad Gateway"));
        }
    }

    private byte[] Encode(MessageDescriptor type, JqValue value, string at, int depth)
    {
        if (depth > MaxDepth)
        {
            throw Wrong(at, $"is nested more than {MaxDepth} deep");
        }
        if (OwnForms.TryGetValue(type.FullName, out var known))
        {
            try
            {
                return JsonParser.Default.Parse(value.ToJson(), known).ToByteArray();
            }
            catch (Exception error) when (error is InvalidProtocolBufferException or InvalidOperationException or FormatException)
            {
                throw Wrong(at, $"is no {type.FullName}: {error.Message}");
            }
        }
        if (value.Kind != JqKind.Object)
        {
            throw Wrong(at, $"must be an object, not {value.Kind.ToString().ToLowerInvariant()}");
        }
        return type.FullName == Any.Descriptor.FullName ? EncodeAny(value, at, depth) : Written(output => Fields(output, type, value.EnumerateObject(), at, depth));
    }

    private static byte[] Written(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using var output = new CodedOutputStream(bytes, leaveOpen: true);
        write(output);
        output.Flush();
        return bytes.ToArray();
    }

    private void Fields(CodedOutputStream output, MessageDescriptor type, IEnumerable<KeyValuePair<string, JqValue>> members, string at, int depth)
    {
        var oneofs = new HashSet<OneofDescriptor>();
        foreach (var (name, member) in members)
        {
            var field = type.Fields.InDeclarationOrder().FirstOrDefault(f => f.JsonName == name || f.Name == name)
                ?? throw Wrong(at, $"has no field '{name}'; it has {string.Join(", ", type.Fields.InDeclarationOrder().Select(f => f.JsonName))}");
            if (member.IsNull && field.FieldType != FieldType.Message)
            {
                continue;
            }
            if (field.RealContainingOneof is { } oneof && !oneofs.Add(oneof))
            {
                throw Wrong(at, $"has more than one field of the oneof '{oneof.Name}'");
            }
            Field(output, field, member, $"{at}.{name}", depth);
        }
    }

    private void Field(CodedOutputStream output, FieldDescriptor field, JqValue value, string at, int depth)
    {
        // null leaves a field out, but for google.protobuf.Value, where it is a value.
        if (value.IsNull && (field.IsRepeated || field.MessageType.FullName != Value.Descriptor.FullName))
        {
            return;
        }
        if (field.IsMap)
        {
            foreach (var (key, item) in value.Kind == JqKind.Object ? value.EnumerateObject() : throw Wrong(at, "must be an object"))
            {
                var (keyField, valueField) = (field.MessageType.FindFieldByNumber(1), field.MessageType.FindFieldByNumber(2));
                output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(Written(entry =>
                {
                    One(entry, keyField, keyField.FieldType == FieldType.Bool ? JqValue.From(key == "true") : key, $"{at}.{key}", depth);
                    One(entry, valueField, item, $"{at}.{key}", depth);
                })));
            }
            return;
        }
        if (!field.IsRepeated)
        {
            One(output, field, value, at, depth);
            return;
        }
        // Every parser takes packed and unpacked alike, so lists are written item by item.
        var index = 0;
        foreach (var item in value.Kind == JqKind.Array ? value.EnumerateArray() : throw Wrong(at, "must be a list"))
        {
            One(output, field, item, $"{at}[{index++}]", depth);
        }
    }

    private void One(CodedOutputStream output, FieldDescriptor field, JqValue value, string at, int depth)
    {
        if (field.FieldType == FieldType.Group)
        {
            output.WriteTag(field.FieldNumber, WireFormat.WireType.StartGroup);
            Fields(output, field.MessageType, value.Kind == JqKind.Object ? value.EnumerateObject() : throw Wrong(at, "must be an object"), at, depth + 1);
            output.WriteTag(field.FieldNumber, WireFormat.WireType.EndGroup);
            return;
        }
        output.WriteTag(field.FieldNumber, WireTypeOf(field.FieldType));
        switch (field.FieldType)
        {
            case FieldType.Message:
                output.WriteBytes(ByteString.CopyFrom(Encode(field.MessageType, value, at, depth + 1)));
                break;
            case FieldType.String:
                output.WriteString(value.TryGetString(out var text) ? text : throw Wrong(at, "must be a string"));
                break;
            case FieldType.Bytes:
                output.WriteBytes(Bytes(value, at));
                break;
            case FieldType.Bool:
                output.WriteBool(value.Kind == JqKind.Boolean ? value.GetBoolean() : throw Wrong(at, "must be true or false"));
                break;
            case FieldType.Enum:
                output.WriteEnum(Enumerated(field.EnumType, value, at));
                break;
            case FieldType.Double:
                output.WriteDouble(Floating(value, at));
                break;
            case FieldType.Float:
                output.WriteFloat((float)Floating(value, at));
                break;
            case FieldType.Int32:
                output.WriteInt32((int)Integer(value, int.MinValue, int.MaxValue, at));
                break;
            case FieldType.SInt32:
                output.WriteSInt32((int)Integer(value, int.MinValue, int.MaxValue, at));
                break;
            case FieldType.SFixed32:
                output.WriteSFixed32((int)Integer(value, int.MinValue, int.MaxValue, at));
                break;
            case FieldType.UInt32:
                output.WriteUInt32((uint)Integer(value, 0, uint.MaxValue, at));
                break;
            case FieldType.Fixed32:
                output.WriteFixed32((uint)Integer(value, 0, uint.MaxValue, at));
                break;
            case FieldType.Int64:
                output.WriteInt64((long)Integer(value, long.MinValue, long.MaxValue, at));
                break;
            case FieldType.SInt64:
                output.WriteSInt64((long)Integer(value, long.MinValue, long.MaxValue, at));
                break;
            case FieldType.SFixed64:
                output.WriteSFixed64((long)Integer(value, long.MinValue, long.MaxValue, at));
                break;
            case FieldType.UInt64:
                output.WriteUInt64((ulong)Integer(value, 0, ulong.MaxValue, at));
                break;
            default:
                output.WriteFixed64((ulong)Integer(value, 0, ulong.MaxValue, at));
                break;
        }
    }

    private byte[] EncodeAny(JqValue value, string at, int depth)
    {
        if (!value["@type"].TryGetString(out var url))
        {
            throw Wrong(at, "is an Any and needs '@type'");
        }
        var type = Find(url) ?? throw Wrong(at, $"is of the type {url}, which the proto files do not define");
        var content = OwnForms.ContainsKey(type.FullName)
            ? Encode(type, value["value"], at, depth + 1)
            : Written(output => Fields(output, type, value.EnumerateObject().Where(p => p.Key != "@type"), at, depth + 1));
        return new Any { TypeUrl = url, Value = ByteString.CopyFrom(content) }.ToByteArray();
    }

    private JqValue Decode(MessageDescriptor type, byte[] bytes, int depth)
    {
        if (OwnForms.TryGetValue(type.FullName, out var known))
        {
            return JqValue.Parse(JsonFormatter.Default.Format(known.Parser.ParseFrom(bytes)));
        }
        if (type.FullName == Any.Descriptor.FullName)
        {
            return DecodeAny(Any.Parser.ParseFrom(bytes), depth);
        }
        return Decode(type, new CodedInputStream(bytes), depth);
    }

    /// <summary>Reads to the end of the stream, or of the group that the stream is in.</summary>
    private JqValue Decode(MessageDescriptor type, CodedInputStream input, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new InvalidOperationException($"it is nested more than {MaxDepth} deep");
        }
        var found = new Dictionary<FieldDescriptor, List<object>>();
        uint tag;
        while ((tag = input.ReadTag()) != 0 && WireFormat.GetTagWireType(tag) != WireFormat.WireType.EndGroup)
        {
            if (type.FindFieldByNumber(WireFormat.GetTagFieldNumber(tag)) is not { } field)
            {
                input.SkipLastField();
                continue;
            }
            if (!found.TryGetValue(field, out var values))
            {
                found[field] = values = [];
            }
            var wire = WireFormat.GetTagWireType(tag);
            if (wire == WireFormat.WireType.LengthDelimited && WireTypeOf(field.FieldType) != wire && field.IsRepeated)
            {
                var packed = new CodedInputStream(input.ReadBytes().ToByteArray());
                while (!packed.IsAtEnd)
                {
                    values.Add(Read(packed, field));
                }
            }
            else if (wire == WireFormat.WireType.StartGroup && field.FieldType == FieldType.Group)
            {
                values.Add(Decode(field.MessageType, input, depth + 1));
            }
            else if (wire == WireTypeOf(field.FieldType))
            {
                values.Add(Read(input, field));
            }
            else
            {
                input.SkipLastField();
            }
        }
        var members = new List<KeyValuePair<string, JqValue>>();
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            if (Member(field, found.GetValueOrDefault(field), depth) is { } member)
            {
                members.Add(new(field.JsonName, member));
            }
        }
        return JqValue.FromObject(members);
    }

    /// <returns>Null for a field with presence that is absent.</returns>
    private JqValue? Member(FieldDescriptor field, List<object>? values, int depth)
    {
        if (field.IsMap)
        {
            return JqValue.FromObject((values ?? []).Select(entry =>
            {
                var pair = Decode(field.MessageType, (byte[])entry, depth + 1);
                var key = pair["key"];
                return KeyValuePair.Create(key.TryGetString(out var text) ? text : key.ToJson(), pair["value"]);
            }));
        }
        if (field.IsRepeated)
        {
            return JqValue.FromArray((values ?? []).Select(value => Form(field, value, depth)));
        }
        if (values is null)
        {
            return field.HasPresence && field.ContainingType.GetOptions()?.MapEntry != true ? (JqValue?)null : Default(field);
        }
        // A message that comes in parts is the same as its parts one after the other.
        return field.FieldType == FieldType.Message ? Form(field, values.Cast<byte[]>().SelectMany(part => part).ToArray(), depth) : Form(field, values[^1], depth);
    }

    private JqValue Form(FieldDescriptor field, object value, int depth) => value switch
    {
        JqValue group => group,
        byte[] bytes when field.FieldType == FieldType.Message => Decode(field.MessageType, bytes, depth + 1),
        byte[] bytes => Convert.ToBase64String(bytes),
        string text => text,
        bool flag => flag,
        int number when field.FieldType == FieldType.Enum => field.EnumType.FindValueByNumber(number) is { } named ? (JqValue)named.Name : JqValue.From((long)number),
        int number => JqValue.From((long)number),
        uint number => JqValue.From((long)number),
        long number => number.ToString(CultureInfo.InvariantCulture),
        ulong number => number.ToString(CultureInfo.InvariantCulture),
        float number => Number(double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)),
        _ => Number((double)value),
    };

    private JqValue Default(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message or FieldType.Group => Decode(field.MessageType, [], 0),
        FieldType.String or FieldType.Bytes => "",
        FieldType.Bool => false,
        FieldType.Enum => field.EnumType.FindValueByNumber(0)?.Name ?? field.EnumType.Values[0].Name,
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 or FieldType.UInt64 or FieldType.Fixed64 => "0",
        _ => 0,
    };

    private JqValue DecodeAny(Any any, int depth)
    {
        if (any.TypeUrl.Length == 0)
        {
            return JqValue.FromObject([]);
        }
        if (Find(any.TypeUrl) is not { } type)
        {
            return JqValue.FromObject([new("@type", any.TypeUrl), new("value", any.Value.ToBase64())]);
        }
        var content = Decode(type, any.Value.ToByteArray(), depth + 1);
        return JqValue.FromObject(OwnForms.ContainsKey(type.FullName)
            ? [new("@type", any.TypeUrl), new("value", content)]
            : content.EnumerateObject().Prepend(new("@type", any.TypeUrl)));
    }

    private MessageDescriptor? Find(string url)
    {
        var name = url[(url.LastIndexOf('/') + 1)..];
        return OwnForms.GetValueOrDefault(name) ?? files.SelectMany(f => f.MessageTypes).SelectMany(Nested).FirstOrDefault(m => m.FullName == name);

        static IEnumerable<MessageDescriptor> Nested(MessageDescriptor type) => type.NestedTypes.SelectMany(Nested).Prepend(type);
    }

    private static object Read(CodedInputStream input, FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message or FieldType.Bytes => input.ReadBytes().ToByteArray(),
        FieldType.String => input.ReadString(),
        FieldType.Bool => input.ReadBool(),
        FieldType.Enum => input.ReadEnum(),
        FieldType.Double => input.ReadDouble(),
        FieldType.Float => input.ReadFloat(),
        FieldType.Int32 => input.ReadInt32(),
        FieldType.SInt32 => input.ReadSInt32(),
        FieldType.SFixed32 => input.ReadSFixed32(),
        FieldType.UInt32 => input.ReadUInt32(),
        FieldType.Fixed32 => input.ReadFixed32(),
        FieldType.Int64 => input.ReadInt64(),
        FieldType.SInt64 => input.ReadSInt64(),
        FieldType.SFixed64 => input.ReadSFixed64(),
        FieldType.UInt64 => input.ReadUInt64(),
        _ => input.ReadFixed64(),
    };

    private static WireFormat.WireType WireTypeOf(FieldType type) => type switch
    {
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => WireFormat.WireType.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => WireFormat.WireType.Fixed32,
        FieldType.String or FieldType.Bytes or FieldType.Message => WireFormat.WireType.LengthDelimited,
        FieldType.Group => WireFormat.WireType.StartGroup,
        _ => WireFormat.WireType.Varint,
    };

    private static ByteString Bytes(JqValue value, string at)
    {
        var text = value.TryGetString(out var given) ? given.Replace('-', '+').Replace('_', '/').TrimEnd('=') : throw Wrong(at, "must be a string of Base64");
        try
        {
            return ByteString.FromBase64(text.PadRight((text.Length + 3) / 4 * 4, '='));
        }
        catch (FormatException)
        {
            throw Wrong(at, "is not Base64");
        }
    }

    private static int Enumerated(EnumDescriptor type, JqValue value, string at) =>
        value.TryGetString(out var name)
            ? type.FindValueByName(name)?.Number ?? throw Wrong(at, $"is '{name}'; the values are {string.Join(", ", type.Values.Select(v => v.Name))}")
            : (int)Integer(value, int.MinValue, int.MaxValue, at);

    private static decimal Integer(JqValue value, decimal min, decimal max, string at)
    {
        var text = value.TryGetString(out var given) ? given : value.ToJson();
        return decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && decimal.Truncate(number) == number && number >= min && number <= max
            ? number
            : throw Wrong(at, $"is {value.ToJson()}, not an integer from {min} to {max}");
    }

    private static double Floating(JqValue value, string at) => value switch
    {
        { Kind: JqKind.Number } => value.GetDouble(),
        _ when value.TryGetString(out var text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw Wrong(at, $"is {value.ToJson()}, not a number"),
    };

    private static JqValue Number(double value) => double.IsFinite(value) ? value : double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private static FlowFaultException Wrong(string at, string what) => new(FlowErrors.Validation($"The argument {at} {what}."));
}
