using System.Collections.Concurrent;
using System.Net;
using Baton.Server.Telemetry.Otlp;
using Baton.Server.Telemetry.Spans;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Tests.Telemetry;

/// <summary>A backend that takes OTLP over gRPC and HTTP, and parses the traces that it gets.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication app;

    private OtlpCollector(WebApplication app) => this.app = app;

    public ConcurrentQueue<StoredSpan> Spans { get; } = new();

    /// <summary>Bodies of metrics and logs, by path.</summary>
    public ConcurrentQueue<(string Path, byte[] Body, string? Header)> Others { get; } = new();

    public Uri Grpc { get; private set; } = null!;

    public Uri Http { get; private set; } = null!;

    public static async Task<OtlpCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        var app = builder.Build();
        var collector = new OtlpCollector(app);
        app.MapPost("/v1/{signal}", async (HttpContext context) => collector.Take(context, await ReadAsync(context)));
        app.MapPost("/opentelemetry.proto.collector.{signal}/Export", async (HttpContext context) =>
        {
            collector.Take(context, (await ReadAsync(context))[5..]);
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(new byte[5]);
            context.Response.AppendTrailer("grpc-status", "0");
        });
        await app.StartAsync();
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToList();
        (collector.Grpc, collector.Http) = (new(addresses[0]), new(addresses[1]));
        return collector;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private void Take(HttpContext context, byte[] body)
    {
        var path = context.Request.Path.Value!;
        if (!path.Contains("trace", StringComparison.Ordinal))
        {
            Others.Enqueue((path, body, context.Request.Headers["x-tenant"]));
            return;
        }
        foreach (var span in OtlpProtobuf.Read(body).Spans)
        {
            Spans.Enqueue(span);
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }
}
