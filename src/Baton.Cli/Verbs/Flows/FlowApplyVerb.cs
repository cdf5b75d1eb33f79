using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Server.Flows;
using Baton.Server.Runs;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow apply -f PATH...`: makes the server's flows those of files, and tells what that changes.</summary>
internal static class FlowApplyVerb
{
    public static Command Create(ApiOptions api)
    {
        var files = new Option<string[]>("--file", "-f") { Description = "Flow file, or folder of flow files.", HelpName = "PATH", Required = true };
        var prune = new Option<bool>("--prune") { Description = "Delete flows that the files no longer have, in the namespaces that the files name." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would change." };
        var command = new Command("apply", "Put the flows of files in force on a server; the same ones again change nothing.") { files, prune, dryRun };
        api.SetAction(command, call => ApplyAsync(call, FlowFiles.Read(call.Get(files)!), call.Get(prune), call.Get(dryRun)));
        return command;
    }

    private static async Task<int> ApplyAsync(ApiCall call, IReadOnlyList<FlowFile> flows, bool prune, bool dryRun)
    {
        var results = new List<JsonObject>();
        foreach (var (file, document, text) in flows)
        {
            var path = $"flows/{document.Namespace}/{document.Name}?dryRun={(dryRun ? "true" : "false")}";
            var applied = (JsonObject)(await call.Client.PutAsync(path, text, file.EndsWith(".json", StringComparison.Ordinal) ? "application/json" : "application/yaml", call.Cancel))!;
            applied["file"] = file;
            results.Add(applied);
            Tell(call, applied);
        }
        if (prune)
        {
            results.AddRange(await PruneAsync(call, flows, dryRun));
        }
        if (call.Console.IsJson)
        {
            call.Console.JsonList(results);
        }
        call.Console.Note($"{results.Count(result => (string?)result["change"] != "unchanged")} of {results.Count} {(dryRun ? "would change" : "changed")}");
        return ExitCodes.Success;
    }

    private static async Task<List<JsonObject>> PruneAsync(ApiCall call, IReadOnlyList<FlowFile> flows, bool dryRun)
    {
        var results = new List<JsonObject>();
        var named = flows.Select(flow => $"{flow.Document.Namespace}/{flow.Document.Name}").ToHashSet();
        foreach (var ns in flows.Select(flow => flow.Document.Namespace).Distinct())
        {
            foreach (var there in (JsonArray)(await call.Client.GetAsync($"flows?ns={Uri.EscapeDataString(ns)}", call.Cancel))!)
            {
                if (named.Contains($"{ns}/{there!["name"]}"))
                {
                    continue;
                }
                var deleted = dryRun
                    ? new JsonObject { ["namespace"] = ns, ["name"] = (string?)there["name"], ["version"] = (string?)there["version"], ["revision"] = (int?)there["revision"], ["change"] = "deleted" }
                    : (JsonObject)(await call.Client.SendAsync(HttpMethod.Delete, $"flows/{ns}/{there["name"]}", null, call.Cancel))!;
                results.Add(deleted);
                Tell(call, deleted);
            }
        }
        return results;
    }

    private static void Tell(ApiCall call, JsonObject applied)
    {
        if (call.Console.IsJson)
        {
            return;
        }
        call.Console.Line($"{applied["change"],-10}{applied["namespace"]}/{applied["name"]}:{applied["version"]} revision {applied["revision"]}");
        foreach (var difference in applied["differences"] as JsonArray ?? [])
        {
            var (before, after) = (difference!["before"], difference["after"]);
            call.Console.Line($"  {(before is null ? "+" : after is null ? "-" : "~")} {difference["pointer"]}: {(before is null ? after : after is null ? before : null)?.ToText() ?? $"{before!.ToText()} -> {after!.ToText()}"}");
        }
        foreach (var warning in applied["warnings"] as JsonArray ?? [])
        {
            call.Console.Note($"{applied["file"]}:{warning!["line"]}:{warning["column"]}: warning {warning["code"]}: {warning["cause"]} {warning["remedy"]}");
        }
    }
}
