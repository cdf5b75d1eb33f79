using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Baton.Server.Tests.Events;

/// <summary>A nats-server process with JetStream on a free port, which can be killed and started again on what it left.</summary>
public sealed class NatsServer : IAsyncLifetime
{
    private readonly TemporaryFolder folder = new();
    private readonly int port = FreePort();
    private Process? process;

    public string Url => $"nats://127.0.0.1:{port}";

    public async ValueTask InitializeAsync() => await StartAsync();

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("nats-server") { RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in (string[])["--addr", "127.0.0.1", "--port", $"{port}", "--jetstream", "--store_dir", folder.Path])
        {
            start.ArgumentList.Add(argument);
        }
        process = Process.Start(start)!;
        var ready = new TaskCompletionSource();
        process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                ready.TrySetException(new InvalidOperationException("nats-server ended"));
            }
            else if (line.Data.Contains("Server is ready", StringComparison.Ordinal))
            {
                ready.TrySetResult();
            }
        };
        process.BeginErrorReadLine();
        await ready.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        process!.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        Kill();
        folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
