using System.Text.Json.Nodes;
using Baton.Server.Errors;

namespace Baton.Cli.Tests;

/// <summary>`baton run` on a server.</summary>
public sealed class RunVerbTests(FlowServer server) : IClassFixture<FlowServer>
{
    private const string Two = "do: [ { one: { set: { n: 1 } } }, { two: { set: { n: '${ .n + 1 }' } } } ]";
    private const string Long = "do: [ { before: { set: { n: 1 } } }, { pause: { wait: { hours: 1 } } }, { after: { set: { n: 2 } } } ]";

    [Fact]
    public async Task Runs_are_listed_in_pages_and_by_what_they_are()
    {
        await server.ApplyAsync("listed", Two);
        await server.ApplyAsync("listed-bad", "do: [ { bad: { raise: { error: { type: 'https://x.example/bad', status: 418 } } } } ]");
        var ids = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            ids.Add((string)(await server.RunAsync("flow", "run", "listed", "--json")).Expect(0).Json["runId"]!);
        }
        (await server.RunAsync("flow", "run", "listed-bad")).Expect(ExitCodes.NotCompleted);

        Assert.Equal(ids.AsEnumerable().Reverse(), Ids(await server.RunAsync("run", "list", "--flow", "default/listed", "--json")));
        Assert.Equal([ids[2], ids[1]], Ids(await server.RunAsync("run", "list", "--flow", "default/listed", "--limit", "2", "--json")));
        Assert.Equal(ids[1..], Ids(await server.RunAsync("run", "list", "--text", ids[1], "--json")).Concat(Ids(await server.RunAsync("run", "list", "--text", ids[2], "--json"))));
        Assert.Equal("faulted", (string?)(await server.RunAsync("run", "list", "--flow", "default/listed-bad", "--status", "faulted", "--json")).Expect(0).Json[0]!["status"]);
        Assert.Empty(Ids(await server.RunAsync("run", "list", "--flow", "default/listed", "--status", "running", "--json")));
        Assert.Empty(Ids(await server.RunAsync("run", "list", "--flow", "default/listed", "--until", "2020-01-01T00:00:00Z", "--json")));
        var lines = (await server.RunAsync("run", "list", "--flow", "default/listed", "--output", "jsonl")).Expect(0).Out.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Select(line => JsonNode.Parse(line)!["id"]).Count());
        Assert.Matches(@"RUN +FLOW OR TYPE +STATUS", (await server.RunAsync("run", "list")).Expect(0).Out);
        var wrong = (await server.RunAsync("run", "list", "--status", "sleeping")).Expect(ExitCodes.Usage);
        Assert.Contains("sleeping", wrong.Error, StringComparison.Ordinal);
        (await server.RunAsync("run", "list", "--flow", "no such")).Expect(ExitCodes.Usage);
        (await server.RunAsync("run", "list", "--limit", "0")).Expect(ExitCodes.Usage);
    }

    [Fact]
    public async Task A_run_is_shown_watched_and_exported()
    {
        await server.ApplyAsync("shown", Two);
        var id = (string)(await server.RunAsync("flow", "run", "shown", "--json")).Expect(0).Json["runId"]!;

        var shown = (await server.RunAsync("run", "show", id)).Expect(0);
        Assert.Matches(@"status +completed", shown.Out);
        Assert.Matches(@"1 +/do/1/two +set +completed", shown.Out);
        var json = (await server.RunAsync("run", "show", id, "--json")).Expect(0).Json;
        Assert.Equal(["/do/0/one", "/do/1/two"], json["steps"]!.AsArray().Select(step => (string)step!["task"]!));
        Assert.Equal(2, (int)json["output"]!["n"]!);

        var watched = (await server.RunAsync("run", "watch", id, "--json")).Expect(0);
        Assert.Equal("completed", (string?)watched.Json["status"]);
        Assert.Matches(@"completed +/do/0/one\ncompleted +/do/1/two\n", watched.Error);

        var file = Path.Combine(server.Files(), "run.json");
        var exported = (await server.RunAsync("run", "export", id, "--file", file)).Expect(0);
        Assert.Empty(exported.Out);
        var piped = (await server.RunAsync("run", "export", id)).Expect(0).Json;
        foreach (var export in new[] { JsonNode.Parse(File.ReadAllText(file))!, piped })
        {
            Assert.Equal((id, "shown", "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"), ((string?)export["run"]!["id"], (string?)export["definition"]!["document"]!["name"], (string?)export["history"]!["events"]![0]!["eventType"]));
        }
        (await server.RunAsync("run", "export", id, "--file", "/nonexistent/run.json")).Expect(ExitCodes.Usage);
    }

    [Fact]
    public async Task A_run_is_suspended_resumed_and_cancelled()
    {
        await server.ApplyAsync("long", Long);
        var id = await StartAsync("long");
        await server.Process.UntilAsync($"api/v1/runs/{id}", run => run["steps"]!.AsArray().Any(step => (string?)step!["name"] == "pause"));

        var suspended = (await server.RunAsync("run", "suspend", id, "--reason", "a look")).Expect(0);
        Assert.Empty(suspended.Out);
        Assert.Contains($"run {id} is", suspended.Error, StringComparison.Ordinal);
        await server.Process.UntilAsync($"api/v1/runs/{id}", run => (string?)run["status"] == "suspended");
        (await server.RunAsync("run", "resume", id)).Expect(0);
        await server.Process.UntilAsync($"api/v1/runs/{id}", run => (string?)run["status"] == "running");
        Assert.Equal(id, (string?)(await server.RunAsync("run", "cancel", id, "--json")).Expect(0).Json["id"]);
        Assert.Equal("cancelled", (string?)(await server.RunAsync("run", "watch", id, "--json")).Expect(ExitCodes.NotCompleted).Json["status"]);

        var closed = (await server.RunAsync("run", "cancel", id)).Expect(ExitCodes.Failure);
        Assert.Contains(ErrorCodes.RunClosed, closed.Error, StringComparison.Ordinal);
        var other = await StartAsync("long");
        (await server.RunAsync("run", "terminate", other, "--reason", "enough")).Expect(0);
        Assert.Contains("enough", (await server.RunAsync("run", "show", other)).Expect(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_is_repeated_from_a_step()
    {
        await server.ApplyAsync("again", "do: [ { one: { set: { n: 1 } } }, { heard: { listen: { to: { one: { with: { type: again.go } } } } } }, { two: { set: { ok: '${ .[0].ok }' } } }, { check: { if: '${ .ok != true }', raise: { error: { type: 'https://x.example/bad', status: 400, title: Not yet } } } } ]");
        var id = await StartAsync("again");
        await server.Process.UntilAsync($"api/v1/runs/{id}", run => (string?)run["status"] == "waiting");
        (await server.RunAsync("event", "publish", "--type", "again.go", Path.Combine(server.Files(("data.json", """{"ok":false}""")), "data.json"))).Expect(0);
        Assert.Contains("Not yet", (await server.RunAsync("run", "watch", id)).Expect(ExitCodes.NotCompleted).Out, StringComparison.Ordinal);

        var retried = (await server.RunAsync("run", "retry-from", id, "one", "--json")).Expect(0).Json;
        Assert.Equal("running", (string?)retried["status"]);
        (await server.RunAsync("run", "watch", id)).Expect(ExitCodes.NotCompleted);
        (await server.RunAsync("run", "retry-from", id, "nothing")).Expect(ExitCodes.NotFound);
        (await server.RunAsync("run", "retry-from", id)).Expect(0);
    }

    [Theory]
    [InlineData("show")]
    [InlineData("watch")]
    [InlineData("cancel")]
    [InlineData("suspend")]
    [InlineData("resume")]
    [InlineData("retry-from")]
    [InlineData("export")]
    public async Task A_run_that_is_not_there_is_said_not_to_be(string verb)
    {
        var result = (await server.RunAsync("run", verb, "no such/run", "--json")).Expect(ExitCodes.NotFound);
        Assert.Empty(result.Out);
        Assert.Equal(ErrorCodes.NotFound, (string?)JsonNode.Parse(result.Error)!["error"]!["code"]);
    }

    private async Task<string> StartAsync(string flow)
    {
        using var started = await server.Process.Http.PostAsync($"api/v1/flows/default/{flow}/runs", null);
        Assert.True(started.IsSuccessStatusCode, await started.Content.ReadAsStringAsync());
        return (string)JsonNode.Parse(await started.Content.ReadAsStringAsync())!["id"]!;
    }

    private static List<string> Ids(CliResult result) => [.. result.Expect(0).Json.AsArray().Select(run => (string)run!["id"]!)];
}
