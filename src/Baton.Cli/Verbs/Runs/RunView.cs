using System.Globalization;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Server.Runs;

namespace Baton.Cli.Verbs.Runs;

/// <summary>How runs are shown, and watched until they end.</summary>
internal static class RunView
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    public static void List(ApiCall call, JsonArray items, string[] headings, Func<JsonNode, string[]> row)
    {
        if (call.Console.IsJson)
        {
            call.Console.JsonList(items.Select(item => item!.DeepClone()));
            return;
        }
        call.Console.Table(headings, items.Select(item => row(item!)));
    }

    public static string Time(JsonNode? time) => time is null ? "" : ((DateTimeOffset)time).ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static void Show(ApiCall call, JsonNode run)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(run);
            return;
        }
        call.Console.Fields(
            ("run", $"{run["id"]}"), ("flow", run["flow"] is { } flow ? $"{flow}:{run["version"]}" : null), ("type", run["flow"] is null ? $"{run["type"]}" : null), ("status", $"{run["status"]}"),
            ("started", $"{Time(run["startedAt"])} by {run["startedBy"] ?? "a workflow or an SDK"}"), ("ended", Time(run["endedAt"])),
            ("input", run["input"]?.ToText()), ("output", run["output"]?.ToText()), ("error", run["error"] is { } error ? $"{error["status"]} {error["title"]} at {error["instance"]}: {error["detail"]}" : null));
        if (run["steps"] is JsonArray { Count: > 0 } steps)
        {
            call.Console.Line("");
            call.Console.Table(["#", "STEP", "KIND", "STATUS", "TRY", "TOOK", "ERROR"], steps.Select(step => new[]
            {
                $"{step!["number"]}", $"{step["task"]}", $"{step["kind"]}", $"{step["status"]}", $"{step["attempt"]}", Took(step), step["error"] is { } fault ? $"{fault["status"]} {fault["title"]}" : "",
            }));
        }
        foreach (var pending in run["pending"] as JsonArray ?? [])
        {
            call.Console.Line($"pending: {pending!["type"]} {pending["state"]}, attempt {pending["attempt"]}{(pending["lastFailure"] is { } failure ? $": {failure}" : "")}");
        }
    }

    /// <summary>Waits for the end of a run, and tells on stderr what its steps do.</summary>
    /// <returns>The run as it ended.</returns>
    public static async Task<JsonNode> WatchAsync(ApiCall call, string id, bool tell)
    {
        var told = new Dictionary<int, string>();
        while (true)
        {
            // Told of each step, it is asked often; otherwise the server holds the answer back until the end.
            var run = (await call.Client.GetAsync($"runs/{Uri.EscapeDataString(id)}?wait={(tell ? 0 : 30)}", call.Cancel))!;
            foreach (var step in tell ? run["steps"] as JsonArray ?? [] : [])
            {
                var (number, status) = ((int)step!["number"]!, (string)step["status"]!);
                if (!told.TryGetValue(number, out var before) || before != status)
                {
                    told[number] = status;
                    call.Console.Note($"{status,-10} {step["task"]}{((int)step["attempt"]! > 1 ? $" try {step["attempt"]}" : "")}{(step["error"] is { } error ? $" ({error["status"]} {error["title"]})" : "")}");
                }
            }
            if (run["endedAt"] is not null)
            {
                return run;
            }
            if (tell)
            {
                await Task.Delay(Interval, TimeProvider.System, call.Cancel);
            }
        }
    }

    public static int ExitCode(JsonNode run) => (string?)run["status"] == "completed" ? ExitCodes.Success : ExitCodes.NotCompleted;

    private static string Took(JsonNode step) => step["endedAt"] is { } ended
        ? $"{((DateTimeOffset)ended - (DateTimeOffset)step["startedAt"]!).TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)}s"
        : "";
}
