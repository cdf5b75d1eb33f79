using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Events.Http;
using Baton.Server.Events.Log;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Events.Subscriptions;

internal sealed record SubscriptionView(Guid Id, string Url, string Pattern, string Secret, bool Enabled, string? DisabledBecause, int MaxAttempts, DateTimeOffset CreatedAt, string Consumer)
{
    public static SubscriptionView Of(EventSubscription subscription) => new(
        subscription.Id, subscription.Url, subscription.Pattern, subscription.Secret, subscription.IsEnabled, subscription.DisabledBecause,
        subscription.MaxAttempts, subscription.CreatedAt, subscription.Consumer);
}

/// <param name="Pattern">Types of events; default all.</param>
/// <param name="Secret">Reference, secret://NAME.</param>
/// <param name="MaxAttempts">1 to 100; default 10.</param>
internal sealed record SubscriptionRequest(string Url, string Secret, string? Pattern, bool? Enabled, int? MaxAttempts);

/// <param name="Failure">Why it did not arrive.</param>
internal sealed record SubscriptionTest(bool Delivered, string? Failure);

/// <summary>/event-subscriptions: where events are sent to.</summary>
internal static class SubscriptionEndpoints
{
    private const int DefaultAttempts = 10;
    private const int MostAttempts = 100;
    private const string Example = """{"url":"https://example.com/events","secret":"secret://example","pattern":"shop.order.>"}""";

    public static void MapSubscriptions(this IEndpointRouteBuilder api)
    {
        var subscriptions = api.MapGroup("/event-subscriptions").WithTags("Events");
        subscriptions.MapGet("", async (BatonDb db, CancellationToken cancel) =>
            (await db.Set<EventSubscription>().AsNoTracking().OrderBy(row => row.Id).ToListAsync(cancel)).Select(SubscriptionView.Of))
            .Describe("listSubscriptions", "List where events are sent to.").RequirePermission(Permissions.EventsRead);
        subscriptions.MapGet("/{id:guid}", async (Guid id, BatonDb db, CancellationToken cancel) => SubscriptionView.Of(await FindAsync(db, id, cancel)))
            .Describe("getSubscription", "Show one place that events are sent to.").RequirePermission(Permissions.EventsRead);
        subscriptions.MapPost("", CreateAsync).Describe("createSubscription", "Send events to an address from now on, signed.").Example(Example).RequirePermission(Permissions.EventsManage).Audited("subscriptions.create", "event-subscription");
        subscriptions.MapPut("/{id:guid}", ChangeAsync).Describe("changeSubscription", "Change where or which events are sent.", "Enables it again where it was disabled after failures.").Example(Example).RequirePermission(Permissions.EventsManage).Audited("subscriptions.change", "event-subscription/{id}");
        subscriptions.MapPost("/{id:guid}/test", TestAsync).Describe("testSubscription", "Send an event made up for the purpose to an address, once.", "Also where the subscription is switched off; the answer says whether it arrived.")
            .RequirePermission(Permissions.EventsManage).Audited("subscriptions.test", "event-subscription/{id}");
        subscriptions.MapDelete("/{id:guid}", DeleteAsync).Describe("deleteSubscription", "Send no more events to an address.").Produces(StatusCodes.Status204NoContent).RequirePermission(Permissions.EventsManage).Audited("subscriptions.delete", "event-subscription/{id}");
    }

    private static async Task<SubscriptionView> CreateAsync(
        SubscriptionRequest request, BatonDb db, IEventLog log, SubscriptionWorkers workers, AuditDraft audit, TimeProvider time, CancellationToken cancel)
    {
        Check(request);
        var subscription = new EventSubscription { Url = request.Url, Pattern = "", Secret = request.Secret, MaxAttempts = 0, CreatedAt = time.GetUtcNow() };
        Set(subscription, request);
        // Before the answer: what is published from now on is sent.
        await using (await log.ConsumeAsync(SubscriptionWorkers.SettingsOf(subscription), cancel))
        {
            db.Add(subscription);
            await db.SaveChangesAsync(cancel);
        }
        audit.Target = $"event-subscription/{subscription.Id}";
        workers.Nudge();
        return SubscriptionView.Of(subscription);
    }

    private static async Task<SubscriptionView> ChangeAsync(Guid id, SubscriptionRequest request, BatonDb db, SubscriptionWorkers workers, CancellationToken cancel)
    {
        Check(request);
        var subscription = await db.FindAsync<EventSubscription>([id], cancel) ?? throw Inputs.NotFound($"event subscription {id}");
        Set(subscription, request);
        await db.SaveChangesAsync(cancel);
        workers.Nudge();
        return SubscriptionView.Of(subscription);
    }

    /// <summary>Sends an event made up for the purpose to this address alone, once, whether or not the subscription is switched on.</summary>
    private static async Task<SubscriptionTest> TestAsync(Guid id, BatonDb db, SubscriptionSender sender, TimeProvider time, CancellationToken cancel)
    {
        var subscription = await FindAsync(db, id, cancel);
        var json = CloudEventWriter.Write(
            [new("id", Guid.CreateVersion7().ToString()), new("source", "/event-subscriptions"), new("type", "baton.subscription.test"), new("subject", $"{id}"), new("time", time.GetUtcNow().ToString("O"))], null, null);
        var outcome = await sender.SendAsync(subscription, CloudEvent.Parse(json), cancel);
        return new(outcome.Failure is null, outcome.Failure);
    }

    private static async Task<IResult> DeleteAsync(Guid id, BatonDb db, IEventLog log, SubscriptionWorkers workers, CancellationToken cancel)
    {
        var subscription = await FindAsync(db, id, cancel);
        await db.Set<EventSubscription>().Where(row => row.Id == id).ExecuteDeleteAsync(cancel);
        workers.Nudge();
        await log.DeleteConsumerAsync(subscription.Consumer, cancel);
        return TypedResults.NoContent();
    }

    private static void Set(EventSubscription subscription, SubscriptionRequest request)
    {
        subscription.Url = request.Url;
        subscription.Secret = request.Secret;
        subscription.Pattern = request.Pattern ?? EventPattern.All.Text;
        subscription.MaxAttempts = request.MaxAttempts ?? DefaultAttempts;
        subscription.IsEnabled = request.Enabled ?? true;
        subscription.DisabledBecause = null;
    }

    private static void Check(SubscriptionRequest request)
    {
        if (!Uri.TryCreate(request.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https") || url.UserInfo.Length > 0 || request.Url.Length > 2000)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{request.Url}' is no address to send events to", null, "give an http or https address without user name, at most 2000 characters");
        }
        SecretTexts.Check(request.Secret);
        if (request.Pattern is { } pattern && !EventPattern.TryParse(pattern, out _))
        {
            throw Inputs.BadPattern(pattern);
        }
        if (request.MaxAttempts is < 1 or > MostAttempts)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"maxAttempts is {request.MaxAttempts}", null, $"give 1 to {MostAttempts}");
        }
    }

    private static async Task<EventSubscription> FindAsync(BatonDb db, Guid id, CancellationToken cancel) =>
        await db.Set<EventSubscription>().AsNoTracking().FirstOrDefaultAsync(row => row.Id == id, cancel) ?? throw Inputs.NotFound($"event subscription {id}");
}
