using Baton.Jq;
using Baton.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Events.Routing;

/// <summary>The index of runs that listen. It lives in the database alone: whoever asks after a run has been added finds it.</summary>
internal sealed class FlowListeners(IDbContextFactory<BatonDb> databases)
{
    /// <summary>Writes a run's filters in place of its earlier ones.</summary>
    public async Task SetAsync(string runId, IReadOnlyList<JqValue> filters, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await using var transaction = await db.Database.BeginTransactionAsync(cancel);
        await db.Set<FlowListener>().Where(listener => listener.RunId == runId).ExecuteDeleteAsync(cancel);
        db.AddRange(filters.Select(filter => new FlowListener { RunId = runId, Type = TypeOf(filter), Filter = filter.ToJson() }));
        await db.SaveChangesAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    public async Task RemoveAsync(string runId, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Set<FlowListener>().Where(listener => listener.RunId == runId).ExecuteDeleteAsync(cancel);
    }

    /// <summary>Removes these rows only: a new run of the same id may have written others.</summary>
    public async Task RemoveAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Set<FlowListener>().Where(listener => ids.Contains(listener.Id)).ExecuteDeleteAsync(cancel);
    }

    /// <summary>The rows that an event of one of these types may fit, by type; runs of one flow share their filters.</summary>
    public async Task<ILookup<string, FilteredListeners>> FindAsync(IEnumerable<string> types, CancellationToken cancel)
    {
        List<string> wanted = [FlowListener.AnyType, .. types];
        await using var db = await databases.CreateDbContextAsync(cancel);
        var rows = await db.Set<FlowListener>().AsNoTracking().Where(listener => wanted.Contains(listener.Type)).ToListAsync(cancel);
        return rows.GroupBy(listener => (listener.Type, listener.Filter))
            .ToLookup(same => same.Key.Type, same => new FilteredListeners(JqValue.Parse(same.Key.Filter), [.. same]));
    }

    // A type of letters, digits, dots and dashes is meant as it stands; anything else is a pattern.
    private static string TypeOf(JqValue filter) =>
        filter["type"].TryGetString(out var type) && type.Length is > 0 and <= CloudEventRules.MaxLength && type.All(letter => char.IsLetterOrDigit(letter) || letter is '.' or '-' or '_' or '/' or ':')
            ? type : FlowListener.AnyType;
}

/// <summary>Rows with the same filter.</summary>
internal sealed record FilteredListeners(JqValue Filter, IReadOnlyList<FlowListener> Rows);
