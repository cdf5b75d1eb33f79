using Baton.Server.Errors;
using Baton.Server.Flows;
using Baton.Server.Http;
using Baton.Server.Identity;
using Baton.Server.Live;
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
        var caller = context.Demand(Permissions.RunsRead);
        return reader.ListAsync(new(flow, version, type, status, null, null, text) { Allowed = caller.FlowsFor(Permissions.RunsRead) }, Paging.Limit(limit, UsualPage, MostRuns), cursor, context.CancellationToken);
    }

    public static Task<RunDetail> Run(IResolveFieldContext context, [FromServices] RunReader reader, [FromServices] RunAccess access, string id, string? runId) =>
        access.WithAsync(context.Demand(Permissions.RunsRead), Permissions.RunsRead, id, () => reader.GetAsync(id, runId, context.CancellationToken), context.CancellationToken);

    public static async Task<IEnumerable<FlowSummary>> Flows(IResolveFieldContext context, [FromServices] FlowStore store, string? @namespace, string? text)
    {
        var caller = context.Demand(Permissions.FlowsRead);
        return (await store.ListAsync(@namespace, text, context.CancellationToken)).Where(flow => caller.May(Permissions.FlowsRead, $"{flow.Namespace}/{flow.Name}"));
    }

    public static async Task<FlowDetail> Flow(IResolveFieldContext context, [FromServices] FlowStore store, string @namespace, string name, string? version)
    {
        context.Demand(Permissions.FlowsRead).Demand(Permissions.FlowsRead, $"{@namespace}/{name}");
        return FlowDetail.Of(await store.GetAsync(@namespace, name, version ?? "latest", context.CancellationToken));
    }

    public static async Task<TaskPage> Tasks(IResolveFieldContext context, [FromServices] TaskStore store, TaskState? status, string? run, bool? mine, int? skip, int? limit)
    {
        var caller = context.Demand(Permissions.TasksRead);
        var page = new TaskQuery(Math.Max(0, skip ?? 0), Paging.Limit(limit, UsualPage, MostRuns)) { State = status, Run = run, Allowed = caller.FlowsFor(Permissions.TasksRead), For = mine == true ? TaskActor.Of(caller) : null };
        var (items, total) = await store.ListAsync(page, context.CancellationToken);
        return new([.. items.Select(TaskView.From)], total, page.Skip, page.Limit);
    }

    public static async Task<TaskView> Task(IResolveFieldContext context, [FromServices] TaskStore store, Guid id)
    {
        var task = await store.GetAsync(id, context.CancellationToken);
        context.Demand(Permissions.TasksRead).Demand(Permissions.TasksRead, task);
        return TaskView.From(task);
    }
}

/// <summary>What can be listened to: the same stream as /api/v1/live.</summary>
internal sealed class GraphSubscription
{
    public static IAsyncEnumerable<LiveMessage> Live(IResolveFieldContext context, [FromServices] IEnumerable<ILiveTopic> known, [FromServices] TimeProvider time, string? topics, string? after) =>
        LiveStream.MessagesAsync(LiveStream.Open(topics, after, [.. known], context.Demand(Permissions.RunsRead)), time, context.CancellationToken);
}

internal static class GraphCallers
{
    /// <exception cref="BatonException">The caller may do it to no flow.</exception>
    public static Caller Demand(this IResolveFieldContext context, string permission)
    {
        var caller = (Caller)context.UserContext[nameof(Caller)]!;
        return caller.MaySomewhere(permission)
            ? caller
            : throw new BatonException(ErrorCodes.Forbidden, $"{caller.Name} may not read this", $"it takes {permission}", "leave the field out, or ask an administrator for the role");
    }
}
