using System.Diagnostics;
using Baton.Flows.Telemetry;
using Baton.Server.Audit;
using Baton.Server.Data.Retention;
using Baton.Server.Hosting;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Baton.Server.Telemetry.Otlp;
using Baton.Server.Telemetry.Spans;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Baton.Server.Telemetry;

/// <summary>
/// Traces, metrics and logs by OpenTelemetry. Spans go to the server's own store, and everything by OTLP to a backend where
/// one is named. What is measured is always at /metrics.
/// </summary>
internal static class TelemetryModule
{
    // NATS.Net spans what it publishes and receives, and carries the trace in the headers of its messages.
    private static readonly string[] Sources = ["Baton.*", "NATS.Net"];
    private static readonly string[] Meters = ["Baton.*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http", "System.Runtime"];

    // Probes, scrapes, polls of workers and spans themselves would be most of all spans and tell nothing.
    private static readonly string[] Untraced = ["/health", "/metrics", "/v1/traces", "/temporal.api.", "/grpc.", "/opentelemetry."];

    public static void AddTelemetry(this IServiceCollection services, BatonSettings settings)
    {
        services.AddSingleton(provider => new SpanStore(
            settings.Database, settings.Traces, provider.GetRequiredService<DataFolder>().Path, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(new RetentionRule("spans", $"{Durations.Format(settings.Traces.Retention)}, at most {settings.Traces.MaxSpans} of them", "Traces:Retention, Traces:MaxSpans"));
        services.AddSingleton<SpanWriter>();
        services.AddHostedService(provider => provider.GetRequiredService<SpanWriter>());
        services.AddHostedService<OpenWork>();
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService(SpanWriter.Service, serviceVersion: typeof(TelemetryModule).Assembly.GetName().Version?.ToString(3), serviceInstanceId: Environment.MachineName))
            .WithTracing(tracing => Trace(tracing, settings.Otlp))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters).AddPrometheusExporter();
                if (settings.Otlp.Endpoint is not null)
                {
                    metrics.AddOtlpExporter(otlp => Export(otlp, settings.Otlp, "v1/metrics"));
                }
            });
        if (settings.Otlp.Endpoint is not null)
        {
            telemetry.WithLogging(logging => logging.AddOtlpExporter(otlp => Export(otlp, settings.Otlp, "v1/logs")), options => options.IncludeFormattedMessage = true);
        }
    }

    /// <summary>Sends logs to the backend as well, where there is one: the loggers are older than the server.</summary>
    public static void UseOtlpLogging(this IServiceProvider services, ILoggerFactory loggers)
    {
        foreach (var provider in services.GetServices<ILoggerProvider>().OfType<OpenTelemetryLoggerProvider>())
        {
            loggers.AddProvider(provider);
        }
    }

    public static void MapTelemetry(this IEndpointRouteBuilder app)
    {
        app.MapPrometheusScrapingEndpoint("/metrics").RequirePermission(Permissions.MetricsRead).NotAudited("it changes nothing");
        app.MapOtlp();
    }

    private static void Trace(TracerProviderBuilder tracing, OtlpSettings settings)
    {
        tracing
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(settings.Sampling)))
            .AddSource(Sources)
            .AddAspNetCoreInstrumentation(http => http.Filter = context => !Untraced.Any(path => context.Request.Path.Value!.StartsWith(path, StringComparison.Ordinal)))
            .AddHttpClientInstrumentation()
            .AddProcessor(provider => provider.GetRequiredService<RedactingSpans>())
            .AddProcessor(provider => provider.GetRequiredService<SpanWriter>());
        if (settings.Database)
        {
            tracing.AddSource("Npgsql");
        }
        if (settings.Endpoint is not null)
        {
            tracing.AddOtlpExporter(otlp => Export(otlp, settings, "v1/traces"));
        }
    }

    private static void Export(OtlpExporterOptions otlp, OtlpSettings settings, string path)
    {
        otlp.Protocol = settings.Protocol == OtlpProtocol.Grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;
        otlp.Endpoint = settings.Protocol == OtlpProtocol.Grpc ? settings.Endpoint! : new Uri($"{settings.Endpoint!.AbsoluteUri.TrimEnd('/')}/{path}");
        otlp.Headers = settings.Headers;
    }
}
