using System.ComponentModel;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Events.Log;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Events.Http;

/// <summary>/events: in, read, follow; consumers and dead letters of the log.</summary>
internal static class EventEndpoints
{
    private const int ReadAtOnce = 1_000;

    public static void MapEvents(this IEndpointRouteBuilder api)
    {
        var events = api.MapGroup("/events").WithTags("Events");
        events.MapPost("", PublishAsync)
            .Describe("publishEvents", "Publish one event, or a batch of up to 1,000.", "CloudEvents 1.0, structured, batch, or binary with `ce-` headers. An event of a source and id that is known is a duplicate, and not stored again.")
            .Body(nameof(CloudEvent), "application/cloudevents+json").Example("""{"specversion":"1.0","id":"1","source":"/shop","type":"shop.order.placed","data":{"order":17}}""").RequirePermission(Permissions.EventsPublish).NotAudited("the log of events is their record");
        events.MapGet("", ListAsync).Describe("listEvents", "List events of the log.", "The newest first, or the oldest first with `order=asc`; a page may end early where few events fit.").RequirePermission(Permissions.EventsRead);
        events.MapGet("/{offset:long}", GetAsync).Describe("getEvent", "Show an event of the log.").RequirePermission(Permissions.EventsRead);
        events.MapGet("/stream", StreamAsync).Describe("streamEvents", "Follow the log: server-sent events, each an event as it was published.", "From now on, or from an offset; `Last-Event-ID` goes on from there.")
            .Produces<CloudEvent>(contentType: "text/event-stream").RequirePermission(Permissions.EventsRead);
        events.MapGet("/stats", (IEventLog log, CancellationToken cancel) => log.StatsAsync(cancel)).Describe("getEventStats", "Show how much the log holds.").RequirePermission(Permissions.EventsRead);
        events.MapGet("/consumers", ConsumersAsync).Describe("listConsumers", "List the consumers of the log, and how far they are.").RequirePermission(Permissions.EventsRead);
        events.MapPost("/consumers/{name}/seek", SeekAsync).Describe("seekConsumer", "Have a consumer's events delivered again from a place on, or skip those before it.").Example("""{"offset":1}""").Produces<SeekResult>().RequirePermission(Permissions.EventsManage).Audited("events.seek", "event-consumer/{name}");
        events.MapGet("/dead-letters", DeadLettersAsync).Describe("listDeadLetters", "List events that could not be delivered.").RequirePermission(Permissions.EventsRead);
        events.MapPost("/dead-letters/{id:long}/requeue", RequeueAsync).Describe("requeueDeadLetter", "Deliver a dead letter again.").Produces<RequeuedDeadLetter>().RequirePermission(Permissions.EventsManage).Audited("events.requeue", "dead-letter/{id}");
        events.MapDelete("/dead-letters/{id:long}", DropAsync).Describe("deleteDeadLetter", "Forget a dead letter.").Produces(StatusCodes.Status204NoContent).RequirePermission(Permissions.EventsManage).Audited("events.drop", "dead-letter/{id}");
    }

    private static async Task<EventReceipts> PublishAsync(HttpRequest request, Caller caller, EventIntake intake, CancellationToken cancel)
    {
        var events = await CloudEventRequests.ReadAsync(request, cancel);
        var appended = await intake.TakeAsync(events, caller.Name, cancel);
        return new([.. events.Zip(appended, (cloudEvent, receipt) => new EventReceipt(cloudEvent.Id, cloudEvent.Source, receipt.Offset, receipt.Duplicate))]);
    }

    private static Task<EventPage> ListAsync(
        [AsParameters] EventFilter filter,
        IEventLog log,
        CancellationToken cancel,
        [Description("Offset to go on from.")] long? from = null,
        [Description("Nothing older.")] DateTimeOffset? since = null,
        [Description("asc or desc (default).")] string? order = null,
        [Description("1 to 1,000.")] int limit = 50) =>
        new EventSearch(filter, from, since, order).FindAsync(log, limit, cancel);

    private static async Task<EventView> GetAsync(long offset, IEventLog log, CancellationToken cancel) =>
        (await log.ReadAsync(offset, 1, backwards: false, cancel)).FirstOrDefault() is { } logged && logged.Offset == offset
            ? EventView.Of(logged) : throw Inputs.NotFound($"event {offset} in the log");

    /// <summary>Server-sent events: what comes from now on, or from `from`; a client that comes again goes on where it left.</summary>
    private static IResult StreamAsync(
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
        var dead = (await log.DeadLettersAsync(null, 0, EventSearch.MaxPage, cancel)).CountBy(letter => letter.Consumer).ToDictionary();
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
        return await log.SeekAsync(name, offset, cancel) ? TypedResults.Ok(new SeekResult(name, offset)) : throw Inputs.NotFound($"consumer {name}");
    }

    private static async Task<DeadLetterPage> DeadLettersAsync(IEventLog log, CancellationToken cancel, [Description("Of this consumer only.")] string? consumer = null, [Description("`next` of the page before.")] long after = 0, [Description("1 to 1,000.")] int limit = 50)
    {
        var letters = await log.DeadLettersAsync(consumer, after, Inputs.Limit(limit, EventSearch.MaxPage) + 1, cancel);
        return new([.. letters.Take(limit).Select(DeadLetterView.Of)], letters.Count > limit ? letters[limit - 1].Id : null);
    }

    private static async Task<IResult> RequeueAsync(long id, IEventLog log, CancellationToken cancel) =>
        await log.RequeueAsync(id, cancel) ? TypedResults.Ok(new RequeuedDeadLetter(id)) : throw Inputs.NotFound($"dead letter {id}");

    private static async Task<IResult> DropAsync(long id, IEventLog log, CancellationToken cancel) =>
        await log.DeleteDeadLetterAsync(id, cancel) ? TypedResults.NoContent() : throw Inputs.NotFound($"dead letter {id}");
}
