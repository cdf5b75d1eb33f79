using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Baton.Cli.Api;
using Baton.Cli.Output;
using Spectre.Console;

namespace Baton.Cli.Verbs.Traces;

/// <summary>`baton trace list|show`: what happened across all parts, and how long it took.</summary>
internal static partial class TraceNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("trace", "See what happened across all parts, and how long it took.") { List(api), Show(api) });
    }

    private static Command List(ApiOptions api)
    {
        var limit = new Option<int>("--limit") { Description = "Traces at most, 1 to 500.", DefaultValueFactory = _ => 20 };
        var command = new Command("list", "List traces, the newest first.") { limit };
        api.SetAction(command, async call =>
        {
            var traces = (JsonArray)(await call.Client.GetAsync($"traces?limit={call.Get(limit).ToString(CultureInfo.InvariantCulture)}", call.Cancel))!["items"]!;
            if (call.Console.IsJson)
            {
                call.Console.JsonList(traces.Select(trace => trace!.DeepClone()));
                return;
            }
            call.Console.Table(
                ["TRACE", "STARTED", "DURATION", "SPANS", "ERRORS", "RUN", "BEGINS WITH"],
                traces.Select(trace => new[]
                {
                    $"{trace!["traceId"]}", $"{trace["startedAt"]}"[..19].Replace('T', ' '),
                    trace["durationMs"] is { } duration ? Format.Span(TimeSpan.FromMilliseconds((double)duration)) : "open",
                    $"{trace["spans"]}", $"{trace["errors"]}", $"{trace["run"]}", $"{trace["name"]}",
                }));
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var id = new Argument<string>("RUN|TRACEID") { Description = "Workflow id of a run, or 32 hexadecimal digits." };
        var command = new Command("show", "Draw a trace as a waterfall.") { id };
        api.SetAction(command, async call =>
        {
            var text = call.Get(id);
            var trace = (await call.Client.GetAsync(TraceId().IsMatch(text) ? $"traces/{text}" : $"runs/{Uri.EscapeDataString(text)}/trace", call.Cancel))!;
            if (call.Console.IsJson)
            {
                call.Console.Json(trace);
                return;
            }
            var spans = (JsonArray)trace["spans"]!;
            var errors = spans.Count(span => (string?)span!["status"] == "error");
            call.Console.Markup(
                $"[bold]{trace["traceId"]}[/]  {$"{trace["startedAt"]}"[..19].Replace('T', ' ')}Z  {Format.Span(TimeSpan.FromMilliseconds((double)trace["durationMs"]!))}  "
                + $"{spans.Count} spans{(errors == 0 ? "" : $"  [red]{errors} failed[/]")}");
            foreach (var line in Waterfall.Draw(trace, call.Console.Width))
            {
                call.Console.Markup(line.Tone switch
                {
                    Tone.Bad => $"[red]{line.Text.EscapeMarkup()}[/]",
                    Tone.Running => $"[blue]{line.Text.EscapeMarkup()}[/]",
                    _ => line.Text.EscapeMarkup(),
                });
            }
        });
        return command;
    }

    [GeneratedRegex("^[0-9a-fA-F]{32}$")]
    private static partial Regex TraceId();
}
