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
            context.Response.StatusCode = path == target.Failing ? 500 : 200;
            await context.Response.WriteAsJsonAsync(new { path });
        });
        await target.app.StartAsync();
        return target;
    }

    public int Count(string path) => counts.GetValueOrDefault(path);

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
