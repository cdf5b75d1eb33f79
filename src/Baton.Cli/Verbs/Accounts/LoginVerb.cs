using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>`baton login URL`, `baton logout URL`: a token of one's own for this machine.</summary>
internal static class LoginVerb
{
    private const string Lifetime = "30d";

    public static Command Create()
    {
        var url = Server();
        var user = new Option<string>("--user") { Description = "Account.", DefaultValueFactory = _ => Environment.UserName, HelpName = "NAME" };
        var code = new Option<string?>("--code") { Description = "One-time code, where the account has an authenticator." };
        var command = new Command("login", "Sign in at a server, and keep an access token for it (30 days).") { url, user, code };
        command.SetAction(async (parsed, cancel) =>
        {
            var console = Output.OutputOptions.Console(parsed);
            var server = parsed.GetRequiredValue(url);
            using var client = new ApiClient(server, null);
            var session = (await client.PostAsync(
                "session",
                new JsonObject { ["name"] = parsed.GetValue(user), ["password"] = PasswordInput.Read(console, "Password"), ["code"] = parsed.GetValue(code) },
                cancel))!;
            client.UseSession((string)session["csrf"]!);
            var token = (await client.PostAsync("tokens", new JsonObject { ["name"] = $"baton login at {Environment.MachineName}", ["expires"] = Lifetime }, cancel))!;
            await client.SendAsync(HttpMethod.Delete, "session", null, cancel);
            SavedTokens.Save(server, (string)token["token"]!);
            console.Note($"signed in at {server} as {token["user"]}, until {token["expires"]}");
        });
        return command;
    }

    public static Command CreateLogout()
    {
        var url = Server();
        var command = new Command("logout", "Forget the access token for a server; `baton token revoke` ends it there.") { url };
        command.SetAction(parsed =>
        {
            var server = parsed.GetRequiredValue(url);
            if (!SavedTokens.Forget(server))
            {
                throw new BatonException(ErrorCodes.NotFound, $"there is no token for {server}", null, "give the URL as it was given to `baton login`");
            }
        });
        return command;
    }

    private static Argument<Uri> Server() => new("URL")
    {
        Description = "Server.",
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[^1].Value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
            {
                return uri;
            }
            result.AddError($"URL must be an http or https address, not '{result.Tokens[^1].Value}'");
            return null;
        },
    };
}
