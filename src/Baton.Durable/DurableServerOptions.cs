using Microsoft.Extensions.Logging;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable;

/// <summary>Settings of one <see cref="DurableServer"/>. The defaults make a volatile server on a free loopback port.</summary>
public sealed record DurableServerOptions
{
    /// <summary>How long closed executions of a new namespace are kept where nothing else is said.</summary>
    public static TimeSpan DefaultRetention { get; } = TimeSpan.FromDays(7);

    /// <summary>Address to listen on. Loopback until told otherwise; any other address should come with <see cref="Tls"/> and <see cref="ApiKeys"/>.</summary>
    public string Ip { get; init; } = "127.0.0.1";

    /// <summary>TCP port, 0 for a free one (see <see cref="DurableServer.Address"/>).</summary>
    public int Port { get; init; }

    /// <summary>
    /// TCP port for Nexus over HTTP/1.1, 0 for a free one (see <see cref="DurableServer.HttpAddress"/>): operations of workers here are called by it,
    /// and operations of outside endpoints that take their time tell by it how they ended. Null, the default, listens for neither.
    /// </summary>
    public int? HttpPort { get; init; }

    /// <summary>
    /// Base URL under which outside Nexus handlers reach <see cref="HttpPort"/>, where that is not the address listened on: behind a proxy, say.
    /// </summary>
    public string? PublicHttpUrl { get; init; }

    /// <summary>
    /// Whether workers, too, are given that URL as the callback of the Nexus operations that they start, rather than one which only this server understands.
    /// A handler that completes its operation by itself, and not by a workflow or activity, needs it.
    /// </summary>
    public bool NexusCallbacksOverHttp { get; init; }

    /// <summary>
    /// Whether a worker may send the completion of one workflow task in several requests, so that it can be larger than
    /// <see cref="DurableLimits.RequestBytes"/>. Off by default, as in a Temporal server.
    /// </summary>
    public bool PagedTaskCompletions { get; init; }

    /// <summary>Namespaces that exist from the start; the first one is <see cref="DurableServer.Namespace"/>.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = ["default"];

    /// <summary>SQLite file, created when missing. Null keeps everything in memory and loses it on stop.</summary>
    public string? DatabasePath { get; init; }

    /// <summary>
    /// Whether server time jumps to the next timer while no client holds it, as in the time-skipping test environments of the SDKs.
    /// Adds <c>temporal.api.testservice.v1.TestService</c>.
    /// </summary>
    public bool TimeSkipping { get; init; }

    /// <summary>
    /// Whether the time of a <see cref="TimeSkipping"/> server begins locked: it passes as usual until a client unlocks it. The SDKs' own
    /// environments expect that of a server they start, and unlock it while they wait for a result.
    /// </summary>
    public bool TimeSkippingLocked { get; init; }

    /// <summary>Custom search attributes of every namespace in <see cref="Namespaces"/>, by name.</summary>
    public IReadOnlyDictionary<string, IndexedValueType> SearchAttributes { get; init; } = new Dictionary<string, IndexedValueType>();

    /// <summary>Server certificate, and the CA of clients where they must show one. Null listens in clear text (HTTP/2 with prior knowledge).</summary>
    public DurableTlsOptions? Tls { get; init; }

    /// <summary>Keys accepted in <c>authorization: Bearer</c>. None lets everybody in. Health checks never need a key.</summary>
    public IReadOnlyList<DurableApiKey> ApiKeys { get; init; } = [];

    /// <summary>Takes tokens beside <see cref="ApiKeys"/>, and says what their owners may do. Set, it closes the server to everybody else.</summary>
    public DurableAuthenticator? Authenticator { get; init; }

    /// <summary>
    /// How long closed executions of the initial namespaces are kept, at least one minute: applied at each start, to executions that close from
    /// then on. Null leaves a namespace as it is, and gives a new one <see cref="DefaultRetention"/>.
    /// </summary>
    public TimeSpan? Retention { get; init; }

    public DurableLimits Limits { get; init; } = new();

    /// <summary>Null logs nothing.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Clock of the engine. Null is the system's, or a skipping one with <see cref="TimeSkipping"/>.</summary>
    public TimeProvider? TimeProvider { get; init; }

    /// <exception cref="DurableOptionsException">Something is wrong; the exception lists everything that is.</exception>
    internal void Validate()
    {
        List<string> problems = [];
        if (!System.Net.IPAddress.TryParse(Ip, out _) && Ip != "localhost")
        {
            problems.Add($"Ip: '{Ip}' is no IP address. Give an address of this machine, such as 127.0.0.1 or 0.0.0.0.");
        }
        if (Port is < 0 or > 65535)
        {
            problems.Add($"Port: {Port} is outside 0 to 65535.");
        }
        if (HttpPort is < 0 or > 65535)
        {
            problems.Add($"HttpPort: {HttpPort} is outside 0 to 65535.");
        }
        if (PublicHttpUrl is { } url && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.Scheme is "http" or "https"))
        {
            problems.Add($"PublicHttpUrl: '{url}' is no HTTP URL. Give one such as https://temporal.example.com.");
        }
        ValidateNamespaces(problems);
        if (DatabasePath is { } path && (path.Length == 0 || Directory.Exists(path)))
        {
            problems.Add($"DatabasePath: '{path}' is no file name. Give a file, or null to keep nothing.");
        }
        foreach (var (name, type) in SearchAttributes)
        {
            if (string.IsNullOrWhiteSpace(name))
            {
                problems.Add("SearchAttributes: a name is empty.");
            }
            if (type == IndexedValueType.Unspecified || !Enum.IsDefined(type))
            {
                problems.Add($"SearchAttributes: '{name}' has no type. Use Text, Keyword, Int, Double, Bool, Datetime or KeywordList.");
            }
        }
        Tls?.Validate(problems);
        ValidateKeys(problems);
        if (Retention < TimeSpan.FromMinutes(1))
        {
            problems.Add($"Retention: {Retention} is less than one minute.");
        }
        Limits.Validate(problems);
        if (problems.Count > 0)
        {
            throw new DurableOptionsException(problems);
        }
    }

    private void ValidateNamespaces(List<string> problems)
    {
        if (Namespaces.Count == 0)
        {
            problems.Add("Namespaces: none is given. Leave it out for 'default'.");
        }
        foreach (var name in Namespaces)
        {
            if (string.IsNullOrWhiteSpace(name) || name.Length > Limits.IdLength)
            {
                problems.Add($"Namespaces: '{name}' must have 1 to {Limits.IdLength} characters.");
            }
        }
        foreach (var twice in Namespaces.GroupBy(n => n).Where(g => g.Count() > 1))
        {
            problems.Add($"Namespaces: '{twice.Key}' is given {twice.Count()} times.");
        }
    }

    // Names only: a key must not get into an error message.
    private void ValidateKeys(List<string> problems)
    {
        foreach (var key in ApiKeys)
        {
            if (string.IsNullOrWhiteSpace(key.Name))
            {
                problems.Add("ApiKeys: a key has no name. Name it after who uses it.");
            }
            if (string.IsNullOrWhiteSpace(key.Secret) || key.Secret.Any(c => c is <= ' ' or > '~'))
            {
                problems.Add($"ApiKeys: the secret of '{key.Name}' must be printable ASCII without spaces, as it travels in a header.");
            }
        }
        foreach (var twice in ApiKeys.GroupBy(k => k.Name).Where(g => g.Count() > 1))
        {
            problems.Add($"ApiKeys: '{twice.Key}' is given {twice.Count()} times.");
        }
    }
}

/// <summary>A key that a client may show, and the name under which what it does is recorded.</summary>
/// <param name="Secret">Kept as a hash once the server runs, and never logged.</param>
public sealed record DurableApiKey(string Name, string Secret)
{
    /// <summary>
    /// What the key opens: calls that name one of these namespaces, and no call that concerns the whole server. Empty, the default, opens everything.
    /// </summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    public override string ToString() => $"DurableApiKey {{ Name = {Name} }}";
}

/// <summary>PEM files for TLS. They are read once, at start.</summary>
public sealed record DurableTlsOptions
{
    /// <summary>Certificate of the server, followed by its intermediates.</summary>
    public required string CertificatePath { get; init; }

    public required string KeyPath { get; init; }

    /// <summary>Certificates of the authorities that clients' certificates must chain to. Null asks clients for none.</summary>
    public string? ClientCaPath { get; init; }

    internal void Validate(List<string> problems)
    {
        foreach (var (name, path) in new[] { (nameof(CertificatePath), CertificatePath), (nameof(KeyPath), KeyPath), (nameof(ClientCaPath), ClientCaPath) })
        {
            if (path is not null && !File.Exists(path))
            {
                problems.Add($"Tls.{name}: there is no file '{path}'.");
            }
        }
    }
}

/// <summary>What one caller may ask of the server. The defaults are those of a Temporal server unless said otherwise.</summary>
public sealed record DurableLimits
{
    /// <summary>Bytes of one request message, after decompression too. Default 4 MiB.</summary>
    public int RequestBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Long polls under way at once by namespace and method. Default 20,000.</summary>
    public int ConcurrentPolls { get; init; } = 20_000;

    /// <summary>Calls under way at once on one connection. Default 50,000, as each long poll is one.</summary>
    public int StreamsPerConnection { get; init; } = 50_000;

    /// <summary>Bytes of one payload collection or failure. Default 2 MiB.</summary>
    public int BlobBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Bytes of one memo. Default 2 MiB.</summary>
    public int MemoBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Events of one history; the run is terminated beyond. Default 51,200.</summary>
    public int HistoryEvents { get; init; } = 51_200;

    /// <summary>Bytes of one history; the run is terminated beyond. Default 50 MiB.</summary>
    public long HistoryBytes { get; init; } = 50L * 1024 * 1024;

    /// <summary>Events from which on workers are told to continue as new. Default 4,096.</summary>
    public int SuggestContinueAsNewEvents { get; init; } = 4096;

    /// <summary>Bytes of history from which on workers are told to continue as new. Default 4 MiB.</summary>
    public long SuggestContinueAsNewBytes { get; init; } = 4L * 1024 * 1024;

    /// <summary>Signals that one run may get. Default 10,000.</summary>
    public int Signals { get; init; } = 10_000;

    /// <summary>How long a worker's poll waits for a task. Default 60 seconds; SDKs give up after 70.</summary>
    public TimeSpan LongPoll { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Pending activities, children, signals or cancellations to others of one run, each kind by itself. Default 2,000.</summary>
    public int Pending { get; init; } = 2_000;

    /// <summary>Updates of one run that are not completed. Default 10.</summary>
    public int UpdatesInFlight { get; init; } = 10;

    /// <summary>Updates of one run in all. Default 2,000.</summary>
    public int UpdatesTotal { get; init; } = 2_000;

    /// <summary>Queries of one run that wait for its workflow task at once; others go to a worker without waiting. Default 100.</summary>
    public int BufferedQueries { get; init; } = 100;

    /// <summary>
    /// From so many workflow tasks in a row that failed or timed out, a run carries the search attribute TemporalReportedProblems. Default 5, 0 for never.
    /// </summary>
    public int ReportedTaskProblems { get; init; } = 5;

    /// <summary>Characters of an id, a type or the name of a task queue. Default 1,000.</summary>
    public int IdLength { get; init; } = 1_000;

    internal void Validate(List<string> problems)
    {
        Positive(nameof(RequestBytes), RequestBytes);
        Positive(nameof(ConcurrentPolls), ConcurrentPolls);
        Positive(nameof(StreamsPerConnection), StreamsPerConnection);
        Positive(nameof(BlobBytes), BlobBytes);
        Positive(nameof(MemoBytes), MemoBytes);
        Positive(nameof(HistoryEvents), HistoryEvents);
        Positive(nameof(HistoryBytes), HistoryBytes);
        Positive(nameof(Pending), Pending);
        Positive(nameof(SuggestContinueAsNewEvents), SuggestContinueAsNewEvents);
        Positive(nameof(SuggestContinueAsNewBytes), SuggestContinueAsNewBytes);
        Positive(nameof(Signals), Signals);
        Positive(nameof(LongPoll), LongPoll.Ticks);
        Positive(nameof(UpdatesInFlight), UpdatesInFlight);
        Positive(nameof(UpdatesTotal), UpdatesTotal);
        Positive(nameof(BufferedQueries), BufferedQueries);
        Positive(nameof(IdLength), IdLength);

        void Positive(string name, long value)
        {
            if (value < 1)
            {
                problems.Add($"Limits.{name}: {value} is less than 1.");
            }
        }
    }
}

/// <summary>Settings that cannot be used, all of them at once.</summary>
public sealed class DurableOptionsException(IReadOnlyList<string> problems)
    : Exception("The durable server cannot start with these settings:\n  " + string.Join("\n  ", problems))
{
    /// <summary>One line each: the setting, what is wrong with it, what to do.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
