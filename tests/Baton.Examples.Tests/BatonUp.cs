using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Baton.Server.Control;

namespace Baton.Examples.Tests;

/// <summary>`baton up FOLDER` as a process of its own, with HTTP on a free port. It can be killed, and goes on with the next start.</summary>
internal sealed class BatonUp(string folder, params string[] options) : IAsyncDisposable
{
    private readonly Queue<string> log = [];
    private Process? host;

    public static string Executable => Path.Combine(AppContext.BaseDirectory, "baton");

    public async Task StartAsync()
    {
        var start = new ProcessStartInfo(Executable, ["up", folder, "--set", "Http:Url=http://127.0.0.1:0", .. options])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        host = new Process { StartInfo = start };
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        host.OutputDataReceived += (_, line) => Take(line.Data);
        host.ErrorDataReceived += (_, line) => Take(line.Data);
        host.Start();
        host.BeginOutputReadLine();
        host.BeginErrorReadLine();
        await up.Task.WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System);

        void Take(string? line)
        {
            if (line is null)
            {
                up.TrySetException(new InvalidOperationException($"baton up ended: {Log()}"));
                return;
            }
            lock (log)
            {
                log.Enqueue(line);
                if (log.Count > 200)
                {
                    log.Dequeue();
                }
            }
            if (line.Contains(" is up: ", StringComparison.Ordinal))
            {
                up.TrySetResult();
            }
        }
    }

    /// <summary>SIGKILL, and another start.</summary>
    public async Task KillAsync()
    {
        host!.Kill();
        await host.WaitForExitAsync();
        await StartAsync();
    }

    /// <summary>Asks the API as the owner of the folder.</summary>
    public async Task<JsonElement> GetAsync(string path)
    {
        var file = ControlFile.Read(folder);
        using var http = new HttpClient { BaseAddress = new Uri(file.Address), DefaultRequestHeaders = { Authorization = new("Bearer", file.Token) } };
        using var document = JsonDocument.Parse(await http.GetStringAsync(new Uri($"api/v1/{path}", UriKind.Relative)));
        return document.RootElement.Clone();
    }

    public string Log()
    {
        lock (log)
        {
            return string.Join('\n', log);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (host is { HasExited: false })
        {
            // Orderly, so that its processes end with it.
            using var terminate = Process.Start("kill", ["-TERM", host.Id.ToString(CultureInfo.InvariantCulture)]);
            await host.WaitForExitAsync();
        }
        host?.Dispose();
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
