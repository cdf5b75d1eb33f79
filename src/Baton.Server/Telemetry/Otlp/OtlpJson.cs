using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Baton.Server.Telemetry.Otlp;

/// <summary>
/// Reads OTLP's JSON form: names in lowerCamelCase, ids in hexadecimal, 64-bit numbers as text or number.
/// <see cref="JsonException"/> or <see cref="InvalidOperationException"/> where it is another thing.
/// </summary>
internal static class OtlpJson
{
    public static OtlpTraces Read(byte[] body)
    {
        var request = JsonNode.Parse(body, documentOptions: new() { MaxDepth = 32 }) as JsonObject ?? throw new JsonException("The request must be a JSON object.");
        var spans = new List<Spans.StoredSpan>();
        var rejected = 0;
        foreach (var resourceSpans in List(request, "resourceSpans"))
        {
            var resource = Attributes(resourceSpans["resource"]);
            foreach (var scopeSpans in List(resourceSpans, "scopeSpans"))
            {
                var scope = (string?)scopeSpans["scope"]?["name"] ?? "";
                foreach (var span in List(scopeSpans, "spans"))
                {
                    if (Span(span).ToStored(resource, scope) is { } stored)
                    {
                        spans.Add(stored);
                    }
                    else
                    {
                        rejected++;
                    }
                }
            }
        }
        return new(spans, rejected);
    }

    private static OtlpSpan Span(JsonNode node)
    {
        var span = new OtlpSpan
        {
            TraceId = Id(node, "traceId"),
            SpanId = Id(node, "spanId"),
            ParentId = Id(node, "parentSpanId"),
            Name = (string?)node["name"] ?? "",
            Kind = (int)Number(node["kind"]),
            Start = (ulong)Number(node["startTimeUnixNano"]),
            End = (ulong)Number(node["endTimeUnixNano"]),
            Status = (int)Number(node["status"]?["code"]),
            Message = (string?)node["status"]?["message"],
        };
        span.Attributes.AddRange(Attributes(node));
        span.Events.AddRange(List(node, "events").Select(item => ((string?)item["name"] ?? "", Number(item["timeUnixNano"]), (IEnumerable<KeyValuePair<string, object?>>)Attributes(item))));
        span.Links.AddRange(List(node, "links").Select(link => (Id(link, "traceId"), Id(link, "spanId"))));
        return span;
    }

    private static List<KeyValuePair<string, object?>> Attributes(JsonNode? owner) =>
        owner is null ? [] : [.. List(owner, "attributes").Select(pair => KeyValuePair.Create((string?)pair["key"] ?? "", Value(pair["value"])))];

    private static object? Value(JsonNode? value) => value is not JsonObject { Count: > 0 } one ? null : one.First() switch
    {
        { Key: "stringValue", Value: { } text } => (string?)text,
        { Key: "boolValue", Value: { } flag } => (bool)flag,
        { Key: "intValue", Value: { } number } => Number(number),
        { Key: "doubleValue", Value: { } number } => (double)number,
        { Key: "arrayValue", Value: { } list } => List(list, "values").Select(Value).ToList(),
        { Value: { } other } => other.ToJsonString(),
        _ => null,
    };

    private static IEnumerable<JsonNode> List(JsonNode owner, string name) => owner[name] switch
    {
        null => [],
        JsonArray list => list.Select(item => item as JsonObject ?? throw new JsonException($"{name} must be a list of objects.")),
        _ => throw new JsonException($"{name} must be a list."),
    };

    private static string Id(JsonNode owner, string name) =>
        (string?)owner[name] is { } id && !id.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF") ? id.ToLowerInvariant() : "";

    private static long Number(JsonNode? value) => value switch
    {
        null => 0,
        JsonValue number when number.TryGetValue<long>(out var whole) => whole,
        JsonValue text when text.TryGetValue<string>(out var digits) && long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        _ => throw new JsonException($"{value.GetPath()} must be a whole number."),
    };
}
