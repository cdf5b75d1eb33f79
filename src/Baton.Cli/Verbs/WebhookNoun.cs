using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;

namespace Baton.Cli.Verbs;

/// <summary>`baton webhook list|set|delete`, which come in, and `baton webhook subscriptions|subscribe|test|unsubscribe`, which go out.</summary>
internal static class WebhookNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("webhook", "Webhooks that come in as events, and addresses that events are sent to.")
        {
            List(api), Set(api), Delete(api), Subscriptions(api), Subscribe(api), Test(api), Unsubscribe(api),
        });
    }

    private static Command List(ApiOptions api)
    {
        var command = new Command("list", "List the webhooks that come in.");
        api.SetAction(command, async call => PrintSources(call, (await call.Client.GetAsync("webhook-sources", call.Cancel))!.AsArray()));
        return command;
    }

    private static Command Set(ApiOptions api)
    {
        var name = new Argument<string>("NAME") { Description = "Last part of its address." };
        var kind = new Option<string>("--kind") { Description = "github, gitlab, gitea (Forgejo too), sourcehut, alertmanager, standard or hmac.", Required = true };
        var secret = new Option<string>("--secret") { Description = "Reference to what signatures are checked with: secret://NAME.", Required = true };
        var source = new Option<string?>("--source") { Description = "Source of its events (default: what the sender says)." };
        var header = new Option<string?>("--header") { Description = "Header of the signature, for hmac (default X-Signature)." };
        var command = new Command("set", "Make or change a webhook that comes in.") { name, kind, secret, source, header };
        api.SetAction(command, async call => PrintSources(call, [await call.Client.SendAsync(HttpMethod.Put, $"webhook-sources/{Uri.EscapeDataString(call.Get(name))}", new JsonObject
        {
            ["kind"] = call.Get(kind),
            ["secret"] = call.Get(secret),
            ["source"] = call.Get(source),
            ["signatureHeader"] = call.Get(header),
        }, call.Cancel)]));
        return command;
    }

    private static Command Delete(ApiOptions api)
    {
        var name = new Argument<string>("NAME") { Description = "Webhook." };
        var command = new Command("delete", "Delete a webhook that comes in.") { name };
        api.SetAction(command, async call => await call.Client.SendAsync(HttpMethod.Delete, $"webhook-sources/{Uri.EscapeDataString(call.Get(name))}", null, call.Cancel));
        return command;
    }

    private static Command Subscriptions(ApiOptions api)
    {
        var command = new Command("subscriptions", "List the addresses that events are sent to.");
        api.SetAction(command, async call => PrintSubscriptions(call, (await call.Client.GetAsync("event-subscriptions", call.Cancel))!.AsArray()));
        return command;
    }

    private static Command Subscribe(ApiOptions api)
    {
        var url = new Argument<string>("URL") { Description = "Where to." };
        var secret = new Option<string>("--secret") { Description = "Reference to what requests are signed with: secret://NAME.", Required = true };
        var pattern = new Option<string?>("--type") { Description = "Types of events (default: all)." };
        var attempts = new Option<int?>("--attempts") { Description = "Attempts before an event is given up, 1 to 100 (default 10)." };
        var command = new Command("subscribe", "Send events to an address, signed as Standard Webhooks asks.") { url, secret, pattern, attempts };
        api.SetAction(command, async call => PrintSubscriptions(call, [await call.Client.PostAsync("event-subscriptions", new JsonObject
        {
            ["url"] = call.Get(url),
            ["secret"] = call.Get(secret),
            ["pattern"] = call.Get(pattern),
            ["maxAttempts"] = call.Get(attempts),
        }, call.Cancel)]));
        return command;
    }

    private static Command Test(ApiOptions api)
    {
        var id = new Argument<Guid>("ID") { Description = "Subscription." };
        var command = new Command("test", "Send one event made up for the purpose to the address of a subscription.") { id };
        api.SetAction(command, async call =>
        {
            var outcome = (await call.Client.PostAsync($"event-subscriptions/{call.Get(id)}/test", null, call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(outcome);
            }
            else
            {
                call.Console.Line((bool)outcome["delivered"]! ? "delivered" : $"{outcome["failure"]}");
            }
            return (bool)outcome["delivered"]! ? ExitCodes.Success : ExitCodes.Failure;
        });
        return command;
    }

    private static Command Unsubscribe(ApiOptions api)
    {
        var id = new Argument<Guid>("ID") { Description = "Subscription." };
        var command = new Command("unsubscribe", "Send no more events to an address, and forget its dead letters.") { id };
        api.SetAction(command, async call => await call.Client.SendAsync(HttpMethod.Delete, $"event-subscriptions/{call.Get(id)}", null, call.Cancel));
        return command;
    }

    private static void PrintSources(ApiCall call, JsonArray sources) => EventNoun.Print(
        call, sources, ["NAME", "KIND", "SECRET", "PATH"], item => [$"{item["name"]}", $"{item["kind"]}", $"{item["secret"]}", $"{item["path"]}"]);

    private static void PrintSubscriptions(ApiCall call, JsonArray subscriptions) => EventNoun.Print(
        call, subscriptions, ["ID", "URL", "TYPES", "ENABLED", "ATTEMPTS"],
        item => [$"{item["id"]}", $"{item["url"]}", $"{item["pattern"]}", $"{item["enabled"]}", $"{item["maxAttempts"]}"]);
}
