using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Cli.Output;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>`baton user`: accounts and their roles.</summary>
internal static class UserNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("user", "Accounts and their roles.")
        {
            New(api),
            List(api),
            Show(api),
            Disable(api),
            Password(api),
            SetupLink(api),
            new Command("role", "Give roles to accounts, and take them.") { Role(api, "grant", "Give a role, everywhere or on a flow.", HttpMethod.Put), Role(api, "revoke", "Take a role.", HttpMethod.Delete) },
        });
    }

    private static Argument<string> Name() => new("NAME") { Description = "Account." };

    private static Command New(ApiOptions api)
    {
        var name = new Argument<string>("NAME") { Description = "Account: letters, digits and -._@+" };
        var roles = new Option<string[]>("--role") { Description = "viewer, operator, approver or admin; may be given more than once.", HelpName = "ROLE" };
        var service = new Option<bool>("--service") { Description = "A service account: it has no password, and calls with tokens." };
        var command = new Command("create", "Make an account; asks for its password, or reads it from stdin.") { name, roles, service };
        api.SetAction(command, async call =>
        {
            var body = new JsonObject
            {
                ["name"] = call.Get(name),
                ["service"] = call.Get(service),
                ["roles"] = new JsonArray([.. (call.Get(roles) ?? []).Select(role => (JsonNode)role)]),
                ["password"] = call.Get(service) ? null : PasswordInput.ReadNew(call.Console),
            };
            Print(call, (await call.Client.PostAsync("users", body, call.Cancel))!);
        });
        return command;
    }

    private static Command List(ApiOptions api)
    {
        var command = new Command("list", "List the accounts.");
        api.SetAction(command, async call =>
        {
            var users = (JsonArray)(await call.Client.GetAsync("users?limit=500", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(users.Select(user => user!.DeepClone()));
                return;
            }
            call.Console.Table(["NAME", "KIND", "STATE", "ROLES"], users.Select(user => new[] { $"{user!["name"]}", $"{user["kind"]}", State(user), Grants(user) }));
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var name = Name();
        var command = new Command("show", "Show an account.") { name };
        api.SetAction(command, async call => Print(call, (await call.Client.GetAsync($"users/{Uri.EscapeDataString(call.Get(name))}", call.Cancel))!));
        return command;
    }

    private static Command Disable(ApiOptions api)
    {
        var name = Name();
        var undo = new Option<bool>("--undo") { Description = "Enable it again." };
        var command = new Command("disable", "Take neither password nor token nor session of an account any more.") { name, undo };
        api.SetAction(command, async call =>
            Print(call, (await call.Client.PostAsync($"users/{Uri.EscapeDataString(call.Get(name))}/{(call.Get(undo) ? "enable" : "disable")}", null, call.Cancel))!));
        return command;
    }

    private static Command Password(ApiOptions api)
    {
        var name = Name();
        var command = new Command("password", "Set the password of an account; asks for it, or reads it from stdin.") { name };
        api.SetAction(command, async call =>
        {
            var body = new JsonObject { ["password"] = PasswordInput.ReadNew(call.Console) };
            Print(call, (await call.Client.SendAsync(HttpMethod.Put, $"users/{Uri.EscapeDataString(call.Get(name))}/password", body, call.Cancel))!);
        });
        return command;
    }

    private static Command SetupLink(ApiOptions api)
    {
        var command = new Command("setup-link", "Make a link by which an administrator is made, once, within a day.");
        api.SetAction(command, async call =>
        {
            var link = (await call.Client.PostAsync("users/setup-link", null, call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(link);
                return;
            }
            call.Console.Line($"{link["url"]}");
        });
        return command;
    }

    private static Command Role(ApiOptions api, string verb, string description, HttpMethod method)
    {
        var name = Name();
        var role = new Argument<string>("ROLE") { Description = "viewer, operator, approver or admin." };
        var flow = new Option<string?>("--flow") { Description = "On this flow only: NAMESPACE/NAME, or NAMESPACE/*.", HelpName = "FLOW" };
        var command = new Command(verb, description) { name, role, flow };
        api.SetAction(command, async call =>
        {
            var query = call.Get(flow) is { } on ? $"?flow={Uri.EscapeDataString(on)}" : "";
            Print(call, (await call.Client.SendAsync(method, $"users/{Uri.EscapeDataString(call.Get(name))}/roles/{Uri.EscapeDataString(call.Get(role))}{query}", null, call.Cancel))!);
        });
        return command;
    }

    private static void Print(ApiCall call, JsonNode user)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(user);
            return;
        }
        call.Console.Fields(("Name", $"{user["name"]}"), ("Kind", $"{user["kind"]}"), ("State", State(user)), ("Roles", Grants(user)), ("Created", $"{user["created"]}"));
    }

    private static string State(JsonNode user) => (bool)user["disabled"]! ? "disabled" : (bool)user["locked"]! ? "locked" : "active";

    private static string Grants(JsonNode user) =>
        string.Join(", ", ((JsonArray)user["grants"]!).Select(grant => grant!["flow"] is { } flow ? $"{grant["role"]} on {flow}" : $"{grant["role"]}"));
}
