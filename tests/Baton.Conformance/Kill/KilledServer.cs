using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Baton.Conformance.Kill;

/// <summary><c>baton server start-dev</c> on one database and one port, started and killed again and again.</summary>
internal sealed class KilledServer(string executable, string database) : IAsyncDisposable
{
    private readonly int _port = FreePort();
    private Process? _process;

    public string Address => $"127.0.0.1:{_port}";

    /// <summary>Ends when the process does.</summary>
    public Task Exited => _process!.WaitForExitAsync();

    public async Task StartAsync(string? crashPoint, CancellationToken cancellationToken)
    {
        var errors = new ConcurrentQueue<string>();
        _process = ChildProcess.StartUnread(
            executable,
            ["server", "start-dev", "--port", $"{_port}", "--ip", "127.0.0.1", "--db-filename", database, "--headless", "--log-level", "error"],
            Path.GetDirectoryName(database)!,
            new Dictionary<string, string?> { ["BATON_CRASH_POINT"] = crashPoint },
            errors);
        while (!await AcceptsAsync(cancellationToken))
        {
            // An armed crash point may end it before it listens; anything else may not.
            if (_process.HasExited && (crashPoint is null || _process.ExitCode != SigKilled))
            {
                throw new InvalidOperationException($"The server ended with {_process.ExitCode}: {string.Join('\n', errors)}");
            }
            if (_process.HasExited)
            {
                return;
            }
            await Eventually.PauseAsync();
        }
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            try
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
            catch (InvalidOperationException)
            {
                // It has ended already.
            }
            process.Dispose();
        }
    }

    private const int SigKilled = 128 + 9;

    private async Task<bool> AcceptsAsync(CancellationToken cancellationToken)
    {
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, _port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
