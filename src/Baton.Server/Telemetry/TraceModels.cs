using System.Text.Json.Nodes;
using Baton.Server.Telemetry.Spans;

namespace Baton.Server.Telemetry;

/// <param name="Name">Of the span that the trace begins with.</param>
/// <param name="DurationMs">Null while a span of it is open.</param>
internal sealed record TraceListItem(string TraceId, string Name, string Service, string? Run, string StartedAt, double? DurationMs, int Spans, int Errors)
{
    public static TraceListItem Of(TraceSummary trace) => new(
        trace.TraceId, trace.Name, trace.Service, trace.Run, SpanJson.Time(trace.StartedNs), SpanDto.Milliseconds(trace.StartedNs, trace.EndedNs), trace.Spans, trace.Errors);
}

/// <param name="Next">Cursor of the next page; null on the last.</param>
internal sealed record TraceList(IReadOnlyList<TraceListItem> Items, string? Next);

/// <param name="DurationMs">From the first start to the last end that is known.</param>
/// <param name="Spans">By their start.</param>
internal sealed record TraceDto(string TraceId, string StartedAt, double DurationMs, IReadOnlyList<string> Services, IReadOnlyList<SpanDto> Spans)
{
    public static TraceDto Of(List<StoredSpan> spans)
    {
        var start = spans[0].StartedNs;
        return new(
            spans[0].TraceId, SpanJson.Time(start), SpanDto.Milliseconds(start, spans.Max(span => span.EndedNs ?? span.StartedNs))!.Value,
            [.. spans.Select(span => span.Service).Distinct().Order(StringComparer.Ordinal)], [.. spans.Select(SpanDto.Of)]);
    }
}

/// <param name="Kind">internal, server, client, producer or consumer.</param>
/// <param name="DurationMs">Null while it is open, or when the process died before its end.</param>
/// <param name="Status">unset, ok or error.</param>
internal sealed record SpanDto(
    string SpanId, string? ParentId, string Name, string Kind, string Service, string Scope, string StartedAt, double? DurationMs,
    string Status, string? Message, JsonNode Attributes, JsonNode Events, JsonNode Links)
{
    public static SpanDto Of(StoredSpan span) => new(
        span.SpanId, span.ParentId, span.Name, span.Kind.ToString().ToLowerInvariant(), span.Service, span.Scope, SpanJson.Time(span.StartedNs),
        Milliseconds(span.StartedNs, span.EndedNs), span.Status.ToString().ToLowerInvariant(), span.StatusText,
        JsonNode.Parse(span.Attributes)!, JsonNode.Parse(span.Events)!, JsonNode.Parse(span.Links)!);

    internal static double? Milliseconds(long from, long? to) => to is { } end ? Math.Round((end - from) / 1e6, 3) : null;
}
