using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Accounts;

/// <summary>`baton audit`: who did what.</summary>
internal static class AuditNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("audit", "Who did what, and whether the record of it is whole.") { List(api), Verify(api), Export(api) });
    }

    private static Command List(ApiOptions api)
    {
        var filter = new Filter();
        var limit = new Option<int>("--limit") { Description = "Entries, 1 to 500 (default 50).", DefaultValueFactory = _ => 50 };
        var command = new Command("list", "List acts, newest first.") { limit };
        filter.AddTo(command);
        api.SetAction(command, async call =>
        {
            var page = (await call.Client.GetAsync($"audit?limit={call.Get(limit)}{filter.Query(call)}", call.Cancel))!;
            var items = (JsonArray)page["items"]!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(items.Select(item => item!.DeepClone()));
                return;
            }
            call.Console.Table(["NO", "TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "DETAIL"], items.Select(item => new[]
            {
                $"{item!["sequence"]}", $"{item["time"]}", $"{item["actor"]}", $"{item["action"]}", $"{item["target"]}", $"{item["outcome"]}", $"{item["detail"]}",
            }));
        });
        return command;
    }

    private static Command Verify(ApiOptions api)
    {
        var checkpoint = new Option<string?>("--checkpoint") { Description = "A line that an earlier verify printed, kept in a safe place.", HelpName = "LINE" };
        var command = new Command("verify", "Check that no entry was changed, added or taken away; prints a checkpoint to keep.") { checkpoint };
        api.SetAction(command, async call =>
        {
            var query = call.Get(checkpoint) is { } line ? $"?checkpoint={Uri.EscapeDataString(line)}" : "";
            var report = (await call.Client.GetAsync($"audit/verify{query}", call.Cancel))!;
            var problems = (JsonArray)report["problems"]!;
            if (call.Console.IsJson)
            {
                call.Console.Json(report);
            }
            else
            {
                call.Console.Line($"{report["entries"]} entries, {report["first"]} to {report["last"]}: {((bool)report["clean"]! ? "clean" : $"{problems.Count} problems")}");
                if (report["checkpoint"] is { } kept)
                {
                    call.Console.Line($"{kept}");
                }
            }
            return (bool)report["clean"]! ? ExitCodes.Success : throw new BatonException(
                ErrorCodes.AuditBroken, "the audit was tampered with", string.Join('\n', problems.Select(problem => $"{problem!["problem"]}")), "find out who can write to the database; bring it back from a backup");
        });
        return command;
    }

    private static Command Export(ApiOptions api)
    {
        var filter = new Filter();
        var command = new Command("export", "Print acts as JSON, one a line, oldest first.");
        filter.AddTo(command);
        api.SetAction(command, async call =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/audit/export?{filter.Query(call).TrimStart('&')}");
            using var response = await call.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, call.Cancel);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(call.Cancel));
            while (await reader.ReadLineAsync(call.Cancel) is { } line)
            {
                call.Console.Line(line);
            }
        });
        return command;
    }

    /// <summary>What list and export choose by.</summary>
    private sealed class Filter
    {
        private readonly Option<string?>[] options =
        [
            new("--actor") { Description = "Who acted.", HelpName = "NAME" },
            new("--action") { Description = "What was done: NOUN.VERB, or NOUN.*", HelpName = "ACTION" },
            new("--target") { Description = "The beginning of what it was done to, such as flow/shop.", HelpName = "TARGET" },
            new("--run") { Description = "Run that it belongs to.", HelpName = "ID" },
            new("--outcome") { Description = "done, refused or failed." },
            new("--from") { Description = "First time, such as 2026-01-31T12:00:00Z.", HelpName = "TIME" },
            new("--to") { Description = "Time that it ends before.", HelpName = "TIME" },
        ];

        public void AddTo(Command command)
        {
            foreach (var option in options)
            {
                command.Options.Add(option);
            }
        }

        public string Query(ApiCall call) => string.Concat(options.Where(option => call.Get(option) is not null).Select(option => $"&{option.Name[2..]}={Uri.EscapeDataString(call.Get(option)!)}"));
    }
}
