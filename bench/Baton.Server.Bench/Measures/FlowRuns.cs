using System.Text;
using Baton.Flows.Bench;
using Baton.Server.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Measures;

/// <summary>
/// Runs a second: started over the API and answered, started by events, and woken by events. The limit is the same flow
/// started over Temporal's API, with worker and client in this process: the platform without its platform.
/// </summary>
internal static class FlowRuns
{
    private const int Events = 1_000;
    private const int Batch = 100;
    private const string Steps = "three steps over the API";
    private const string OverTemporal = "Temporal's API";

    private static readonly int[] AtOnce = [1, 64];
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    public static async Task<LoadTable> MeasureAsync(BenchFolder folders, LoadTimes times)
    {
        await using var floor = await FloorServer.StartAsync(folders);
        await using var nats = await NatsProcess.StartAsync(folders);
        await using var sqlite = await BatonProcess.StartAsync(folders, "baton, SQLite");
        await using var stream = await BatonProcess.StartAsync(folders, "baton, NATS", $"Events:Nats={nats.Url}");
        await using var temporal = new BatonTarget(folders.Baton, Path.Combine(folders.New("durable"), "baton.db"));
        await temporal.StartAsync();
        (BatonProcess Server, int[] Ids)[] batons = [(sqlite, [sqlite.Id]), (stream, [stream.Id, nats.Id])];
        foreach (var (server, _) in batons)
        {
            await server.ApplyAsync("three", BatonTarget.ThreeSteps);
            await server.ApplyAsync("call", BenchFlows.Call(floor.Api.Url));
            await server.ApplyAsync("started", BenchFlows.Started);
            await server.ApplyAsync("listening", BenchFlows.Listening);
        }
        var table = new LoadTable("Flows", "runs", "floor, commit", OverTemporal);
        foreach (var atOnce in AtOnce)
        {
            table.Add(Steps, atOnce, "floor, commit", await LoadRun.MeasureAsync(caller => floor.Api.SendAsync(caller, HttpMethod.Post, "commit", Encoding.UTF8.GetBytes("{}"), "application/json"), atOnce, times, [floor.Id]));
            table.Add(Steps, atOnce, OverTemporal, await LoadRun.MeasureAsync(_ => temporal.RunAsync(), atOnce, times, [.. temporal.Processes.Where(id => id != Environment.ProcessId)]));
            table.Add(Steps, atOnce, sqlite.Name, await LoadRun.MeasureAsync(caller => RunAsync(sqlite.Owner, caller, "three"), atOnce, times, [sqlite.Id]));
            table.Add("the second of them a call", atOnce, sqlite.Name, await LoadRun.MeasureAsync(caller => RunAsync(sqlite.Owner, caller, "call"), atOnce, times, [sqlite.Id]));
        }
        foreach (var (server, ids) in batons)
        {
            await RouteAsync(server, Batch);
            table.Add("started by an event", Events, server.Name, await LoadRun.OnceAsync(() => RouteAsync(server, Events), Events, ids));
            foreach (var atOnce in AtOnce)
            {
                table.Add("started, then woken by an event", atOnce, server.Name, await LoadRun.MeasureAsync(_ => WakeAsync(server.Owner), atOnce, times, ids));
            }
        }
        return table;
    }

    /// <summary>Starts a run of a flow that adds 3 to a number, and checks its answer.</summary>
    public static async Task RunAsync(ApiClient api, int caller, string flow)
    {
        var run = await api.PostAsync(caller, $"flows/bench/{flow}/runs?wait=60", new { input = new { n = 1 } });
        if (run.GetProperty("status").GetString() != "completed" || run.GetProperty("output").GetProperty("n").GetInt32() != 4)
        {
            throw new InvalidOperationException($"the flow {flow} gave {run}");
        }
    }

    /// <summary>Sends so many events, and waits until as many runs have completed.</summary>
    private static async Task RouteAsync(BatonProcess server, int count)
    {
        var before = await CompletedAsync(server);
        for (var sent = 0; sent < count; sent += Batch)
        {
            await server.Owner.SendAsync(0, HttpMethod.Post, "events", Bodies.Events("bench.started", Batch), Bodies.ManyEvents);
        }
        while (await CompletedAsync(server) < before + count)
        {
            await Task.Delay(Poll, TimeProvider.System);
        }
    }

    // What /metrics tells may be a third of a second old.
    private static Task<double> CompletedAsync(BatonProcess server) => server.MetricAsync("baton_runs_ended_total", "baton_run_type=\"BatonFlow\"", "baton_outcome=\"completed\"");

    private static async Task WakeAsync(ApiClient api)
    {
        var subject = $"{Guid.NewGuid():N}";
        var run = (await api.PostAsync(0, "flows/bench/listening/runs", new { input = new { subject } })).GetProperty("id").GetString();
        await api.SendAsync(0, HttpMethod.Post, "events", Bodies.Event("bench.awaited", subject), Bodies.OneEvent);
        var ended = await api.ReadAsync(0, $"runs/{run}?wait=60");
        if (ended.GetProperty("status").GetString() != "completed")
        {
            throw new InvalidOperationException($"a run that listens gave {ended}");
        }
    }
}
