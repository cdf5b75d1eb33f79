using System.Globalization;
using Baton.Server.Data;
using Baton.Server.Events.Http;
using Baton.Server.Events.Log;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Baton.Server.Tasks;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Live;

/// <summary>Runs as they start and end, from durable execution's own list.</summary>
internal sealed class RunsTopic(RunReader runs, TimeProvider time) : ILiveTopic
{
    private const int Page = 200;

    public string Name => "runs";

    public string Permission => Permissions.RunsRead;

    public bool IsByFlow => true;

    public ILiveReader Open(string? position, Caller caller) => new Reader(runs, new(position, time.GetUtcNow()), caller.FlowsFor(Permission));

    private sealed class Reader(RunReader runs, LiveWindow window, IReadOnlyList<string>? allowed) : ILiveReader
    {
        public string Position => window.Position;

        public async Task<IReadOnlyList<LiveItem>> ReadAsync(CancellationToken cancel)
        {
            var items = new List<LiveItem>();
            string? cursor = null;
            do
            {
                var page = await runs.ListAsync(new(null, null, null, null, null, null, null) { Allowed = allowed, ChangedSince = window.From }, Page, cursor, cancel);
                foreach (var run in page.Items)
                {
                    if (run.StartedAt >= window.From && window.Take($"{run.RunId} started", run.StartedAt))
                    {
                        items.Add(new("runs", "started", run.StartedAt, run with { Status = RunStatus.Running, EndedAt = null }));
                    }
                    if (run.EndedAt is { } ended && ended >= window.From && window.Take($"{run.RunId} ended", ended))
                    {
                        items.Add(new("runs", "ended", ended, run));
                    }
                }
                cursor = page.NextCursor;
            }
            while (cursor is not null);
            window.Advance();
            return [.. items.OrderBy(item => item.Time)];
        }
    }
}

/// <param name="By">Null for what happened by itself.</param>
internal sealed record TaskChange(Guid TaskId, string? By, string? Text);

/// <summary>What happens to tasks, from their own history.</summary>
internal sealed class TasksTopic(IDbContextFactory<BatonDb> databases, TimeProvider time) : ILiveTopic
{
    private const int Page = 500;

    public string Name => "tasks";

    public string Permission => Permissions.TasksRead;

    public bool IsByFlow => true;

    public ILiveReader Open(string? position, Caller caller) => new Reader(databases, new(position, time.GetUtcNow()), caller.FlowsFor(Permission));

    private sealed class Reader(IDbContextFactory<BatonDb> databases, LiveWindow window, IReadOnlyList<string>? allowed) : ILiveReader
    {
        public string Position => window.Position;

        public async Task<IReadOnlyList<LiveItem>> ReadAsync(CancellationToken cancel)
        {
            await using var db = await databases.CreateDbContextAsync(cancel);
            var from = window.From;
            var told = db.Set<TaskEntry>().AsNoTracking().Where(entry => entry.At >= from);
            if (allowed is not null)
            {
                var tasks = TaskQuery.OfFlows(db.Set<HumanTask>(), allowed);
                told = told.Where(entry => tasks.Any(task => task.Id == entry.TaskId));
            }
            var entries = await told.OrderBy(entry => entry.At).Take(Page).ToListAsync(cancel);
            var items = entries.Where(entry => window.Take($"{entry.Id}", entry.At))
                .Select(entry => new LiveItem("tasks", entry.Kind, entry.At, new TaskChange(entry.TaskId, entry.By, entry.Text)))
                .ToList();
            window.Advance();
            return items;
        }
    }
}

/// <summary>Events as they come into the log; the position is an offset, so that none is told twice.</summary>
internal sealed class EventsTopic(IEventLog log) : ILiveTopic
{
    private const int Page = 200;

    public string Name => "events";

    public string Permission => Permissions.EventsRead;

    public bool IsByFlow => false;

    public ILiveReader Open(string? position, Caller caller) => new Reader(log, long.TryParse(position, NumberStyles.None, CultureInfo.InvariantCulture, out var offset) ? offset : null);

    private sealed class Reader(IEventLog log, long? next) : ILiveReader
    {
        private long? next = next;

        public string Position => $"{next ?? 0}";

        public async Task<IReadOnlyList<LiveItem>> ReadAsync(CancellationToken cancel)
        {
            next ??= (await log.StatsAsync(cancel)).Last + 1;
            var events = await log.ReadAsync(next.Value, Page, backwards: false, cancel);
            next = events.Count > 0 ? events[^1].Offset + 1 : next;
            return [.. events.Select(logged => new LiveItem("events", logged.Event.Type, logged.At, EventView.Of(logged), $"{logged.Offset + 1}"))];
        }
    }
}
