using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Baton.Durable.Hosting;

/// <summary>The sockets of a server: gRPC, and Nexus over HTTP where it is asked for. In clear text each port speaks one version of HTTP.</summary>
internal sealed class Listeners(DurableServerOptions options)
{
    private ListenOptions? grpc;
    private ListenOptions? http;

    /// <summary>Once the server has started.</summary>
    public string Address => Reachable(grpc!);

    public string? HttpAddress => http is null ? null : $"{(options.Tls is null ? "http" : "https")}://{Reachable(http)}";

    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null; // the gate measures messages
        kestrel.Limits.Http2.MaxStreamsPerConnection = options.Limits.StreamsPerConnection;
        kestrel.Limits.Http2.InitialConnectionWindowSize = 8 * 1024 * 1024;
        kestrel.Limits.Http2.InitialStreamWindowSize = 1024 * 1024;

        // Finds clients that vanished without closing, whose polls would otherwise be given tasks.
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        var ip = options.Ip == "localhost" ? IPAddress.Loopback : IPAddress.Parse(options.Ip);
        kestrel.Listen(ip, options.Port, listen => Use(grpc = listen, HttpProtocols.Http2));
        if (options.HttpPort is { } port)
        {
            kestrel.Listen(ip, port, listen => Use(http = listen, HttpProtocols.Http1));
        }
    }

    private void Use(ListenOptions listen, HttpProtocols protocols)
    {
        listen.Protocols = protocols;
        if (options.Tls is { } tls)
        {
            listen.UseHttps(ServerTls.Load(tls));
        }
    }

    private static string Reachable(ListenOptions bound)
    {
        // "Any" is no address that a client can connect to.
        var (ip, port) = (bound.IPEndPoint!.Address, bound.IPEndPoint.Port);
        return new IPEndPoint(ip.Equals(IPAddress.Any) ? IPAddress.Loopback : ip.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : ip, port).ToString();
    }
}
