using System.Text;
using Baton.Flows.Bench;
using Baton.Server.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Measures;

/// <summary>The usual calls, by 500 clients at once, each with a token of its own; beside a server on Kestrel that does nothing.</summary>
internal static class ApiCalls
{
    private const int Clients = 500;
    private const int Accounts = 20;
    private const int Tasks = 100;
    private const string Floor = "floor, nothing";

    public static async Task<LoadTable> MeasureAsync(BenchFolder folders, LoadTimes times)
    {
        await using var floor = await FloorServer.StartAsync(folders);
        await using var postgres = await PostgresProcess.StartAsync(folders);
        await using var sqlite = await BatonProcess.StartAsync(folders, "baton, SQLite");
        await using var other = await BatonProcess.StartAsync(folders, "baton, PostgreSQL", $"Database:Postgres={postgres.Connection}");
        var table = new LoadTable($"API, {Clients} clients", "requests", Floor);
        (BatonProcess Server, int[] Ids, Prepared Calls)[] targets = [(sqlite, [sqlite.Id], await PrepareAsync(sqlite)), (other, [other.Id, postgres.Id], await PrepareAsync(other))];
        foreach (var (what, nothing, call) in Calls())
        {
            table.Add(what, Clients, Floor, await LoadRun.MeasureAsync(caller => nothing(floor.Api, caller), Clients, times, [floor.Id]));
            foreach (var (server, ids, prepared) in targets)
            {
                table.Add(what, Clients, server.Name, await LoadRun.MeasureAsync(caller => call(prepared, caller), Clients, times, ids));
            }
        }
        foreach (var (_, _, prepared) in targets)
        {
            prepared.Api.Dispose();
        }
        return table;
    }

    private static IEnumerable<(string What, Func<ApiClient, int, Task> Nothing, Func<Prepared, int, Task> Call)> Calls()
    {
        yield return Get("roles (memory only)", _ => "roles");
        yield return Get("flows", _ => "flows");
        yield return Get("tasks?status=open&limit=20", _ => "tasks?status=open&limit=20");
        yield return Get("tasks/ID", prepared => $"tasks/{prepared.Task}");
        yield return Get("runs?limit=20", _ => "runs?limit=20");
        yield return Get("runs/ID", prepared => $"runs/{prepared.Run}");
        yield return Post("events", () => (Bodies.Event("bench.taken"), Bodies.OneEvent));
        // The last: its runs go on for a while.
        yield return Post("flows/bench/three/runs", () => (Encoding.UTF8.GetBytes("""{"input":{"n":1}}"""), "application/json"));

        static (string, Func<ApiClient, int, Task>, Func<Prepared, int, Task>) Get(string what, Func<Prepared, string> path) =>
            ($"GET {what}", (floor, caller) => floor.GetAsync(caller, "nothing"), (prepared, caller) => prepared.Api.GetAsync(caller, path(prepared)));

        static (string, Func<ApiClient, int, Task>, Func<Prepared, int, Task>) Post(string path, Func<(byte[] Body, string Type)> make) =>
            ($"POST {path}", (floor, caller) => SendAsync(floor, caller, "nothing", make()), (prepared, caller) => SendAsync(prepared.Api, caller, path, make()));
    }

    private static Task SendAsync(ApiClient api, int caller, string path, (byte[] Body, string Type) content) => api.SendAsync(caller, HttpMethod.Post, path, content.Body, content.Type);

    private static async Task<Prepared> PrepareAsync(BatonProcess server)
    {
        await server.ApplyAsync("three", BatonTarget.ThreeSteps);
        var api = await server.AccountsAsync(Accounts, Clients);
        var task = "";
        for (var i = 0; i < Tasks; i++)
        {
            task = (await api.PostAsync(i, "tasks", new { kind = "task", title = $"Task {i}", data = new { i } })).GetProperty("id").GetString()!;
        }
        var run = (await api.PostAsync(0, "flows/bench/three/runs?wait=60", new { input = new { n = 1 } })).GetProperty("id").GetString()!;
        return new(api, task, run);
    }

    private sealed record Prepared(ApiClient Api, string Task, string Run);
}
