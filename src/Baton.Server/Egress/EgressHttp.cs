using System.Net;
using System.Net.Sockets;
using Baton.Server.Errors;

namespace Baton.Server.Egress;

/// <summary>
/// How the server calls out by HTTP: every client of it stands on this handler. The name is resolved here, each address is put
/// to the policy, and the connection goes to one of those that passed and to no other.
/// </summary>
/// <param name="policy">Asked for each request, redirect and connection.</param>
/// <param name="resolve">Null for the system's resolver.</param>
internal sealed class EgressHttp(EgressPolicy policy, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
{
    private const int MaxRedirects = 10;

    private readonly Func<string, CancellationToken, Task<IPAddress[]>> resolve = resolve ?? Dns.GetHostAddressesAsync;

    /// <summary>A handler of its own, with its own connections. Redirects are followed, at most 10, and never from https to http.</summary>
    public HttpMessageHandler CreateHandler() => new Guard(policy)
    {
        InnerHandler = new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            ConnectTimeout = TimeSpan.FromSeconds(15),
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            MaxAutomaticRedirections = MaxRedirects,
            AutomaticDecompression = DecompressionMethods.All,
            UseCookies = false,
            // A proxy would resolve the names, out of sight of the policy.
            UseProxy = false,
        },
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = IPAddress.TryParse(host.TrimEnd('.'), out var literal) ? [literal] : await resolve(host, cancel);
        var allowed = addresses.Where(address => policy.Allows(host, address)).ToArray();
        if (allowed.Length == 0)
        {
            throw Refused(host, addresses.Select(address => policy.Refusal(host, address)).FirstOrDefault() ?? "the name has no address");
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static BatonException Refused(string host, string why) => new(
        ErrorCodes.EgressRefused, $"the egress policy forbids to call {host}", why, "an administrator can allow it with the settings of Egress");

    /// <summary>Asks for what is written; redirects are asked for when they connect.</summary>
    private sealed class Guard(EgressPolicy policy) : DelegatingHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            request.RequestUri is { } address && policy.Refusal(address) is { } why ? throw Refused(address.IdnHost, why) : base.SendAsync(request, cancellationToken);
    }
}
