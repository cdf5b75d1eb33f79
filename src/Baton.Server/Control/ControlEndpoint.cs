using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Baton.Server.Processes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Control;

/// <summary>
/// Lets the command line and the project's own processes see and restart processes: HTTP on a free loopback port, for
/// who can read the control file. GET /api/v1/processes, POST /api/v1/processes/NAME/restart.
/// </summary>
internal sealed partial class ControlEndpoint : IAsyncDisposable
{
    private readonly WebApplication app;

    private ControlEndpoint(WebApplication app, ControlFile file)
    {
        this.app = app;
        File = file;
    }

    public ControlFile File { get; }

    public static async Task<ControlEndpoint> StartAsync(IReadOnlyList<SupervisedProcess> processes, ILoggerFactory loggers, CancellationToken cancel)
    {
        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddSingleton(loggers);
        builder.Services.AddLogging();
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.Converters.Add(new JsonStringEnumConverter<ProcessState>()));
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.Use((context, next) => Authorise(context, next, token));
        var log = loggers.CreateLogger<ControlEndpoint>();
        app.MapGet("/api/v1/processes", () => processes.Select(process => process.Status));
        app.MapPost("/api/v1/processes/{name}/restart", (string name, CancellationToken aborted) => RestartAsync(processes, name, log, aborted));
        await app.StartAsync(cancel);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        return new ControlEndpoint(app, new ControlFile(address, token, Environment.ProcessId));
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
    }

    private static Task Authorise(HttpContext context, RequestDelegate next, string token)
    {
        var given = Encoding.UTF8.GetBytes(context.Request.Headers.Authorization.ToString());
        if (CryptographicOperations.FixedTimeEquals(given, Encoding.UTF8.GetBytes($"Bearer {token}")))
        {
            return next(context);
        }
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    private static async Task<Results<Ok<ProcessStatus>, NotFound, ProblemHttpResult>> RestartAsync(
        IReadOnlyList<SupervisedProcess> processes, string name, ILogger log, CancellationToken aborted)
    {
        var process = processes.FirstOrDefault(process => process.Definition.Name == name);
        if (process is null)
        {
            return TypedResults.NotFound();
        }
        LogRestartRequested(log, name);
        try
        {
            await process.RestartAsync(aborted);
            return TypedResults.Ok(process.Status);
        }
        catch (Exception exception) when (exception is InvalidOperationException)
        {
            return TypedResults.Problem(exception.Message, statusCode: StatusCodes.Status409Conflict);
        }
    }

    [LoggerMessage(EventIds.RestartRequested, LogLevel.Information, "Restart of {Name} requested")]
    private static partial void LogRestartRequested(ILogger log, string name);

    /// <summary>The process belongs to the command line: its signals are not handled here.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
