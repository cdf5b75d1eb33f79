using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.Json;
using Baton.Server.Bench.Measures;
using Baton.Server.Bench.Servers;

namespace Baton.Server.Bench.Soak;

/// <summary>
/// A fixed and modest rate of all that a server does: events that start runs, runs that ask a person, a person who answers, readers of the
/// API, and live streams that come and go. A call that is refused is counted, and the traffic goes on.
/// </summary>
internal sealed class SoakTraffic(ApiClient api, double eventsPerSecond)
{
    private const int Streams = 6;
    private static readonly TimeSpan LookForTasks = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Read = TimeSpan.FromMilliseconds(250);

    private static readonly string[] Reads =
    [
        "runs?limit=20", "flows", "tasks?limit=20", "events?limit=20", "traces?limit=10", "flows/bench/order", "me", "events/consumers", "runs?status=completed&limit=50", "storage",
    ];

    private readonly ConcurrentDictionary<string, int> failures = new();
    private readonly Random random = new(1);
    private long sent;
    private long answered;
    private long reads;
    private long streams;

    public long Sent => Interlocked.Read(ref sent);

    public long Answered => Interlocked.Read(ref answered);

    public long Reading => Interlocked.Read(ref reads);

    public long Streamed => Interlocked.Read(ref streams);

    public IReadOnlyDictionary<string, int> Failures => failures;

    /// <param name="events">Ends the events, so that the rest can be worked off.</param>
    /// <param name="all">Ends everything.</param>
    public Task RunAsync(CancellationToken events, CancellationToken all) => Task.WhenAll(
    [
        EachAsync(TimeSpan.FromSeconds(1 / eventsPerSecond), SendAsync, events),
        EachAsync(LookForTasks, AnswerAsync, all),
        EachAsync(Read, ReadAsync, all),
        .. Enumerable.Range(0, Streams).Select(number => StreamAsync(number, all)),
    ]);

    private async Task SendAsync()
    {
        await api.SendAsync(0, HttpMethod.Post, "events", Bodies.Event("bench.order"), Bodies.OneEvent);
        Interlocked.Increment(ref sent);
    }

    private async Task AnswerAsync()
    {
        var open = await api.ReadAsync(1, "tasks?mine=true&limit=50");
        foreach (var task in open.GetProperty("items").EnumerateArray())
        {
            await api.PostAsync(1, $"tasks/{task.GetProperty("id").GetString()}/approve", new { comment = "go" });
            Interlocked.Increment(ref answered);
        }
    }

    private async Task ReadAsync()
    {
        var number = Interlocked.Increment(ref reads);
        if (number % 4 != 0)
        {
            await api.GetAsync(2, Reads[number % Reads.Length]);
        }
        else if ((await api.ReadAsync(2, "runs?flow=bench/order&limit=5")).GetProperty("items").EnumerateArray().Select(run => run.GetProperty("id").GetString()).LastOrDefault() is { } run)
        {
            await api.GetAsync(2, $"runs/{run}");
        }
    }

    /// <summary>Listens for some seconds, leaves without a word, and comes again.</summary>
    private async Task StreamAsync(int number, CancellationToken all)
    {
        while (!all.IsCancellationRequested)
        {
            TimeSpan stay;
            lock (random)
            {
                stay = TimeSpan.FromSeconds(2 + (random.NextDouble() * 15));
            }
            using var leave = CancellationTokenSource.CreateLinkedTokenSource(all);
            leave.CancelAfter(stay);
            await CountedAsync(() => (number % 3) switch
            {
                0 => api.FollowAsync(3, "live", leave.Token),
                1 => api.FollowAsync(3, "events/stream?type=bench.*", leave.Token),
                _ => SocketAsync(leave.Token),
            }, leave.Token);
            Interlocked.Increment(ref streams);
        }
    }

    private async Task SocketAsync(CancellationToken leave)
    {
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", api.Credentials(3).ToString());
        await socket.ConnectAsync(new UriBuilder(api.Url) { Scheme = "ws", Path = "/api/v1/live", Query = "topics=runs,tasks" }.Uri, leave);
        var buffer = new byte[16 * 1024];
        while (true)
        {
            await socket.ReceiveAsync(buffer, leave);
        }
    }

    private async Task EachAsync(TimeSpan period, Func<Task> act, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(period, TimeProvider.System);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                await CountedAsync(act, stop);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private async Task CountedAsync(Func<Task> act, CancellationToken stop)
    {
        try
        {
            await act();
        }
        catch (Exception error) when (error is HttpRequestException or WebSocketException or JsonException or IOException or OperationCanceledException)
        {
            if (!stop.IsCancellationRequested)
            {
                failures.AddOrUpdate(error.Message, 1, (_, count) => count + 1);
            }
        }
    }
}
