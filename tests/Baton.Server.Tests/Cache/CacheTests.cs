using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using StackExchange.Redis;

namespace Baton.Server.Tests.Cache;

/// <summary>Replicas on one PostgreSQL and one Redis.</summary>
public sealed class CacheTests(PostgresServer postgres)
{
    private const string Flow = """
        document: { dsl: 1.0.3, namespace: shop, name: restock, version: 1.0.0 }
        do: [ { done: { set: { x: 1 } } } ]
        """;

    [Fact]
    public async Task What_one_replica_has_read_another_finds_in_Redis()
    {
        using var redis = await RedisServer.StartAsync();
        using var keys = new TemporaryFolder();
        (string, string)[] settings = [("Database:Postgres", await postgres.CreateDatabaseAsync()), ("Cache:Redis", redis.Address), ("Secrets:KeyFile", keys.File("keys.json"))];
        await using var first = await TestServer.StartAsync(settings);
        await using var second = await TestServer.StartAsync(settings);
        await ApplyAsync(first, Flow);

        var read = await first.Http.GetStringAsync(Revision);
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.Address);
        Assert.True(await connection.GetDatabase().KeyExistsAsync("baton:flow:shop/restock:r1"));
        // Past the servers, so that only the cache can still know it.
        await first.SqlAsync("""UPDATE flow_revisions SET "Text" = 'changed'""");

        Assert.Equal(read, await second.Http.GetStringAsync(Revision));
    }

    [Fact]
    public async Task A_change_of_layout_is_seen()
    {
        using var redis = await RedisServer.StartAsync();
        await using var server = await TestServer.StartAsync(("Cache:Redis", redis.Address));
        await ApplyAsync(server, Flow);
        await server.Http.GetStringAsync(Revision);

        await ApplyAsync(server, "# the same with a comment\n" + Flow);

        Assert.Contains("with a comment", await server.Http.GetStringAsync(Revision), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_works_without_its_Redis(bool everThere)
    {
        using var redis = await RedisServer.StartAsync();
        if (!everThere)
        {
            redis.Kill();
        }
        await using var server = await TestServer.StartAsync(("Cache:Redis", redis.Address));
        redis.Kill();
        await ApplyAsync(server, Flow);

        Assert.Contains("restock", await server.Http.GetStringAsync(Revision), StringComparison.Ordinal);
        Assert.Contains("restock", await server.Http.GetStringAsync(Revision), StringComparison.Ordinal);
    }

    private const string Revision = "api/v1/flows/shop/restock/versions/r1";

    private static async Task ApplyAsync(TestServer server, string text)
    {
        using var content = new StringContent(text, Encoding.UTF8, "application/yaml");
        using var response = await server.Http.PutAsync("api/v1/flows/shop/restock", content);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>A redis-server of the system's packages, in memory only.</summary>
    private sealed class RedisServer : IDisposable
    {
        private readonly Process process;

        private RedisServer(Process process, int port)
        {
            this.process = process;
            Address = $"127.0.0.1:{port}";
        }

        public string Address { get; }

        public static async Task<RedisServer> StartAsync()
        {
            int port;
            using (var probe = new TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                port = ((IPEndPoint)probe.LocalEndpoint).Port;
            }
            var process = Process.Start(new ProcessStartInfo("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]) { RedirectStandardOutput = true })!;
            while (await process.StandardOutput.ReadLineAsync() is { } line && !line.Contains("Ready to accept connections", StringComparison.Ordinal))
            {
            }
            Assert.False(process.HasExited);
            return new(process, port);
        }

        public void Kill()
        {
            process.Kill();
            process.WaitForExit();
        }

        public void Dispose()
        {
            Kill();
            process.Dispose();
        }
    }
}
