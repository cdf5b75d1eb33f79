using Baton.Server.Data;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Audit;

/// <summary>
/// Takes old entries away, and signs a new start of the chain where the kept ones begin. A chain that is not clean keeps
/// all it has: what was tampered with must not vanish.
/// </summary>
internal sealed partial class AuditRetention(
    IDbContextFactory<BatonDb> databases, KeyRing keys, AuditLog audit, AuditVerifier verifier, BatonSettings settings, TimeProvider time, ILogger<AuditRetention> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(6);

    /// <returns>How many entries went.</returns>
    public async Task<long> PruneAsync(CancellationToken cancel)
    {
        var before = time.GetUtcNow() - settings.Audit.RetainFor;
        await using var db = await databases.CreateDbContextAsync(cancel);
        var last = await db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.Time < before).OrderByDescending(entry => entry.Sequence).FirstOrDefaultAsync(cancel);
        var start = await AuditLog.FindAsync(db, AuditCheckpoint.Start, cancel);
        if (last is null || start is null)
        {
            return 0;
        }
        var report = await verifier.VerifyAsync(null, cancel);
        if (!report.Clean)
        {
            LogBroken(log, report.Problems[0].Problem);
            return 0;
        }
        await using (var transaction = await db.Database.BeginTransactionAsync(cancel))
        {
            if (!await AuditLog.MoveAsync(db, start, AuditCheckpoint.Sign(AuditCheckpoint.Start, last.Sequence, last.Hash, keys)))
            {
                return 0;
            }
            await db.Set<AuditEntry>().Where(entry => entry.Sequence <= last.Sequence).ExecuteDeleteAsync(cancel);
            await transaction.CommitAsync(cancel);
        }
        var count = last.Sequence - start.Sequence;
        LogPruned(log, count, last.Sequence);
        await audit.WriteAsync(new(Caller.System("retention"), "audit.prune", "audit") { Detail = $"{count} entries up to {last.Sequence}, from before {before:O}" });
        return count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await PruneAsync(stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                LogFailed(log, exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(EventIds.AuditBroken, LogLevel.Critical, "The audit was tampered with, and keeps its old entries: {Problem}")]
    private static partial void LogBroken(ILogger log, string problem);

    [LoggerMessage(EventIds.AuditPruned, LogLevel.Information, "{Count} entries of the audit were taken away, up to {Sequence}")]
    private static partial void LogPruned(ILogger log, long count, long sequence);

    [LoggerMessage(EventIds.AuditPruneFailed, LogLevel.Error, "Old entries of the audit could not be taken away")]
    private static partial void LogFailed(ILogger log, Exception exception);
}
