using Baton.Durable.Bench.Targets;

namespace Baton.Server.Bench.Servers;

/// <summary>PostgreSQL of the system's packages with its defaults: each commit is synced before it is answered.</summary>
internal sealed class PostgresProcess(ChildProcess process, int port) : IAsyncDisposable
{
    public string Connection => $"Host=127.0.0.1;Port={port};Username=baton;Database=postgres;Maximum Pool Size=50";

    public int Id => process.Id;

    public static async Task<PostgresProcess> StartAsync(BenchFolder folders)
    {
        var folder = folders.New("postgres");
        var data = Path.Combine(folder, "data");
        var programs = Directory.GetDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")).Last(Directory.Exists);
        if (Environment.UserName == "root")
        {
            // PostgreSQL does not run as root.
            await ChildProcess.RunAsync("chown", ["postgres", folder], folder);
        }
        await RunAsync("initdb", "-D", data, "-U", "baton", "--auth=trust", "--encoding=UTF8", "--locale=C");
        var port = ChildProcess.FreePort();
        var (file, arguments) = Line("postgres", "-D", data, "-p", $"{port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200");
        var process = ChildProcess.Start(file, arguments, folder);
        await process.ListensAsync(port);
        return new(process, port);

        Task RunAsync(string program, params string[] arguments)
        {
            var line = Line(program, arguments);
            return ChildProcess.RunAsync(line.File, line.Arguments, folder);
        }

        (string File, string[] Arguments) Line(string program, params string[] arguments) => Environment.UserName == "root"
            ? ("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", Path.Combine(programs, program), .. arguments])
            : (Path.Combine(programs, program), arguments);
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}
