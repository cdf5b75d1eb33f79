using System.Globalization;
using System.Text.Json;
using Baton.Durable.Engine;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Temporalio.Api.Common.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// Search attributes between payloads (JSON, with the type in their metadata) and typed values. A payload without a type takes the one that the
/// namespace gives its name.
/// </summary>
internal static class SearchAttributeCodec
{
    private const int MaxKeyword = 2048;

    // Names that the server sets itself or knows without being told.
    private static readonly Dictionary<string, AttributeType> predefined = new()
    {
        ["BuildIds"] = AttributeType.KeywordList,
        ["BatcherUser"] = AttributeType.Keyword,
        ["BatcherNamespace"] = AttributeType.Keyword,
        ["BinaryChecksums"] = AttributeType.KeywordList,
        ["TemporalChangeVersion"] = AttributeType.KeywordList,
        ["TemporalScheduledStartTime"] = AttributeType.Datetime,
        ["TemporalScheduledById"] = AttributeType.Keyword,
        ["TemporalSchedulePaused"] = AttributeType.Bool,
        ["TemporalNamespaceDivision"] = AttributeType.Keyword,
        ["TemporalPauseInfo"] = AttributeType.KeywordList,
        ["TemporalReportedProblems"] = AttributeType.KeywordList,
        ["TemporalWorkerDeployment"] = AttributeType.Keyword,
        ["TemporalWorkerDeploymentVersion"] = AttributeType.Keyword,
        ["TemporalUsedWorkerDeploymentVersions"] = AttributeType.KeywordList,
        ["TemporalWorkflowVersioningBehavior"] = AttributeType.Keyword,
    };

    public static IReadOnlyDictionary<string, AttributeType> Predefined => predefined;

    public static Dictionary<string, AttributeValue> Decode(SearchAttributes attributes, IReadOnlyDictionary<string, AttributeType> custom)
    {
        var values = new Dictionary<string, AttributeValue>();
        foreach (var (name, payload) in attributes.IndexedFields)
        {
            if (TypeOf(name, payload, custom) is { } type && TryDecode(payload, type, out var value, out _) && value is { } known)
            {
                values[name] = known;
            }
        }

        return values;
    }

    /// <summary>
    /// Every attribute must be known to the namespace and have a value of its type. One that comes without its type is given it, since SDKs read histories by it.
    /// </summary>
    public static void Require(SearchAttributes? attributes, NamespaceEntry space, Func<string, Exception> refuse)
    {
        if (attributes is null)
        {
            return;
        }

        foreach (var (name, payload) in attributes.IndexedFields)
        {
            if (!space.CustomAttributes.ContainsKey(name) && !predefined.ContainsKey(name))
            {
                throw refuse($"Namespace {space.Name} has no mapping defined for search attribute {name}");
            }

            var type = space.CustomAttributes.TryGetValue(name, out var customType) ? customType : predefined[name];
            if (!TryDecode(payload, type, out _, out var problem))
            {
                throw refuse($"invalid value for search attribute {name} of type {type}: {problem}");
            }

            SetType(payload, type);
        }

        if (attributes.CalculateSize() is var size && size > 40 * 1024)
        {
            throw refuse($"search attributes exceed size limit: {size} > {40 * 1024} bytes");
        }
    }

    /// <summary>New values replace old ones; an empty value removes its key.</summary>
    public static void Upsert(MapField<string, Payload> into, MapField<string, Payload> changes)
    {
        foreach (var (name, payload) in changes)
        {
            if (IsEmpty(payload))
            {
                into.Remove(name);
            }
            else
            {
                into[name] = payload;
            }
        }
    }

    public static bool IsEmpty(Payload payload) =>
        payload.Data.IsEmpty
        || (payload.Metadata.TryGetValue("encoding", out var encoding) && encoding.ToStringUtf8() == "binary/null")
        || payload.Data.Span.SequenceEqual("null"u8)
        || payload.Data.Span.SequenceEqual("[]"u8);

    /// <summary>The payload that a search attribute has in answers: typed JSON.</summary>
    public static Payload Encode(AttributeValue value)
    {
        var json = value.Value switch
        {
            DateTimeOffset time => JsonSerializer.SerializeToUtf8Bytes(time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture)),
            IReadOnlyList<string> list => JsonSerializer.SerializeToUtf8Bytes(list),
            var other => JsonSerializer.SerializeToUtf8Bytes(other, other.GetType()),
        };
        return new Payload
        {
            Data = ByteString.CopyFrom(json),
            Metadata =
            {
                ["encoding"] = ByteString.CopyFromUtf8("json/plain"),
                ["type"] = ByteString.CopyFromUtf8(value.Type.ToString()),
            },
        };
    }

    /// <summary>Adds the type to payloads that come without.</summary>
    public static SearchAttributes WithTypes(SearchAttributes attributes, IReadOnlyDictionary<string, AttributeType> custom)
    {
        var typed = attributes.Clone();
        foreach (var (name, payload) in typed.IndexedFields)
        {
            if (TypeOf(name, payload, custom) is { } type)
            {
                SetType(payload, type);
            }
        }

        return typed;
    }

    private static void SetType(Payload payload, AttributeType type)
    {
        if (!payload.Metadata.ContainsKey("type"))
        {
            payload.Metadata["type"] = ByteString.CopyFromUtf8(type.ToString());
        }
    }

    private static AttributeType? TypeOf(string name, Payload payload, IReadOnlyDictionary<string, AttributeType> custom)
    {
        if (custom.TryGetValue(name, out var type) || predefined.TryGetValue(name, out type))
        {
            return type;
        }

        return payload.Metadata.TryGetValue("type", out var given) && Enum.TryParse(given.ToStringUtf8(), out type) ? type : null;
    }

    /// <param name="value">Null when the payload says that there is no value.</param>
    private static bool TryDecode(Payload payload, AttributeType type, out AttributeValue? value, out string problem)
    {
        value = null;
        problem = "";
        if (IsEmpty(payload))
        {
            return true;
        }

        try
        {
            using var document = JsonDocument.Parse(payload.Data.Memory);
            var json = document.RootElement;

            // SDKs of the first generation sent a list for every type.
            if (json.ValueKind == JsonValueKind.Array && type != AttributeType.KeywordList)
            {
                if (json.GetArrayLength() != 1)
                {
                    problem = "a list has more than one value";
                    return false;
                }

                json = json[0];
            }

            object? parsed = type switch
            {
                AttributeType.Int => json.TryGetInt64(out var number) ? number : null,
                AttributeType.Double => json.TryGetDouble(out var real) ? real : null,
                AttributeType.Bool => json.ValueKind is JsonValueKind.True or JsonValueKind.False ? json.GetBoolean() : null,
                AttributeType.Datetime => DateTimeOffset.TryParse(json.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null,
                AttributeType.KeywordList when json.ValueKind == JsonValueKind.Array => json.EnumerateArray().Select(static item => item.GetString() ?? "").ToList(),
                AttributeType.KeywordList => json.GetString() is { } one ? new List<string> { one } : null,
                _ => json.GetString(),
            };
            if (parsed is string { Length: > MaxKeyword } && type == AttributeType.Keyword)
            {
                problem = $"a keyword may have {MaxKeyword} characters";
                return false;
            }

            if (parsed is null)
            {
                problem = $"{json.GetRawText()} is no {type}";
                return false;
            }

            value = new AttributeValue(type, parsed);
            return true;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            problem = $"its payload is no JSON of a {type}";
            return false;
        }
    }
}
