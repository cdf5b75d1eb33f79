using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Events.Log;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Temporalio.Client;

namespace Baton.Server.Telemetry.Health;

/// <summary>
/// /health/live: the process answers; to be restarted if not. /health/ready: what it stands on answers too; to get no
/// requests if not. Both are open to everybody, and tell nothing but names.
/// </summary>
internal static class HealthModule
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static void AddHealth(this IServiceCollection services) => services.AddHealthChecks()
        .AddCheck<RecordsCheck>("records", timeout: Patience)
        .AddCheck<DurableCheck>("durable", timeout: Patience)
        .AddCheck<EventsCheck>("events", timeout: Patience);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync }).AllowAnonymous().NotAudited("it changes nothing");
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { ResponseWriter = WriteAsync }).AllowAnonymous().NotAudited("it changes nothing");
    }

    // Why a check failed is in the log: connection strings have a way of turning up in messages.
    private static Task WriteAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new
    {
        status = Word(report.Status),
        checks = report.Entries.ToDictionary(entry => entry.Key, entry => Word(entry.Value.Status)),
    });

    private static string Word(HealthStatus status) => status.ToString().ToLowerInvariant();

    private sealed class RecordsCheck(IDbContextFactory<BatonDb> factory) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await using var db = await factory.CreateDbContextAsync(cancellationToken);
            return await db.Database.CanConnectAsync(cancellationToken) ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy();
        }
    }

    private sealed class EventsCheck(IEventLog events) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await events.StatsAsync(cancellationToken).WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
    }

    private sealed class DurableCheck(ITemporalClient client) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            await client.Connection.ConnectAsync();
            return await client.Connection.CheckHealthAsync(options: new() { CancellationToken = cancellationToken }) ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy();
        }
    }
}
