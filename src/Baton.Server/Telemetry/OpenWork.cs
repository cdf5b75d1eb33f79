using System.Diagnostics.Metrics;
using Baton.Server.Data;
using Baton.Server.Events.Log;
using Baton.Server.Hosting;
using Baton.Server.Tasks;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Client;

namespace Baton.Server.Telemetry;

/// <summary>
/// How much is open: runs, tasks, and events that a consumer has yet to settle. It is counted every 15 seconds, not for each scrape, and
/// once for all replicas that share a cache. They tell the same numbers: take the maximum over them, not the sum.
/// </summary>
internal sealed partial class OpenWork : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);
    private static readonly HybridCacheEntryOptions Freshness = new() { Expiration = Interval, LocalCacheExpiration = TimeSpan.FromSeconds(1) };

    private readonly ITemporalClient client;
    private readonly IDbContextFactory<BatonDb> databases;
    private readonly IEventLog events;
    private readonly HybridCache cache;
    private readonly TimeProvider time;
    private readonly ILogger<OpenWork> log;
    private Counted counted = new(0, 0, []);

    public OpenWork(ITemporalClient client, IDbContextFactory<BatonDb> databases, IEventLog events, HybridCache cache, DataFolder folder, TimeProvider time, ILogger<OpenWork> log)
    {
        (this.client, this.databases, this.events, this.cache, this.time, this.log) = (client, databases, events, cache, time, log);
        ServerTelemetry.Meter.CreateObservableGauge("baton.runs.open", () => counted.Runs, "{run}", "Runs that have not ended. Each replica tells the same.");
        ServerTelemetry.Meter.CreateObservableGauge("baton.tasks.open", () => counted.Tasks, "{task}", "Tasks and approvals that wait for people. Each replica tells the same.");
        ServerTelemetry.Meter.CreateObservableGauge(
            "baton.events.lag", () => counted.Lags.Select(lag => new Measurement<long>(lag.Value, new KeyValuePair<string, object?>("baton.consumer", lag.Key))), "{event}",
            "Places in the log between a consumer and the end. Each replica tells the same.");
        ServerTelemetry.Meter.CreateObservableGauge(
            "baton.storage.size",
            () => folder.Databases().Select(file => new Measurement<long>(file.Length, new KeyValuePair<string, object?>("baton.file", file.Name))),
            "By", "Size of each database file in the data folder, its write-ahead log apart.");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                counted = await cache.GetOrCreateAsync("open-work", CountAsync, Freshness, cancellationToken: stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotCounted(log, error);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
        while (await NextAsync(timer, stoppingToken));
    }

    private async ValueTask<Counted> CountAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var last = (await events.StatsAsync(cancel)).Last;
        return new(
            (await client.CountWorkflowsAsync("ExecutionStatus = 'Running'", new() { Rpc = new() { CancellationToken = cancel } })).Count,
            await db.Set<HumanTask>().LongCountAsync(task => task.State == TaskState.Open, cancel),
            (await events.ConsumersAsync(cancel)).ToDictionary(status => status.Settings.Name, status => status.LagTo(last)));
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken cancel)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <param name="Lags">By consumer.</param>
    private sealed record Counted(long Runs, long Tasks, Dictionary<string, long> Lags);

    [LoggerMessage(EventIds.OpenWorkNotCounted, LogLevel.Warning, "What is open could not be counted")]
    private static partial void LogNotCounted(ILogger log, Exception error);
}
