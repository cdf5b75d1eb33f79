using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Server.Errors;
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
        api.SetAction(command, async call => await ApplyAsync(call, await CheckAsync(call, call.Get(files)!), call.Get(prune), call.Get(dryRun)));
        return command;
    }

    /// <summary>Has the server look at all files before it is given any: a part of a folder is never put in force.</summary>
    private static async Task<IReadOnlyList<Candidate>> CheckAsync(ApiCall call, string[] paths)
    {
        var flows = new List<Candidate>();
        var problems = new List<string>();
        foreach (var (file, text) in FlowFiles.Texts(paths))
        {
            var type = file.EndsWith(".json", StringComparison.Ordinal) ? "application/json" : "application/yaml";
            var report = (await call.Client.SendTextAsync(HttpMethod.Post, "flows/validate", text, type, call.Cancel))!;
            problems.AddRange(((JsonArray)report["problems"]!).Where(problem => (string?)problem!["severity"] == "error").Select(problem => Describe(file, problem!)));
            if ((bool)report["valid"]!)
            {
                flows.Add(new(file, (string)report["namespace"]!, (string)report["name"]!, text, type));
            }
        }
        problems.AddRange(FlowFiles.Twins(flows.Select(flow => (flow.File, $"{flow.Namespace}/{flow.Name}"))));
        return problems.Count > 0 ? throw FlowFiles.Invalid(problems)
            : flows.Count > 0 ? flows
            : throw new BatonException(ErrorCodes.InvalidInput, $"there is no flow file in {string.Join(", ", paths)}", null, "name a folder with .yaml, .yml or .json files");
    }

    private static async Task<int> ApplyAsync(ApiCall call, IReadOnlyList<Candidate> flows, bool prune, bool dryRun)
    {
        var results = new List<JsonObject>();
        foreach (var flow in flows)
        {
            var applied = (JsonObject)(await call.Client.SendTextAsync(
                HttpMethod.Put, $"flows/{flow.Namespace}/{flow.Name}?dryRun={(dryRun ? "true" : "false")}", flow.Text, flow.Type, call.Cancel))!;
            applied["file"] = flow.File;
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

    private static async Task<List<JsonObject>> PruneAsync(ApiCall call, IReadOnlyList<Candidate> flows, bool dryRun)
    {
        var results = new List<JsonObject>();
        var named = flows.Select(flow => $"{flow.Namespace}/{flow.Name}").ToHashSet();
        foreach (var ns in flows.Select(flow => flow.Namespace).Distinct())
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
            call.Console.Note(Describe((string)applied["file"]!, warning!));
        }
    }

    private static string Describe(string file, JsonNode problem) =>
        $"{file}:{problem["line"]}:{problem["column"]}: {problem["severity"]} {problem["code"]}: {problem["cause"]} {problem["remedy"]}";

    /// <param name="Type">Of the text.</param>
    private sealed record Candidate(string File, string Namespace, string Name, string Text, string Type);
}
