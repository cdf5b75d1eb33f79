using Baton.Server.Events.Http;
using Baton.Server.Live;
using Baton.Server.Runs;
using GraphQL;

namespace Baton.Server.GraphQl;

/// <param name="Id">For `after`.</param>
/// <param name="Kind">started or ended.</param>
internal sealed record RunUpdate(string Id, string Kind, DateTimeOffset Time, RunSummary Run);

/// <param name="Id">For `after`.</param>
/// <param name="Kind">created, approve, claim...</param>
internal sealed record TaskUpdate(string Id, string Kind, DateTimeOffset Time, TaskChange Task);

/// <param name="Id">For `after`.</param>
internal sealed record EventUpdate(string Id, DateTimeOffset Time, EventView Event);

/// <summary>What can be listened to: the same stream as /api/v1/live, with its pings left out where there is one topic.</summary>
internal sealed class GraphSubscription
{
    public static IAsyncEnumerable<LiveMessage> Live(IResolveFieldContext context, [FromServices] IEnumerable<ILiveTopic> known, [FromServices] TimeProvider time, string? topics, string? after) =>
        Listen(context, known, time, topics, after, context.CancellationToken);

    public static IAsyncEnumerable<RunUpdate> Runs(IResolveFieldContext context, [FromServices] IEnumerable<ILiveTopic> known, [FromServices] TimeProvider time, string? flow, string? after) =>
        Listen(context, known, time, "runs", after, context.CancellationToken).Where(message => message.Data is RunSummary run && (flow is null || run.Flow == flow))
            .Select(message => new RunUpdate(message.Id, message.Kind, message.Time, (RunSummary)message.Data));

    public static IAsyncEnumerable<TaskUpdate> Tasks(IResolveFieldContext context, [FromServices] IEnumerable<ILiveTopic> known, [FromServices] TimeProvider time, string? after) =>
        Listen(context, known, time, "tasks", after, context.CancellationToken).Where(message => message.Data is TaskChange)
            .Select(message => new TaskUpdate(message.Id, message.Kind, message.Time, (TaskChange)message.Data));

    /// <param name="context">Of the field.</param>
    /// <param name="known">Topics.</param>
    /// <param name="time">Clock.</param>
    /// <param name="type">Pattern, as the query has it.</param>
    /// <param name="source">Whole source.</param>
    /// <param name="subject">Whole subject.</param>
    /// <param name="after">Id of the last message that was received.</param>
    public static IAsyncEnumerable<EventUpdate> Events(
        IResolveFieldContext context, [FromServices] IEnumerable<ILiveTopic> known, [FromServices] TimeProvider time, string? type, string? source, string? subject, string? after)
    {
        var fits = new EventFilter(type, source, subject, null).Compile();
        return Listen(context, known, time, "events", after, context.CancellationToken).Where(message => message.Data is EventView view && fits(new(view.Offset, view.At, view.Event)))
            .Select(message => new EventUpdate(message.Id, message.Time, (EventView)message.Data));
    }

    private static IAsyncEnumerable<LiveMessage> Listen(
        IResolveFieldContext context, IEnumerable<ILiveTopic> known, TimeProvider time, string? topics, string? after, CancellationToken cancel) =>
        LiveStream.MessagesAsync(LiveStream.Open(topics, after, [.. known], context.Caller()), time, cancel);
}
