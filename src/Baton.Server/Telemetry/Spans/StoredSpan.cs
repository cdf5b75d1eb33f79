using System.Diagnostics;

namespace Baton.Server.Telemetry.Spans;

/// <summary>A span as it is kept. Times are nanoseconds since 1970, as in OTLP.</summary>
internal sealed record StoredSpan
{
    /// <summary>32 hexadecimal digits, lower case.</summary>
    public required string TraceId { get; init; }

    /// <summary>16 hexadecimal digits, lower case.</summary>
    public required string SpanId { get; init; }

    public string? ParentId { get; init; }

    /// <summary>Nothing in this process is above it.</summary>
    public bool IsEntry { get; init; }

    public required string Name { get; init; }

    public ActivityKind Kind { get; init; }

    /// <summary>The service that recorded it, and the part of that.</summary>
    public required string Service { get; init; }

    public string Scope { get; init; } = "";

    public required long StartedNs { get; init; }

    /// <summary>Null while the end is still to come, or never came because the process died.</summary>
    public long? EndedNs { get; init; }

    public ActivityStatusCode Status { get; init; }

    public string? StatusText { get; init; }

    /// <summary>A JSON object.</summary>
    public string Attributes { get; init; } = "{}";

    /// <summary>A JSON array of name, time and attributes.</summary>
    public string Events { get; init; } = "[]";

    /// <summary>A JSON array of traceId and spanId.</summary>
    public string Links { get; init; } = "[]";

    /// <summary>Workflow id of the run that it is about.</summary>
    public string? Run { get; init; }

    public const string RunAttribute = "temporalWorkflowID";

    public static long Nanoseconds(DateTime utc) => (utc - DateTime.UnixEpoch).Ticks * 100;
}
