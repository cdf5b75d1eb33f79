using System.Net;
using Baton.Durable;
using Baton.Flows.Interpret;
using Baton.Server.Cache;
using Baton.Server.Http;
using Baton.Server.Tasks;
using Baton.Server.Telemetry;

namespace Baton.Server.Settings;

/// <summary>
/// Every setting of the server, a section for each concept. The defaults need no other server; a section that names a
/// production part (`Database:Postgres`, `Events:Nats`, `Temporal:Address`...) uses it in place of the embedded one.
/// </summary>
public sealed class BatonSettings
{
    public HttpSettings Http { get; init; } = new();

    public TemporalSettings Temporal { get; init; } = new();

    public DatabaseSettings Database { get; init; } = new();

    public FlowSettings Flows { get; init; } = new();

    public CacheSettings Cache { get; init; } = new();

    public OtlpSettings Otlp { get; init; } = new();

    public TraceSettings Traces { get; init; } = new();

    public SecretSettings Secrets { get; init; } = new();

    public AuditSettings Audit { get; init; } = new();

    public IdentitySettings Identity { get; init; } = new();

    public EgressSettings Egress { get; init; } = new();

    public TaskSettings Tasks { get; init; } = new();

    public EventSettings Events { get; init; } = new();
}

/// <summary>What a value means, for `baton config show` and for messages.</summary>
/// <param name="description">One line, with unit and range where there are any.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SettingAttribute(string description) : Attribute
{
    public string Description { get; } = description;

    /// <summary>Never shown.</summary>
    public bool IsSecret { get; init; }
}

/// <summary>A section that checks more than the form of its values.</summary>
internal interface ICheckedSettings
{
    /// <summary>Names relative to the section, and what is wrong with what they hold.</summary>
    IEnumerable<(string Name, string Problem)> Problems();
}

public sealed class HttpSettings : ICheckedSettings
{
    [Setting("Address that API and console listen on; port 0 takes a free one. Anything but loopback should be https.")]
    public Uri Url { get; init; } = new("http://127.0.0.1:7280");

    [Setting("Address that people reach the server by, for links that it sends; default: Url.")]
    public Uri? PublicUrl { get; init; }

    [Setting("PEM file of the certificate and its chain, for https. It is read again when it changes.")]
    public string? CertificatePath { get; init; }

    [Setting("PEM file of the certificate's key; default: the certificate's own file.")]
    public string? KeyPath { get; init; }

    [Setting("Port, of the same address, that answers plain http by a redirect to the https address; none by default.")]
    public ushort? RedirectPort { get; init; }

    [Setting("Proxies, as addresses or networks such as 10.0.0.0/8, that are believed in their X-Forwarded headers; none by default.")]
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];

    [Setting("Requests a second that one caller may make, with ten seconds' worth at once; 0: no limit.")]
    public int RequestsPerSecond { get; init; } = 500;

    [Setting("How long the answer to a request with an Idempotency-Key is kept, 1 m to 30 d.")]
    public TimeSpan IdempotencyTime { get; init; } = TimeSpan.FromDays(1);

    [Setting("Bytes that a request body may have, 1 KiB to 1 GiB.")]
    public long MaxRequestBytes { get; init; } = 10 * 1024 * 1024;

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (Url.Scheme is not ("http" or "https"))
        {
            yield return (nameof(Url), "must be an http or https address");
        }
        if (Url.Scheme == Uri.UriSchemeHttps != (CertificatePath is not null))
        {
            yield return (nameof(CertificatePath), "is needed for an https address, and for no other");
        }
        if (RedirectPort is { } plain && (Url.Scheme != Uri.UriSchemeHttps || plain == Url.Port || plain == 0))
        {
            yield return (nameof(RedirectPort), "is for an https address, and must be a port other than its own");
        }
        foreach (var proxy in TrustedProxies.Where(proxy => Listening.NetworkOf(proxy) is null))
        {
            yield return (nameof(TrustedProxies), $"'{proxy}' is neither an address nor a network such as 10.0.0.0/8");
        }
        foreach (var (name, path) in new[] { (nameof(CertificatePath), CertificatePath), (nameof(KeyPath), KeyPath) }.Where(file => file.Item2 is { } path && !File.Exists(path)))
        {
            yield return (name, $"there is no file {path}");
        }
        if (RequestsPerSecond is < 0 or > 1_000_000)
        {
            yield return (nameof(RequestsPerSecond), "must be 0 to 1000000");
        }
        if (IdempotencyTime < TimeSpan.FromMinutes(1) || IdempotencyTime > TimeSpan.FromDays(30))
        {
            yield return (nameof(IdempotencyTime), "must be 1m to 30d");
        }
        if (MaxRequestBytes is < 1024 or > 1024L * 1024 * 1024)
        {
            yield return (nameof(MaxRequestBytes), "must be 1024 to 1073741824");
        }
    }
}

public sealed class TemporalSettings : ICheckedSettings
{
    [Setting("Temporal cluster to run workflows on, HOST:PORT; none runs them on the embedded server.")]
    public string? Address { get; init; }

    [Setting("Namespace of the cluster.")]
    public string Namespace { get; init; } = "default";

    [Setting("API key for the cluster.", IsSecret = true)]
    public string? ApiKey { get; init; }

    [Setting("Whether to reach the cluster over TLS.")]
    public bool Tls { get; init; }

    [Setting("Address that the embedded server listens on.")]
    public string Ip { get; init; } = "127.0.0.1";

    [Setting("Port of the embedded server; 0 takes a free one.")]
    public ushort Port { get; init; } = 7233;

    [Setting("Whether the embedded server asks for a token (temporal.read, temporal.write); default: unless it listens on loopback.")]
    public bool? RequireAuthentication { get; init; }

    [Setting("How long the embedded server keeps runs that have ended, 1 m to 3650 d.")]
    public TimeSpan RetainFor { get; init; } = DurableServerOptions.DefaultRetention;

    /// <summary>Whether callers of the embedded server must show a token.</summary>
    internal bool IsClosed => Address is null && (RequireAuthentication ?? !(IPAddress.TryParse(Ip, out var ip) && IPAddress.IsLoopback(ip)));

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (!IPAddress.TryParse(Ip, out _))
        {
            yield return (nameof(Ip), "must be an IP address");
        }
        if (RetainFor < TimeSpan.FromMinutes(1) || RetainFor > TimeSpan.FromDays(3650))
        {
            yield return (nameof(RetainFor), "must be 1m to 3650d");
        }
    }
}

public sealed class DatabaseSettings
{
    [Setting("PostgreSQL connection string; none keeps records in SQLite in the data folder.", IsSecret = true)]
    public string? Postgres { get; init; }
}

public sealed class FlowSettings : ICheckedSettings
{
    [Setting("Whether flows may run shell commands.")]
    public bool AllowShell { get; init; }

    [Setting("Whether flows may run scripts.")]
    public bool AllowScript { get; init; }

    [Setting("Whether flows may run containers.")]
    public bool AllowContainer { get; init; }

    [Setting("Whether flows may start MCP servers as processes.")]
    public bool AllowMcpProcess { get; init; }

    [Setting("Which events of their lives runs publish: None, Workflow, or Task (of each task too).")]
    public FlowLifecycle Lifecycle { get; init; }

    [Setting("How long a call may take unless the flow says otherwise, 1 s to 1 d.")]
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromMinutes(5);

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (CallTimeout < TimeSpan.FromSeconds(1) || CallTimeout > TimeSpan.FromDays(1))
        {
            yield return (nameof(CallTimeout), "must be 1s to 1d");
        }
    }
}

public sealed class SecretSettings
{
    [Setting("File of the master keys, which replicas share; default: keys.json in the data folder.")]
    public string? KeyFile { get; init; }

    [Setting("Whether the server encrypts what its own flows and workflows leave in histories; workers elsewhere cannot read it.")]
    public bool EncryptPayloads { get; init; }
}

public sealed class AuditSettings : ICheckedSettings
{
    [Setting("How long the audit keeps an entry, 1 m to 100 years.")]
    public TimeSpan RetainFor { get; init; } = TimeSpan.FromDays(400);

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (RetainFor < TimeSpan.FromMinutes(1) || RetainFor > TimeSpan.FromDays(36525))
        {
            yield return (nameof(RetainFor), "must be 1m to 36525d");
        }
    }
}
