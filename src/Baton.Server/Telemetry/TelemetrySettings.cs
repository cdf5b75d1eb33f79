using Baton.Server.Settings;

namespace Baton.Server.Telemetry;

public enum OtlpProtocol
{
    Grpc,
    Http,
}

public sealed class OtlpSettings : ICheckedSettings
{
    [Setting("OTLP backend that gets traces, metrics and logs as well, such as http://jaeger:4317; none sends nothing.")]
    public Uri? Endpoint { get; init; }

    [Setting("Protocol of the backend: Grpc (port 4317 as a rule) or Http (4318; paths such as /v1/traces are added).")]
    public OtlpProtocol Protocol { get; init; }

    [Setting("Headers for the backend, NAME=VALUE with commas between.", IsSecret = true)]
    public string? Headers { get; init; }

    [Setting("Share of traces that are kept, 0 to 1, decided where a trace begins; what comes with a trace follows its caller.")]
    public double Sampling { get; init; } = 1;

    [Setting("Whether statements on PostgreSQL are spans as well.")]
    public bool Database { get; init; }

    [Setting("Port on which spans of other services are taken by OTLP over gRPC; none takes them by HTTP only. With https, gRPC is taken on the server's own port.")]
    public ushort? ReceiverPort { get; init; }

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Endpoint is { Scheme: not ("http" or "https") })
        {
            yield return (nameof(Endpoint), "must be an http or https address");
        }
        if (Sampling is not (>= 0 and <= 1))
        {
            yield return (nameof(Sampling), "must be 0 to 1");
        }
    }
}

public sealed class TraceSettings : ICheckedSettings
{
    [Setting("How long spans are kept, 1 m to 365 d.")]
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(3);

    [Setting("Spans that are kept at most, 1,000 to 100,000,000; the oldest go first. A span takes about 700 bytes.")]
    public int MaxSpans { get; init; } = 500_000;

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Retention < TimeSpan.FromMinutes(1) || Retention > TimeSpan.FromDays(365))
        {
            yield return (nameof(Retention), "must be 1m to 365d");
        }
        if (MaxSpans is < 1_000 or > 100_000_000)
        {
            yield return (nameof(MaxSpans), "must be 1000 to 100000000");
        }
    }
}
