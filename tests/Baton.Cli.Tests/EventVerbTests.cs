using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Baton.Cli.Tests;

/// <summary>`baton event`, `baton webhook` and `baton task` as people and scripts use them, against a server: data on stdout, the rest on stderr, and exit codes.</summary>
public sealed class EventVerbTests(EventVerbTests.LivingServer living) : IClassFixture<EventVerbTests.LivingServer>, IDisposable
{
    private readonly DyingServer server = living.Server;
    private readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Fact]
    public async Task Events_are_published_listed_shown_followed_and_delivered_again()
    {
        await File.WriteAllTextAsync(file, """[{"specversion":"1.0","id":"1","source":"/shop","type":"order.placed","subject":"order/1","data":{"total":9.50}},{"specversion":"1.0","id":"2","source":"/shop","type":"order.paid"}]""");
        var published = (await RunAsync("event", "publish", file, "--json")).Expect(ExitCodes.Success);
        Assert.Equal(["1", "2"], published.Json.AsArray().Select(receipt => (string)receipt!["id"]!));
        // Other tests of the class may have come first.
        var offsets = published.Json.AsArray().Select(receipt => $"{receipt!["offset"]}").ToArray();
        Assert.Empty(published.Error);
        Assert.True((bool)(await RunAsync("event", "publish", file, "--json")).Expect(ExitCodes.Success).Json[0]!["duplicate"]!);
        Assert.Contains("cannot be read", (await RunAsync("event", "publish", file + ".gone")).Expect(ExitCodes.Usage).Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, """{"total":3}""");
        Assert.Contains("/cli", (await RunAsync("event", "publish", file, "--type", "order.sent", "--subject", "order/1")).Expect(ExitCodes.Success).Out, StringComparison.Ordinal);

        var listed = (await RunAsync("event", "list", "--type", "order.*", "--json")).Expect(ExitCodes.Success).Json.AsArray();
        Assert.Equal(["order.sent", "order.paid", "order.placed"], listed.Select(item => (string)item!["event"]!["type"]!));
        var table = (await RunAsync("event", "list", "--source", "/shop")).Expect(ExitCodes.Success);
        Assert.Equal(["OFFSET", offsets[1], offsets[0]], Lines(table.Out).Select(line => line.Split(' ')[0]));
        Assert.Contains("9.50", (await RunAsync("event", "show", offsets[0])).Expect(ExitCodes.Success).Out, StringComparison.Ordinal);
        Assert.Equal("order.sent", (string?)JsonNode.Parse(await FirstLineAsync("event", "tail", "--from", "0", "--type", "order.sent"))!["type"]);

        // The router makes itself known a moment after the server answers.
        while (!(await RunAsync("event", "consumers")).Expect(ExitCodes.Success).Out.Contains("baton-flows", StringComparison.Ordinal))
        {
        }
        Assert.Equal(1, (int)(await RunAsync("event", "seek", "baton-flows", "--offset", "1", "--json")).Expect(ExitCodes.Success).Json["offset"]!);
        Assert.Equal("[]", (await RunAsync("event", "deadletters", "--json")).Expect(ExitCodes.Success).Out.Trim());
    }

    [Fact]
    public async Task Webhooks_and_subscriptions_are_set_listed_tried_and_removed()
    {
        await server.CallAsync(HttpMethod.Put, "secrets/hook", """{"value":"of the hook"}""", "application/json", default);
        Assert.Contains("/api/v1/webhooks/forge", (await RunAsync("webhook", "set", "forge", "--kind", "gitea", "--secret", "secret://hook")).Expect(ExitCodes.Success).Out, StringComparison.Ordinal);
        Assert.Equal("forge", (string?)Assert.Single((await RunAsync("webhook", "list", "--json")).Expect(ExitCodes.Success).Json.AsArray())!["name"]);
        var wrong = (await RunAsync("webhook", "set", "forge", "--kind", "gitea", "--secret", "in clear")).Expect(ExitCodes.Usage);
        Assert.Empty(wrong.Out);
        Assert.Contains("secret://", wrong.Error, StringComparison.Ordinal);
        (await RunAsync("webhook", "delete", "forge")).Expect(ExitCodes.Success);
        (await RunAsync("webhook", "delete", "forge")).Expect(ExitCodes.NotFound);

        var made = (await RunAsync("webhook", "subscribe", "http://127.0.0.1:1/hook", "--secret", "secret://hook", "--type", "order.>", "--attempts", "2", "--json")).Expect(ExitCodes.Success).Json[0]!;
        Assert.Contains("order.>", (await RunAsync("webhook", "subscriptions")).Expect(ExitCodes.Success).Out, StringComparison.Ordinal);
        var tried = (await RunAsync("webhook", "test", $"{made["id"]}", "--json")).Expect(ExitCodes.Failure);
        Assert.False((bool)tried.Json["delivered"]!);
        (await RunAsync("webhook", "subscribe", "nowhere", "--secret", "secret://hook")).Expect(ExitCodes.Usage);
        (await RunAsync("webhook", "unsubscribe", $"{made["id"]}")).Expect(ExitCodes.Success);
        (await RunAsync("webhook", "unsubscribe", $"{made["id"]}")).Expect(ExitCodes.NotFound);
    }

    [Fact]
    public async Task Tasks_are_made_claimed_commented_decided_and_shown()
    {
        var approval = (await RunAsync("task", "create", "approval", "--input", """{"title":"Ship it?","candidates":{"roles":["admin"]}}""", "--json")).Expect(ExitCodes.Success).Json;
        var work = (await RunAsync("task", "create", "task", "--title", "Count the boxes", "--input", """{"candidates":{"roles":["admin"]},"form":{"type":"object","required":["boxes"],"properties":{"boxes":{"type":"integer"}}}}""", "--json")).Expect(ExitCodes.Success).Json;
        var (first, second) = ($"{approval["id"]}", $"{work["id"]}");

        Assert.Equal(2, (await RunAsync("task", "list", "--mine", "--json")).Expect(ExitCodes.Success).Json.AsArray().Count);
        Assert.Equal($"{first} open", (await RunAsync("task", "claim", first)).Expect(ExitCodes.Success).Out.Trim());
        (await RunAsync("task", "release", first)).Expect(ExitCodes.Success);
        (await RunAsync("task", "comment", first, "--comment", "looks good")).Expect(ExitCodes.Success);
        Assert.Equal($"{first} approved", (await RunAsync("task", "approve", first, "-m", "yes")).Expect(ExitCodes.Success).Out.Trim());
        // Done already by the same person: no error. Decided otherwise: one.
        (await RunAsync("task", "approve", first)).Expect(ExitCodes.Success);
        var late = (await RunAsync("task", "reject", first)).Expect(ExitCodes.Failure);
        Assert.Empty(late.Out);
        Assert.Contains("BT45", late.Error, StringComparison.Ordinal);

        Assert.Contains("boxes", (await RunAsync("task", "complete", second, "--data", """{"boxes":"many"}""")).Expect(ExitCodes.Failure).Error, StringComparison.Ordinal);
        Assert.Equal("completed", (string?)(await RunAsync("task", "complete", second, "--data", """{"boxes":7}""", "--json")).Expect(ExitCodes.Success).Json["outcome"]);
        var shown = (await RunAsync("task", "show", first, "--json")).Expect(ExitCodes.Success).Json;
        Assert.Equal(["created", "claimed", "released", "commented", "approve"], shown["history"]!.AsArray().Select(entry => (string)entry!["kind"]!));
        Assert.Contains("Ship it?", (await RunAsync("task", "show", first)).Expect(ExitCodes.Success).Out, StringComparison.Ordinal);
        Assert.Empty((await RunAsync("task", "list", "--status", "open", "--json")).Expect(ExitCodes.Success).Json.AsArray());
    }

    [Theory]
    [InlineData(ExitCodes.NotFound, "event", "show", "999")]
    [InlineData(ExitCodes.NotFound, "event", "seek", "nobody", "--offset", "1")]
    [InlineData(ExitCodes.NotFound, "event", "requeue", "999")]
    [InlineData(ExitCodes.NotFound, "task", "show", "01a20545-8f9c-7bba-ad0f-32e69054f42c")]
    [InlineData(ExitCodes.NotFound, "task", "approve", "01a20545-8f9c-7bba-ad0f-32e69054f42c")]
    [InlineData(ExitCodes.Usage, "event", "seek", "baton-flows")]
    [InlineData(ExitCodes.Usage, "event", "list", "--type", "a.>.b")]
    [InlineData(ExitCodes.Usage, "event", "list", "--limit", "0")]
    [InlineData(ExitCodes.Usage, "task", "create", "approval", "--input", "{")]
    [InlineData(ExitCodes.Usage, "event", "show", "first")]
    [InlineData(ExitCodes.Usage, "task", "approve", "first")]
    [InlineData(ExitCodes.Usage, "task", "create", "meeting")]
    [InlineData(ExitCodes.Usage, "webhook", "set", "forge")]
    [InlineData(ExitCodes.Unreachable, "event", "list", "--url", "http://127.0.0.1:1", "--token", "x")]
    public async Task What_goes_wrong_is_told_on_stderr_and_by_the_exit_code(int exitCode, params string[] args)
    {
        var result = (await RunAsync(args)).Expect(exitCode);
        Assert.Empty(result.Out);
        Assert.NotEmpty(result.Error);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private Task<CliResult> RunAsync(params string[] args) => args.Contains("--url") ? BatonProcess.RunAsync(args) : server.RunAsync(args);

    /// <summary>The first line that a verb prints that goes on until it is stopped.</summary>
    private async Task<string> FirstLineAsync(params string[] args)
    {
        using var process = Process.Start(BatonProcess.StartInfo([.. args, "--project", server.Folder]))!;
        process.StandardInput.Close();
        var line = await process.StandardOutput.ReadLineAsync();
        process.Kill();
        return line!;
    }

    /// <summary>One server for all tests of the class: nothing kills it.</summary>
    public sealed class LivingServer : IAsyncLifetime
    {
        internal DyingServer Server { get; } = new([]);

        public async ValueTask InitializeAsync() => await Server.StartAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
