using System.Text.Json.Serialization;
using Baton.Flows.Telemetry;
using Baton.Server.Audit;
using Baton.Server.Cache;
using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Egress;
using Baton.Server.Flows;
using Baton.Server.Events;
using Baton.Server.Events.Http;
using Baton.Server.Events.Log;
using Baton.Server.Events.Subscriptions;
using Baton.Server.Events.Webhooks;
using Baton.Server.GraphQl;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Live;
using Baton.Server.Mcp;
using Baton.Server.Processes;
using Baton.Server.Runs;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Baton.Server.Tasks;
using Baton.Server.Telemetry;
using Baton.Server.Telemetry.Health;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;
using Temporalio.Converters;

namespace Baton.Server.Hosting;

/// <summary>All that the server is made of: a folder for each concept, with one line here for its services and one for its endpoints.</summary>
internal static class ServerComposition
{
    public static void AddBaton(this IServiceCollection services, BatonServerOptions options, string temporalAddress, IEventLog events)
    {
        var settings = options.Settings;
        services.AddSingleton(settings);
        services.AddSingleton(options.Folder);
        services.AddSingleton(options.Loggers);
        services.AddLogging();
        services.AddSingleton(options.Time);
        services.AddSingleton(options.Processes);
        services.AddSingleton<ITemporalClient>(provider => TemporalClient.CreateLazy(new(temporalAddress)
        {
            Namespace = settings.Temporal.Namespace,
            ApiKey = settings.Temporal.IsClosed ? provider.GetRequiredService<LocalToken>().Text : settings.Temporal.ApiKey,
            Tls = new() { Disabled = !settings.Temporal.Tls },
            LoggerFactory = options.Loggers,
            DataConverter = provider.GetRequiredService<DataConverter>(),
            Interceptors = [new TracingInterceptor(settings.Otlp.Sampling)],
        }));
        services.AddRouting();
        services.AddProblemDetails();
        services.AddExceptionHandler<Problems>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(System.Text.Json.JsonNamingPolicy.CamelCase));
            json.SerializerOptions.RequireWhatCannotBeNull();
            // A number is a number: the description of the API says so, too.
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            // What runs hold may nest deeper than what requests may send.
            json.SerializerOptions.MaxDepth = ProtoJson.MaxDepth;
        });

        services.AddCache(settings.Cache);
        services.AddTelemetry(settings);
        services.AddHealth();
        services.AddTrustedProxies(settings.Http);
        services.AddData(settings.Database, options.Folder.Path);
        services.AddSecrets(settings.Secrets, options.Folder, options.Redactor);
        services.AddEgress(settings.Egress);
        if (settings.Temporal.Address is null)
        {
            services.AddSingleton(RetentionRule.ForAge("runs", "they end", settings.Temporal.RetainFor, "Temporal:RetainFor"));
        }
        services.AddAudit();
        services.AddTasks();
        services.AddRuns();
        services.AddFlows(settings.Flows);
        services.AddApiProtection(settings.Http);
        services.AddApiDescription();
        services.AddLive();
        services.AddAgents();
        services.AddGraph();
        services.AddIdentity(settings.Identity);
        services.AddEvents(events);
    }

    public static void MapBaton(this WebApplication app)
    {
        app.UseForwardedHeaders();
        app.UseHttpsRedirect(app.Services.GetRequiredService<BatonSettings>().Http);
        app.UseAnswerHeaders();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<CsrfProtection>();
        app.UseApiProtection();
        app.UseWebSockets();

        app.MapHealth();
        app.MapTelemetry();

        app.MapApiDescription();
        app.MapAgents();
        app.MapGraph();

        var api = app.MapGroup("/api/v1");
        api.MapProcesses();
        api.MapAudit();
        api.MapSecrets();
        api.MapTraces();
        api.MapTasks();
        api.MapStorage();
        app.MapTaskLinks();
        api.MapFlows();
        api.MapRuns();
        app.MapIdentity(api, app.Services.GetRequiredService<BatonSettings>().Identity);
        api.MapEvents();
        api.MapSubscriptions();
        api.MapWebhooks();
        api.MapLive();
    }
}
