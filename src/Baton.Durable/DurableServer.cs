using System.Net;
using Baton.Durable.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Baton.Durable;

/// <summary>
/// A durable execution server in this process, for any official Temporal SDK to connect to.
/// </summary>
/// <example>
/// <code>
/// await using var server = await DurableServer.StartAsync(new() { DatabasePath = "baton.db" });
/// var client = await TemporalClient.ConnectAsync(new(server.Address));
/// </code>
/// </example>
public sealed partial class DurableServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly DurableHost host;
    private readonly ILogger log;

    private DurableServer(WebApplication app, DurableHost host, string address, string? httpAddress, string ns, ILogger log)
    {
        this.app = app;
        this.host = host;
        this.log = log;
        Address = address;
        HttpAddress = httpAddress;
        Namespace = ns;
    }

    /// <summary>Where clients connect, as <c>host:port</c>.</summary>
    public string Address { get; }

    /// <summary>Base URL of Nexus over HTTP; null without <see cref="DurableServerOptions.HttpPort"/>.</summary>
    public string? HttpAddress { get; }

    /// <summary>The first of <see cref="DurableServerOptions.Namespaces"/>.</summary>
    public string Namespace { get; }

    /// <summary>Starts a server; when the task ends, it answers.</summary>
    /// <exception cref="DurableOptionsException">The options cannot be used; all problems are listed.</exception>
    /// <exception cref="IOException">The port is taken.</exception>
    public static Task<DurableServer> StartAsync(DurableServerOptions? options = null, CancellationToken cancellationToken = default) =>
        StartAsync(options ?? new(), DurableComposition.CreateAsync, cancellationToken);

    /// <param name="compose">Makes the engine; tests put their own in.</param>
    internal static async Task<DurableServer> StartAsync(
        DurableServerOptions options, Func<DurableServerOptions, ILoggerFactory, CancellationToken, Task<DurableHost>> compose, CancellationToken cancellationToken)
    {
        options.Validate();
        var loggers = options.LoggerFactory ?? NullLoggerFactory.Instance;
        var host = await compose(options, loggers, cancellationToken);
        WebApplication? app = null;
        var listeners = new Listeners(options);
        try
        {
            app = Build(options, host, loggers, listeners);
            await app.StartAsync(cancellationToken);
        }
        catch
        {
            await (app?.DisposeAsync() ?? ValueTask.CompletedTask);
            await host.Engine.DisposeAsync();
            throw;
        }
        var log = loggers.CreateLogger<DurableServer>();
        var (address, httpAddress) = (listeners.Address, listeners.HttpAddress);
        host.Nexus?.Listening(options.PublicHttpUrl?.TrimEnd('/') ?? httpAddress, options.NexusCallbacksOverHttp);
        LogStarted(log, address, options.DatabasePath ?? "memory");
        if (options.ApiKeys.Count == 0 && options.Authenticator is null && options.Tls?.ClientCaPath is null && !IsLoopback(options.Ip))
        {
            LogListensWithoutKeys(log, options.Ip);
        }
        return new DurableServer(app, host, address, httpAddress, options.Namespaces[0], log);
    }

    /// <summary>Ends calls under way, stops listening, and closes the store. What was acknowledged is kept.</summary>
    public async ValueTask DisposeAsync()
    {
        // Long polls would hold a graceful stop until their deadline; a token that is cancelled already ends them at once.
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
        await host.Engine.DisposeAsync();
        LogStopped(log, Address);
    }

    private static WebApplication Build(DurableServerOptions options, DurableHost host, ILoggerFactory loggers, Listeners listeners)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddSingleton<ILoggerFactory>(new QuietLoggers(loggers));
        builder.Services.AddLogging();
        builder.Services.AddRoutingCore();
        // The process belongs to whoever embeds the server: signals and the console are not ours to handle.
        builder.Services.AddSingleton<IHostLifetime, EmbeddedLifetime>();
        builder.Services.AddDurable(host, options);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(listeners.Configure);
        var app = builder.Build();
        app.MapDurable(host);
        return app;
    }

    private static bool IsLoopback(string ip) => !IPAddress.TryParse(ip, out var parsed) || IPAddress.IsLoopback(parsed);

    [LoggerMessage(EventIds.ServerStarted, LogLevel.Information, "Durable execution listens on {Address}, state in {Store}")]
    private static partial void LogStarted(ILogger log, string address, string store);

    [LoggerMessage(EventIds.ServerStopped, LogLevel.Information, "Durable execution on {Address} stopped")]
    private static partial void LogStopped(ILogger log, string address);

    [LoggerMessage(EventIds.ListensWithoutKeys, LogLevel.Warning, "Listening on {Ip} without API keys or client certificates: everybody who reaches it may use it")]
    private static partial void LogListensWithoutKeys(ILogger log, string ip);

    private sealed class EmbeddedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
