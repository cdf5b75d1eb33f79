using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Data.Retention;

/// <summary>Keeps each kind of record within its rule. Of several replicas the one with the lease does; another goes on when it dies.</summary>
internal sealed partial class RetentionSweeper(IEnumerable<IRetainedKind> kinds, IDbContextFactory<BatonDb> databases, TimeProvider time, ILogger<RetentionSweeper> log) : BackgroundService
{
    private const string LeaseName = "retention";

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    private readonly string holder = $"{Environment.MachineName}/{Guid.NewGuid():N}";

    /// <returns>What went of each kind; null if another process has the lease.</returns>
    public async Task<IReadOnlyDictionary<string, long>?> SweepAsync(CancellationToken cancel)
    {
        await using (var db = await databases.CreateDbContextAsync(cancel))
        {
            if (!await Lease.TakeAsync(db, LeaseName, holder, time.GetUtcNow(), Interval * 2, cancel))
            {
                return null;
            }
        }
        var gone = new Dictionary<string, long>();
        foreach (var kind in kinds)
        {
            try
            {
                gone[kind.Rule.Kind] = await kind.PruneAsync(cancel);
            }
            catch (Exception exception) when (!cancel.IsCancellationRequested)
            {
                // One kind that fails must not let the others grow.
                LogFailed(log, exception, kind.Rule.Kind);
            }
        }
        return gone;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                LogFailed(log, exception, "records");
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(EventIds.RetentionFailed, LogLevel.Error, "Retention of {Kind} failed; it is tried again")]
    private static partial void LogFailed(ILogger log, Exception exception, string kind);
}
