using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Cli.Options;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Runs;

/// <summary>`baton run ...`: runs of flows and of workflows in code, on a server.</summary>
internal static class RunNoun
{
    private const int Page = 200;

    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("run", "See and steer runs on a server.")
        {
            List(api),
            Show(api),
            Watch(api),
            Act(api, "cancel", "Ask a run to cancel; it ends once it has cleaned up."),
            Act(api, "terminate", "End a run at once, without clean-up."),
            Act(api, "suspend", "Hold a run before its next task."),
            Act(api, "resume", "Let a suspended run go on."),
            RetryFrom(api),
            Export(api),
        });
    }

    private static Argument<string> Id() => new("ID") { Description = "Run, as `baton run list` prints it." };

    private static Command List(ApiOptions api)
    {
        var flow = new Option<string?>("--flow") { Description = "NAMESPACE/NAME, or NAMESPACE/*." };
        var status = new Option<string?>("--status") { Description = "running, completed, faulted, cancelled, terminated or timedOut." };
        var since = Values.Time("--since", "Started at or after.");
        var until = Values.Time("--until", "Started before.");
        var text = new Option<string?>("--text") { Description = "Beginning of the id, the flow or the workflow type." };
        var limit = new Option<int>("--limit") { Description = "How many (default 50).", DefaultValueFactory = _ => 50 };
        var command = new Command("list", "List runs, the newest first.") { flow, status, since, until, text, limit };
        api.SetAction(command, async call =>
        {
            var query = string.Concat(new (string Name, string? Value)[]
            {
                ("flow", call.Get(flow)), ("status", call.Get(status)), ("since", Instant(call.Get(since))), ("until", Instant(call.Get(until))), ("text", call.Get(text)),
            }.Where(pair => pair.Value is not null).Select(pair => $"&{pair.Name}={Uri.EscapeDataString(pair.Value!)}"));
            var runs = new JsonArray();
            string? cursor = null;
            do
            {
                var page = (await call.Client.GetAsync($"runs?limit={Math.Min(Page, call.Get(limit) - runs.Count)}{query}{(cursor is null ? "" : $"&cursor={cursor}")}", call.Cancel))!;
                foreach (var run in (JsonArray)page["items"]!)
                {
                    runs.Add(run!.DeepClone());
                }
                cursor = (string?)page["nextCursor"];
            }
            while (cursor is not null && runs.Count < call.Get(limit));
            RunView.List(call, runs, ["RUN", "FLOW OR TYPE", "STATUS", "STARTED", "ENDED"], run =>
                [$"{run["id"]}", run["flow"] is { } name ? $"{name}:{run["version"]}" : $"{run["type"]}", $"{run["status"]}", RunView.Time(run["startedAt"]), RunView.Time(run["endedAt"])]);
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var id = Id();
        var command = new Command("show", "Show a run with its input, output and steps.") { id };
        api.SetAction(command, async call => RunView.Show(call, (await call.Client.GetAsync($"runs/{Uri.EscapeDataString(call.Get(id))}", call.Cancel))!));
        return command;
    }

    private static Command Watch(ApiOptions api)
    {
        var id = Id();
        var command = new Command("watch", "Tell the steps of a run as they happen, until it ends; exits 0 only if it completes.") { id };
        api.SetAction(command, async call =>
        {
            var run = await RunView.WatchAsync(call, call.Get(id), tell: true);
            RunView.Show(call, run);
            return RunView.ExitCode(run);
        });
        return command;
    }

    private static Command Act(ApiOptions api, string verb, string description)
    {
        var id = Id();
        var reason = new Option<string?>("--reason") { Description = "For the history and the audit." };
        var command = new Command(verb, description) { id, reason };
        api.SetAction(command, async call => Tell(call, await call.Client.PostAsync($"runs/{Uri.EscapeDataString(call.Get(id))}/{verb}", new JsonObject { ["reason"] = call.Get(reason) }, call.Cancel)));
        return command;
    }

    private static Command RetryFrom(ApiOptions api)
    {
        var id = Id();
        var step = new Argument<string?>("STEP") { Description = "Name, pointer or number of the step (default: the one that faulted).", Arity = ArgumentArity.ZeroOrOne };
        var eventId = new Option<long?>("--event") { Description = "In place of a step, for a workflow in code: id of the event that ended a workflow task.", HelpName = "ID" };
        var command = new Command("retry-from", "Run again from a step; what came before keeps its results.") { id, step, eventId };
        api.SetAction(command, async call => Tell(call, await call.Client.PostAsync(
            $"runs/{Uri.EscapeDataString(call.Get(id))}/retry", new JsonObject { ["step"] = call.Parsed.GetValue(step), ["event"] = call.Get(eventId) }, call.Cancel)));
        return command;
    }

    private static Command Export(ApiOptions api)
    {
        var id = Id();
        var file = new Option<string?>("--file", "-f") { Description = "Where to write it (default: stdout)." };
        var command = new Command("export", "Export a run as one JSON file: run, definition and history.") { id, file };
        api.SetAction(command, async call =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/runs/{Uri.EscapeDataString(call.Get(id))}/export");
            using var response = await call.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, call.Cancel);
            await using var output = call.Get(file) is { } path ? Create(path) : Console.OpenStandardOutput();
            await response.Content.CopyToAsync(output, call.Cancel);
        });
        return command;
    }

    private static FileStream Create(string path)
    {
        try
        {
            return File.Create(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{path} cannot be written", exception.Message, "name another file", exception);
        }
    }

    private static string? Instant(DateTimeOffset? time) => time?.ToString("O", CultureInfo.InvariantCulture);

    private static void Tell(ApiCall call, JsonNode? run)
    {
        if (call.Console.IsJson)
        {
            call.Console.Json(run);
            return;
        }
        call.Console.Note($"run {run!["id"]} is {run["status"]}");
    }
}
