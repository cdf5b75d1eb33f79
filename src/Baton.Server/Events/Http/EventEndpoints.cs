using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Events.Log;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Events.Http;

/// <summary>/events: in, read, follow; consumers and dead letters of the log.</summary>
internal static class EventEndpoints
{
    private const int MaxPage = 1_000;

    // What one page may look at, however few events fit: then it ends early, with a place to go on from.
    private const int MaxScan = 20_000;
    private const int ReadAtOnce = 1_000;

    public static void MapEvents(this IEndpointRouteBuilder api)
    {
        var events = api.MapGroup("/events");
        events.MapPost("", PublishAsync).RequirePermission(Permissions.EventsPublish).NotAudited("the log of events is their record");
        events.MapGet("", ListAsync).RequirePermission(Permissions.EventsRead);
        events.MapGet("/{offset:long}", GetAsync).RequirePermission(Permissions.EventsRead);
        events.MapGet("/stream", StreamAsync).RequirePermission(Permissions.EventsRead);
        events.MapGet("/stats", (IEventLog log, CancellationToken cancel) => log.StatsAsync(cancel)).RequirePermission(Permissions.EventsRead);
        events.MapGet("/consumers", ConsumersAsync).RequirePermission(Permissions.EventsRead);
        events.MapPost("/consumers/{name}/seek", SeekAsync).RequirePermission(Permissions.EventsManage).Audited("events.seek", "event-consumer/{name}");
        events.MapGet("/dead-letters", DeadLettersAsync).RequirePermission(Permissions.EventsRead);
        events.MapPost("/dead-letters/{id:long}/requeue", RequeueAsync).RequirePermission(Permissions.EventsManage).Audited("events.requeue", "dead-letter/{id}");
        events.MapDelete("/dead-letters/{id:long}", DropAsync).RequirePermission(Permissions.EventsManage).Audited("events.drop", "dead-letter/{id}");
    }

    private static async Task<EventReceipts> PublishAsync(HttpRequest request, Caller caller, EventIntake intake, CancellationToken cancel)
    {
        var events = await CloudEventRequests.ReadAsync(request, cancel);
        var appended = await intake.TakeAsync(events, caller.Name, cancel);
        return new([.. events.Zip(appended, (cloudEvent, receipt) => new EventReceipt(cloudEvent.Id, cloudEvent.Source, receipt.Offset, receipt.Duplicate))]);
    }

    /// <summary>Newest first, or oldest first with `order=asc`; from an offset or a time on.</summary>
    private static async Task<EventPage> ListAsync(
        [AsParameters] EventFilter filter, IEventLog log, CancellationToken cancel, long? from = null, DateTimeOffset? since = null, string order = "desc", int limit = 50)
    {
        Inputs.Limit(limit, MaxPage);
        if (order is not ("asc" or "desc"))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"order is '{order}'", null, "give asc or desc");
        }
        var backwards = order == "desc";
        var fits = filter.Compile();
        var oldest = since is { } time ? await log.FindOffsetAsync(time, cancel) : 0;
        var next = from ?? (backwards ? long.MaxValue : oldest);
        var items = new List<EventView>();
        for (var scanned = 0; items.Count < limit && scanned < MaxScan;)
        {
            var page = await log.ReadAsync(backwards ? next : Math.Max(next, oldest), Math.Min(ReadAtOnce, Math.Max(limit, 100)), backwards, cancel);
            foreach (var logged in page)
            {
                if (items.Count == limit)
                {
                    return new(items, logged.Offset);
                }
                if (backwards && logged.Offset < oldest)
                {
                    return new(items, null);
                }
                next = backwards ? logged.Offset - 1 : logged.Offset + 1;
                scanned++;
                if (fits(logged))
                {
                    items.Add(EventView.Of(logged));
                }
            }
            if (page.Count == 0)
            {
                return new(items, null);
            }
        }
        return new(items, next);
    }

    private static async Task<EventView> GetAsync(long offset, IEventLog log, CancellationToken cancel) =>
        (await log.ReadAsync(offset, 1, backwards: false, cancel)).FirstOrDefault() is { } logged && logged.Offset == offset
            ? EventView.Of(logged) : throw Inputs.NotFound($"event {offset} in the log");

    /// <summary>Server-sent events: what comes from now on, or from `from`; a client that comes again goes on where it left.</summary>
    private static ServerSentEventsResult<string> StreamAsync(
        [AsParameters] EventFilter filter, IEventLog log, CancellationToken cancel, long? from = null, [FromHeader(Name = "Last-Event-ID")] string? lastEventId = null)
    {
        long? start = long.TryParse(lastEventId, out var last) ? last + 1 : from;
        return TypedResults.ServerSentEvents(FollowAsync(log, filter.Compile(), start, cancel));
    }

    private static async IAsyncEnumerable<SseItem<string>> FollowAsync(IEventLog log, Func<LoggedEvent, bool> fits, long? from, [EnumeratorCancellation] CancellationToken cancel)
    {
        var next = from ?? (await log.StatsAsync(cancel)).Last + 1;
        while (true)
        {
            var page = await log.ReadAsync(next, ReadAtOnce, backwards: false, cancel);
            foreach (var logged in page)
            {
                next = logged.Offset + 1;
                if (fits(logged))
                {
                    yield return new SseItem<string>(Encoding.UTF8.GetString(logged.Event.Json.Span), "event") { EventId = $"{logged.Offset}" };
                }
            }
            if (page.Count == 0)
            {
                await log.WaitAsync(next, cancel);
            }
        }
    }

    private static async Task<IReadOnlyList<ConsumerView>> ConsumersAsync(IEventLog log, CancellationToken cancel)
    {
        var last = (await log.StatsAsync(cancel)).Last;
        var dead = (await log.DeadLettersAsync(null, 0, MaxPage, cancel)).CountBy(letter => letter.Consumer).ToDictionary();
        return
        [
            .. (await log.ConsumersAsync(cancel)).Select(status => new ConsumerView(
                status.Settings.Name, status.Settings.Pattern, status.Position, status.LagTo(last), status.Pending,
                dead.GetValueOrDefault(status.Settings.Name), status.Settings.AckWait.TotalSeconds, status.Settings.MaxDeliveries)),
        ];
    }

    /// <summary>Has a consumer's events delivered again from a place on.</summary>
    private static async Task<IResult> SeekAsync(string name, SeekRequest request, IEventLog log, CancellationToken cancel)
    {
        if (request is not ({ Offset: not null, Time: null } or { Offset: null, Time: not null }))
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the place to go to is not clear", null, "give either offset or time");
        }
        var offset = request.Offset ?? await log.FindOffsetAsync(request.Time!.Value, cancel);
        return await log.SeekAsync(name, offset, cancel) ? TypedResults.Ok(new { name, offset }) : throw Inputs.NotFound($"consumer {name}");
    }

    private static async Task<DeadLetterPage> DeadLettersAsync(IEventLog log, CancellationToken cancel, string? consumer = null, long after = 0, int limit = 50)
    {
        var letters = await log.DeadLettersAsync(consumer, after, Inputs.Limit(limit, MaxPage) + 1, cancel);
        return new([.. letters.Take(limit).Select(DeadLetterView.Of)], letters.Count > limit ? letters[limit - 1].Id : null);
    }

    private static async Task<IResult> RequeueAsync(long id, IEventLog log, CancellationToken cancel) =>
        await log.RequeueAsync(id, cancel) ? TypedResults.Ok(new { id }) : throw Inputs.NotFound($"dead letter {id}");

    private static async Task<IResult> DropAsync(long id, IEventLog log, CancellationToken cancel) =>
        await log.DeleteDeadLetterAsync(id, cancel) ? TypedResults.NoContent() : throw Inputs.NotFound($"dead letter {id}");
}
