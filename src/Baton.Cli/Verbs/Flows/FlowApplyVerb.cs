using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Server.Errors;
using Baton.Server.Runs;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow apply -f PATH...`: makes the server's flows those of files, and tells what that changes.</summary>
internal static class FlowApplyVerb
{
    private static readonly string[] Endings = [".yaml", ".yml", ".json"];

    public static Command Create(ApiOptions api)
    {
        var files = new Option<string[]>("--file", "-f") { Description = "Flow file, or folder of flow files.", HelpName = "PATH", Required = true };
        var prune = new Option<bool>("--prune") { Description = "Delete flows that the files no longer have, in the namespaces that the files name." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would change." };
        var command = new Command("apply", "Put the flows of files in force on a server; the same ones again change nothing.") { files, prune, dryRun };
        api.SetAction(command, call => ApplyAsync(call, [.. call.Get(files)!.SelectMany(Files)], call.Get(prune), call.Get(dryRun)));
        return command;
    }

    private static async Task<int> ApplyAsync(ApiCall call, IReadOnlyList<string> files, bool prune, bool dryRun)
    {
        // All are read before any is applied: a folder with a broken flow changes nothing.
        var flows = Read(files);
        var results = new List<JsonObject>();
        foreach (var (file, flow, text) in flows)
        {
            var path = $"flows/{flow.Document.Namespace}/{flow.Document.Name}?dryRun={(dryRun ? "true" : "false")}";
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

    private static List<(string File, FlowDefinition Flow, string Text)> Read(IReadOnlyList<string> files)
    {
        var flows = new List<(string, FlowDefinition, string)>();
        var problems = new StringBuilder();
        foreach (var file in files)
        {
            var text = FlowNoun.ReadFile(file);
            var (flow, found) = FlowReader.Read(text);
            if (flow is not null)
            {
                flows.Add((file, flow, text));
            }
            else
            {
                found.ToList().ForEach(problem => problems.Append(file).Append(':').Append(problem).Append('\n'));
            }
        }
        return problems.Length == 0
            ? flows
            : throw new BatonException(ErrorCodes.InvalidInput, "not all files are valid flows, and none was applied", problems.ToString().TrimEnd(), "correct what is named, line by line");
    }

    private static async Task<List<JsonObject>> PruneAsync(ApiCall call, List<(string File, FlowDefinition Flow, string Text)> flows, bool dryRun)
    {
        var results = new List<JsonObject>();
        var named = flows.Select(flow => $"{flow.Flow.Document.Namespace}/{flow.Flow.Document.Name}").ToHashSet();
        foreach (var ns in flows.Select(flow => flow.Flow.Document.Namespace).Distinct())
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

    // Test files of `baton flow test` lie beside the flows.
    private static IEnumerable<string> Files(string path) => Directory.Exists(path)
        ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(file => Endings.Contains(Path.GetExtension(file)) && !file.Contains(".test.", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
        : [path];
}
