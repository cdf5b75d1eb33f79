using System.Text.Json.Serialization;
using Baton.Flows.Telemetry;
using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Flows;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Processes;
using Baton.Server.Runs;
using Baton.Server.Secrets;
using Baton.Server.Tasks;
using Baton.Server.Telemetry;
using Baton.Server.Telemetry.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;

namespace Baton.Server.Hosting;

/// <summary>All that the server is made of: a folder for each concept, with one line here for its services and one for its endpoints.</summary>
internal static class ServerComposition
{
    public static void AddBaton(this IServiceCollection services, BatonServerOptions options, string temporalAddress)
    {
        var settings = options.Settings;
        services.AddSingleton(settings);
        services.AddSingleton(options.Folder);
        services.AddSingleton(options.Loggers);
        services.AddLogging();
        services.AddSingleton(options.Time);
        services.AddSingleton(options.Processes);
        services.AddSingleton<ITemporalClient>(_ => TemporalClient.CreateLazy(new(temporalAddress)
        {
            Namespace = settings.Temporal.Namespace,
            ApiKey = settings.Temporal.ApiKey,
            Tls = settings.Temporal.Tls ? new() : null,
            LoggerFactory = options.Loggers,
            Interceptors = [new TracingInterceptor(settings.Otlp.Sampling)],
        }));
        services.AddRouting();
        services.AddProblemDetails();
        services.AddExceptionHandler<Problems>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(System.Text.Json.JsonNamingPolicy.CamelCase));
            // What runs hold may nest deeper than what requests may send.
            json.SerializerOptions.MaxDepth = ProtoJson.MaxDepth;
        });

        services.AddTelemetry(settings);
        services.AddHealth();
        services.AddTrustedProxies(settings.Http);
        services.AddData(settings.Database, options.Folder.Path);
        services.AddKeys(settings.Secrets, options.Folder);
        services.AddAudit();
        services.AddIdentity();
        services.AddTasks();
        services.AddRuns();
        services.AddFlows(settings.Flows);
    }

    public static void MapBaton(this WebApplication app)
    {
        app.UseForwardedHeaders();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseAuthentication();
        app.UseAuthorization();

        app.MapHealth();
        app.MapTelemetry();

        var api = app.MapGroup("/api/v1");
        api.MapProcesses();
        api.MapAudit();
        api.MapTraces();
        api.MapTasks();
        app.MapTaskLinks();
        api.MapFlows();
        api.MapRuns();
    }
}
