using System.Security.Cryptography;
using Baton.Durable;
using Baton.Server.Data;
using Baton.Server.Flows;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Temporalio.Client;

namespace Baton.Server.Tests.Flows;

/// <summary>Values of more than 256 KiB: as long as a run refers to them, and for every replica.</summary>
public sealed class FlowValueTests(PostgresServer postgres)
{
    private const string Large = """
        document: { dsl: 1.0.3, namespace: default, name: large, version: 1.0.0 }
        do:
          - more: { set: { text: '${ .text + "!" }' } }
          - hold: { if: '${ $workflow.input.hold == true }', listen: { to: { one: { with: { type: go } } } }, output: { as: '${ $input }' } }
        """;

    private static readonly string Text = new('a', 400_000);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_value_is_kept_once_however_many_put_it_at_once(bool onPostgres)
    {
        await using var server = await StartAsync(onPostgres);
        var values = Values(server);
        var content = RandomNumberGenerator.GetBytes(300_000);
        await Parallel.ForAsync(0, 16, async (number, cancel) => await values.PutAsync(content, $"run-{number % 2}/child-{number}", cancel));
        await using var db = server.Db();
        var kept = await db.Set<FlowValue>().SingleAsync();
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content)), kept.Hash);
        Assert.Equal(["run-0", "run-1"], await db.Set<FlowValueUse>().OrderBy(use => use.Run).Select(use => use.Run).ToListAsync());
        Assert.Equal(content, await values.GetAsync(kept.Hash, default));
        Assert.Null(await values.GetAsync(new string('0', 64), default));

        await db.Set<FlowValue>().ExecuteUpdateAsync(set => set.SetProperty(value => value.Content, new byte[] { 1 }));
        await Assert.ThrowsAsync<InvalidDataException>(async () => await values.GetAsync(kept.Hash, default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Values_go_with_the_last_run_that_refers_to_them(bool onPostgres)
    {
        await using var server = await StartAsync(onPostgres);
        await server.Http.ApplyAsync("default/large", Large);
        await server.Http.ApplyAsync("default/parent", """
            document: { dsl: 1.0.3, namespace: default, name: parent, version: 1.0.0 }
            do: [ { child: { run: { await: false, workflow: { namespace: default, name: large, version: 1.0.0, input: { text: '${ .text }', hold: true } } } } } ]
            """);
        await RunAsync(server, "large", "ended", "a", hold: false);
        await RunAsync(server, "large", "held", "b", hold: true);
        await RunAsync(server, "parent", "parent", "c", hold: false);
        await server.Http.WaitRunAsync("held", "waiting");
        await server.Http.WaitRunAsync("parent", "completed");
        Assert.Equal(6, await CountAsync(server));

        // A day later all runs are still stored.
        server.Time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(0, await Values(server).PruneAsync(default));
        Assert.Equal(Text + "a!", (string?)(await server.Http.ReadAsync("runs/ended"))["output"]!["text"]);

        // Of one that ended nothing is left; of the other two one is open, and of the last there is a run below it.
        await DeleteAsync(server, "ended");
        await DeleteAsync(server, "parent");
        server.Time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(2, await Values(server).PruneAsync(default));
        Assert.Equal(4, await CountAsync(server));
        await server.Http.PostAsync("events", """{"specversion":"1.0","id":"1","source":"/test","type":"go"}""");
        Assert.Equal(Text + "b!", (string?)(await server.Http.WaitRunAsync("held", "completed"))["output"]!["text"]);
    }

    [Fact]
    public async Task A_value_that_is_put_again_stays_though_its_first_run_has_gone()
    {
        await using var server = await StartAsync(onPostgres: false);
        var values = Values(server);
        var hash = await values.PutAsync(new byte[] { 1, 2, 3 }, "gone", default);
        server.Time.Advance(TimeSpan.FromHours(30));
        Assert.Equal(hash, await values.PutAsync(new byte[] { 1, 2, 3 }, "soon", default));
        Assert.Equal(0, await values.PruneAsync(default));
        Assert.NotNull(await values.GetAsync(hash, default));
        server.Time.Advance(TimeSpan.FromHours(30));
        Assert.Equal(1, await values.PruneAsync(default));
        Assert.Null(await values.GetAsync(hash, default));
    }

    [Fact]
    public async Task Every_replica_reads_what_another_has_put()
    {
        await using var durable = await DurableServer.StartAsync();
        using var shared = new TemporaryFolder();
        (string, string)[] settings =
        [
            ("Database:Postgres", await postgres.CreateDatabaseAsync()), ("Temporal:Address", durable.Address), ("Secrets:KeyFile", Path.Combine(shared.Path, "keys.json")),
        ];
        await using var first = await TestServer.StartAsync(settings);
        await first.Http.ApplyAsync("default/large", Large);
        await RunAsync(first, "large", "shared", "x", hold: false);
        await first.Http.WaitRunAsync("shared", "completed");
        await using var second = await TestServer.StartAsync(settings);
        var run = await second.Http.ReadAsync("runs/shared");
        Assert.Equal(Text + "x", (string?)run["input"]!["text"]);
        Assert.Equal(Text + "x!", (string?)run["output"]!["text"]);
        Assert.Equal(await Values(first).PutAsync(new byte[] { 5 }, "r", default), await Values(second).PutAsync(new byte[] { 5 }, "r", default));
    }

    private async Task<TestServer> StartAsync(bool onPostgres) =>
        onPostgres ? await TestServer.StartAsync(("Database:Postgres", await postgres.CreateDatabaseAsync())) : await TestServer.StartAsync();

    private static FlowValues Values(TestServer server) => server.Server.Services.GetRequiredService<FlowValues>();

    private static Task RunAsync(TestServer server, string flow, string id, string end, bool hold) =>
        server.Http.PostAsync($"flows/default/{flow}/runs", $$$"""{"id":"{{{id}}}","input":{"text":"{{{Text}}}{{{end}}}","hold":{{{(hold ? "true" : "false")}}} } }""");

    private static async Task<int> CountAsync(TestServer server)
    {
        await using var db = server.Db();
        return await db.Set<FlowValue>().CountAsync();
    }

    private static async Task DeleteAsync(TestServer server, string id)
    {
        var client = server.Server.Services.GetRequiredService<ITemporalClient>();
        await client.WorkflowService.DeleteWorkflowExecutionAsync(new() { Namespace = client.Options.Namespace, WorkflowExecution = new() { WorkflowId = id } });
        while ((await client.WorkflowService.CountWorkflowExecutionsAsync(new() { Namespace = client.Options.Namespace, Query = $"WorkflowId = '{id}'" })).Count > 0)
        {
            await Task.Yield();
        }
    }
}
