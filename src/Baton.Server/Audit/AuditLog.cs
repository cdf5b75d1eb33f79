using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Hosting;
using Baton.Server.Identity;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Audit;

/// <summary>An act, for <see cref="AuditLog.WriteAsync"/>.</summary>
/// <param name="Action">NOUN.VERB: `flow.apply`, `task.approve`...</param>
/// <param name="Target">KIND/NAME: `flow/NAMESPACE/NAME`, `task/ID`...</param>
internal sealed record AuditAct(Caller Caller, string Action, string Target)
{
    /// <summary>See <see cref="AuditDigest"/>.</summary>
    public string? Before { get; init; }

    public string? After { get; init; }

    public string? Run { get; init; }

    public AuditOutcome Outcome { get; init; }

    public string? Detail { get; init; }
}

/// <summary>
/// Writes the audit: one chain for all replicas on one database.
///
/// A write moves the head from the sequence number that it read, and adds its entries, in one transaction. Who finds the head
/// moved meanwhile reads it again; whoever waits in this process meanwhile goes with the next write, so that the cost of
/// a commit is shared. A head that is not genuine, or older than one that was seen, is never built upon: what tampering
/// left would be signed as if it were true.
/// </summary>
internal sealed class AuditLog(IDbContextFactory<BatonDb> databases, KeyRing keys, DataFolder folder, Redactor redactor, TimeProvider time)
{
    private const string CheckpointFile = "audit.checkpoint";
    private const int MaxBatch = 500;
    private const int MaxAttempts = 1000;
    private const int MaxText = 1000;

    private readonly ConcurrentQueue<Pending> waiting = new();
    private readonly SemaphoreSlim writing = new(1, 1);
    private long seen;

    /// <summary>Where the head is kept beside the database.</summary>
    private string CheckpointPath => folder.File(CheckpointFile);

    /// <summary>Begins the chain, if the database has none.</summary>
    /// <exception cref="BatonException">The chain was signed with a key that the key file lacks.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        if (await FindAsync(db, AuditCheckpoint.Head, cancel) is { } head)
        {
            if (!keys.Has(head.KeyId))
            {
                throw new BatonException(
                    ErrorCodes.KeyUnknown, "the key file is not the one of this database", $"its audit is signed with key {head.KeyId}; the file has {string.Join(", ", keys.Ids)}",
                    "give each replica the same key file (Secrets:KeyFile); if it was replaced, bring the old one back");
            }
            return;
        }
        if (await db.Set<AuditEntry>().AnyAsync(cancel))
        {
            // Whoever took the head away is found by `baton audit verify`; a new one would hide it.
            return;
        }
        var nothing = new byte[AuditEntry.HashBytes];
        db.AddRange(AuditCheckpoint.Sign(AuditCheckpoint.Head, 0, nothing, keys), AuditCheckpoint.Sign(AuditCheckpoint.Start, 0, nothing, keys));
        try
        {
            await db.SaveChangesAsync(cancel);
        }
        catch (DbUpdateException)
        {
            // Another replica was first: the chain is there, or else this throws again.
            db.ChangeTracker.Clear();
            await db.Set<AuditCheckpoint>().SingleAsync(checkpoint => checkpoint.Kind == AuditCheckpoint.Head, cancel);
        }
    }

    /// <summary>Ends when the entry is on disk. It is not cancelled: the act is done, whoever still waits for the answer.</summary>
    /// <exception cref="BatonException">The chain is broken.</exception>
    public async Task WriteAsync(AuditAct act)
    {
        var mine = new Pending(act, time.GetUtcNow(), Activity.Current?.TraceId.ToString());
        waiting.Enqueue(mine);
        await writing.WaitAsync();
        try
        {
            while (!mine.Written.Task.IsCompleted)
            {
                await CommitAsync(Take());
            }
        }
        finally
        {
            writing.Release();
        }
        await mine.Written.Task;
    }

    /// <summary>The head as this replica last wrote it, from the file beside the database; null when it wrote none.</summary>
    public AuditCheckpoint? ReadKept() => File.Exists(CheckpointPath) ? AuditCheckpoint.Parse(File.ReadAllText(CheckpointPath)) : null;

    public static Task<AuditCheckpoint?> FindAsync(BatonDb db, string kind, CancellationToken cancel) =>
        db.Set<AuditCheckpoint>().AsNoTracking().SingleOrDefaultAsync(checkpoint => checkpoint.Kind == kind, cancel);

    private List<Pending> Take()
    {
        var batch = new List<Pending>();
        while (batch.Count < MaxBatch && waiting.TryDequeue(out var pending))
        {
            batch.Add(pending);
        }
        return batch;
    }

    private async Task CommitAsync(List<Pending> batch)
    {
        try
        {
            for (var attempt = 0; attempt < MaxAttempts; attempt++)
            {
                if (await TryAppendAsync(batch) is { } head)
                {
                    seen = head.Sequence;
                    Keep(head);
                    batch.ForEach(pending => pending.Written.SetResult());
                    return;
                }
            }
            throw new InvalidOperationException($"The head of the audit moved {MaxAttempts} times before a write.");
        }
        catch (Exception exception)
        {
            batch.ForEach(pending => pending.Written.TrySetException(exception));
        }
    }

    /// <returns>The new head; null when another replica moved it first.</returns>
    private async Task<AuditCheckpoint?> TryAppendAsync(List<Pending> batch)
    {
        await using var db = await databases.CreateDbContextAsync();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var old = Checked(await FindAsync(db, AuditCheckpoint.Head, default));
        var entries = Chain(old, batch);
        var head = AuditCheckpoint.Sign(AuditCheckpoint.Head, entries[^1].Sequence, entries[^1].Hash, keys);
        if (!await MoveAsync(db, old, head))
        {
            return null;
        }
        db.AddRange(entries);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
        return head;
    }

    /// <summary>Puts a checkpoint in the place of another, unless that has changed.</summary>
    public static async Task<bool> MoveAsync(BatonDb db, AuditCheckpoint from, AuditCheckpoint to) => await db.Set<AuditCheckpoint>()
        .Where(checkpoint => checkpoint.Kind == from.Kind && checkpoint.Sequence == from.Sequence)
        .ExecuteUpdateAsync(set => set
            .SetProperty(checkpoint => checkpoint.Sequence, to.Sequence)
            .SetProperty(checkpoint => checkpoint.Hash, to.Hash)
            .SetProperty(checkpoint => checkpoint.KeyId, to.KeyId)
            .SetProperty(checkpoint => checkpoint.Mac, to.Mac)) == 1;

    private AuditCheckpoint Checked(AuditCheckpoint? head) => head is not null && head.IsGenuine(keys) && head.Sequence >= seen
        ? head
        : throw new BatonException(
            ErrorCodes.AuditBroken, "the audit was tampered with, and nothing is done that it cannot record",
            head is null ? "its head is gone" : head.Sequence < seen ? $"its head went back from {seen} to {head.Sequence}" : "its head is not signed by the server's key",
            "`baton audit verify` names what is wrong; bring the database back from a backup");

    private List<AuditEntry> Chain(AuditCheckpoint head, List<Pending> batch)
    {
        var entries = new List<AuditEntry>(batch.Count);
        var (sequence, hash) = (head.Sequence, head.Hash);
        foreach (var (act, now, trace) in batch)
        {
            var entry = new AuditEntry
            {
                Sequence = ++sequence,
                Time = new(now.UtcTicks - (now.UtcTicks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero),
                ActorKind = act.Caller.Kind,
                ActorId = act.Caller.Id,
                Actor = Bounded(act.Caller.Name)!,
                Address = act.Caller.Address?.ToString(),
                UserAgent = Bounded(act.Caller.UserAgent),
                Action = act.Action,
                Target = Bounded(act.Target)!,
                Before = act.Before,
                After = act.After,
                Run = act.Run,
                Trace = trace,
                Outcome = act.Outcome,
                Detail = Bounded(act.Detail),
                Previous = hash,
            };
            entry.Hash = hash = entry.ComputeHash();
            entries.Add(entry);
        }
        return entries;
    }

    // PostgreSQL keeps no NUL in a text, and no database half a surrogate pair.
    private string? Bounded(string? text) => redactor.Redact(text) is not { } clean
        ? null
        : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes((clean.Length > MaxText ? clean[..MaxText] : clean).Replace('\0', '\uFFFD')));

    private void Keep(AuditCheckpoint head)
    {
        var temporary = CheckpointPath + ".new";
        File.WriteAllText(temporary, $"{head}\n");
        File.Move(temporary, CheckpointPath, overwrite: true);
    }

    private sealed record Pending(AuditAct Act, DateTimeOffset Now, string? Trace)
    {
        public TaskCompletionSource Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
