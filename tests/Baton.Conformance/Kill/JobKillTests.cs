using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Schedule.V1;

namespace Baton.Conformance.Kill;

/// <summary>The server is killed under what it does by itself: schedules, batches and completion callbacks go on where they were.</summary>
public class JobKillTests
{
    private const int Kills = 6;
    private const string TaskQueue = "nobody-polls-this";
    private static readonly TimeSpan LongestLife = TimeSpan.FromMilliseconds(500);

    [Fact]
    public Task A_scheduled_start_is_neither_lost_nor_doubled() => WithServerAsync(async (client, killAsync) =>
    {
        await Answer(() => client.WorkflowService.CreateScheduleAsync(new()
        {
            Namespace = "default",
            ScheduleId = "every-second",
            RequestId = "create",
            Schedule = new()
            {
                Spec = new() { Interval = { new IntervalSpec { Interval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) } } },
                Action = new() { StartWorkflow = new() { WorkflowId = "tick", WorkflowType = new() { Name = "Tick" }, TaskQueue = new() { Name = TaskQueue } } },
                Policies = new() { OverlapPolicy = ScheduleOverlapPolicy.AllowAll, CatchupWindow = Duration.FromTimeSpan(TimeSpan.FromHours(1)) },
            },
        }));
        for (var kill = 0; kill < Kills; kill++)
        {
            await killAsync();
        }

        // Paused, it starts no more: what it has counted and what there is must agree.
        await Answer(() => client.WorkflowService.PatchScheduleAsync(new() { Namespace = "default", ScheduleId = "every-second", RequestId = "pause", Patch = new() { Pause = "counted" } }));
        var described = await Answer(() => client.WorkflowService.DescribeScheduleAsync(new() { Namespace = "default", ScheduleId = "every-second" }));
        var times = new List<DateTimeOffset>();
        await foreach (var run in client.ListWorkflowsAsync("WorkflowType = 'Tick'"))
        {
            times.Add(DateTimeOffset.Parse(run.Id["tick-".Length..], System.Globalization.CultureInfo.InvariantCulture));
        }
        times.Sort();
        Assert.True(times.Count > 1, "The schedule started nothing.");
        Assert.Equal(times.Count, described.Info.ActionCount);
        Assert.Equal(Enumerable.Range(0, times.Count).Select(second => times[0].AddSeconds(second)), times);
        Assert.Equal(0, described.Info.MissedCatchupWindow);
    });

    [Fact]
    public Task A_batch_goes_on_and_does_each_once() => WithServerAsync(async (client, killAsync) =>
    {
        const int Count = 120;
        var ids = Enumerable.Range(0, Count).Select(number => $"batched-{number}").ToList();
        await Task.WhenAll(ids.Select(id => Answer(() => client.WorkflowService.StartWorkflowExecutionAsync(Start(id)))));
        await Answer(() => client.WorkflowService.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "job", Reason = "over", VisibilityQuery = "WorkflowType = 'Idle'", MaxOperationsPerSecond = 50,
            SignalOperation = new() { Signal = "once" },
        }));
        for (var kill = 0; kill < Kills; kill++)
        {
            await killAsync();
        }

        var batch = await Eventually.GetAsync(
            () => Answer(() => client.WorkflowService.DescribeBatchOperationAsync(new() { Namespace = "default", JobId = "job" })),
            found => found.State == BatchOperationState.Completed, "the batch to complete");
        Assert.Equal((Count, Count, 0), (batch.TotalOperationCount, batch.CompleteOperationCount, batch.FailureOperationCount));
        foreach (var id in ids)
        {
            var history = await Answer(() => client.GetWorkflowHandle(id).FetchHistoryAsync());
            Assert.Single(history.Events, item => item.EventType == EventType.WorkflowExecutionSignaled);
        }
    });

    [Fact]
    public Task A_completion_callback_is_delivered_again_until_it_has_arrived() => WithServerAsync(async (client, killAsync) =>
    {
        using var listener = new CallbackListener();
        var ids = Enumerable.Range(0, Kills).Select(number => $"told-{number}").ToList();
        foreach (var id in ids)
        {
            var start = Start(id);
            start.CompletionCallbacks.Add(new Temporalio.Api.Common.V1.Callback { Nexus = new() { Url = listener.Url + id } });
            await Answer(() => client.WorkflowService.StartWorkflowExecutionAsync(start));
        }
        var killing = Task.CompletedTask;
        foreach (var id in ids)
        {
            await killing;
            // The kill and the end of the workflow race each other: before its commit, between commit and call, or during the call.
            killing = killAsync();
            await Answer(async () =>
            {
                try
                {
                    return await client.WorkflowService.TerminateWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = id } });
                }
                catch (RpcException error) when (error.Code == RpcException.StatusCode.NotFound)
                {
                    // An earlier attempt did it, and its answer was lost.
                    return new();
                }
            });
        }
        await killing;
        foreach (var id in ids)
        {
            await Eventually.GetAsync(
                () => Answer(() => client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = "default", Execution = new() { WorkflowId = id } })),
                found => found.Callbacks.Single().State == CallbackState.Succeeded, $"the callback of {id} to succeed");
        }
        Assert.Equal(ids.Order(), listener.Taken.Distinct().Order());
    });

    private static Task<T> Answer<T>(Func<Task<T>> call) => Errands.UntilAnsweredAsync(call);

    private static StartWorkflowExecutionRequest Start(string id) => new()
    {
        Namespace = "default", WorkflowId = id, WorkflowType = new() { Name = "Idle" }, TaskQueue = new() { Name = TaskQueue }, RequestId = $"start-{id}",
    };

    /// <summary>A server on a database, and a way to kill it at a random instant, or at a named point of one of its next commits, and to start it again.</summary>
    private static async Task WithServerAsync(Func<TemporalClient, Func<Task>, Task> body)
    {
        if (ServerFixture.IsExternal)
        {
            Assert.Skip("The server is not ours to kill.");
        }
        var folder = Directory.CreateTempSubdirectory("baton-kill-");
        var random = new Random(1);
        await using (var server = new KilledServer(await Repository.GetExecutableAsync(), Path.Combine(folder.FullName, "kill.db")))
        {
            await server.StartAsync(null, TestContext.Current.CancellationToken);
            await body(await TemporalClient.ConnectAsync(new(server.Address)), async () =>
            {
                await Task.WhenAny(Task.Delay(random.NextDouble() * LongestLife, TimeProvider.System), server.Exited);
                await server.KillAsync();
                var point = random.Next(4) switch
                {
                    0 => $"before-commit:{random.Next(1, 10)}",
                    1 => $"after-commit:{random.Next(1, 10)}",
                    _ => null,
                };
                await server.StartAsync(point, TestContext.Current.CancellationToken);
                if (point is not null)
                {
                    // The point strikes at its commit, or the server is killed where it stands then.
                    await Task.WhenAny(Task.Delay(LongestLife, TimeProvider.System), server.Exited);
                    await server.KillAsync();
                    await server.StartAsync(null, TestContext.Current.CancellationToken);
                }
            });
        }
        folder.Delete(recursive: true);
    }

    /// <summary>Refuses every first call for a path, and takes the second.</summary>
    private sealed class CallbackListener : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly ConcurrentDictionary<string, int> _calls = new();

        public CallbackListener()
        {
            Url = $"http://127.0.0.1:{KilledServer.FreePort()}/";
            _listener.Prefixes.Add(Url);
            _listener.Start();
            _ = ServeAsync();
        }

        public string Url { get; }

        public ConcurrentQueue<string> Taken { get; } = new();

        public void Dispose() => _listener.Close();

        private async Task ServeAsync()
        {
            while (_listener.IsListening)
            {
                try
                {
                    var context = await _listener.GetContextAsync();
                    var path = context.Request.Url!.AbsolutePath.Trim('/');
                    var taken = _calls.AddOrUpdate(path, 1, static (_, calls) => calls + 1) > 1;
                    if (taken)
                    {
                        Taken.Enqueue(path);
                    }
                    context.Response.StatusCode = taken ? 200 : 503;
                    context.Response.Close();
                }
                catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
                {
                    // Closed, or the caller was killed before its answer.
                }
            }
        }
    }
}
