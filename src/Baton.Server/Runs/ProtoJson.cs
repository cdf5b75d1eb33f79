using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Temporalio.Api.Common.V1;

namespace Baton.Server.Runs;

/// <summary>Messages of the API as JSON, with payloads shown as the values they carry rather than as base64.</summary>
public static class ProtoJson
{
    private static readonly JsonFormatter Formatter = new(new JsonFormatter.Settings(formatDefaultValues: false));

    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = MaxDepth };

    /// <summary>Of values in payloads; what nests deeper stays base64.</summary>
    public const int MaxDepth = 1000;

    public static JsonObject ToJson(IMessage message)
    {
        var node = JsonNode.Parse(Formatter.Format(message), documentOptions: new() { MaxDepth = MaxDepth })!;
        return (JsonObject)Decode(node)!;
    }

    /// <summary>A payload's value as JSON; one in another encoding keeps its metadata and base64.</summary>
    public static JsonNode? Value(Payload payload) => Decode(JsonNode.Parse(Formatter.Format(payload), documentOptions: new() { MaxDepth = MaxDepth })!);

    public static JsonNode? Values(Payloads? payloads) => payloads?.Payloads_.Count switch
    {
        null or 0 => null,
        1 => Value(payloads.Payloads_[0]),
        _ => new JsonArray([.. payloads.Payloads_.Select(Value)]),
    };

    /// <summary>A payload on one line, cut to <paramref name="limit"/> characters.</summary>
    public static string Text(Payload payload, int limit = int.MaxValue) => Cut(Value(payload).ToText(), limit);

    /// <summary>Payloads on one line, separated by commas, cut to <paramref name="limit"/> characters.</summary>
    public static string Text(Payloads? payloads, int limit = int.MaxValue) =>
        payloads is null ? "" : Cut(string.Join(", ", payloads.Payloads_.Select(payload => Text(payload))), limit);

    public static string ToText(this JsonNode? node) => node is null ? "null" : node.ToJsonString(OneLine);

    private static string Cut(string text, int limit) => text.Length <= limit ? text : string.Concat(text.AsSpan(0, limit - 1), "…");

    private static JsonNode? Decode(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject payload when IsPayload(payload, out var encoding):
                return DecodePayload(payload, encoding);
            case JsonObject entries:
                foreach (var name in entries.Select(entry => entry.Key).ToList())
                {
                    var child = entries[name];
                    var decoded = Decode(child);
                    if (!ReferenceEquals(child, decoded))
                    {
                        entries[name] = decoded;
                    }
                }
                return entries;
            case JsonArray items:
                for (var i = 0; i < items.Count; i++)
                {
                    var child = items[i];
                    var decoded = Decode(child);
                    if (!ReferenceEquals(child, decoded))
                    {
                        items[i] = decoded;
                    }
                }
                return items;
            default:
                return node;
        }
    }

    private static bool IsPayload(JsonObject candidate, out string encoding)
    {
        encoding = "";
        if (candidate["metadata"] is not JsonObject metadata || metadata["encoding"] is not JsonValue value || !value.TryGetValue<string>(out var text))
        {
            return false;
        }
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out var length))
        {
            return false;
        }
        encoding = System.Text.Encoding.UTF8.GetString(bytes, 0, length);
        return true;
    }

    private static JsonNode? DecodePayload(JsonObject payload, string encoding)
    {
        if (encoding == "binary/null")
        {
            return null;
        }
        if (encoding.StartsWith("json/", StringComparison.Ordinal) && payload["data"]?.GetValue<string>() is { } data)
        {
            try
            {
                return JsonNode.Parse(Convert.FromBase64String(data), documentOptions: new() { MaxDepth = MaxDepth });
            }
            catch (JsonException)
            {
                // Its encoding is wrong; the bytes are shown as they are.
            }
        }
        return payload;
    }
}
