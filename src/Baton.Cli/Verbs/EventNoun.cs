using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Baton.Cli.Api;
using Baton.Cli.Options;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs;

/// <summary>`baton event publish|list|show|tail|consumers|seek|deadletters|requeue`: the log of events.</summary>
internal static class EventNoun
{
    public static Command Create()
    {
        var api = new ApiOptions();
        return api.AddTo(new Command("event", "Publish events, read the log of events, and see who consumes it.")
        {
            Publish(api), List(api), Show(api), Tail(api), Consumers(api), Seek(api), DeadLetters(api), Requeue(api),
        });
    }

    private static Command Publish(ApiOptions api)
    {
        var file = new Argument<string>("FILE") { Description = "CloudEvent in JSON, or an array of them; - reads stdin.", DefaultValueFactory = _ => "-" };
        var type = new Option<string?>("--type") { Description = "Makes an event of this type, whose data is the file." };
        var source = new Option<string>("--source") { Description = "Source of the event that --type makes.", DefaultValueFactory = _ => "/cli" };
        var subject = new Option<string?>("--subject") { Description = "Subject of the event that --type makes." };
        var command = new Command("publish", "Publish events.") { file, type, source, subject };
        api.SetAction(command, async call =>
        {
            var text = call.Get(file) is "-" ? await System.Console.In.ReadToEndAsync(call.Cancel) : InputFile.Read(call.Get(file), "name a file that holds a CloudEvent in JSON, or - for stdin");
            JsonNode? body;
            try
            {
                body = string.IsNullOrWhiteSpace(text) && call.Get(type) is not null ? null : JsonNode.Parse(text);
            }
            catch (System.Text.Json.JsonException error)
            {
                throw new BatonException(ErrorCodes.InvalidInput, $"{call.Get(file)} is no JSON", error.Message, "give a CloudEvent in JSON, or with --type its data in JSON", error);
            }
            if (call.Get(type) is { } made)
            {
                var data = body;
                var wrapped = new JsonObject { ["specversion"] = "1.0", ["id"] = Guid.NewGuid().ToString(), ["source"] = call.Get(source), ["type"] = made };
                if (call.Get(subject) is { } about)
                {
                    wrapped["subject"] = about;
                }
                if (data is not null)
                {
                    wrapped["datacontenttype"] = "application/json";
                    wrapped["data"] = data;
                }
                body = wrapped;
            }
            var receipts = (await call.Client.PostAsync("events", body, call.Cancel))!["events"]!.AsArray();
            Print(call, receipts, ["OFFSET", "ID", "SOURCE", "DUPLICATE"], item => [$"{item["offset"]}", $"{item["id"]}", $"{item["source"]}", $"{item["duplicate"]}"]);
        });
        return command;
    }

    private static Command List(ApiOptions api)
    {
        var filter = new Filter();
        var limit = new Option<int>("--limit") { Description = "How many, 1 to 1000.", DefaultValueFactory = _ => 50 };
        var since = new Option<string?>("--since") { Description = "Only events from this time on (RFC 3339)." };
        var command = new Command("list", "List events, newest first.") { limit, since };
        filter.AddTo(command);
        api.SetAction(command, async call =>
        {
            var page = await call.Client.GetAsync($"events?limit={call.Get(limit)}{Query("since", call.Get(since))}{filter.Query(call)}", call.Cancel);
            Print(call, page!["items"]!.AsArray(), ["OFFSET", "AT", "TYPE", "SOURCE", "SUBJECT", "ID"], item =>
                [$"{item["offset"]}", $"{item["at"]}", $"{item["event"]!["type"]}", $"{item["event"]!["source"]}", $"{item["event"]!["subject"]}", $"{item["event"]!["id"]}"]);
        });
        return command;
    }

    private static Command Show(ApiOptions api)
    {
        var offset = new Argument<long>("OFFSET") { Description = "Place in the log." };
        var command = new Command("show", "Print an event as it was published.") { offset };
        api.SetAction(command, async call => call.Console.Json((await call.Client.GetAsync($"events/{call.Get(offset)}", call.Cancel))!["event"]!.DeepClone()));
        return command;
    }

    private static Command Tail(ApiOptions api)
    {
        var filter = new Filter();
        var from = new Option<long?>("--from") { Description = "Offset to begin at (default: what comes from now on)." };
        var command = new Command("tail", "Print events as they come, a line each, until Ctrl-C.") { from };
        filter.AddTo(command);
        api.SetAction(command, async call =>
        {
            var query = $"{Query("from", call.Get(from)?.ToString(CultureInfo.InvariantCulture))}{filter.Query(call)}".TrimStart('&');
            using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/events/stream?{query}");
            using var response = await call.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, call.Cancel);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(call.Cancel));
            while (await reader.ReadLineAsync(call.Cancel) is { } line)
            {
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    call.Console.Line(line["data: ".Length..]);
                }
            }
        });
        return command;
    }

    private static Command Consumers(ApiOptions api)
    {
        var command = new Command("consumers", "List who consumes events, and how far each is.");
        api.SetAction(command, async call => Print(
            call, (await call.Client.GetAsync("events/consumers", call.Cancel))!.AsArray(), ["NAME", "PATTERN", "POSITION", "LAG", "PENDING", "DEAD"], item =>
            [$"{item["name"]}", $"{item["pattern"]}", $"{item["position"]}", $"{item["lag"]}", $"{item["pending"]}", $"{item["deadLetters"]}"]));
        return command;
    }

    private static Command Seek(ApiOptions api)
    {
        var name = new Argument<string>("CONSUMER") { Description = "Consumer, as `baton event consumers` lists it." };
        var offset = new Option<long?>("--offset") { Description = "Offset to go to." };
        var time = new Option<string?>("--time") { Description = "Time to go to (RFC 3339)." };
        var command = new Command("seek", "Deliver a consumer's events again from a place on.") { name, offset, time };
        api.SetAction(command, async call => call.Console.Json((await call.Client.PostAsync(
            $"events/consumers/{Uri.EscapeDataString(call.Get(name))}/seek", new JsonObject { ["offset"] = call.Get(offset), ["time"] = call.Get(time) }, call.Cancel))!));
        return command;
    }

    private static Command DeadLetters(ApiOptions api)
    {
        var consumer = new Option<string?>("--consumer") { Description = "Only those of this consumer." };
        var command = new Command("deadletters", "List events that were given up, with the reason.") { consumer };
        api.SetAction(command, async call => Print(
            call, (await call.Client.GetAsync($"events/dead-letters?limit=1000{Query("consumer", call.Get(consumer))}", call.Cancel))!["items"]!.AsArray(),
            ["ID", "CONSUMER", "TYPE", "ATTEMPTS", "AT", "REASON"],
            item => [$"{item["id"]}", $"{item["consumer"]}", $"{item["event"]!["type"]}", $"{item["attempts"]}", $"{item["at"]}", $"{item["reason"]}"]));
        return command;
    }

    private static Command Requeue(ApiOptions api)
    {
        var id = new Argument<long>("ID") { Description = "Dead letter, as `baton event deadletters` lists it." };
        var command = new Command("requeue", "Deliver a dead letter to its consumer again.") { id };
        api.SetAction(command, async call => call.Console.Json((await call.Client.PostAsync($"events/dead-letters/{call.Get(id)}/requeue", null, call.Cancel))!));
        return command;
    }

    internal static void Print(ApiCall call, JsonArray items, string[] header, Func<JsonNode, string[]> row)
    {
        if (call.Console.IsJson)
        {
            call.Console.JsonList(items.Select(item => item!.DeepClone()));
            return;
        }
        call.Console.Table(header, items.Select(item => row(item!)));
    }

    private static string Query(string name, string? value) => value is null ? "" : $"&{name}={Uri.EscapeDataString(value)}";

    /// <summary>Which events, for the verbs that read them.</summary>
    private sealed class Filter
    {
        private readonly Option<string?> type = new("--type") { Description = "Types, with * for a part and > for the rest." };
        private readonly Option<string?> source = new("--source") { Description = "Source." };
        private readonly Option<string?> subject = new("--subject") { Description = "Subject." };

        public void AddTo(Command command)
        {
            foreach (var option in (Option[])[type, source, subject])
            {
                command.Options.Add(option);
            }
        }

        public string Query(ApiCall call) =>
            $"{EventNoun.Query("type", call.Get(type))}{EventNoun.Query("source", call.Get(source))}{EventNoun.Query("subject", call.Get(subject))}";
    }
}
