using Google.Protobuf;

namespace Baton.Server.Telemetry.Otlp;

/// <summary>
/// Reads `ExportTraceServiceRequest` of OTLP 1.x, of which no package with message types restores from every registry.
/// Numbers are those of opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto; fields not named here are skipped,
/// as the wire format has it. <see cref="InvalidProtocolBufferException"/> or <see cref="FormatException"/> where the bytes are none.
/// </summary>
internal static class OtlpProtobuf
{
    private const int MaxDepth = 8;

    public static OtlpTraces Read(byte[] body)
    {
        var spans = new List<Spans.StoredSpan>();
        var rejected = 0;
        Each(new CodedInputStream(body), (field, input) =>
        {
            if (field == 1)
            {
                ResourceSpans(Inner(input), span =>
                {
                    if (span is null)
                    {
                        rejected++;
                    }
                    else
                    {
                        spans.Add(span);
                    }
                });
                return true;
            }
            return false;
        });
        return new(spans, rejected);
    }

    /// <summary>ExportTraceServiceResponse: empty when all was taken.</summary>
    public static byte[] Response(int rejected)
    {
        if (rejected == 0)
        {
            return [];
        }
        var partial = Write(output =>
        {
            output.WriteTag(1, WireFormat.WireType.Varint);
            output.WriteInt64(rejected);
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteString(OtlpReceiver.WhyRejected);
        });
        return Write(output =>
        {
            output.WriteTag(1, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(partial));
        });
    }

    private static void ResourceSpans(CodedInputStream message, Action<Spans.StoredSpan?> take)
    {
        var resource = new List<KeyValuePair<string, object?>>();
        // The resource may come after its spans.
        var scopes = new List<(string Name, List<OtlpSpan> Spans)>();
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1:
                    Each(Inner(input), (inner, attributes) => inner == 1 && Add(resource, attributes));
                    return true;
                case 2:
                    scopes.Add(ScopeSpans(Inner(input)));
                    return true;
                default:
                    return false;
            }
        });
        foreach (var (scope, spans) in scopes)
        {
            spans.ForEach(span => take(span.ToStored(resource, scope)));
        }
    }

    private static (string Name, List<OtlpSpan> Spans) ScopeSpans(CodedInputStream message)
    {
        var name = "";
        var spans = new List<OtlpSpan>();
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1:
                    Each(Inner(input), (inner, scope) =>
                    {
                        name = inner == 1 ? scope.ReadString() : name;
                        return inner == 1;
                    });
                    return true;
                case 2:
                    spans.Add(Span(Inner(input)));
                    return true;
                default:
                    return false;
            }
        });
        return (name, spans);
    }

    private static OtlpSpan Span(CodedInputStream message)
    {
        var span = new OtlpSpan();
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1: span.TraceId = Id(input); break;
                case 2: span.SpanId = Id(input); break;
                case 4: span.ParentId = Id(input); break;
                case 5: span.Name = input.ReadString(); break;
                case 6: span.Kind = input.ReadEnum(); break;
                case 7: span.Start = input.ReadFixed64(); break;
                case 8: span.End = input.ReadFixed64(); break;
                case 9: Add(span.Attributes, input); break;
                case 11: span.Events.Add(Event(Inner(input))); break;
                case 13: span.Links.Add(Link(Inner(input))); break;
                case 15: Status(Inner(input), span); break;
                default: return false;
            }
            return true;
        });
        return span;
    }

    private static (string, long, IEnumerable<KeyValuePair<string, object?>>) Event(CodedInputStream message)
    {
        var (name, time, attributes) = ("", 0L, new List<KeyValuePair<string, object?>>());
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1: time = (long)Math.Min(input.ReadFixed64(), long.MaxValue); break;
                case 2: name = input.ReadString(); break;
                case 3: Add(attributes, input); break;
                default: return false;
            }
            return true;
        });
        return (name, time, attributes);
    }

    private static (string, string) Link(CodedInputStream message)
    {
        var (trace, span) = ("", "");
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1: trace = Id(input); break;
                case 2: span = Id(input); break;
                default: return false;
            }
            return true;
        });
        return (trace, span);
    }

    private static void Status(CodedInputStream message, OtlpSpan span) => Each(message, (field, input) =>
    {
        switch (field)
        {
            case 2: span.Message = input.ReadString(); break;
            case 3: span.Status = input.ReadEnum(); break;
            default: return false;
        }
        return true;
    });

    private static bool Add(List<KeyValuePair<string, object?>> attributes, CodedInputStream input, int depth = 0)
    {
        var (key, value) = ("", (object?)null);
        Each(Inner(input), (field, pair) =>
        {
            switch (field)
            {
                case 1: key = pair.ReadString(); break;
                case 2: value = Value(Inner(pair), depth); break;
                default: return false;
            }
            return true;
        });
        attributes.Add(new(key, value));
        return true;
    }

    private static object? Value(CodedInputStream message, int depth)
    {
        if (depth == MaxDepth)
        {
            throw new FormatException($"A value of an attribute is nested more than {MaxDepth} deep.");
        }
        object? value = null;
        Each(message, (field, input) =>
        {
            switch (field)
            {
                case 1: value = input.ReadString(); break;
                case 2: value = input.ReadBool(); break;
                case 3: value = input.ReadInt64(); break;
                case 4: value = input.ReadDouble(); break;
                case 5:
                    var items = new List<object?>();
                    Each(Inner(input), (inner, list) =>
                    {
                        if (inner == 1)
                        {
                            items.Add(Value(Inner(list), depth + 1));
                        }
                        return inner == 1;
                    });
                    value = items;
                    break;
                case 6:
                    var members = new List<KeyValuePair<string, object?>>();
                    Each(Inner(input), (inner, list) => inner == 1 && Add(members, list, depth + 1));
                    value = string.Join(", ", members.Select(member => $"{member.Key}={member.Value}"));
                    break;
                case 7: value = Convert.ToBase64String(input.ReadBytes().Span); break;
                default: return false;
            }
            return true;
        });
        return value;
    }

    /// <summary>Gives each field to <paramref name="read"/>, and skips those that it does not want.</summary>
    private static void Each(CodedInputStream message, Func<int, CodedInputStream, bool> read)
    {
        while (message.ReadTag() is var tag and not 0)
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), message))
            {
                message.SkipLastField();
            }
        }
    }

    private static CodedInputStream Inner(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private static string Id(CodedInputStream input) => Convert.ToHexStringLower(input.ReadBytes().Span);

    private static byte[] Write(Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            write(output);
        }
        return stream.ToArray();
    }
}
