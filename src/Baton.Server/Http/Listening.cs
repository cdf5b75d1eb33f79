using System.Net;
using System.Net.Security;
using Baton.Server.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Http;

/// <summary>Where the server listens, by which certificate, and whom it believes who a caller is.</summary>
internal static class Listening
{
    public static void Configure(KestrelServerOptions kestrel, BatonSettings settings, TimeProvider time, ILoggerFactory loggers)
    {
        var http = settings.Http;
        var certificate = http.CertificatePath is { } path ? new CertificateFile(path, http.KeyPath ?? path, time, loggers.CreateLogger<CertificateFile>()) : null;
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = http.MaxRequestBytes;
        // Without TLS the protocol cannot be negotiated: gRPC needs a port of its own then.
        var isTls = http.Url.Scheme == Uri.UriSchemeHttps;
        Listen(http.Url.Port, isTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1);
        if (settings.Otlp.ReceiverPort is { } port)
        {
            Listen(port, isTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http2);
        }
        if (http.RedirectPort is { } plain)
        {
            Listen(plain, HttpProtocols.Http1, isPlain: true);
        }

        void Listen(int number, HttpProtocols protocols, bool isPlain = false)
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
                if (certificate is not null && !isPlain)
                {
                    listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = certificate.Current }) });
                }
            }
        }
    }

    /// <summary>
    /// Sends who comes without TLS to the https address. After the headers of trusted proxies were taken: a request that came to the
    /// proxy over TLS has TLS.
    /// </summary>
    public static void UseHttpsRedirect(this IApplicationBuilder app, HttpSettings settings)
    {
        var target = settings.PublicUrl ?? settings.Url;
        app.Use((http, next) =>
        {
            if (!http.Request.IsHttps && http.Connection.LocalPort == settings.RedirectPort)
            {
                var host = settings.PublicUrl is null ? new HostString(http.Request.Host.Host, target.Port) : HostString.FromUriComponent(target);
                // 308: the method stays what it is.
                http.Response.Redirect($"https://{host}{http.Request.PathBase}{http.Request.Path}{http.Request.QueryString}", permanent: true, preserveMethod: true);
                return Task.CompletedTask;
            }
            return next(http);
        });
    }

    /// <summary>Takes address and scheme of the caller from the headers of these proxies, and of nobody else.</summary>
    public static void AddTrustedProxies(this IServiceCollection services, HttpSettings settings) => services.Configure<ForwardedHeadersOptions>(options =>
    {
        // With no proxies named the middleware would believe everybody.
        options.ForwardedHeaders = settings.TrustedProxies.Count == 0 ? ForwardedHeaders.None : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
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
}
