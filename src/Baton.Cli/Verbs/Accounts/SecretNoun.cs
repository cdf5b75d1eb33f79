using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>`baton secret`: what flows may use and nobody should see.</summary>
internal static class SecretNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("secret", "Secrets of flows.") { Set(api), List(api), Show(api), Versions(api), Delete(api), RotateKey(api) });
    }

    private static Argument<string> Name() => new("NAME") { Description = "Secret: letters, digits, - and _." };

    private static string PathOf(ApiCall call, Argument<string> name) => $"secrets/{Uri.EscapeDataString(call.Get(name))}";

    private static Command Set(ApiOptions api)
    {
        var name = Name();
        var flows = new Option<string[]?>("--flow") { Description = "Flow that may use it: NAMESPACE/NAME, NAMESPACE/* or *; may be given more than once (default: as it is; none for a new one).", HelpName = "FLOW" };
        var command = new Command("set", "Give a secret a new value; asks for it, or reads a line from stdin: a text, or a JSON object of texts.") { name, flows };
        api.SetAction(command, async call =>
        {
            var body = new JsonObject
            {
                ["value"] = Accounts.PasswordInput.Read(call.Console, "Value"),
                ["flows"] = call.Get(flows) is { Length: > 0 } given ? new JsonArray([.. given.Select(flow => (JsonNode)flow)]) : null,
            };
            Print(call, (await call.Client.SendAsync(HttpMethod.Put, PathOf(call, name), body, call.Cancel))!);
        });
        return command;
    }

    private static Command List(ApiOptions api)
    {
        var command = new Command("list", "List the secrets, without their values.");
        api.SetAction(command, async call =>
        {
            var secrets = (JsonArray)(await call.Client.GetAsync("secrets", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(secrets.Select(secret => secret!.DeepClone()));
                return;
            }
            call.Console.Table(["NAME", "VERSION", "FLOWS"], secrets.Select(secret => new[] { $"{secret!["name"]}", $"{secret["version"]}", Flows(secret) }));
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var name = Name();
        var reveal = new Option<bool>("--reveal") { Description = "Print the value (secrets.reveal; recorded in the audit)." };
        var version = new Option<int?>("--version-number") { Description = "Version to reveal (default: the latest).", HelpName = "N" };
        var command = new Command("show", "Show name, version and flows of a secret; its value only with --reveal.") { name, reveal, version };
        api.SetAction(command, async call =>
        {
            if (!call.Get(reveal))
            {
                Print(call, (await call.Client.GetAsync(PathOf(call, name), call.Cancel))!);
                return;
            }
            using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/{PathOf(call, name)}/value{(call.Get(version) is { } number ? $"?version={number}" : "")}");
            using var response = await call.Client.SendAsync(request, HttpCompletionOption.ResponseContentRead, call.Cancel);
            call.Console.Line(await response.Content.ReadAsStringAsync(call.Cancel));
        });
        return command;
    }

    private static Command Versions(ApiOptions api)
    {
        var name = Name();
        var command = new Command("versions", "List the versions of a secret.") { name };
        api.SetAction(command, async call =>
        {
            var versions = (JsonArray)(await call.Client.GetAsync($"{PathOf(call, name)}/versions", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(versions.Select(version => version!.DeepClone()));
                return;
            }
            call.Console.Table(["VERSION", "CREATED", "BY", "KEY"], versions.Select(version => new[] { $"{version!["version"]}", $"{version["created"]}", $"{version["createdBy"]}", $"{version["keyId"]}" }));
        });
        return command;
    }

    private static Command Delete(ApiOptions api)
    {
        var name = Name();
        var command = new Command("delete", "Delete a secret with all versions.") { name };
        api.SetAction(command, async call =>
        {
            await call.Client.SendAsync(HttpMethod.Delete, PathOf(call, name), null, call.Cancel);
            call.Console.Note("deleted");
        });
        return command;
    }

    private static Command RotateKey(ApiOptions api)
    {
        var command = new Command("rotate-key", "Make a new master key, and wrap the keys of all secrets with it.");
        api.SetAction(command, async call =>
        {
            var rotation = (await call.Client.PostAsync("secrets/rotate-key", null, call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(rotation);
                return;
            }
            call.Console.Line($"key {rotation["keyId"]}, {rotation["count"]} wrapped anew");
        });
        return command;
    }

    private static void Print(ApiCall call, JsonNode secret)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(secret);
            return;
        }
        call.Console.Fields(("Name", $"{secret["name"]}"), ("Version", $"{secret["version"]}"), ("Flows", Flows(secret)), ("Created", $"{secret["created"]}"));
    }

    private static string Flows(JsonNode secret) => string.Join(", ", ((JsonArray)secret["flows"]!).Select(flow => $"{flow}"));
}
