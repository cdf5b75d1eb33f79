using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Baton.Server.Tests.Http;

/// <summary>TLS, what a proxy says, and the headers of answers, at the wire.</summary>
public sealed class TransportTests
{
    private const string Password = "correct horse battery";

    [Fact]
    public async Task A_renewed_certificate_is_served_with_its_chain_and_a_broken_one_is_not_taken()
    {
        using var folder = new TemporaryFolder();
        using var authority = Authority();
        var (path, first) = Write(folder, authority, "first");
        await using var server = await TestServer.StartAsync(("Http:Url", "https://127.0.0.1:0"), ("Http:CertificatePath", path), ("Http:KeyPath", folder.File("key.pem")));
        var port = new Uri(server.Server.Url).Port;

        Assert.Equal((first, true), await HandshakeAsync(port, authority));
        File.WriteAllText(path, "no certificate");
        server.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((first, true), await HandshakeAsync(port, authority));
        var (_, second) = Write(folder, authority, "second");
        server.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal((second, true), await HandshakeAsync(port, authority));
    }

    [Fact]
    public async Task Over_https_answers_say_so_cookies_are_secure_and_plain_http_is_sent_there()
    {
        using var folder = new TemporaryFolder();
        using var authority = Authority();
        var (path, _) = Write(folder, authority, "server");
        int plain;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            plain = ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        await using var server = await TestServer.StartAsync(
            ("Http:Url", "https://127.0.0.1:0"), ("Http:CertificatePath", path), ("Http:KeyPath", folder.File("key.pem")), ("Http:RedirectPort", $"{plain}"), ("Http:PublicUrl", "https://baton.example.org"));
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        using var http = new HttpClient(handler);
        var https = new Uri(server.Server.Url);

        using var setup = await http.PostAsJsonAsync(new Uri(https, "api/v1/setup"), new { token = new Uri(server.Server.SetupLink!).Fragment[1..], name = "ann", password = Password });
        using var session = await http.PostAsJsonAsync(new Uri(https, "api/v1/session"), new { name = "ann", password = Password });
        var cookie = session.Headers.GetValues("Set-Cookie").Single();
        Assert.All(new[] { "secure", "httponly", "samesite=lax", "path=/" }, flag => Assert.Contains(flag, cookie, StringComparison.OrdinalIgnoreCase));
        Assert.Equal("max-age=31536000", session.Headers.GetValues("Strict-Transport-Security").Single());
        Assert.Equal(HttpVersion.Version20, (await http.SendAsync(new(HttpMethod.Get, new Uri(https, "health/live")) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact })).Version);

        using var redirected = await http.PostAsync(new Uri($"http://127.0.0.1:{plain}/api/v1/flows?text=a%20b"), null);
        Assert.Equal((HttpStatusCode.PermanentRedirect, "https://baton.example.org/api/v1/flows?text=a%20b"), (redirected.StatusCode, redirected.Headers.Location!.AbsoluteUri));
        Assert.False(redirected.Headers.Contains("Strict-Transport-Security"));
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("10.0.0.0/8", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.0/8", true)]
    public async Task Only_a_named_proxy_is_believed_who_the_caller_is(string? trusted, bool isBelieved)
    {
        await using var server = await TestServer.StartAsync(trusted is null ? [] : [("Http:TrustedProxies:0", trusted)]);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("api/v1/session", UriKind.Relative)) { Content = JsonContent.Create(new { name = "nobody", password = Password }) };
        foreach (var (name, value) in new[] { ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "baton.example.org") })
        {
            request.Headers.Add(name, value);
        }
        using var nobody = server.As(null);
        using var refused = await nobody.SendAsync(request);

        var entry = ((JsonArray)(await server.Http.ReadAsync("audit?action=session.create"))["items"]!)[0]!;
        Assert.Equal(isBelieved ? "203.0.113.7" : "127.0.0.1", (string?)entry["address"]);
        Assert.Equal(isBelieved, refused.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task A_caller_behind_a_proxy_cannot_invent_an_address()
    {
        await using var server = await TestServer.StartAsync(("Http:TrustedProxies:0", "127.0.0.1"));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("api/v1/session", UriKind.Relative)) { Content = JsonContent.Create(new { name = "nobody", password = Password }) };
        // The proxy appends the address that it saw; what stands before was sent by the caller.
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "10.9.9.9, 203.0.113.7");
        using var nobody = server.As(null);
        using var refused = await nobody.SendAsync(request);

        Assert.Equal("203.0.113.7", (string?)((JsonArray)(await server.Http.ReadAsync("audit?action=session.create"))["items"]!)[0]!["address"]);
    }

    [Fact]
    public async Task Every_answer_is_guarded_against_being_framed_sniffed_or_kept()
    {
        await using var server = await TestServer.StartAsync();
        foreach (var path in new[] { "api/v1/flows", "api/v1/none", "setup", "docs", "openapi/v1.json", "health/live", "metrics", "none" })
        {
            using var answer = await server.Http.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(("nosniff", "DENY", "no-referrer"), (Value(answer, "X-Content-Type-Options"), Value(answer, "X-Frame-Options"), Value(answer, "Referrer-Policy")));
            Assert.Contains("frame-ancestors 'none'", Value(answer, "Content-Security-Policy"), StringComparison.Ordinal);
            Assert.False(answer.Headers.Contains("Server"));
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
            if (path.StartsWith("api", StringComparison.Ordinal))
            {
                Assert.Equal("no-store", Value(answer, "Cache-Control"));
            }
        }

        static string Value(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
    }

    /// <summary>Thumbprint of the certificate that is served, and whether that of its issuer comes with it.</summary>
    private static async Task<(string, bool)> HandshakeAsync(int port, X509Certificate2 authority)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        var isWhole = false;
        await using var tls = new SslStream(client.GetStream(), false, (_, _, chain, _) =>
        {
            isWhole = chain!.ChainPolicy.ExtraStore.Any(one => one.Thumbprint == authority.Thumbprint);
            return true;
        });
        await tls.AuthenticateAsClientAsync("localhost");
        using var served = new X509Certificate2(tls.RemoteCertificate!);
        Assert.Equal(authority.Subject, served.Issuer);
        return (served.Thumbprint, isWhole);
    }

    /// <summary>One between the root, which nobody sends, and the server's.</summary>
    private static X509Certificate2 Authority()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Request("CN=Baton test root", rootKey).CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        using var certificate = Request("CN=Baton test authority", key).Create(root, root.NotBefore, root.NotAfter, RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);

        static CertificateRequest Request(string name, ECDsa key)
        {
            var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            return request;
        }
    }

    private static (string Path, string Thumbprint) Write(TemporaryFolder folder, X509Certificate2 authority, string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        using var certificate = request.Create(authority, authority.NotBefore, authority.NotAfter, RandomNumberGenerator.GetBytes(8));
        folder.Write("key.pem", key.ExportPkcs8PrivateKeyPem());
        return (folder.Write("chain.pem", $"{certificate.ExportCertificatePem()}\n{authority.ExportCertificatePem()}\n"), certificate.Thumbprint);
    }
}
