using Baton.Server.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Measures;

/// <summary>Tasks that are made, claimed and completed, three calls each; beside three calls that only commit.</summary>
internal static class TaskLife
{
    private const string Floor = "floor, three commits";
    private const string What = "create, claim, complete";

    private static readonly int[] AtOnce = [1, 64];

    public static async Task<LoadTable> MeasureAsync(BenchFolder folders, LoadTimes times)
    {
        await using var floor = await FloorServer.StartAsync(folders);
        await using var postgres = await PostgresProcess.StartAsync(folders);
        await using var sqlite = await BatonProcess.StartAsync(folders, "baton, SQLite");
        await using var other = await BatonProcess.StartAsync(folders, "baton, PostgreSQL", $"Database:Postgres={postgres.Connection}");
        using var toSqlite = await sqlite.AccountsAsync(AtOnce.Max(), AtOnce.Max());
        using var toPostgres = await other.AccountsAsync(AtOnce.Max(), AtOnce.Max());
        var table = new LoadTable("Tasks", "tasks", Floor);
        foreach (var atOnce in AtOnce)
        {
            table.Add(What, atOnce, Floor, await LoadRun.MeasureAsync(caller => CommitAsync(floor.Api, caller), atOnce, times, [floor.Id]));
            table.Add(What, atOnce, sqlite.Name, await LoadRun.MeasureAsync(caller => LiveAsync(toSqlite, caller), atOnce, times, [sqlite.Id]));
            table.Add(What, atOnce, other.Name, await LoadRun.MeasureAsync(caller => LiveAsync(toPostgres, caller), atOnce, times, [other.Id, postgres.Id]));
        }
        return table;
    }

    private static async Task CommitAsync(ApiClient api, int caller)
    {
        for (var i = 0; i < 3; i++)
        {
            await api.PostAsync(caller, "commit", new { i });
        }
    }

    private static async Task LiveAsync(ApiClient api, int caller)
    {
        var id = (await api.PostAsync(caller, "tasks", new { kind = "task", title = "Look after it", data = new { caller } })).GetProperty("id").GetString();
        await api.PostAsync(caller, $"tasks/{id}/claim");
        await api.PostAsync(caller, $"tasks/{id}/complete", new { data = new { done = true } });
    }
}
