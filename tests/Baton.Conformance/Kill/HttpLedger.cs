using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Baton.Conformance.Kill;

/// <summary>
/// A service outside of everything that is killed: it notes every request, and answers with the path. A path that ends in
/// <c>/flaky</c> gets 503 until it was asked twice, one that ends in <c>/stubborn</c> until it was asked six times.
/// </summary>
internal sealed class HttpLedger : IDisposable
{
    private readonly HttpListener _listener = new();

    public HttpLedger()
    {
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            Address = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        }
        _listener.Prefixes.Add(Address + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Address { get; }

    /// <summary>Path and Idempotency-Key of each request, in order.</summary>
    public ConcurrentQueue<(string Path, string Key)> Requests { get; } = new();

    public void Dispose() => _listener.Close();

    private static int Wanted(string path) => path[(path.LastIndexOf('/') + 1)..] switch
    {
        "flaky" => 2,
        "stubborn" => 6,
        _ => 0,
    };

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync();
                var path = context.Request.Url!.AbsolutePath;
                Requests.Enqueue((path, context.Request.Headers["Idempotency-Key"] ?? ""));
                try
                {
                    context.Response.StatusCode = Requests.Count(r => r.Path == path) < Wanted(path) ? 503 : 200;
                    context.Response.ContentType = "application/json";
                    context.Response.OutputStream.Write(System.Text.Encoding.UTF8.GetBytes($"\"{path}\""));
                    context.Response.Close();
                }
                catch (HttpListenerException)
                {
                    // The caller was killed. It has made its request all the same.
                }
            }
        }
        catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
        {
            // Closed.
        }
    }
}
