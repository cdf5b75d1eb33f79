using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Cli.Verbs.Runs;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow list|show|delete|history`: the flows of a server.</summary>
internal static class FlowStoreVerbs
{
    public static Command List(ApiOptions api)
    {
        var ns = new Option<string?>("--namespace", "-n") { Description = "Of this namespace only." };
        var command = new Command("list", "List the flows of a server.") { ns };
        api.SetAction(command, async call =>
        {
            var flows = (JsonArray)(await call.Client.GetAsync($"flows{(call.Get(ns) is { } name ? $"?ns={Uri.EscapeDataString(name)}" : "")}", call.Cancel))!;
            RunView.List(call, flows, ["FLOW", "VERSION", "REVISION", "SCHEDULE", "UPDATED", "BY"], flow =>
                [$"{flow["namespace"]}/{flow["name"]}", $"{flow["version"]}", $"{flow["revision"]}", (bool)flow["hasSchedule"]! ? "yes" : "", RunView.Time(flow["updatedAt"]), $"{flow["updatedBy"]}"]);
        });
        return command;
    }

    public static Command Show(ApiOptions api)
    {
        var flow = Name();
        var version = new Option<string?>("--version") { Description = "A version, or rN for revision N (default: the one in force)." };
        var command = new Command("show", "Print a flow of a server as it was written.") { flow, version };
        api.SetAction(command, async call =>
        {
            var shown = await call.Client.GetAsync($"flows/{Path(call.Get(flow))}{(call.Get(version) is { } wanted ? $"/versions/{Uri.EscapeDataString(wanted)}" : "")}", call.Cancel);
            if (call.Console.IsJson)
            {
                call.Console.Json(shown);
                return;
            }
            call.Console.Line(((string)shown!["text"]!).TrimEnd());
        });
        return command;
    }

    public static Command Delete(ApiOptions api)
    {
        var flow = Name();
        var command = new Command("delete", "Take a flow out of force; its runs go on, its versions are kept.") { flow };
        api.SetAction(command, async call =>
        {
            var deleted = await call.Client.SendAsync(HttpMethod.Delete, $"flows/{Path(call.Get(flow))}", null, call.Cancel);
            if (call.Console.IsJson)
            {
                call.Console.Json(deleted);
                return;
            }
            call.Console.Note($"{deleted!["namespace"]}/{deleted["name"]} is out of force");
        });
        return command;
    }

    public static Command History(ApiOptions api)
    {
        var flow = Name();
        var command = new Command("history", "List the revisions of a flow, the newest first.") { flow };
        api.SetAction(command, async call =>
        {
            var versions = (JsonArray)(await call.Client.GetAsync($"flows/{Path(call.Get(flow))}/versions", call.Cancel))!;
            RunView.List(call, versions, ["REVISION", "VERSION", "CREATED", "BY", "HASH"], version =>
                [$"{version["revision"]}", $"{version["version"]}", RunView.Time(version["createdAt"]), $"{version["createdBy"]}", $"{version["hash"]}"[..12]]);
        });
        return command;
    }

    /// <summary>NAMESPACE/NAME, or NAME in the namespace `default`, as a path.</summary>
    public static string Path(string flow) => string.Join('/', (flow.Contains('/', StringComparison.Ordinal) ? flow : $"default/{flow}").Split('/', 2).Select(Uri.EscapeDataString));

    private static Argument<string> Name() => new("NAME") { Description = "NAMESPACE/NAME; the namespace `default` may be left out." };
}
