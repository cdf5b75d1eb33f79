using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

[assembly: AssemblyFixture(typeof(Baton.Server.Tests.PostgresServer))]

namespace Baton.Server.Tests;

/// <summary>A PostgreSQL server of the system's packages, started when the first test asks for a database, gone after the last.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly SemaphoreSlim starting = new(1, 1);
    private readonly string folder = Directory.CreateTempSubdirectory("baton-postgres-").FullName;
    private string? server;

    /// <returns>Connection string of a new, empty database.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        await starting.WaitAsync();
        try
        {
            server ??= await StartAsync();
        }
        finally
        {
            starting.Release();
        }
        var name = $"baton_{Guid.NewGuid():N}";
        await using var connection = new NpgsqlConnection($"{server};Database=postgres");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return $"{server};Database={name};Maximum Pool Size=20";
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            NpgsqlConnection.ClearAllPools();
            await RunAsync("pg_ctl", "stop", "-D", Path.Combine(folder, "data"), "-m", "immediate");
        }
        starting.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task<string> StartAsync()
    {
        var data = Path.Combine(folder, "data");
        if (Environment.UserName == "root")
        {
            // PostgreSQL does not run as root.
            await RunAsync("/bin/chown", "postgres", folder);
        }
        await RunAsync("initdb", "-D", data, "-U", "baton", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C");
        int port;
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            port = ((IPEndPoint)probe.LocalEndpoint).Port;
        }
        await RunAsync(
            "pg_ctl", "start", "-w", "-D", data, "-l", Path.Combine(data, "log"),
            "-o", $"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200 -c fsync=off");
        return $"Host=127.0.0.1;Port={port};Username=baton";
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var path = Path.IsPathRooted(program) ? program : Path.Combine(Programs(), program);
        string[] line = Environment.UserName == "root" && !Path.IsPathRooted(program)
            ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", path, .. arguments]
            : [path, .. arguments];
        // The server inherits what pg_ctl has open: a pipe would never end.
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "cd / && exec \"$@\" >/dev/null 2>&1 </dev/null", "sh", .. line]))!;
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', line)} failed with {process.ExitCode}");
    }

    private static string Programs() => Directory.GetDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")).LastOrDefault(Directory.Exists)
        ?? throw new InvalidOperationException("PostgreSQL is not installed: ./test installs it.");
}
