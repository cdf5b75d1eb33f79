using Baton.Server.Data;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Audit;

/// <param name="Sequence">Entry it is about; null for the chain as a whole.</param>
internal sealed record AuditProblem(long? Sequence, string Problem);

/// <param name="Entries">How many were checked.</param>
/// <param name="Checkpoint">The head, to be kept in a safe place; null when it is not genuine.</param>
/// <param name="Problems">The first 100.</param>
internal sealed record AuditReport(bool Clean, long Entries, long First, long Last, string? Checkpoint, IReadOnlyList<AuditProblem> Problems);

/// <summary>
/// Walks the chain from its start to its head. Found are: a changed entry (its content does not give its hash), one
/// put in its place with a hash of its own (the next does not follow it), missing and added entries, a cut end (the head is
/// further), a head or start that was not made by the server, and a whole chain put back to an earlier state (a checkpoint
/// that was kept elsewhere does not stand in it).
/// </summary>
internal sealed class AuditVerifier(IDbContextFactory<BatonDb> databases, KeyRing keys, AuditLog log)
{
    private const int MaxProblems = 100;
    private const int MaxAttempts = 5;

    /// <param name="kept">A checkpoint from a safe place, beside the one in the data folder.</param>
    /// <param name="cancel">Ends the walk.</param>
    public async Task<AuditReport> VerifyAsync(AuditCheckpoint? kept, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        for (var attempt = 1; ; attempt++)
        {
            var start = await AuditLog.FindAsync(db, AuditCheckpoint.Start, cancel);
            var report = await WalkAsync(db, start, kept, cancel);
            // Retention may have moved the start during the walk: then what was missed is not missing.
            if (report.Clean || attempt == MaxAttempts || (await AuditLog.FindAsync(db, AuditCheckpoint.Start, cancel))?.Sequence == start?.Sequence)
            {
                return report;
            }
        }
    }

    private async Task<AuditReport> WalkAsync(BatonDb db, AuditCheckpoint? start, AuditCheckpoint? outside, CancellationToken cancel)
    {
        var problems = new List<AuditProblem>();
        var head = await AuditLog.FindAsync(db, AuditCheckpoint.Head, cancel);
        CheckSigned(start, AuditCheckpoint.Start, problems);
        CheckSigned(head, AuditCheckpoint.Head, problems);
        var waypoints = Waypoints(head, outside, start?.Sequence ?? 0, problems);

        var first = (start?.Sequence ?? 0) + 1;
        var end = head?.Sequence ?? long.MaxValue;
        var (count, last, previous, computed) = (0L, first - 1, start?.Hash, start?.Hash);
        await foreach (var entry in db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.Sequence <= end).OrderBy(entry => entry.Sequence).AsAsyncEnumerable().WithCancellation(cancel))
        {
            var hash = entry.ComputeHash();
            if (entry.Sequence < first)
            {
                problems.Add(new(entry.Sequence, $"entry {entry.Sequence} stands below the start of the chain, {first}"));
                continue;
            }
            if (entry.Sequence != last + 1)
            {
                problems.Add(new(last + 1, Missing(last + 1, entry.Sequence - 1)));
            }
            else if (previous is not null && !entry.Previous.AsSpan().SequenceEqual(previous) && !entry.Previous.AsSpan().SequenceEqual(computed) && hash.AsSpan().SequenceEqual(entry.Hash))
            {
                problems.Add(new(last, $"entry {last} was replaced: entry {entry.Sequence} does not follow it"));
            }
            if (!hash.AsSpan().SequenceEqual(entry.Hash))
            {
                problems.Add(new(entry.Sequence, $"entry {entry.Sequence} was changed"));
            }
            foreach (var waypoint in waypoints.Where(waypoint => waypoint.Checkpoint.Sequence == entry.Sequence && !waypoint.Checkpoint.Hash.AsSpan().SequenceEqual(entry.Hash)))
            {
                problems.Add(new(entry.Sequence, $"entry {entry.Sequence} is not the one that {waypoint.Name} names: it, or one before it, was replaced"));
            }
            (last, previous, computed) = (entry.Sequence, entry.Hash, hash);
            count++;
            if (problems.Count >= MaxProblems)
            {
                return new(false, count, first, last, null, problems);
            }
        }
        problems.AddRange(waypoints
            .Where(waypoint => waypoint.Checkpoint.Sequence > last)
            .Select(waypoint => new AuditProblem(last + 1, $"the end was cut off: {waypoint.Name} names entry {waypoint.Checkpoint.Sequence}, and the last is {last}")));
        await CheckBeyondAsync(db, problems, cancel);
        return new(problems.Count == 0, count, first, last, head is not null && head.IsGenuine(keys) ? head.ToString() : null, problems);
    }

    private void CheckSigned(AuditCheckpoint? checkpoint, string kind, List<AuditProblem> problems)
    {
        if (checkpoint is null)
        {
            problems.Add(new(null, $"the {kind} of the chain is gone"));
        }
        else if (!checkpoint.IsGenuine(keys))
        {
            problems.Add(new(checkpoint.Sequence, $"the {kind} of the chain is not signed by the server's key"));
        }
    }

    /// <summary>The checkpoints that the walk must meet. One from below the start cannot be met any more.</summary>
    private List<(string Name, AuditCheckpoint Checkpoint)> Waypoints(AuditCheckpoint? head, AuditCheckpoint? outside, long start, List<AuditProblem> problems)
    {
        var waypoints = new List<(string, AuditCheckpoint)>();
        foreach (var (name, checkpoint) in new[] { ("the head", head), ("the checkpoint in the data folder", log.ReadKept()), ("the checkpoint that was given", outside) })
        {
            if (checkpoint is null || checkpoint.Sequence <= start)
            {
                continue;
            }
            if (checkpoint.IsGenuine(keys))
            {
                waypoints.Add((name, checkpoint));
            }
            else if (checkpoint != head)
            {
                problems.Add(new(checkpoint.Sequence, $"{name} is not signed by the server's key"));
            }
        }
        return waypoints;
    }

    // Entries come in the same commit as their head: the last entry is asked for first, so that one beyond the head has none.
    private static async Task CheckBeyondAsync(BatonDb db, List<AuditProblem> problems, CancellationToken cancel)
    {
        var max = await db.Set<AuditEntry>().MaxAsync(entry => (long?)entry.Sequence, cancel) ?? 0;
        var head = await AuditLog.FindAsync(db, AuditCheckpoint.Head, cancel);
        if (head is not null && max > head.Sequence)
        {
            problems.Add(new(head.Sequence + 1, $"entries up to {max} were added beyond the head, {head.Sequence}"));
        }
    }

    private static string Missing(long from, long to) => from == to ? $"entry {from} is missing" : $"entries {from} to {to} are missing";
}
