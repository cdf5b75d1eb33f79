using System.Diagnostics;
using Baton.CrashTesting;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Hosting;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Tasks;

/// <summary>
/// Makes each change of a task one transaction: the task, its history, and the messages that tell of it are written
/// together, or not at all. A change works on what it read; if somebody else has changed the task meanwhile, the write
/// finds another <see cref="HumanTask.Version"/>, and the change is made again on what is there now. So two approvers at once,
/// or two replicas at the same timer, are one after the other, on either database.
/// </summary>
internal sealed class TaskStore(IDbContextFactory<BatonDb> databases, TimeProvider time, TaskPulse pulse, Redactor redactor)
{
    /// <summary>Each round at least one of those who compete succeeds.</summary>
    private const int MaxRounds = 200;

    /// <summary>Adds a task, unless its key is known: then that one is given.</summary>
    public async Task<HumanTask> CreateAsync(TaskKind kind, Jq.JqValue arguments, TaskOrigin origin, CancellationToken cancel)
    {
        if (await FindAsync(origin.CallKey, cancel) is { } known)
        {
            return known;
        }
        var step = new TaskStep(TaskRequest.Read(kind, redactor.Clean(arguments), origin, time.GetUtcNow()), time.GetUtcNow());
        step.Task.TraceParent = Activity.Current?.Id;
        step.Create(origin.Requester);
        step.Messages.ForEach(message => message.TraceParent = step.Task.TraceParent);
        await using var db = await databases.CreateDbContextAsync(cancel);
        db.Add(step.Task);
        db.AddRange(step.Entries);
        db.AddRange(step.Messages);
        CrashPoint.Pass(CrashPoints.BeforeCreate);
        try
        {
            await db.SaveChangesAsync(cancel);
        }
        catch (DbUpdateException) when (!cancel.IsCancellationRequested)
        {
            // Somebody may have added it meanwhile; otherwise it is what it is.
            if (await FindAsync(origin.CallKey, cancel) is { } other)
            {
                return other;
            }
            throw;
        }
        CrashPoint.Pass(CrashPoints.AfterCreate);
        TaskTelemetry.WasCreated(step.Task);
        pulse.Beat();
        return step.Task;
    }

    /// <param name="change">May be called several times; throws to refuse.</param>
    /// <param name="also">Further rows to write in the same transaction.</param>
    /// <exception cref="BatonException">There is no such task, or the change is refused.</exception>
    public async Task<HumanTask> ChangeAsync(Guid id, Action<TaskStep> change, CancellationToken cancel, Func<BatonDb, CancellationToken, Task>? also = null)
    {
        for (var round = 1; ; round++)
        {
            await using var db = await databases.CreateDbContextAsync(cancel);
            var task = await Whole(db).AsTracking().SingleOrDefaultAsync(task => task.Id == id, cancel) ?? throw NotFound(id);
            if (also is not null)
            {
                await also(db, cancel);
            }
            var step = new TaskStep(task, time.GetUtcNow(), redactor);
            var wasOpen = task.State == TaskState.Open;
            change(step);
            if (!step.HasChanged)
            {
                return task;
            }
            task.Version++;
            step.Messages.ForEach(message => message.TraceParent = Activity.Current?.Id);
            db.AddRange(step.Entries);
            db.AddRange(step.Messages);
            CrashPoint.Pass(CrashPoints.BeforeChange);
            try
            {
                await db.SaveChangesAsync(cancel);
            }
            catch (DbUpdateException exception) when (round < MaxRounds)
            {
                if (exception is DbUpdateConcurrencyException || await HasChangedAsync(id, task.Version, cancel))
                {
                    continue;
                }
                throw;
            }
            CrashPoint.Pass(CrashPoints.AfterChange);
            if (wasOpen && task.State != TaskState.Open)
            {
                TaskTelemetry.WasClosed(task);
            }
            pulse.Beat();
            return task;
        }
    }

    public async Task<HumanTask> GetAsync(Guid id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await Whole(db).SingleOrDefaultAsync(task => task.Id == id, cancel) ?? throw NotFound(id);
    }

    public async Task<IReadOnlyList<TaskEntry>> HistoryAsync(Guid id, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<TaskEntry>().AsNoTracking().Where(entry => entry.TaskId == id).OrderBy(entry => entry.Id).ToListAsync(cancel);
    }

    public async Task<(IReadOnlyList<HumanTask> Items, int Total)> ListAsync(TaskQuery query, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var found = query.Apply(Whole(db));
        var total = await found.CountAsync(cancel);
        return (await found.OrderByDescending(task => task.Id).Skip(query.Skip).Take(query.Limit).ToListAsync(cancel), total);
    }

    /// <summary>Open tasks of which something is due by itself.</summary>
    public async Task<IReadOnlyList<Guid>> DueAsync(int count, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<HumanTask>().Where(task => task.NextTimerAt <= now).OrderBy(task => task.NextTimerAt).Take(count).Select(task => task.Id).ToListAsync(cancel);
    }

    /// <summary>Runs that open tasks are of, in their order.</summary>
    /// <param name="after">Only those after this one.</param>
    public async Task<IReadOnlyList<string>> AskingRunsAsync(string after, int count, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<HumanTask>().Where(task => task.State == TaskState.Open && task.Run != null && string.Compare(task.Run, after) > 0)
            .Select(task => task.Run!).Distinct().OrderBy(run => run).Take(count).ToListAsync(cancel);
    }

    public async Task<IReadOnlyList<Guid>> OpenOfAsync(string run, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<HumanTask>().Where(task => task.State == TaskState.Open && task.Run == run).Select(task => task.Id).ToListAsync(cancel);
    }

    private async Task<HumanTask?> FindAsync(string callKey, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await Whole(db).SingleOrDefaultAsync(task => task.CallKey == callKey, cancel);
    }

    /// <summary>A vote of one person twice at once breaks a key before the version is looked at.</summary>
    private async Task<bool> HasChangedAsync(Guid id, int written, CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        return await db.Set<HumanTask>().AnyAsync(task => task.Id == id && task.Version >= written, cancel);
    }

    private static IQueryable<HumanTask> Whole(BatonDb db) =>
        db.Set<HumanTask>().AsNoTracking().Include(task => task.Candidates).Include(task => task.Decisions.OrderBy(decision => decision.At)).AsSplitQuery();

    private static BatonException NotFound(Guid id) => new(ErrorCodes.NotFound, $"there is no task {id}", null, "`baton task list` lists them");
}

/// <summary>Which tasks are listed.</summary>
internal sealed record TaskQuery(int Skip, int Limit)
{
    public TaskState? State { get; init; }

    public string? Assignee { get; init; }

    public string? Run { get; init; }

    /// <summary>Flows, as grants name them, whose tasks may be seen; null for all tasks.</summary>
    public IReadOnlyList<string>? Allowed { get; init; }

    /// <summary>Only what this one may decide, and has not.</summary>
    public TaskActor? For { get; init; }

    public IQueryable<HumanTask> Apply(IQueryable<HumanTask> tasks)
    {
        if (State is { } state)
        {
            tasks = tasks.Where(task => task.State == state);
        }
        if (Assignee is { } assignee)
        {
            var name = TaskActor.Normal(assignee);
            tasks = tasks.Where(task => task.Assignee == name);
        }
        if (Run is { } run)
        {
            tasks = tasks.Where(task => task.Run == run);
        }
        if (Allowed is { } allowed)
        {
            tasks = OfFlows(tasks, allowed);
        }
        return For is { } actor ? Mine(tasks, actor) : tasks;
    }

    /// <param name="flows">As grants name them.</param>
    public static IQueryable<HumanTask> OfFlows(IQueryable<HumanTask> tasks, IEnumerable<string> flows)
    {
        var prefixes = flows.Select(Prefix).ToList();
        return tasks.Where(task => prefixes.Any(prefix => task.Flow!.StartsWith(prefix)));
    }

    // A task names its flow with the version.
    private static string Prefix(string flow) => flow.EndsWith("/*", StringComparison.Ordinal) ? flow[..^1] : flow + ":";

    private static IQueryable<HumanTask> Mine(IQueryable<HumanTask> tasks, TaskActor actor)
    {
        var (name, roles, all) = (actor.Name, actor.Roles.ToList(), actor.IsAdministrator);
        var administered = actor.Grants.Where(grant => grant.Role == Identity.Roles.Admin).Select(grant => Prefix(grant.Flow)).ToList();
        var granted = actor.Grants.Select(grant => $"{grant.Role} {Prefix(grant.Flow)}").ToList();
        return tasks.Where(task =>
            (task.Assignee == name || (task.Assignee == null && task.Candidates.Any(candidate => candidate.IsRole
                ? all || roles.Contains(candidate.Name) || administered.Any(prefix => task.Flow!.StartsWith(prefix)) || granted.Any(grant => (candidate.Name + " " + task.Flow).StartsWith(grant))
                : candidate.Name == name)))
            && !(task.FourEyes && task.Requester != null && task.Requester.ToLower() == name)
            && !task.Candidates.Any(candidate => candidate.InPlaceOf == name)
            && !task.Decisions.Any(decision => decision.By == name));
    }
}
