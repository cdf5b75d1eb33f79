using Baton.Durable;
using Baton.Server.Audit;
using Baton.Server.Control;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Flows;
using Baton.Server.Events;
using Baton.Server.Events.Log;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Processes;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Baton.Server.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Hosting;

/// <param name="Folder">Taken over: closed with the server.</param>
/// <param name="Loggers">Not taken over.</param>
public sealed record BatonServerOptions(BatonSettings Settings, DataFolder Folder, ILoggerFactory Loggers, TimeProvider Time)
{
    /// <summary>File of the embedded durable server, in place of DATA/baton.db.</summary>
    public string? DurableFile { get; init; }

    /// <summary>Processes that the host supervises.</summary>
    public ProcessSet Processes { get; init; } = new();

    internal Redactor Redactor { get; } = new();
}

/// <summary>
/// The server: records, durable execution (its own, or a cluster), and everything that is reached over HTTP.
///
/// Starting, in this order: records are migrated; the embedded durable server goes on where its file ends; HTTP and the
/// background services start; DATA/control.json says where. Nothing needs a clean stop before.
/// </summary>
public sealed class BatonServer : IAsyncDisposable
{
    private readonly BatonServerOptions options;
    private readonly DurableServer? durable;
    private readonly WebApplication app;

    private BatonServer(BatonServerOptions options, DurableServer? durable, WebApplication app)
    {
        this.options = options;
        this.durable = durable;
        this.app = app;
        Url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
    }

    /// <summary>Where HTTP answers.</summary>
    public string Url { get; }

    /// <summary>Where durable execution answers, HOST:PORT.</summary>
    public string TemporalAddress => durable?.Address ?? options.Settings.Temporal.Address!;

    /// <summary>Where the first administrator is made; null when there are accounts.</summary>
    public string? SetupLink { get; private init; }

    /// <summary>What the project's own processes show to durable execution; null where it asks for nothing.</summary>
    internal string? TemporalToken => options.Settings.Temporal.IsClosed ? Services.GetRequiredService<LocalToken>().Text : null;

    internal IServiceProvider Services => app.Services;

    /// <exception cref="BatonException">It cannot start: a port in use, a database that cannot be reached...</exception>
    public static async Task<BatonServer> StartAsync(BatonServerOptions options, CancellationToken cancel)
    {
        options = options with { Loggers = new RedactingLoggers(options.Loggers, options.Redactor) };
        var access = new TemporalAccess();
        var durable = options.Settings.Temporal.Address is null ? await StartDurableAsync(options, access, cancel) : null;
        WebApplication? app = null;
        IEventLog? events = null;
        try
        {
            events = await EventsModule.OpenLogAsync(options.Settings.Events, options.Folder, options.Time, cancel);
            app = Build(options, durable?.Address ?? options.Settings.Temporal.Address!, events);
            access.Services = app.Services;
            await DataModule.MigrateAsync(app.Services.GetRequiredService<IDbContextFactory<BatonDb>>(), cancel);
            await app.Services.GetRequiredService<AuditLog>().StartAsync(cancel);
            await StartHttpAsync(app, options.Settings.Http, cancel);
            await using var scope = app.Services.CreateAsyncScope();
            var server = new BatonServer(options, durable, app) { SetupLink = await scope.ServiceProvider.GetRequiredService<SetupLinks>().CreateIfFirstAsync(cancel) };
            new ControlFile(server.Url, app.Services.GetRequiredService<LocalToken>().Text, Environment.ProcessId).Write(options.Folder.Path);
            return server;
        }
        catch
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }
            if (events is not null)
            {
                await events.DisposeAsync();
            }
            if (durable is not null)
            {
                await durable.DisposeAsync();
            }
            options.Folder.Dispose();
            throw;
        }
    }

    /// <summary>Puts flows in force; the same ones again change nothing.</summary>
    /// <exception cref="BatonException">A flow is not valid here; those before it are in force.</exception>
    public async Task ApplyFlowsAsync(IEnumerable<FlowFile> flows, CancellationToken cancel)
    {
        var store = app.Services.GetRequiredService<FlowStore>();
        foreach (var flow in flows)
        {
            try
            {
                await store.ApplyAsync(flow.Document.Namespace, flow.Document.Name, flow.Text, default, dryRun: false, by: "project", cancel);
            }
            catch (BatonException exception)
            {
                throw new BatonException(exception.Code, $"{flow.Path}: {exception.Message}", exception.Cause, exception.Remedy, exception);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        ControlFile.Delete(options.Folder.Path);
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
        if (durable is not null)
        {
            await durable.DisposeAsync();
        }
        options.Folder.Dispose();
    }

    private static WebApplication Build(BatonServerOptions options, string temporalAddress, IEventLog events)
    {
        var builder = WebApplication.CreateEmptyBuilder(new() { ApplicationName = "Baton.Server" });
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => Listening.Configure(kestrel, options.Settings, options.Time, options.Loggers));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddBaton(options, temporalAddress, events);
        var app = builder.Build();
        app.Services.UseOtlpLogging(options.Loggers);
        app.MapBaton();
        return app;
    }

    private static async Task StartHttpAsync(WebApplication app, HttpSettings settings, CancellationToken cancel)
    {
        try
        {
            await app.StartAsync(cancel);
        }
        catch (IOException exception)
        {
            throw new BatonException(
                ErrorCodes.CannotListen, $"the server cannot listen on {settings.Url}", exception.Message,
                "stop what uses the port, or choose another with --set Http:Url=http://127.0.0.1:PORT (0: a free one)", exception);
        }
    }

    private static async Task<DurableServer> StartDurableAsync(BatonServerOptions options, TemporalAccess access, CancellationToken cancel)
    {
        var settings = options.Settings.Temporal;
        try
        {
            return await DurableServer.StartAsync(
                new()
                {
                    Ip = settings.Ip,
                    Port = settings.Port,
                    Authenticator = settings.IsClosed ? access.AuthenticateAsync : null,
                    Namespaces = [settings.Namespace],
                    Retention = settings.RetainFor,
                    DatabasePath = options.DurableFile ?? options.Folder.File("baton.db"),
                    LoggerFactory = options.Loggers,
                },
                cancel);
        }
        catch (Exception exception)
        {
            options.Folder.Dispose();
            throw exception is not IOException ? exception : new BatonException(
                ErrorCodes.CannotListen, $"the durable server cannot listen on port {settings.Port}", exception.Message,
                "stop what uses the port, or choose another with --port (0: a free one)", exception);
        }
    }

    /// <summary>The process belongs to the command line: its signals are not handled here.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
