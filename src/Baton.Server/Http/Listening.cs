using System.Net;
using System.Security.Cryptography.X509Certificates;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Http;

/// <summary>Where the server listens, by which certificate, and whom it believes who a caller is.</summary>
internal static class Listening
{
    public static void Configure(KestrelServerOptions kestrel, BatonSettings settings, TimeProvider time)
    {
        var http = settings.Http;
        var certificate = http.CertificatePath is { } path ? new CertificateFile(path, http.KeyPath ?? path, time) : null;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = http.MaxRequestBytes;
        // Without TLS the protocol cannot be negotiated: gRPC needs a port of its own then.
        var isTls = http.Url.Scheme == Uri.UriSchemeHttps;
        Listen(http.Url.Port, isTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1);
        if (settings.Otlp.ReceiverPort is { } port)
        {
            Listen(port, isTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http2);
        }

        void Listen(int number, HttpProtocols protocols)
        {
            if (IPAddress.TryParse(http.Url.Host.Trim('[', ']'), out var address))
            {
                kestrel.Listen(address, number, Scheme);
            }
            else if (http.Url.Host == "localhost")
            {
                kestrel.ListenLocalhost(number, Scheme);
            }
            else
            {
                kestrel.ListenAnyIP(number, Scheme);
            }

            void Scheme(ListenOptions listen)
            {
                listen.Protocols = protocols;
                if (certificate is not null)
                {
                    listen.UseHttps(https => https.ServerCertificateSelector = (_, _) => certificate.Current);
                }
            }
        }
    }

    /// <summary>Takes address and scheme of the caller from the headers of these proxies, and of nobody else.</summary>
    public static void AddTrustedProxies(this IServiceCollection services, HttpSettings settings) => services.Configure<ForwardedHeadersOptions>(options =>
    {
        options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
        options.ForwardLimit = null;
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var proxy in settings.TrustedProxies)
        {
            options.KnownIPNetworks.Add(NetworkOf(proxy)!.Value);
        }
    });

    /// <summary>Null when the text is neither an address nor a network.</summary>
    public static System.Net.IPNetwork? NetworkOf(string text) =>
        IPAddress.TryParse(text, out var address) ? new System.Net.IPNetwork(address, address.GetAddressBytes().Length * 8)
        : System.Net.IPNetwork.TryParse(text, out var network) ? network
        : null;

    /// <summary>A certificate that is read again when its file has changed, as those who renew certificates expect.</summary>
    private sealed class CertificateFile
    {
        private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

        private readonly string path;
        private readonly string keyPath;
        private readonly TimeProvider time;
        private readonly Lock reading = new();
        private X509Certificate2 certificate;
        private DateTime written;
        private long looked;

        public CertificateFile(string path, string keyPath, TimeProvider time)
        {
            this.path = path;
            this.keyPath = keyPath;
            this.time = time;
            certificate = Read();
        }

        public X509Certificate2 Current
        {
            get
            {
                lock (reading)
                {
                    if (time.GetElapsedTime(looked) > LookAgain)
                    {
                        looked = time.GetTimestamp();
                        // A file that is only half written is read at the next look.
                        try
                        {
                            certificate = File.GetLastWriteTimeUtc(path) == written ? certificate : Read();
                        }
                        catch (Exception error) when (error is IOException or System.Security.Cryptography.CryptographicException)
                        {
                            return certificate;
                        }
                    }
                    return certificate;
                }
            }
        }

        private X509Certificate2 Read()
        {
            var at = File.GetLastWriteTimeUtc(path);
            var read = X509Certificate2.CreateFromPemFile(path, keyPath);
            (written, looked) = (at, time.GetTimestamp());
            return read;
        }
    }
}
