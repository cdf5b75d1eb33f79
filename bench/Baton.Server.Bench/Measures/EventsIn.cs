using Baton.Server.Bench.Load;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Measures;

/// <summary>Events a second that are accepted over HTTP, on SQLite and on NATS; beside a server that only commits, and NATS itself.</summary>
internal static class EventsIn
{
    private const int Batch = 100;
    private const string Type = "bench.taken";

    private static readonly int[] Clients = [1, 64, 500];

    public static async Task<LoadTable> MeasureAsync(BenchFolder folders, LoadTimes times)
    {
        await using var floor = await FloorServer.StartAsync(folders);
        await using var nats = await NatsProcess.StartAsync(folders);
        await using var sqlite = await BatonProcess.StartAsync(folders, "baton, SQLite");
        await using var stream = await BatonProcess.StartAsync(folders, "baton, NATS", $"Events:Nats={nats.Url}");
        using var toSqlite = await sqlite.AccountsAsync(1, Clients.Max());
        using var toStream = await stream.AccountsAsync(1, Clients.Max());
        (string Name, Func<int, int, Task> Publish, int[] Servers)[] targets =
        [
            ("floor, nothing", (caller, count) => Post(floor.Api, "nothing", caller, count), [floor.Id]),
            ("floor, commit", (caller, count) => Post(floor.Api, "commit", caller, count), [floor.Id]),
            ("nats", (_, count) => nats.PublishAsync(Bodies.Event(Type), count), [nats.Id]),
            (sqlite.Name, (caller, count) => Post(toSqlite, "events", caller, count), [sqlite.Id]),
            (stream.Name, (caller, count) => Post(toStream, "events", caller, count), [stream.Id, nats.Id]),
        ];
        var table = new LoadTable("Events accepted", "events", "floor, commit", "nats");
        foreach (var count in (int[])[1, Batch])
        {
            foreach (var clients in Clients)
            {
                // All stay up and take turns, so that other load on the machine meets each of them alike.
                foreach (var (name, publish, servers) in targets)
                {
                    table.Add(count == 1 ? "single" : $"batch of {count}", clients, name, await LoadRun.MeasureAsync(caller => publish(caller, count), clients, times, servers, count));
                }
            }
        }
        return table;
    }

    private static Task Post(ApiClient api, string path, int caller, int count) => count == 1
        ? api.SendAsync(caller, HttpMethod.Post, path, Bodies.Event(Type), Bodies.OneEvent)
        : api.SendAsync(caller, HttpMethod.Post, path, Bodies.Events(Type, count), Bodies.ManyEvents);
}
