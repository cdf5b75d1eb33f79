using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Cli.Options;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs;

/// <summary>`baton task`: what people are asked.</summary>
internal static class TaskNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("task", "See and decide tasks and approvals.")
        {
            List(api),
            Show(api),
            Make(api),
            Decision(api, "approve", "Approve. Done already by you: no error."),
            Decision(api, "reject", "Reject."),
            Decision(api, "complete", "Complete work, with what was to be filled in."),
            Act(api, "claim", "Take a task, so that nobody else does it."),
            Act(api, "release", "Give a task back to its candidates."),
            Delegate(api),
            Comment(api, "comment", "Write a comment.", required: true),
            Comment(api, "cancel", "Close a task undecided; the run gets the outcome `cancelled`.", required: false),
            Link(api),
        });
    }

    private static Command List(ApiOptions api)
    {
        var mine = new Option<bool>("--mine") { Description = "Only open tasks that I may decide, and have not." };
        var status = new Option<string?>("--status") { Description = "open, completed, expired or cancelled." };
        status.AcceptOnlyFromAmong("open", "completed", "expired", "cancelled");
        var assignee = new Option<string?>("--assignee") { Description = "Only those of this person.", HelpName = "NAME" };
        var run = new Option<string?>("--run") { Description = "Only those of this run.", HelpName = "ID" };
        var skip = new Option<int>("--skip") { Description = "How many to leave out.", HelpName = "N" };
        var limit = new Option<int>("--limit") { Description = "How many at most, 1 to 200.", HelpName = "N", DefaultValueFactory = _ => 50 };
        var command = new Command("list", "List tasks, the newest first.") { mine, status, assignee, run, skip, limit };
        api.SetAction(command, async call =>
        {
            var query = new List<string> { $"skip={call.Get(skip)}", $"limit={call.Get(limit)}" };
            query.AddRange(call.Get(mine) ? ["mine=true"] : []);
            query.AddRange(new[] { ("status", call.Get(status)), ("assignee", call.Get(assignee)), ("run", call.Get(run)) }
                .Where(pair => pair.Item2 is not null).Select(pair => $"{pair.Item1}={Uri.EscapeDataString(pair.Item2!)}"));
            var page = (await call.Client.GetAsync($"tasks?{string.Join('&', query)}", call.Cancel))!;
            var items = page["items"]!.AsArray();
            if (call.Console.IsJson)
            {
                call.Console.JsonList(items.Select(item => item!.DeepClone()));
                return;
            }
            call.Console.Table(
                ["ID", "KIND", "STATUS", "PRIORITY", "ASSIGNEE", "DUE", "TITLE"],
                items.Select(item => new[] { $"{item!["id"]}", $"{item["kind"]}", $"{item["outcome"] ?? item["status"]}", $"{item["priority"]}", $"{item["assignee"]}", $"{item["dueAt"]}", $"{item["title"]}" }));
            if ((int)page["total"]! > items.Count)
            {
                call.Console.Note($"{items.Count} of {page["total"]}; more with --skip");
            }
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var id = Id();
        var command = new Command("show", "Show a task: what is asked, who may decide, and what happened.") { id };
        api.SetAction(command, async call => Print(call, (await call.Client.GetAsync($"tasks/{call.Get(id)}", call.Cancel))!));
        return command;
    }

    private static Command Make(ApiOptions api)
    {
        var kind = new Argument<string>("KIND") { Description = "approval or task." };
        kind.AcceptOnlyFromAmong("approval", "task");
        var title = new Option<string?>("--title") { Description = "What is asked, in a line." };
        var input = new Option<string?>("--input", "-i") { Description = "What `baton function show KIND` says, as JSON.", HelpName = "JSON" };
        var command = new Command("create", "Ask people something, without a flow.") { kind, title, input };
        api.SetAction(command, async call =>
        {
            var body = call.Get(input) is { } text ? Json(text, "--input") as JsonObject ?? throw Invalid("--input", "it is no object") : [];
            body["kind"] = call.Get(kind);
            if (call.Get(title) is { } given)
            {
                body["title"] = given;
            }
            PrintState(call, (await call.Client.PostAsync("tasks", body, call.Cancel))!);
        });
        return command;
    }

    private static Command Decision(ApiOptions api, string verb, string description)
    {
        var id = Id();
        var comment = new Option<string?>("--comment", "-m") { Description = "Why.", HelpName = "TEXT" };
        var data = new Option<string?>("--data") { Description = "What is filled in, as JSON that fits the task's form.", HelpName = "JSON" };
        var command = new Command(verb, description) { id, comment };
        if (verb != "reject")
        {
            command.Options.Add(data);
        }
        api.SetAction(command, async call => PrintState(call, (await call.Client.PostAsync(
            $"tasks/{call.Get(id)}/{verb}",
            new JsonObject { ["comment"] = call.Get(comment), ["data"] = verb != "reject" && call.Get(data) is { } text ? Json(text, "--data") : null },
            call.Cancel))!));
        return command;
    }

    private static Command Act(ApiOptions api, string verb, string description)
    {
        var id = Id();
        var command = new Command(verb, description) { id };
        api.SetAction(command, async call => PrintState(call, (await call.Client.PostAsync($"tasks/{call.Get(id)}/{verb}", new JsonObject(), call.Cancel))!));
        return command;
    }

    private static Command Delegate(ApiOptions api)
    {
        var id = Id();
        var to = new Option<string>("--to") { Description = "Who decides in my place.", HelpName = "NAME", Required = true };
        var comment = new Option<string?>("--comment", "-m") { Description = "Why.", HelpName = "TEXT" };
        var command = new Command("delegate", "Let another person decide in my place.") { id, to, comment };
        api.SetAction(command, async call => PrintState(call, (await call.Client.PostAsync(
            $"tasks/{call.Get(id)}/delegate", new JsonObject { ["to"] = call.Get(to), ["comment"] = call.Get(comment) }, call.Cancel))!));
        return command;
    }

    private static Command Comment(ApiOptions api, string verb, string description, bool required)
    {
        var id = Id();
        var comment = new Option<string?>("--comment", "-m") { Description = "The text.", HelpName = "TEXT", Required = required };
        var command = new Command(verb, description) { id, comment };
        api.SetAction(command, async call => PrintState(call, (await call.Client.PostAsync($"tasks/{call.Get(id)}/{verb}", new JsonObject { ["comment"] = call.Get(comment) }, call.Cancel))!));
        return command;
    }

    private static Command Link(ApiOptions api)
    {
        var id = Id();
        var user = new Option<string>("--user") { Description = "In whose name it decides.", HelpName = "NAME", Required = true };
        var validFor = new Option<string?>("--valid-for") { Description = "ISO 8601 duration, at most P30D (default: P3D).", HelpName = "DURATION" };
        var command = new Command("link", "Make a link that decides once, for a mail to one person.") { id, user, validFor };
        api.SetAction(command, async call =>
        {
            var link = (await call.Client.PostAsync($"tasks/{call.Get(id)}/link", new JsonObject { ["user"] = call.Get(user), ["validFor"] = call.Get(validFor) }, call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(link);
                return;
            }
            call.Console.Line($"{link["url"]}");
        });
        return command;
    }

    private static Argument<Guid> Id() => new("ID") { Description = "Id of the task." };

    private static JsonNode? Json(string text, string option)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException exception)
        {
            throw Invalid(option, exception.Message);
        }
    }

    private static BatonException Invalid(string option, string cause) => new(ErrorCodes.InvalidInput, $"{option} is not valid", cause, "give JSON");

    private static void PrintState(ApiCall call, JsonNode task)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(task);
            return;
        }
        call.Console.Line($"{task["id"]} {task["outcome"] ?? task["status"]}");
    }

    private static void Print(ApiCall call, JsonNode detail)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(detail);
            return;
        }
        var task = detail["task"]!;
        var candidates = task["candidates"]!.AsArray().Select(one => $"{(one!["role"] is { } role ? $"role {role}" : one["user"])}{((bool)one["veto"]! ? " (veto)" : "")}{(one["inPlaceOf"] is { } other ? $" for {other}" : "")}");
        call.Console.Fields(
        [
            ("Title", $"{task["title"]}"),
            ("Kind", $"{task["kind"]}"),
            ("Status", $"{task["outcome"] ?? task["status"]}"),
            ("Priority", $"{task["priority"]}"),
            ("Requester", (string?)task["requester"]),
            ("For", string.Join(", ", candidates)),
            ("Needs", $"{task["quorum"]} of {task["of"]}{((bool)task["fourEyes"]! ? ", four eyes" : "")}"),
            ("Assignee", (string?)task["assignee"]),
            ("Due", (string?)task["dueAt"]),
            ("Expires", (string?)task["expiresAt"]),
            ("Run", (string?)task["run"]),
            ("Flow", task["flow"] is { } flow ? $"{flow} {task["flowTask"]}" : null),
            ("Data", task["data"]?.ToJsonString()),
            ("Form", task["form"]?.ToJsonString()),
            .. task["attachments"]!.AsArray().Select(link => ("Link", (string?)$"{link!["name"]}: {link["url"]}")),
        ]);
        if (task["description"] is { } description)
        {
            call.Console.Line("");
            call.Console.Line($"{description}");
        }
        call.Console.Line("");
        call.Console.Table(["AT", "BY", "WHAT", "COMMENT"], detail["history"]!.AsArray().Select(entry => new[] { $"{entry!["at"]}", $"{entry["by"]}", $"{entry["kind"]}", $"{entry["text"]}" }));
    }
}
