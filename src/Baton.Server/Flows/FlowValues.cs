using System.Security.Cryptography;
using Baton.Flows.Hosting;
using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Runs;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Temporalio.Client;

namespace Baton.Server.Flows;

/// <summary>A value that is too large for histories, by its SHA-256 in lower-case hexadecimal.</summary>
internal sealed class FlowValue
{
    public required string Hash { get; init; }

    public required byte[] Content { get; init; }

    /// <summary>When a run last put it.</summary>
    public DateTimeOffset PutAt { get; set; }
}

/// <summary>That a run, or one below it, refers to a value.</summary>
internal sealed class FlowValueUse
{
    public required string Hash { get; init; }

    /// <summary>Workflow id of the run on top.</summary>
    public required string Run { get; init; }

    /// <summary>When to look whether the run is still stored.</summary>
    public DateTimeOffset CheckAt { get; set; }
}

/// <summary>
/// Large values in the records, so that all replicas read the same ones, and backups and moves of the records have them.
///
/// A value stays for as long as a run that refers to it is stored. References travel down to subflows, whose ids begin with
/// that of the run above and a slash, and up with their outputs: uses are counted for the run on top, and hold while it or any
/// run below it is stored. (1) Who puts a value writes the use first and then the value, or renews both. (2) Once a day, it is asked
/// whether the run is there; if not, its uses go, but for those renewed since. (3) A value without uses that nobody has put for a day
/// goes. The condition is part of the statement that deletes, so that a value put at that moment is either kept or written again.
/// </summary>
internal sealed class FlowValues(IDbContextFactory<BatonDb> databases, ITemporalClient client, TimeProvider time) : IFlowBlobs, IRetainedKind
{
    private const int Batch = 100;

    private static readonly TimeSpan Grace = TimeSpan.FromDays(1);

    public RetentionRule Rule { get; } = new("large values of runs", "1 day, and as long as a run that refers to them is stored", null);

    public async ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, string run, CancellationToken cancellationToken)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(content.Span));
        var now = time.GetUtcNow();
        var (top, check) = (TopOf(run), now + Grace);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        await WriteAsync(
            () => db.Set<FlowValueUse>().Where(use => use.Hash == hash && use.Run == top).ExecuteUpdateAsync(set => set.SetProperty(use => use.CheckAt, check), cancellationToken),
            () => new FlowValueUse { Hash = hash, Run = top, CheckAt = check });
        await WriteAsync(
            () => db.Set<FlowValue>().Where(value => value.Hash == hash).ExecuteUpdateAsync(set => set.SetProperty(value => value.PutAt, now), cancellationToken),
            () => new FlowValue { Hash = hash, Content = content.ToArray(), PutAt = now });
        return hash;

        async Task WriteAsync(Func<Task<int>> renewAsync, Func<object> create)
        {
            if (await renewAsync() > 0)
            {
                return;
            }
            db.Add(create());
            try
            {
                await db.SaveChangesAsync(cancellationToken);
            }
            catch (DbUpdateException)
            {
                // Another was first, or else it is what it says.
                db.ChangeTracker.Clear();
                if (await renewAsync() == 0)
                {
                    throw;
                }
            }
        }
    }

    /// <exception cref="InvalidDataException">The record does not have the content that its name stands for.</exception>
    public async ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var content = await db.Set<FlowValue>().Where(value => value.Hash == hash).Select(value => value.Content).SingleOrDefaultAsync(cancellationToken);
        return content is null || Convert.ToHexStringLower(SHA256.HashData(content)) == hash ? content
            : throw new InvalidDataException($"The stored value {hash} is damaged: its content does not have the hash of its name.");
    }

    public async Task<long> PruneAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var now = time.GetUtcNow();
        await DropUsesAsync(db, now, cancel);
        var old = now - Grace;
        var unused = db.Set<FlowValue>().Where(value => value.PutAt <= old && !db.Set<FlowValueUse>().Any(use => use.Hash == value.Hash));
        long gone = 0;
        while (await unused.OrderBy(value => value.PutAt).Take(Batch).Select(value => value.Hash).ToListAsync(cancel) is { Count: > 0 } hashes)
        {
            gone += await unused.Where(value => hashes.Contains(value.Hash)).ExecuteDeleteAsync(cancel);
        }
        return gone;
    }

    private async Task DropUsesAsync(BatonDb db, DateTimeOffset now, CancellationToken cancel)
    {
        var due = db.Set<FlowValueUse>().Where(use => use.CheckAt <= now);
        while (await due.Select(use => use.Run).Distinct().OrderBy(run => run).Take(Batch).ToListAsync(cancel) is { Count: > 0 } runs)
        {
            foreach (var run in runs)
            {
                var uses = due.Where(use => use.Run == run);
                await (await IsStoredAsync(run, cancel)
                    ? uses.ExecuteUpdateAsync(set => set.SetProperty(use => use.CheckAt, now + Grace), cancel)
                    : uses.ExecuteDeleteAsync(cancel));
            }
        }
    }

    private async Task<bool> IsStoredAsync(string run, CancellationToken cancel)
    {
        var found = await client.WorkflowService.ListWorkflowExecutionsAsync(
            new()
            {
                Namespace = client.Options.Namespace,
                Query = $"WorkflowId = {RunFilter.Literal(run)} OR WorkflowId STARTS_WITH {RunFilter.Literal(run + '/')}",
                PageSize = 1,
            },
            new() { CancellationToken = cancel });
        return found.Executions.Count > 0;
    }

    private static string TopOf(string run) => run.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? run[..slash] : run;

    internal sealed class ValueConfiguration : IEntityTypeConfiguration<FlowValue>
    {
        public void Configure(EntityTypeBuilder<FlowValue> builder)
        {
            builder.ToTable("flow_values");
            builder.HasKey(value => value.Hash);
            builder.Property(value => value.Hash).HasMaxLength(64);
            builder.HasIndex(value => new { value.PutAt, value.Hash });
        }
    }

    internal sealed class UseConfiguration : IEntityTypeConfiguration<FlowValueUse>
    {
        public void Configure(EntityTypeBuilder<FlowValueUse> builder)
        {
            builder.ToTable("flow_value_uses");
            builder.HasKey(use => new { use.Hash, use.Run });
            builder.Property(use => use.Hash).HasMaxLength(64);
            builder.Property(use => use.Run).HasMaxLength(1000);
            builder.HasIndex(use => use.CheckAt);
            builder.HasIndex(use => use.Run);
        }
    }
}
