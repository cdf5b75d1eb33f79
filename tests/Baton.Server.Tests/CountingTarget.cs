using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Tests;

/// <summary>A service that flows call: it answers with the path, counts, and fails where it is told to.</summary>
internal sealed class CountingTarget : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, int> counts = new();
    private readonly WebApplication app;

    private CountingTarget(WebApplication app) => this.app = app;

    public string Url => app.Urls.First();

    /// <summary>The path that is answered with 500.</summary>
    public string Failing { get; set; } = "";

    /// <summary>What came, in its order.</summary>
    public ConcurrentQueue<(string Path, IReadOnlyDictionary<string, string> Headers, string Body)> Calls { get; } = new();

    public static async Task<CountingTarget> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var target = new CountingTarget(builder.Build());
        target.app.Run(async context =>
        {
            var path = context.Request.Path.Value!;
            target.counts.AddOrUpdate(path, 1, (_, count) => count + 1);
            using var body = new StreamReader(context.Request.Body);
            target.Calls.Enqueue((path, context.Request.Headers.ToDictionary(header => header.Key, header => $"{header.Value}", StringComparer.OrdinalIgnoreCase), await body.ReadToEndAsync()));
            context.Response.StatusCode = path == target.Failing ? 500 : path == "/gone" ? 410 : 200;
            await context.Response.WriteAsJsonAsync(new { path });
        });
        await target.app.StartAsync();
        return target;
    }

    /// <summary>Waits for so many calls.</summary>
    public async Task<(string Path, IReadOnlyDictionary<string, string> Headers, string Body)> CallAsync(int number)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (Calls.Count < number)
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        return Calls.ElementAt(number - 1);
    }

    public int Count(string path) => counts.GetValueOrDefault(path);

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
