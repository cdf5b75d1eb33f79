using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>`baton token`: access tokens.</summary>
internal static class TokenNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("token", "Access tokens.") { New(api), List(api), Revoke(api) });
    }

    private static Option<string?> User() => new("--user") { Description = "Account (default: one's own).", HelpName = "NAME" };

    private static Command New(ApiOptions api)
    {
        var name = new Argument<string>("NAME") { Description = "What it is for." };
        var user = User();
        var scopes = new Option<string[]>("--scope") { Description = "Permission that it is limited to, such as runs.read; may be given more than once.", HelpName = "PERMISSION" };
        var expires = new Option<string?>("--expires") { Description = "How long it lives, such as 12h or 90d (default: the longest that the server allows).", HelpName = "DURATION" };
        var command = new Command("create", "Make a token; it is shown once.") { name, user, scopes, expires };
        api.SetAction(command, async call =>
        {
            var token = (await call.Client.PostAsync(
                "tokens",
                new JsonObject
                {
                    ["name"] = call.Get(name),
                    ["user"] = call.Get(user),
                    ["scopes"] = new JsonArray([.. (call.Get(scopes) ?? []).Select(scope => (JsonNode)scope)]),
                    ["expires"] = call.Get(expires),
                },
                call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(token);
                return;
            }
            call.Console.Line($"{token["token"]}");
            call.Console.Note($"for {token["user"]}, until {token["expires"]}; it is not shown again");
        });
        return command;
    }

    private static Command List(ApiOptions api)
    {
        var user = User();
        var command = new Command("list", "List tokens.") { user };
        api.SetAction(command, async call =>
        {
            var tokens = (JsonArray)(await call.Client.GetAsync(call.Get(user) is { } name ? $"tokens?user={Uri.EscapeDataString(name)}" : "tokens", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(tokens.Select(token => token!.DeepClone()));
                return;
            }
            call.Console.Table(["ID", "NAME", "USER", "EXPIRES", "USED", "SCOPES"], tokens.Select(token => new[]
            {
                $"{token!["id"]}", $"{token["name"]}", $"{token["user"]}", $"{token["expires"]}", $"{token["used"]}", string.Join(' ', ((JsonArray)token["scopes"]!).Select(scope => $"{scope}")),
            }));
        });
        return command;
    }

    private static Command Revoke(ApiOptions api)
    {
        var id = new Argument<Guid>("ID") { Description = "As `baton token list` shows it." };
        var command = new Command("revoke", "End a token.") { id };
        api.SetAction(command, async call =>
        {
            await call.Client.SendAsync(HttpMethod.Delete, $"tokens/{call.Get(id)}", null, call.Cancel);
            call.Console.Note("revoked");
        });
        return command;
    }
}
