using System.Net;
using System.Net.Sockets;
using Baton.Flows.Hosting;

namespace Baton.Flows.Calls;

/// <summary>
/// The one way out by HTTP. Names are resolved here, and every address is put to the egress policy before it is
/// connected to, so that neither a name nor a redirect leads to where the policy forbids. Responses are bounded.
/// </summary>
internal sealed class EgressHttp : IDisposable
{
    private const int MaxRedirects = 10;

    private readonly FlowPolicy _policy;
    private readonly HttpClient _client;

    public EgressHttp(FlowHost host)
    {
        _policy = host.Policy;
        var sockets = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.All,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            ConnectTimeout = TimeSpan.FromSeconds(15),
            ConnectCallback = ConnectAsync,
        };
        Handler = host.Http(sockets);
        _client = new HttpClient(Handler, disposeHandler: true) { Timeout = System.Threading.Timeout.InfiniteTimeSpan };
    }

    /// <summary>For libraries that bring their own client.</summary>
    public HttpMessageHandler Handler { get; }

    public void Dispose() => _client.Dispose();

    /// <summary>Sends a request and reads its whole response.</summary>
    /// <param name="make">Makes the request; called again for every redirect.</param>
    /// <param name="uri">Where to.</param>
    /// <param name="follow">Whether redirects are followed, at most ten, and never from https to http.</param>
    /// <exception cref="FlowFaultException">Not allowed, not reachable, or too large.</exception>
    public async Task<HttpReply> SendAsync(Func<Uri, bool, HttpRequestMessage> make, Uri uri, bool follow, CancellationToken cancellationToken)
    {
        try
        {
            var origin = uri;
            for (var hop = 0; ; hop++)
            {
                if (uri.Scheme is not ("http" or "https"))
                {
                    throw new FlowFaultException(FlowErrors.Configuration($"'{uri}' is no http or https address."));
                }
                using var request = make(uri, Uri.Compare(uri, origin, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0);
                using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                if (follow && (int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
                {
                    var next = new Uri(uri, location);
                    if (hop == MaxRedirects)
                    {
                        throw new FlowFaultException(FlowErrors.Communication($"'{origin}' redirects more than {MaxRedirects} times."));
                    }
                    if (uri.Scheme == "https" && next.Scheme != "https")
                    {
                        throw new FlowFaultException(FlowErrors.Communication($"'{origin}' redirects from https to '{next.Scheme}', which is not followed."));
                    }
                    uri = next;
                    continue;
                }
                return await ReadAsync(request, response, cancellationToken);
            }
        }
        catch (HttpRequestException error) when (FindFault(error) is { } fault)
        {
            throw fault;
        }
        catch (HttpRequestException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"{uri.Host}: {error.Message}", 503, "Service Unavailable"));
        }
        catch (IOException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"{uri.Host} broke off: {error.Message}", 502, "Bad Gateway"));
        }
    }

    private async Task<HttpReply> ReadAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (body.Length + read > _policy.MaxResponseBytes)
            {
                throw new FlowFaultException(FlowErrors.Communication($"The response of {request.RequestUri!.Host} is larger than {_policy.MaxResponseBytes:N0} bytes.", 502, "Response too large"));
            }
            body.Write(buffer, 0, read);
        }
        return new HttpReply(request, response, body.ToArray());
    }

    /// <summary>The addresses of a host that the policy allows; at least one. For protocols that connect by themselves.</summary>
    /// <exception cref="FlowFaultException">There is none.</exception>
    public async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        IPAddress[] addresses;
        try
        {
            addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancellationToken);
        }
        catch (SocketException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"{host}: {error.Message}", 503, "Service Unavailable"));
        }
        var allowed = addresses.Where(address => _policy.AllowEgress(host, address)).ToArray();
        return allowed.Length > 0 ? allowed
            : throw new FlowFaultException(FlowErrors.Authorization($"The egress policy forbids connections to {host} ({string.Join(", ", addresses.Select(a => a.ToString()))})."));
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var allowed = await ResolveAsync(context.DnsEndPoint.Host, cancellationToken);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    internal static FlowFaultException? FindFault(Exception? error)
    {
        for (; error is not null; error = error.InnerException)
        {
            if (error is FlowFaultException fault)
            {
                return fault;
            }
        }
        return null;
    }
}

/// <summary>A response, read to its end.</summary>
internal sealed class HttpReply(HttpRequestMessage request, HttpResponseMessage response, byte[] body)
{
    public int Status { get; } = (int)response.StatusCode;

    public string? Reason { get; } = response.ReasonPhrase;

    public byte[] Body { get; } = body;

    public string? MediaType { get; } = response.Content.Headers.ContentType?.MediaType;

    public string? Charset { get; } = response.Content.Headers.ContentType?.CharSet;

    public string Method { get; } = request.Method.Method;

    public string Uri { get; } = request.RequestUri!.AbsoluteUri;

    /// <summary>Request headers but for those that carry credentials.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> RequestHeaders { get; } =
        [.. request.Headers.Concat(request.Content?.Headers ?? Enumerable.Empty<KeyValuePair<string, IEnumerable<string>>>())
            .Select(h => KeyValuePair.Create(h.Key, h.Key.Equals("Authorization", StringComparison.OrdinalIgnoreCase) ? "[redacted]" : string.Join(", ", h.Value)))];

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; } =
        [.. response.Headers.Concat(response.Content.Headers).Select(h => KeyValuePair.Create(h.Key, string.Join(", ", h.Value)))];

    public IReadOnlyList<string> Challenges { get; } = [.. response.Headers.WwwAuthenticate.Select(c => c.ToString())];
}
