using System.Text.Json.Nodes;
using Baton.Server.Errors;

namespace Baton.Cli.Tests;

/// <summary>One server for the tests of flows and runs; each test has flows of its own.</summary>
public sealed class FlowServer : IAsyncLifetime
{
    private ServerProcess process = null!;

    internal ServerProcess Process => process;

    public string Folder { get; } = Directory.CreateTempSubdirectory("baton-flow-verbs-").FullName;

    public async ValueTask InitializeAsync() => process = await ServerProcess.StartAsync(Path.Combine(Folder, "data"));

    public ValueTask DisposeAsync()
    {
        process.Dispose();
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal Task<CliResult> RunAsync(params string[] args) => process.CliAsync(args);

    /// <summary>A new folder with these files.</summary>
    internal string Files(params (string Name, string Text)[] files)
    {
        var folder = Path.Combine(Folder, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        foreach (var (name, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), text);
        }
        return folder;
    }

    /// <summary>Puts one flow in force.</summary>
    internal async Task ApplyAsync(string name, string body) =>
        (await RunAsync("flow", "apply", "-f", Path.Combine(Files(("flow.yaml", Document(name, body))), "flow.yaml"))).Expect(0);

    internal static string Document(string name, string body, string ns = "default") => $"document: {{ dsl: 1.0.3, namespace: {ns}, name: {name}, version: 1.0.0 }}\n{body}\n";
}

/// <summary>`baton flow` on a server: what a pipe gets, what a person sees, and the exit code.</summary>
public sealed class FlowVerbTests(FlowServer server) : IClassFixture<FlowServer>
{
    private const string Greet = "do: [ { hello: { set: { text: '${ \"hello \" + .name }' } } } ]";
    private const string Bad = "do: [ { bad: { raise: { error: { type: 'https://x.example/bad', status: 418, title: Teapot, detail: short and stout } } } } ]";

    [Fact]
    public async Task Apply_puts_a_folder_in_force_tells_what_changed_and_again_changes_nothing()
    {
        var folder = server.Files(
            ("one.yaml", FlowServer.Document("one", Greet, "folder")),
            ("deeper/two.json", """{"document":{"dsl":"1.0.3","namespace":"folder","name":"two","version":"1.0.0"},"do":[{"a":{"set":{"x":1}}}]}"""),
            ("one.test.yaml", "tests: []"),
            ("notes.txt", "not a flow"));

        var created = (await server.RunAsync("flow", "apply", "-f", folder, "--json")).Expect(0);
        Assert.Equal(["folder/two created 1", "folder/one created 1"], Changes(created));
        Assert.Contains("2 of 2 changed", created.Error, StringComparison.Ordinal);
        Assert.Equal(["folder/two unchanged 1", "folder/one unchanged 1"], Changes((await server.RunAsync("flow", "apply", "-f", folder, "--json")).Expect(0)));

        File.WriteAllText(Path.Combine(folder, "one.yaml"), FlowServer.Document("one", Greet.Replace("\"hello", "\"good day", StringComparison.Ordinal), "folder"));
        var dry = (await server.RunAsync("flow", "apply", "-f", folder, "--dry-run")).Expect(0);
        Assert.Matches(@"changed +folder/one:1\.0\.0 revision 2", dry.Out);
        Assert.Contains("""  ~ /do/0/hello/set/text: "${ \"hello \" + .name }" -> "${ \"good day \" + .name }""", dry.Out, StringComparison.Ordinal);
        Assert.Contains("1 of 2 would change", dry.Error, StringComparison.Ordinal);
        Assert.Equal(dry.Out, (await server.RunAsync("flow", "apply", "-f", folder)).Expect(0).Out);
        Assert.Matches(@"unchanged +folder/one", (await server.RunAsync("flow", "apply", "-f", folder)).Expect(0).Out);

        File.Delete(Path.Combine(folder, "one.yaml"));
        Assert.Matches(@"deleted +folder/one", (await server.RunAsync("flow", "apply", "-f", folder, "--prune", "--dry-run")).Expect(0).Out);
        Assert.Equal(["folder/two unchanged 1", "folder/one deleted 2"], Changes((await server.RunAsync("flow", "apply", "-f", folder, "--prune", "--json")).Expect(0)));
        Assert.Equal(["two"], (await server.RunAsync("flow", "list", "-n", "folder", "--json")).Expect(0).Json.AsArray().Select(flow => (string)flow!["name"]!));
    }

    [Fact]
    public async Task Apply_tells_all_problems_of_all_files_and_applies_none()
    {
        var folder = server.Files(
            ("a-good.yaml", FlowServer.Document("good", Greet, "wrong")),
            ("b-task.yaml", FlowServer.Document("task", "do:\n- one: { set: { a: '${ now }' }, then: nowhere }\n- two: { call: nothing:1.0.0@default }", "wrong")),
            ("c-yaml.yaml", "document: [\n"),
            ("d-twin.yaml", FlowServer.Document("good", Greet, "wrong")));

        var refused = (await server.RunAsync("flow", "apply", "-f", folder, "--json")).Expect(ExitCodes.Usage);

        Assert.Empty(refused.Out);
        var error = JsonNode.Parse(refused.Error)!["error"]!;
        Assert.Equal(ErrorCodes.InvalidInput, (string?)error["code"]);
        var cause = (string)error["cause"]!;
        Assert.Equal(3, cause.Split("b-task.yaml:").Length - 1);
        Assert.Contains("b-task.yaml:3:", cause, StringComparison.Ordinal);
        Assert.Contains("c-yaml.yaml:", cause, StringComparison.Ordinal);
        Assert.Contains("each is flow wrong/good", cause, StringComparison.Ordinal);
        Assert.Empty((await server.RunAsync("flow", "list", "-n", "wrong", "--json")).Expect(0).Json.AsArray());

        Assert.Contains("there is no flow file", (await server.RunAsync("flow", "apply", "-f", server.Files())).Expect(ExitCodes.Usage).Error, StringComparison.Ordinal);
        Assert.Contains("no-such-folder", (await server.RunAsync("flow", "apply", "-f", Path.Combine(folder, "no-such-folder"))).Expect(ExitCodes.Usage).Error, StringComparison.Ordinal);
        (await server.RunAsync("flow", "apply")).Expect(ExitCodes.Usage);
    }

    [Fact]
    public async Task A_flow_is_listed_shown_deleted_and_its_history_stays()
    {
        var first = FlowServer.Document("keeps", Greet, "shown") + "# a remark\n";
        var folder = server.Files(("keeps.yaml", first));
        (await server.RunAsync("flow", "apply", "-f", folder)).Expect(0);
        File.WriteAllText(Path.Combine(folder, "keeps.yaml"), first.Replace("1.0.0", "1.1.0", StringComparison.Ordinal));
        (await server.RunAsync("flow", "apply", "-f", folder)).Expect(0);

        Assert.Matches(@"shown/keeps +1\.1\.0 +2", (await server.RunAsync("flow", "list")).Expect(0).Out);
        var listed = (await server.RunAsync("flow", "list", "-n", "shown", "--json")).Expect(0).Json[0]!;
        Assert.Equal(("shown", "keeps", "1.1.0", 2, false), ((string?)listed["namespace"], (string?)listed["name"], (string?)listed["version"], (int)listed["revision"]!, (bool)listed["hasSchedule"]!));
        Assert.Equal(first.Replace("1.0.0", "1.1.0", StringComparison.Ordinal), (await server.RunAsync("flow", "show", "shown/keeps")).Expect(0).Out);
        Assert.Equal(first, (await server.RunAsync("flow", "show", "shown/keeps", "--version", "r1")).Expect(0).Out);
        Assert.Equal("1.0.0", (string?)(await server.RunAsync("flow", "show", "shown/keeps", "--version", "1.0.0", "--json")).Expect(0).Json["definition"]!["document"]!["version"]);
        (await server.RunAsync("flow", "show", "shown/keeps", "--version", "9.9.9")).Expect(ExitCodes.NotFound);

        var deleted = (await server.RunAsync("flow", "delete", "shown/keeps")).Expect(0);
        Assert.Empty(deleted.Out);
        Assert.Contains("shown/keeps is out of force", deleted.Error, StringComparison.Ordinal);
        (await server.RunAsync("flow", "delete", "shown/keeps")).Expect(ExitCodes.NotFound);
        (await server.RunAsync("flow", "show", "shown/keeps")).Expect(ExitCodes.NotFound);
        Assert.Equal([2, 1], (await server.RunAsync("flow", "history", "shown/keeps", "--json")).Expect(0).Json.AsArray().Select(revision => (int)revision!["revision"]!));
        Assert.Matches(@"(?s)REVISION.+2 +1\.1\.0.+1 +1\.0\.0", (await server.RunAsync("flow", "history", "shown/keeps")).Expect(0).Out);
    }

    [Fact]
    public async Task A_flow_is_run_by_its_name_and_its_output_is_what_a_pipe_gets()
    {
        await server.ApplyAsync("named", Greet);
        await server.ApplyAsync("teapot", Bad);

        var plain = (await server.RunAsync("flow", "run", "named", "--input", """{"name":"Ann"}""")).Expect(0);
        Assert.Equal("""{"text":"hello Ann"}""", plain.Json.ToJsonString());
        Assert.Empty(plain.Error);
        var json = (await server.RunAsync("flow", "run", "default/named", "--input", """{"name":"Bo"}""", "--watch", "--json")).Expect(0);
        Assert.Equal(["status", "output", "error", "runId"], json.Json.AsObject().Select(member => member.Key));
        Assert.Equal(("completed", "hello Bo"), ((string?)json.Json["status"], (string?)json.Json["output"]!["text"]));
        Assert.Matches(@"completed +/do/0/hello", json.Error);
        (await server.RunAsync("run", "show", (string)json.Json["runId"]!)).Expect(0);

        var faulted = (await server.RunAsync("flow", "run", "teapot", "--json")).Expect(ExitCodes.NotCompleted);
        Assert.Equal(("faulted", 418, "/do/0/bad"), ((string?)faulted.Json["status"], (int)faulted.Json["error"]!["status"]!, (string?)faulted.Json["error"]!["instance"]));
        Assert.Null(faulted.Json["output"]);
        var told = (await server.RunAsync("flow", "run", "teapot")).Expect(ExitCodes.NotCompleted);
        Assert.Empty(told.Out);
        Assert.Contains("418 Teapot at /do/0/bad", told.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExitCodes.NotFound, "no flow default/unknown", "unknown")]
    [InlineData(ExitCodes.NotFound, "no flow other/unknown", "other/unknown")]
    [InlineData(ExitCodes.Usage, "missing.yaml cannot be read", "missing.yaml")]
    [InlineData(ExitCodes.Usage, "cannot be read", "a/b/c")]
    [InlineData(ExitCodes.Usage, "--input is not valid", "unknown", "--input", "{")]
    [InlineData(ExitCodes.Usage, "cannot be read", "unknown", "--input", "@missing.json")]
    [InlineData(ExitCodes.Usage, "--allow is for flows in files", "unknown", "--allow", "shell")]
    [InlineData(ExitCodes.Usage, "--server is for flows in files", "unknown", "--server", "127.0.0.1:1")]
    public async Task What_cannot_be_run_is_named(int exitCode, string said, params string[] args)
    {
        var result = (await server.RunAsync(["flow", "run", .. args])).Expect(exitCode);
        Assert.Empty(result.Out);
        Assert.Contains(said, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_run_in_memory_or_on_a_durable_server()
    {
        var folder = server.Files(
            ("greet.yaml", FlowServer.Document("greet", Greet)), ("bad.yaml", FlowServer.Document("bad", Bad)), ("broken.yaml", FlowServer.Document("broken", "do: [ { a: { set: { x: '${ now }' } } } ]")),
            ("input.yaml", "name: Eve"));
        string File(string name) => Path.Combine(folder, name);

        Assert.Equal("hello Eve", (string?)(await BatonProcess.RunAsync("flow", "run", File("greet.yaml"), "--input", $"@{File("input.yaml")}")).Expect(0).Json["text"]);
        var there = (await BatonProcess.RunAsync("flow", "run", File("greet.yaml"), "--input", """{"name":"Al"}""", "--server", server.Process.TemporalAddress, "--watch", "--json")).Expect(0);
        Assert.Equal("hello Al", (string?)there.Json["output"]!["text"]);
        Assert.Matches(@"completed +/do/0/hello", there.Error);
        Assert.Equal("completed", (string?)(await server.RunAsync("run", "show", (string)there.Json["runId"]!, "--json")).Expect(0).Json["status"]);
        Assert.Equal(418, (int)(await BatonProcess.RunAsync("flow", "run", File("bad.yaml"), "--json")).Expect(ExitCodes.NotCompleted).Json["error"]!["status"]!);
        var broken = (await BatonProcess.RunAsync("flow", "run", File("broken.yaml"), "--json")).Expect(ExitCodes.Usage);
        Assert.Equal("faulted", (string?)broken.Json["status"]);
        Assert.Contains("broken.yaml:2:", broken.Error, StringComparison.Ordinal);
        var away = (await BatonProcess.RunAsync("flow", "run", File("greet.yaml"), "--server", "127.0.0.1:1")).Expect(ExitCodes.Unreachable);
        Assert.Empty(away.Out);
    }

    [Theory]
    [InlineData("flow", "list")]
    [InlineData("flow", "apply", "-f", ".")]
    [InlineData("flow", "run", "named")]
    [InlineData("run", "list")]
    [InlineData("run", "watch", "x")]
    [InlineData("run", "export", "x")]
    public async Task A_server_that_is_away_is_said_to_be_and_nothing_goes_to_the_pipe(params string[] args)
    {
        var folder = server.Files(("flow.yaml", FlowServer.Document("away", Greet)));
        var result = (await BatonProcess.RunAsync([.. args.Select(arg => arg == "." ? folder : arg), "--url", "http://127.0.0.1:1", "--token", "x", "--json"])).Expect(ExitCodes.Unreachable);
        Assert.Empty(result.Out);
        Assert.Equal(ErrorCodes.ServerUnreachable, (string?)JsonNode.Parse(result.Error)!["error"]!["code"]);
    }

    [Fact]
    public async Task A_caller_that_is_not_known_is_told_so() =>
        (await BatonProcess.RunAsync("flow", "list", "--url", server.Process.Http.BaseAddress!.ToString(), "--token", "wrong")).Expect(ExitCodes.Unreachable);

    private static IEnumerable<string> Changes(CliResult result) =>
        result.Json.AsArray().Select(flow => $"{flow!["namespace"]}/{flow["name"]} {flow["change"]} {flow["revision"]}");
}
