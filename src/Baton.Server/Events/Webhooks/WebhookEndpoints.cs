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

namespace Baton.Server.Events.Webhooks;

internal sealed record WebhookView(string Name, WebhookKind Kind, string Secret, string? Source, string? SignatureHeader, DateTimeOffset CreatedAt, string Path)
{
    public static WebhookView Of(WebhookSource source) =>
        new(source.Name, source.Kind, source.Secret, source.Source, source.SignatureHeader, source.CreatedAt, $"/api/v1/webhooks/{source.Name}");
}

internal sealed record WebhookReceipt(IReadOnlyList<AppendedEvent> Events);

/// <param name="Secret">Reference, secret://NAME.</param>
internal sealed record WebhookRequest(WebhookKind Kind, string Secret, string? Source, string? SignatureHeader);

/// <summary>/webhook-sources: which webhooks there are. /webhooks/NAME: where they are sent to.</summary>
internal static class WebhookEndpoints
{
    public static void MapWebhooks(this IEndpointRouteBuilder api)
    {
        // Who sends is known by the signature alone.
        api.MapPost("/webhooks/{name}", ReceiveAsync).WithTags("Webhooks")
            .Describe("receiveWebhook", "Take what a webhook sends.", "Who sends is known by the signature, which is checked as the kind of the webhook has it.")
            .Body(null, "application/json").Example("""{"event":"push"}""").Produces<WebhookReceipt>().AllowAnonymous().NotAudited("the log of events is their record");

        var sources = api.MapGroup("/webhook-sources").WithTags("Webhooks");
        sources.MapGet("", async (BatonDb db, CancellationToken cancel) =>
            (await db.Set<WebhookSource>().AsNoTracking().OrderBy(source => source.Name).ToListAsync(cancel)).Select(WebhookView.Of))
            .Describe("listWebhooks", "List the webhooks that are taken.").RequirePermission(Permissions.EventsRead);
        sources.MapGet("/{name}", async (string name, BatonDb db, CancellationToken cancel) => WebhookView.Of(await FindAsync(db, name, cancel)))
            .Describe("getWebhook", "Show a webhook.").RequirePermission(Permissions.EventsRead);
        sources.MapPut("/{name}", SetAsync).Describe("setWebhook", "Take a webhook, or change how it is taken.").Example("""{"kind":"github","secret":"secret://github"}""").RequirePermission(Permissions.EventsManage).Audited("webhooks.set", "webhook/{name}");
        sources.MapDelete("/{name}", DeleteAsync).Describe("deleteWebhook", "Take a webhook no more.").Produces(StatusCodes.Status204NoContent).RequirePermission(Permissions.EventsManage).Audited("webhooks.delete", "webhook/{name}");
    }

    private static async Task<IResult> ReceiveAsync(string name, HttpRequest request, BatonDb db, WebhookReceiver receiver, CancellationToken cancel)
    {
        var message = new WebhookMessage(request.Headers, request.ContentType, await CloudEventRequests.ReadBodyAsync(request, cancel));
        var appended = await receiver.ReceiveAsync(await FindAsync(db, name, cancel), message, cancel);
        return TypedResults.Ok(new WebhookReceipt(appended));
    }

    private static async Task<WebhookView> SetAsync(string name, WebhookRequest request, BatonDb db, TimeProvider time, CancellationToken cancel)
    {
        if (!ConsumerSettings.IsName(name))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{name}' is no name of a webhook", null, "use letters, digits, - and _, at most 64");
        }
        SecretTexts.Check(request.Secret);
        if (request.Source is { } given && (given.Length is 0 or > CloudEventRules.MaxLength || !Uri.TryCreate(given, UriKind.RelativeOrAbsolute, out _)))
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"'{given}' is no source of events", null, "give a URI reference, or leave it out");
        }
        var source = await db.FindAsync<WebhookSource>([name], cancel);
        if (source is null)
        {
            db.Add(source = new WebhookSource { Name = name, Kind = request.Kind, Secret = request.Secret, CreatedAt = time.GetUtcNow() });
        }
        (source.Kind, source.Secret, source.Source, source.SignatureHeader) = (request.Kind, request.Secret, request.Source, request.SignatureHeader);
        await db.SaveChangesAsync(cancel);
        return WebhookView.Of(source);
    }

    private static async Task<IResult> DeleteAsync(string name, BatonDb db, CancellationToken cancel) =>
        await db.Set<WebhookSource>().Where(source => source.Name == name).ExecuteDeleteAsync(cancel) > 0 ? TypedResults.NoContent() : throw Inputs.NotFound($"webhook {name}");

    private static async Task<WebhookSource> FindAsync(BatonDb db, string name, CancellationToken cancel) =>
        await db.Set<WebhookSource>().AsNoTracking().FirstOrDefaultAsync(source => source.Name == name, cancel) ?? throw Inputs.NotFound($"webhook {name}");
}
