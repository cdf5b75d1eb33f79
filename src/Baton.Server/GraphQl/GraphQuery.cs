using Baton.Server.Errors;
using Baton.Server.Events.Http;
using Baton.Server.Events.Log;
using Baton.Server.Flows;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Baton.Server.Tasks;
using GraphQL;

namespace Baton.Server.GraphQl;

/// <summary>The fields that a query begins with. Each asks for its permission, as its endpoint under /api/v1 does.</summary>
internal sealed class GraphQuery
{
    private const int UsualPage = 50;
    private const int MostRuns = 200;

    public static Task<RunPage> Runs(IResolveFieldContext context, [FromServices] RunReader reader, string? flow, string? version, string? type, string? status, string? text, int? limit, string? cursor)
    {
        var caller = context.DemandSomewhere(Permissions.RunsRead);
        return reader.ListAsync(new(flow, version, type, status, null, null, text) { Allowed = caller.FlowsFor(Permissions.RunsRead) }, Paging.Limit(limit, UsualPage, MostRuns), cursor, context.CancellationToken);
    }

    public static Task<RunDetail> Run(IResolveFieldContext context, [FromServices] RunReader reader, [FromServices] RunAccess access, string id, string? runId) =>
        access.WithAsync(context.DemandSomewhere(Permissions.RunsRead), Permissions.RunsRead, id, () => reader.GetAsync(id, runId, context.CancellationToken), context.CancellationToken);

    public static async Task<IEnumerable<FlowSummary>> Flows(IResolveFieldContext context, [FromServices] FlowStore store, string? @namespace, string? text)
    {
        var caller = context.DemandSomewhere(Permissions.FlowsRead);
        return (await store.ListAsync(@namespace, text, context.CancellationToken)).Where(flow => caller.May(Permissions.FlowsRead, $"{flow.Namespace}/{flow.Name}"));
    }

    public static async Task<FlowDetail> Flow(IResolveFieldContext context, [FromServices] FlowStore store, string @namespace, string name, string? version)
    {
        context.Caller().Demand(Permissions.FlowsRead, $"{@namespace}/{name}");
        return FlowDetail.Of(await store.GetAsync(@namespace, name, version ?? "latest", context.CancellationToken));
    }

    public static async Task<TaskPage> Tasks(IResolveFieldContext context, [FromServices] TaskStore store, TaskState? status, string? run, bool? mine, int? skip, int? limit)
    {
        var caller = context.DemandSomewhere(Permissions.TasksRead);
        var page = new TaskQuery(Math.Max(0, skip ?? 0), Paging.Limit(limit, UsualPage, MostRuns)) { State = status, Run = run, Allowed = caller.FlowsFor(Permissions.TasksRead), For = mine == true ? TaskActor.Of(caller) : null };
        var (items, total) = await store.ListAsync(page, context.CancellationToken);
        return new([.. items.Select(TaskView.From)], total, page.Skip, page.Limit);
    }

    public static async Task<TaskView> Task(IResolveFieldContext context, [FromServices] TaskStore store, Guid id)
    {
        var task = await store.GetAsync(id, context.CancellationToken);
        context.Caller().Demand(Permissions.TasksRead, task);
        return TaskView.From(task);
    }

    /// <summary>Events of the log, the newest first unless `order` is asc; `from` takes the `next` of the page before.</summary>
    public static Task<EventPage> Events(
        IResolveFieldContext context, [FromServices] IEventLog log, string? type, string? source, string? subject, string? id, long? from, DateTimeOffset? since, string? order, int? limit)
    {
        context.Demand(Permissions.EventsRead);
        return new EventSearch(new(type, source, subject, id), from, since, order).FindAsync(log, Paging.Limit(limit, UsualPage, EventSearch.MaxPage), context.CancellationToken);
    }
}

internal static class GraphCallers
{
    public static Caller Caller(this IResolveFieldContext context) => (Caller)context.UserContext[nameof(Identity.Caller)]!;

    /// <exception cref="BatonException">The caller may not do it to everything.</exception>
    public static Caller Demand(this IResolveFieldContext context, string permission) => context.Caller() is var caller && caller.May(permission) ? caller : throw Forbidden(caller, permission);

    /// <summary>For fields that show only what belongs to the caller's flows.</summary>
    /// <exception cref="BatonException">The caller may do it to no flow.</exception>
    public static Caller DemandSomewhere(this IResolveFieldContext context, string permission) =>
        context.Caller() is var caller && caller.MaySomewhere(permission) ? caller : throw Forbidden(caller, permission);

    private static BatonException Forbidden(Caller caller, string permission) =>
        new(ErrorCodes.Forbidden, $"{caller.Name} may not read this", $"it takes {permission}", "leave the field out, or ask an administrator for the role");
}
