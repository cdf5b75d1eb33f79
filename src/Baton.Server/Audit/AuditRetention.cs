using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Audit;

/// <summary>
/// Takes old entries away, and signs a new start of the chain where the kept ones begin. A chain that is not clean keeps
/// all it has: what was tampered with must not vanish.
/// </summary>
internal sealed partial class AuditRetention(
    IDbContextFactory<BatonDb> databases, KeyRing keys, AuditLog audit, AuditVerifier verifier, BatonSettings settings, TimeProvider time, ILogger<AuditRetention> log)
    : IRetainedKind
{
    public RetentionRule Rule { get; } = RetentionRule.ForAge("audit", "the act", settings.Audit.RetainFor, "Audit:RetainFor");

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

    [LoggerMessage(EventIds.AuditBroken, LogLevel.Critical, "The audit was tampered with, and keeps its old entries: {Problem}")]
    private static partial void LogBroken(ILogger log, string problem);

    [LoggerMessage(EventIds.AuditPruned, LogLevel.Information, "{Count} entries of the audit were taken away, up to {Sequence}")]
    private static partial void LogPruned(ILogger log, long count, long sequence);
}
