using System.Diagnostics;
using Baton.Server.Telemetry.Spans;

namespace Baton.Server.Telemetry.Otlp;

/// <summary>What a request of another service holds.</summary>
/// <param name="Rejected">Spans without a usable id, name or time.</param>
internal sealed record OtlpTraces(IReadOnlyList<StoredSpan> Spans, int Rejected);

/// <summary>A span as OTLP has it, while it is being read.</summary>
internal sealed class OtlpSpan
{
    private const string ServiceName = "service.name";

    public string TraceId { get; set; } = "";

    public string SpanId { get; set; } = "";

    public string ParentId { get; set; } = "";

    public string Name { get; set; } = "";

    /// <summary>0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer.</summary>
    public int Kind { get; set; }

    public ulong Start { get; set; }

    public ulong End { get; set; }

    /// <summary>0 unset, 1 ok, 2 error.</summary>
    public int Status { get; set; }

    public string? Message { get; set; }

    public List<KeyValuePair<string, object?>> Attributes { get; } = [];

    public List<(string Name, long TimeNs, IEnumerable<KeyValuePair<string, object?>> Attributes)> Events { get; } = [];

    public List<(string TraceId, string SpanId)> Links { get; } = [];

    /// <summary>Null when it cannot be kept.</summary>
    public StoredSpan? ToStored(IReadOnlyCollection<KeyValuePair<string, object?>> resource, string scope)
    {
        if (!IsId(TraceId, 32) || !IsId(SpanId, 16) || (ParentId.Length > 0 && ParentId.Length != 16) || Name.Length == 0 || Start is 0 or > long.MaxValue || End < Start || End > long.MaxValue)
        {
            return null;
        }
        var isRoot = ParentId.Trim('0').Length == 0;
        return new()
        {
            TraceId = TraceId,
            SpanId = SpanId,
            ParentId = isRoot ? null : ParentId,
            IsEntry = isRoot,
            Name = Name,
            Kind = Kind is >= 1 and <= 5 ? (ActivityKind)(Kind - 1) : ActivityKind.Internal,
            Service = resource.FirstOrDefault(attribute => attribute.Key == ServiceName).Value as string ?? "unknown_service",
            Scope = scope,
            StartedNs = (long)Start,
            EndedNs = (long)End,
            Status = Status is 1 or 2 ? (ActivityStatusCode)Status : ActivityStatusCode.Unset,
            StatusText = string.IsNullOrEmpty(Message) ? null : Message,
            Attributes = SpanJson.Attributes(Attributes.Concat(resource.Where(attribute => attribute.Key != ServiceName))),
            Events = SpanJson.Events(Events),
            Links = SpanJson.Links(Links.Where(link => IsId(link.TraceId, 32) && IsId(link.SpanId, 16))),
            Run = Attributes.FirstOrDefault(attribute => attribute.Key == StoredSpan.RunAttribute).Value as string,
        };
    }

    private static bool IsId(string id, int length) => id.Length == length && id.AsSpan().ContainsAnyExcept('0');
}
