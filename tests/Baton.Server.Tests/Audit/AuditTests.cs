using System.Net.Http.Json;
using System.Text.Json;
using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Audit;

public sealed class AuditTests(PostgresServer postgres)
{
    /// <summary>The columns of the table; the test of the model asks for each.</summary>
    public static TheoryData<string> Columns => [.. typeof(AuditEntry).GetProperties().Select(property => property.Name)];

    [Theory]
    [MemberData(nameof(Columns))]
    public async Task A_change_of_any_column_is_found_and_named(string column)
    {
        await using var server = await StartAsync(entries: 5);

        await server.SqlAsync($"""
            UPDATE audit SET "{column}" = CASE
                WHEN "{column}" IS NULL THEN 'x'
                WHEN typeof("{column}") = 'integer' THEN "{column}" + 1000
                WHEN typeof("{column}") = 'blob' THEN zeroblob(32)
                WHEN "{column}" = 'Done' THEN 'Failed'
                WHEN "{column}" = 'System' THEN 'Person'
                WHEN "{column}" LIKE '________-____-____-____-____________' THEN '00000000-0000-0000-0000-000000000001'
                ELSE "{column}" || 'x' END
            WHERE "Sequence" = 3
            """.Replace("THEN 'x'", column == nameof(AuditEntry.ActorId) ? "THEN '00000000-0000-0000-0000-000000000001'" : "THEN 'x'", StringComparison.Ordinal));

        var report = await VerifyAsync(server);
        Assert.Equal(3, report.Problems[0].Sequence);
        Assert.Contains(column == nameof(AuditEntry.Sequence) ? "entry 3 is missing" : "entry 3 was changed", report.Problems[0].Problem, StringComparison.Ordinal);
        Assert.True(report.Problems.Count == 1 || column == nameof(AuditEntry.Sequence));
    }

    [Fact]
    public async Task A_missing_entry_is_named()
    {
        await using var server = await StartAsync(entries: 5);

        await server.SqlAsync("DELETE FROM audit WHERE \"Sequence\" IN (2, 3)");

        Assert.Equal("entries 2 to 3 are missing", Assert.Single((await VerifyAsync(server)).Problems).Problem);
    }

    [Fact]
    public async Task A_cut_end_is_found_by_the_head()
    {
        await using var server = await StartAsync(entries: 5);

        await server.SqlAsync("DELETE FROM audit WHERE \"Sequence\" > 3");

        Assert.Contains((await VerifyAsync(server)).Problems, problem => problem.Problem == "the end was cut off: the head names entry 5, and the last is 3");
    }

    [Fact]
    public async Task Swapped_entries_are_both_named()
    {
        await using var server = await StartAsync(entries: 5);

        await server.SqlAsync("UPDATE audit SET \"Sequence\" = CASE \"Sequence\" WHEN 2 THEN -4 ELSE -2 END WHERE \"Sequence\" IN (2, 4)");
        await server.SqlAsync("UPDATE audit SET \"Sequence\" = -\"Sequence\" WHERE \"Sequence\" < 0");

        Assert.Superset(new HashSet<long?> { 2, 4 }, (await VerifyAsync(server)).Problems.Select(problem => problem.Sequence).ToHashSet());
    }

    [Fact]
    public async Task An_entry_with_a_hash_of_its_own_does_not_fit_into_the_chain()
    {
        await using var server = await StartAsync(entries: 5);
        await ForgeAsync(server, from: 3, to: 3);

        Assert.StartsWith("entry 3 was replaced", Assert.Single((await VerifyAsync(server)).Problems).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_that_was_made_anew_to_its_end_does_not_give_the_signed_head()
    {
        await using var server = await StartAsync(entries: 5);
        await ForgeAsync(server, from: 3, to: 5);

        Assert.Contains((await VerifyAsync(server)).Problems, problem => problem.Problem.StartsWith("entry 5 is not the one that the head names", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_database_that_was_put_back_misses_the_checkpoint_that_was_kept()
    {
        await using var server = await StartAsync(entries: 3);
        await using var db = server.Db();
        var head = (await AuditLog.FindAsync(db, AuditCheckpoint.Head, default))!;
        await WriteAsync(server, 2);
        var kept = (await VerifyAsync(server)).Checkpoint!;

        await server.SqlAsync("DELETE FROM audit WHERE \"Sequence\" > 3");
        await AuditLog.MoveAsync(db, AuditCheckpoint.Parse(kept), head);

        Assert.Equal(
            ["the end was cut off: the checkpoint in the data folder names entry 5, and the last is 3", "the end was cut off: the checkpoint that was given names entry 5, and the last is 3"],
            (await VerifyAsync(server, kept)).Problems.Select(problem => problem.Problem));
        Assert.Equal(ErrorCodes.AuditBroken, (await Assert.ThrowsAsync<BatonException>(() => WriteAsync(server, 1))).Code);
    }

    [Theory]
    [InlineData("DELETE FROM audit_checkpoints WHERE \"Kind\" = 'head'")]
    [InlineData("UPDATE audit_checkpoints SET \"Mac\" = zeroblob(32) WHERE \"Kind\" = 'head'")]
    [InlineData("UPDATE audit_checkpoints SET \"Sequence\" = 4 WHERE \"Kind\" = 'head'")]
    public async Task Nothing_is_built_upon_a_head_that_the_server_did_not_sign(string tampering)
    {
        await using var server = await StartAsync(entries: 5);

        await server.SqlAsync(tampering);

        Assert.False((await VerifyAsync(server)).Clean);
        Assert.Equal(ErrorCodes.AuditBroken, (await Assert.ThrowsAsync<BatonException>(() => WriteAsync(server, 1))).Code);
        await server.RestartAsync();
        Assert.False((await VerifyAsync(server)).Clean);
    }

    [Fact]
    public async Task Entries_beyond_the_head_are_found()
    {
        await using var server = await StartAsync(entries: 2);
        await using var db = server.Db();
        var last = await db.Set<AuditEntry>().AsNoTracking().SingleAsync(entry => entry.Sequence == 2);

        db.Add(Copy(last, sequence: 3, previous: last.Hash));
        await db.SaveChangesAsync();

        Assert.Equal("entries up to 3 were added beyond the head, 2", Assert.Single((await VerifyAsync(server)).Problems).Problem);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Writers_of_several_replicas_make_one_chain(bool onPostgres)
    {
        var keyFolder = new TemporaryFolder();
        (string, string)[] settings = onPostgres ? [("Database:Postgres", await postgres.CreateDatabaseAsync()), ("Secrets:KeyFile", keyFolder.File("keys.json"))] : [];
        await using var first = await TestServer.StartAsync(settings);
        await using var second = onPostgres ? await TestServer.StartAsync(settings) : null;

        await Task.WhenAll(Enumerable.Range(0, 400).Select(i => Task.Run(() => WriteAsync(i % 2 == 0 || second is null ? first : second, 1))));

        var report = await VerifyAsync(first);
        Assert.Empty(report.Problems);
        Assert.Equal((400, 400), (report.Entries, report.Last));
        await using var db = first.Db();
        Assert.Equal(400, await db.Set<AuditEntry>().Select(entry => entry.Target).Distinct().CountAsync());
        keyFolder.Dispose();
    }

    [Fact]
    public async Task A_replica_with_other_keys_does_not_start()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using var first = await TestServer.StartAsync(("Database:Postgres", database));

        Assert.Equal(ErrorCodes.KeyUnknown, (await Assert.ThrowsAsync<BatonException>(() => TestServer.StartAsync(("Database:Postgres", database)))).Code);
    }

    [Fact]
    public async Task Old_entries_go_and_the_rest_stays_whole()
    {
        await using var server = await StartAsync(entries: 5);
        var retention = server.Server.Services.GetRequiredService<AuditRetention>();
        Assert.Equal(0, await retention.PruneAsync(default));

        server.Time.Advance(TimeSpan.FromDays(401));
        await WriteAsync(server, 1);

        Assert.Equal(5, await retention.PruneAsync(default));
        var report = await VerifyAsync(server);
        Assert.Empty(report.Problems);
        Assert.Equal((6, 7), (report.First, report.Last));

        await server.SqlAsync("DELETE FROM audit WHERE \"Sequence\" = 6");
        Assert.Equal("entry 6 is missing", Assert.Single((await VerifyAsync(server)).Problems).Problem);
    }

    [Fact]
    public async Task Retention_leaves_a_chain_alone_that_was_tampered_with()
    {
        await using var server = await StartAsync(entries: 5);
        server.Time.Advance(TimeSpan.FromDays(401));

        await server.SqlAsync("UPDATE audit SET \"Actor\" = 'somebody else' WHERE \"Sequence\" = 2");

        Assert.Equal(0, await server.Server.Services.GetRequiredService<AuditRetention>().PruneAsync(default));
        Assert.Equal(5, (await VerifyAsync(server)).Entries);
    }

    [Fact]
    public async Task An_audited_endpoint_records_who_did_what_from_where_and_how_it_went()
    {
        await using var server = await TestServer.StartAsync();
        server.Http.DefaultRequestHeaders.UserAgent.ParseAdd("test/1");

        using var response = await server.Http.PostAsync("api/v1/processes/none/restart", null);

        var page = await server.Http.GetFromJsonAsync<JsonElement>("api/v1/audit");
        var entry = page.GetProperty("items").EnumerateArray().Single();
        Assert.Equal(
            ($"local:{Environment.UserName}", "owner", "127.0.0.1", "test/1", "process.restart", "process/none", "refused"),
            (entry.Text("actor"), entry.Text("actorKind"), entry.Text("address"), entry.Text("userAgent"), entry.Text("action"), entry.Text("target"), entry.Text("outcome")));
        Assert.StartsWith(ErrorCodes.NotFound, entry.Text("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_and_filters_give_each_entry_once()
    {
        await using var server = await StartAsync(entries: 7);
        await server.Server.Services.GetRequiredService<AuditLog>().WriteAsync(new(Caller.System("test"), "flow.apply", "flow/a/b") { Run = "r1" });

        var targets = new List<string?>();
        for (string? next = ""; next is not null;)
        {
            var page = await server.Http.GetFromJsonAsync<JsonElement>($"api/v1/audit?action=test.*&limit=3{next}");
            targets.AddRange(page.GetProperty("items").EnumerateArray().Select(item => item.Text("target")));
            next = page.GetProperty("next").GetString() is { } cursor ? $"&cursor={cursor}" : null;
        }

        Assert.Equal(7, targets.Distinct().Count());
        Assert.Equal(7, targets.Count);
        var byRun = await server.Http.GetFromJsonAsync<JsonElement>("api/v1/audit?run=r1");
        Assert.Equal("flow.apply", byRun.GetProperty("items").EnumerateArray().Single().Text("action"));
        Assert.Equal(8, (await server.Http.GetStringAsync("api/v1/audit/export")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    private static async Task<TestServer> StartAsync(int entries)
    {
        var server = await TestServer.StartAsync();
        await WriteAsync(server, entries);
        return server;
    }

    private static async Task WriteAsync(TestServer server, int count)
    {
        var audit = server.Server.Services.GetRequiredService<AuditLog>();
        for (var i = 0; i < count; i++)
        {
            await audit.WriteAsync(new(Caller.System("test"), "test.act", $"thing/{Guid.NewGuid()}"));
        }
    }

    private static Task<AuditReport> VerifyAsync(TestServer server, string? kept = null) =>
        server.Server.Services.GetRequiredService<AuditVerifier>().VerifyAsync(kept is null ? null : AuditCheckpoint.Parse(kept), default);

    /// <summary>Puts other entries in the places, each with the right hash for what stands before it.</summary>
    private static async Task ForgeAsync(TestServer server, long from, long to)
    {
        await using var db = server.Db();
        var previous = (await db.Set<AuditEntry>().AsNoTracking().SingleAsync(entry => entry.Sequence == from - 1)).Hash;
        for (var sequence = from; sequence <= to; sequence++)
        {
            var old = await db.Set<AuditEntry>().AsNoTracking().SingleAsync(entry => entry.Sequence == sequence);
            var forged = Copy(old, sequence, previous);
            await db.Set<AuditEntry>().Where(entry => entry.Sequence == sequence).ExecuteDeleteAsync();
            db.Add(forged);
            await db.SaveChangesAsync();
            previous = forged.Hash;
        }
    }

    private static AuditEntry Copy(AuditEntry entry, long sequence, byte[] previous)
    {
        var copy = new AuditEntry
        {
            Sequence = sequence, Time = entry.Time, ActorKind = entry.ActorKind, ActorId = entry.ActorId, Actor = "forger", Address = entry.Address,
            UserAgent = entry.UserAgent, Action = entry.Action, Target = entry.Target, Before = entry.Before, After = entry.After, Run = entry.Run,
            Trace = entry.Trace, Outcome = entry.Outcome, Detail = entry.Detail, Previous = previous,
        };
        copy.Hash = copy.ComputeHash();
        return copy;
    }
}
