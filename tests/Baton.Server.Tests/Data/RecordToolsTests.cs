using Baton.Jq;
using Baton.Server.Audit;
using Baton.Server.Data;
using Baton.Server.Data.Retention;
using Baton.Server.Data.Tools;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Baton.Server.Settings;
using Baton.Server.Tasks;
using Baton.Server.Tests.Tasks;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Data;

/// <summary>Backup, restore, move, migrations of several at once, retention, and a full disk.</summary>
public sealed class RecordToolsTests(PostgresServer postgres)
{
    [Fact]
    public async Task A_backup_of_a_working_server_is_restored_as_it_was()
    {
        await using var server = await TestServer.StartAsync();
        await FillAsync(server, 20);
        var backup = Path.Combine(server.DataFolder, "backup");
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await FillAsync(server, 1);
            }
        });
        var manifest = await DataTools.BackupAsync(new(), server.DataFolder, backup, server.Time, default);
        await stop.CancelAsync();
        await writing;
        Assert.Equal(["baton.db", "events.db", "records.db"], manifest.Files.Select(file => file.Name));

        // The copy itself is readable, and has what was there when it began.
        var copied = await DataTools.StatusAsync(new(), backup, default);
        Assert.True(copied.Tables.Single(table => table.Name == "Tasks").Rows >= 20);
        await FillAsync(server, 5);
        using var other = new TemporaryFolder();
        await DataTools.RestoreAsync(new(), backup, other.Path, default);
        Assert.Equal(copied.Tables, (await DataTools.StatusAsync(new(), other.Path, default)).Tables);

        var inUse = await Assert.ThrowsAsync<BatonException>(() => DataTools.RestoreAsync(new(), backup, server.DataFolder, default));
        Assert.Equal(ErrorCodes.AlreadyUp, inUse.Code);
    }

    [Fact]
    public async Task A_damaged_or_unfinished_backup_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var backup = Path.Combine(server.DataFolder, "backup");
        await DataTools.BackupAsync(new(), server.DataFolder, backup, server.Time, default);
        using var other = new TemporaryFolder();
        await using (var file = File.OpenWrite(Path.Combine(backup, "records.db")))
        {
            file.Position = 5000;
            file.WriteByte(77);
        }
        Assert.Equal(ErrorCodes.BackupInvalid, (await Assert.ThrowsAsync<BatonException>(() => DataTools.RestoreAsync(new(), backup, other.Path, default))).Code);
        Assert.Empty(Directory.GetFiles(other.Path, "*.db"));
        File.Delete(Path.Combine(backup, "backup.json"));
        Assert.Equal(ErrorCodes.BackupInvalid, (await Assert.ThrowsAsync<BatonException>(() => DataTools.RestoreAsync(new(), backup, other.Path, default))).Code);
        Assert.Equal(ErrorCodes.BackupInvalid, (await Assert.ThrowsAsync<BatonException>(() => DataTools.BackupAsync(new(), server.DataFolder, backup, server.Time, default))).Code);
    }

    [Fact]
    public async Task Records_move_to_postgres_with_each_row_and_the_server_goes_on_there()
    {
        var connection = await postgres.CreateDatabaseAsync();
        using var folder = new TemporaryFolder();
        Guid id;
        IReadOnlyList<RecordTable> before;
        await using (var server = await TestServer.StartAsync())
        {
            await FillAsync(server, 30);
            id = (await server.Server.Services.GetRequiredService<TaskStore>().ListAsync(new(0, 1), default)).Items[0].Id;
            await server.Server.Services.GetRequiredService<AuditLog>().WriteAsync(new(Caller.System("test"), "test.act", "test/1"));
            var backup = Path.Combine(folder.Path, "backup");
            await DataTools.BackupAsync(new(), server.DataFolder, backup, server.Time, default);
            await DataTools.RestoreAsync(new(), backup, folder.Path, default);
            // The audit is signed with the keys beside it.
            File.Copy(Path.Combine(server.DataFolder, "keys.json"), Path.Combine(folder.Path, "keys.json"));
            before = (await DataTools.StatusAsync(new(), folder.Path, default)).Tables;
        }

        var moved = await DataTools.MoveToPostgresAsync(new() { Postgres = connection }, folder.Path, default);

        Assert.Equal(before.OrderBy(table => table.Name), moved.OrderBy(table => table.Name));
        Assert.True(moved.Single(table => table.Name == "Tasks").Rows >= 30);
        Assert.Equal(moved, (await DataTools.StatusAsync(new() { Postgres = connection }, folder.Path, default)).Tables);
        Assert.Equal(ErrorCodes.MoveRefused, (await Assert.ThrowsAsync<BatonException>(() => DataTools.MoveToPostgresAsync(new() { Postgres = connection }, folder.Path, default))).Code);

        await using var onPostgres = await TestServer.StartAsync(("Database:Postgres", connection), ("Secrets:KeyFile", Path.Combine(folder.Path, "keys.json")));
        Assert.Equal("completed", (await onPostgres.GetAsync($"tasks/{id}")).GetProperty("task").Text("status"));
        await FillAsync(onPostgres, 1);
        Assert.True((await onPostgres.GetAsync("audit/verify")).GetProperty("clean").GetBoolean());
    }

    [Fact]
    public async Task Records_on_postgres_are_backed_up_in_one_state_and_restored_on_either_database()
    {
        var settings = new DatabaseSettings { Postgres = await postgres.CreateDatabaseAsync() };
        using var other = new TemporaryFolder();
        var backup = Path.Combine(other.Path, "backup");
        await using var server = await TestServer.StartAsync(("Database:Postgres", settings.Postgres));
        await FillAsync(server, 10);
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await FillAsync(server, 1);
            }
        });

        var manifest = await DataTools.BackupAsync(settings, server.DataFolder, backup, server.Time, default);

        await stop.CancelAsync();
        await writing;
        Assert.Equal(["baton.db", "events.db", "records.db"], manifest.Files.Select(file => file.Name));
        var copied = (await DataTools.StatusAsync(new(), backup, default)).Tables.OrderBy(table => table.Name).ToList();
        var tasks = copied.Single(table => table.Name == "Tasks").Rows;
        Assert.True(tasks >= 10);
        // Two entries for each task, also for those that were made meanwhile: it is one state.
        Assert.InRange(copied.Single(table => table.Name == "TaskEntries").Rows, (tasks * 2) - 1, tasks * 2);

        // Into PostgreSQL again, which must be empty, and into a data folder.
        var used = await Assert.ThrowsAsync<BatonException>(() => DataTools.RestoreAsync(settings, backup, Path.Combine(other.Path, "used"), default));
        Assert.Equal(ErrorCodes.MoveRefused, used.Code);
        var fresh = new DatabaseSettings { Postgres = await postgres.CreateDatabaseAsync() };
        await DataTools.RestoreAsync(fresh, backup, Path.Combine(other.Path, "first"), default);
        await DataTools.RestoreAsync(new(), backup, Path.Combine(other.Path, "second"), default);
        Assert.Equal(copied, (await DataTools.StatusAsync(fresh, other.Path, default)).Tables.OrderBy(table => table.Name));
        Assert.Equal(copied, (await DataTools.StatusAsync(new(), Path.Combine(other.Path, "second"), default)).Tables.OrderBy(table => table.Name));
        Assert.Equal(["baton.db", "events.db"], Directory.GetFiles(Path.Combine(other.Path, "first"), "*.db").Select(Path.GetFileName).Order());
        await using var restored = await TestServer.StartAsync(("Database:Postgres", fresh.Postgres), ("Secrets:KeyFile", Path.Combine(server.DataFolder, "keys.json")));
        Assert.Equal(tasks, (await restored.GetAsync("tasks")).GetProperty("total").GetInt32());
        await FillAsync(restored, 1);
    }

    [Fact]
    public async Task Records_move_back_to_a_data_folder()
    {
        var settings = new DatabaseSettings { Postgres = await postgres.CreateDatabaseAsync() };
        using var folder = new TemporaryFolder();
        await using (var server = await TestServer.StartAsync(("Database:Postgres", settings.Postgres)))
        {
            await FillAsync(server, 10);
        }

        var moved = await DataTools.MoveToSqliteAsync(settings, folder.Path, default);

        Assert.Equal((await DataTools.StatusAsync(settings, folder.Path, default)).Tables, moved);
        Assert.Equal(moved.OrderBy(table => table.Name), (await DataTools.StatusAsync(new(), folder.Path, default)).Tables.OrderBy(table => table.Name));
        Assert.Equal(ErrorCodes.MoveRefused, (await Assert.ThrowsAsync<BatonException>(() => DataTools.MoveToSqliteAsync(settings, folder.Path, default))).Code);
    }

    [Fact]
    public async Task Replicas_that_start_at_once_migrate_one_after_the_other()
    {
        var connection = await postgres.CreateDatabaseAsync();
        using var keys = new TemporaryFolder();
        (string, string)[] settings = [("Database:Postgres", connection), ("Secrets:KeyFile", Path.Combine(keys.Path, "keys.json"))];

        var servers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => TestServer.StartAsync(settings))));

        foreach (var server in servers)
        {
            Assert.Equal(0, (await server.GetAsync("tasks")).GetProperty("total").GetInt32());
            await server.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_month_of_use_leaves_bounded_tables(bool onPostgres)
    {
        const int PerDay = 20;
        (string, string)[] settings = [("Tasks:RetainFor", "7d"), ("Audit:RetainFor", "7d")];
        await using var server = await TestServer.StartAsync(onPostgres ? [.. settings, ("Database:Postgres", await postgres.CreateDatabaseAsync())] : settings);
        var sweeper = server.Server.Services.GetRequiredService<RetentionSweeper>();
        var audit = server.Server.Services.GetRequiredService<AuditLog>();
        var most = new Dictionary<string, long>();
        for (var day = 0; day < 31; day++)
        {
            await FillAsync(server, PerDay);
            await audit.WriteAsync(new(Caller.System("test"), "test.act", $"day/{day}"));
            await ToldAsync(server);
            server.Time.Advance(TimeSpan.FromDays(1));
            Assert.NotNull(await sweeper.SweepAsync(default));
            foreach (var table in (await server.GetAsync("storage")).GetProperty("tables").EnumerateArray())
            {
                var name = table.Text("name")!;
                most[name] = Math.Max(most.GetValueOrDefault(name), table.GetProperty("rows").GetInt64());
            }
        }

        Assert.InRange(most["Tasks"], PerDay * 6, PerDay * 7);
        Assert.InRange(most["TaskEntries"], PerDay * 6 * 2, PerDay * 7 * 2);
        Assert.InRange(most["audit"], 6, 60);
        Assert.All(most, table => Assert.True(table.Value <= PerDay * 8 * 2, $"{table.Key} has {table.Value} rows"));
    }

    [Fact]
    public async Task Of_replicas_one_sweeps_until_its_lease_ends()
    {
        await using var server = await TestServer.StartAsync();
        await using var db = server.Db();
        var now = server.Time.GetUtcNow();

        Assert.True(await Lease.TakeAsync(db, "x", "a", now, TimeSpan.FromHours(1), default));
        Assert.False(await Lease.TakeAsync(db, "x", "b", now, TimeSpan.FromHours(1), default));
        Assert.True(await Lease.TakeAsync(db, "x", "a", now.AddMinutes(30), TimeSpan.FromHours(1), default));
        Assert.False(await Lease.TakeAsync(db, "x", "b", now.AddMinutes(80), TimeSpan.FromHours(1), default));
        Assert.True(await Lease.TakeAsync(db, "x", "b", now.AddMinutes(91), TimeSpan.FromHours(1), default));
    }

    [Fact]
    public async Task Storage_tells_how_long_each_kind_stays()
    {
        await using var server = await TestServer.StartAsync(("Tasks:RetainFor", "5d"), ("Temporal:RetainFor", "2h"));
        var storage = await server.GetAsync("storage");
        var rules = storage.GetProperty("retention").EnumerateArray().ToDictionary(rule => rule.Text("kind")!, rule => rule.Text("keeps"));
        Assert.Equal("5d after they are closed", rules["tasks"]);
        Assert.Equal("2h after they end", rules["runs"]);
        Assert.Superset(new HashSet<string> { "audit", "runs", "spans", "tasks" }, rules.Keys.ToHashSet());
        Assert.Contains(storage.GetProperty("files").EnumerateArray(), file => file.Text("name") == "records.db" && file.GetProperty("bytes").GetInt64() > 0);
    }

    [Fact]
    public async Task A_full_disk_is_a_clear_error_and_the_server_goes_on()
    {
        await using var server = await TestServer.StartAsync();
        await server.StopBackgroundAsync();
        // As if the disk ended here, on each connection that the server may take from its pool.
        await LimitAsync(server, full: true);
        using var response = await server.Http.PostAsync(
            new Uri("api/v1/tasks", UriKind.Relative), new StringContent($$"""{"kind":"approval","title":"t","description":"{{new string('x', 19000)}}"}""", System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal(507, (int)response.StatusCode);
        Assert.Contains(ErrorCodes.StorageFull, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, (await server.GetAsync("tasks")).GetProperty("total").GetInt32());

        await LimitAsync(server, full: false);
        await FillAsync(server, 1);
    }

    /// <summary>Waits until all messages of tasks are told: those that are not keep their tasks.</summary>
    private static async Task ToldAsync(TestServer server)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1), TimeProvider.System);
        await using var db = server.Db();
        while (await db.Set<TaskMessage>().AnyAsync(limit.Token))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, limit.Token);
        }
    }

    private static async Task LimitAsync(TestServer server, bool full)
    {
        var contexts = Enumerable.Range(0, 20).Select(_ => server.Db()).ToList();
        foreach (var db in contexts)
        {
            await db.Database.OpenConnectionAsync();
            await db.Database.ExecuteSqlRawAsync(full ? "PRAGMA max_page_count = 1" : "PRAGMA max_page_count = 1073741823");
        }
        foreach (var db in contexts)
        {
            await db.DisposeAsync();
        }
    }

    private static async Task FillAsync(TestServer server, int count)
    {
        var store = server.Server.Services.GetRequiredService<TaskStore>();
        for (var i = 0; i < count; i++)
        {
            var task = await store.CreateAsync(TaskKind.Approval, JqValue.Parse("""{"title":"Grüße ☃","data":{"n":1.50},"reminders":["PT1H"]}"""), new($"fill/{Guid.NewGuid():N}", "ann"), default);
            await store.ChangeAsync(task.Id, step => step.Decide(new("bo", new HashSet<string> { "approver" }, false), TaskVote.Approve, "so be it", default), default);
        }
    }
}
