using System.Net;
using System.Net.Sockets;
using System.Text;
using Baton.Server.Egress;
using Baton.Server.Errors;
using Baton.Server.Settings;

namespace Baton.Server.Tests.Egress;

public sealed class EgressTests
{
    [Theory]
    [InlineData("169.254.169.254")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::169.254.169.254")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("2002:a9fe:a9fe::1")]
    [InlineData("fe80::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("100.100.100.200")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("ff02::1")]
    public void Metadata_and_what_is_no_host_is_never_allowed(string address) =>
        Assert.False(new EgressPolicy(new() { AllowCidrs = ["0.0.0.0/0", "::/0"], AllowHosts = ["x"] }).Allows("x", IPAddress.Parse(address)));

    [Theory]
    [InlineData("api.example.com", "10.1.2.3", true)]
    [InlineData("other.example.org", "10.1.2.3", true)]
    [InlineData("api.example.com", "203.0.113.9", true)]
    [InlineData("other.example.org", "203.0.113.9", false)]
    [InlineData("bad.example.com", "10.1.2.3", false)]
    [InlineData("BAD.example.com.", "10.1.2.3", false)]
    [InlineData("api.example.com", "10.9.0.1", false)]
    [InlineData("api.example.com", "::ffff:10.9.0.1", false)]
    public void Denied_goes_before_allowed_and_allowed_shuts_out_the_rest(string host, string address, bool expected)
    {
        var policy = new EgressPolicy(new() { AllowHosts = ["*.example.com"], AllowCidrs = ["10.0.0.0/8"], DenyHosts = ["bad.example.com"], DenyCidrs = ["10.9.0.0/16"] });

        Assert.Equal(expected, policy.Allows(host, IPAddress.Parse(address)));
    }

    [Fact]
    public void By_default_any_host_may_be_called() => Assert.True(new EgressPolicy(new()).Allows("localhost", IPAddress.Loopback));

    [Theory]
    [InlineData("http://2852039166/")]
    [InlineData("http://0xa9fea9fe/")]
    [InlineData("http://0251.0376.0251.0376/")]
    [InlineData("http://169.254.43518/")]
    [InlineData("http://[::ffff:a9fe:a9fe]/")]
    [InlineData("http://169.254.169.254./")]
    public async Task Other_writings_of_an_address_are_that_address(string address) => Assert.Equal(ErrorCodes.EgressRefused, await CodeAsync(new EgressPolicy(new()), address));

    [Theory]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    public async Task Other_schemes_are_refused(string address) => Assert.Equal(ErrorCodes.EgressRefused, await CodeAsync(new EgressPolicy(new()), address));

    [Fact]
    public async Task The_address_that_was_asked_for_is_the_one_that_is_connected_to()
    {
        // A name that gives a harmless address first and another later: the second answer is never looked at.
        using var target = new Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        var answers = new Queue<IPAddress>([IPAddress.Loopback, IPAddress.Parse("169.254.169.254")]);
        var http = new EgressHttp(new EgressPolicy(new()), (_, _) => Task.FromResult<IPAddress[]>([answers.Dequeue()]));
        using var client = new HttpClient(http.CreateHandler());

        Assert.Equal("ok", await client.GetStringAsync($"http://rebinding.example:{target.Port}/"));

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => client.GetStringAsync($"http://rebinding.example:{target.Port}/"));
        Assert.Equal(ErrorCodes.EgressRefused, Find(refused)?.Code);
    }

    [Fact]
    public async Task Of_several_addresses_only_allowed_ones_are_tried()
    {
        using var target = new Answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        var http = new EgressHttp(new EgressPolicy(new()), (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("169.254.169.254"), IPAddress.Loopback]));
        using var client = new HttpClient(http.CreateHandler());

        Assert.Equal("ok", await client.GetStringAsync($"http://mixed.example:{target.Port}/"));
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data")]
    [InlineData("http://metadata.internal/")]
    [InlineData("http://denied.example/")]
    public async Task A_redirect_is_asked_for_like_any_call(string to)
    {
        using var target = new Answering($"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        var http = new EgressHttp(
            new EgressPolicy(new() { DenyHosts = ["denied.example"] }), (host, _) => Task.FromResult<IPAddress[]>([host == "metadata.internal" ? IPAddress.Parse("169.254.169.254") : IPAddress.Loopback]));
        using var client = new HttpClient(http.CreateHandler());

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => client.GetStringAsync($"http://first.example:{target.Port}/"));

        Assert.Equal(ErrorCodes.EgressRefused, Find(refused)?.Code);
    }

    [Fact]
    public void Networks_that_are_none_are_named_at_the_start()
    {
        var problems = new SettingsReader().Add([new("Egress:DenyCidrs", "10.0.0.0/8,10.0.0.0/33")], "test").Read().Problems;

        Assert.Contains("'10.0.0.0/33' is no network", Assert.Single(problems), StringComparison.Ordinal);
    }

    private static async Task<string?> CodeAsync(EgressPolicy policy, string address)
    {
        using var client = new HttpClient(new EgressHttp(policy).CreateHandler());
        return Find(await Assert.ThrowsAnyAsync<Exception>(() => client.GetStringAsync(address)))?.Code;
    }

    private static BatonException? Find(Exception? exception) => exception is null or BatonException ? (BatonException?)exception : Find(exception.InnerException);

    /// <summary>Gives every connection the same bytes.</summary>
    private sealed class Answering : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);

        public Answering(string answer)
        {
            listener.Start();
            _ = ServeAsync(Encoding.ASCII.GetBytes(answer));
        }

        public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

        public void Dispose() => listener.Dispose();

        private async Task ServeAsync(byte[] answer)
        {
            try
            {
                while (true)
                {
                    using var socket = await listener.AcceptSocketAsync();
                    await socket.ReceiveAsync(new byte[4096]);
                    await socket.SendAsync(answer);
                }
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }
    }
}
