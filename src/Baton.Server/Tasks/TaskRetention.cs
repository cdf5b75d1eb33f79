using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Tasks;

public sealed class TaskSettings : ICheckedSettings
{
    [Setting("How long closed tasks stay, 1 m to 10,000 d. Open ones stay.")]
    public TimeSpan RetainFor { get; init; } = TimeSpan.FromDays(90);

    public IEnumerable<(string Name, string Problem)> Problems()
    {
        if (RetainFor < TimeSpan.FromMinutes(1) || RetainFor > TimeSpan.FromDays(10_000))
        {
            yield return (nameof(RetainFor), "must be 1m to 10000d");
        }
    }
}

/// <summary>Closed tasks go with their decisions, history and links. A message that is still to be told keeps its task.</summary>
internal sealed class TaskRetention(IDbContextFactory<BatonDb> databases, BatonSettings settings, TimeProvider time) : IRetainedKind
{
    private const int Batch = 500;

    public RetentionRule Rule { get; } = RetentionRule.ForAge("tasks", "they are closed", settings.Tasks.RetainFor, "Tasks:RetainFor");

    public async Task<long> PruneAsync(CancellationToken cancel)
    {
        var before = time.GetUtcNow() - settings.Tasks.RetainFor;
        await using var db = await databases.CreateDbContextAsync(cancel);
        long gone = 0;
        while (true)
        {
            // In parts, so that nobody waits long for the database.
            var old = await db.Set<HumanTask>().Where(task => task.ClosedAt < before && !db.Set<TaskMessage>().Any(message => message.TaskId == task.Id))
                .OrderBy(task => task.ClosedAt).Take(Batch).Select(task => task.Id).ToListAsync(cancel);
            if (old.Count == 0)
            {
                return gone;
            }
            gone += await db.Set<HumanTask>().Where(task => old.Contains(task.Id)).ExecuteDeleteAsync(cancel);
        }
    }
}
