using Baton.Durable.Tests.Storage;
using Temporalio.Activities;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Common;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Engine;

/// <summary>Databases of earlier releases: their closed histories replay, their open workflows go on.</summary>
public sealed class ReleaseFixtureTests
{
    private const string Queue = "fixture";

    // The code of the fixtures' workflows. It must stay as it is: histories on disk replay against it.
    [Workflow("Keeper")]
    public sealed class Keeper
    {
        private readonly List<string> words = [];

        [WorkflowRun]
        public async Task<string> RunAsync(int depth)
        {
            var options = new ActivityOptions { StartToCloseTimeout = TimeSpan.FromSeconds(30) };
            words.Add(await Workflow.ExecuteActivityAsync(() => Say("activity"), options));
            words.Add(await Workflow.ExecuteLocalActivityAsync(() => Say("local"), new() { StartToCloseTimeout = TimeSpan.FromSeconds(30) }));
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(10));
            if (depth > 0)
            {
                words.Add(await Workflow.ExecuteChildWorkflowAsync((Keeper wf) => wf.RunAsync(depth - 1), new() { Id = Workflow.Info.WorkflowId + "-child" }));
                return string.Join(' ', words);
            }

            await Workflow.WhenAllAsync(Enumerable.Range(0, 30).Select(i => Workflow.ExecuteActivityAsync(() => Say($"{i}"), options)));
            await Workflow.WaitConditionAsync(() => words.Contains("enough"));
            return string.Join(' ', words);
        }

        [WorkflowSignal]
        public Task SayAsync(string word)
        {
            words.Add(word);
            return Task.CompletedTask;
        }

        [WorkflowUpdate]
        public async Task<int> AddAsync(string word)
        {
            await Workflow.DelayAsync(TimeSpan.FromMilliseconds(10));
            words.Add(word);
            return words.Count;
        }

        [Activity("Say")]
        public static string Say(string word) => word;
    }

    public static TheoryData<string> Releases =>
        [.. Directory.EnumerateFiles(Fixtures, "release-*.sqlite").Select(file => Path.GetFileName(file)!)];

    private static string Fixtures => Path.Combine(AppContext.BaseDirectory, "Engine", "Fixtures");

    [Theory]
    [MemberData(nameof(Releases))]
    public async Task A_database_of_a_release_goes_on(string release)
    {
        using var folder = new TempDirectory();
        var file = Path.Combine(folder.Path, "baton.db");
        File.Copy(Path.Combine(Fixtures, release), file);
        await using var server = await DurableServer.StartAsync(new() { DatabasePath = file, Retention = TimeSpan.FromDays(36500) });
        var client = await TemporalClient.ConnectAsync(new(server.Address));

        var closed = client.GetWorkflowHandle("closed");
        Assert.Equal("activity local activity local updated enough", await closed.GetResultAsync<string>());
        var replayer = new WorkflowReplayer(new WorkflowReplayerOptions().AddWorkflow<Keeper>());
        foreach (var id in new[] { "closed", "closed-child", "open", "open-child" })
        {
            await replayer.ReplayWorkflowAsync(await client.GetWorkflowHandle(id).FetchHistoryAsync());
        }

        using var worker = new TemporalWorker(client, Options());
        await worker.ExecuteAsync(async () =>
        {
            Assert.Equal(WorkflowExecutionStatus.Running, (await client.GetWorkflowHandle("open").DescribeAsync()).Status);
            await client.GetWorkflowHandle("open-child").SignalAsync("Say", ["enough"]);
            Assert.Equal("activity local activity local updated enough", await client.GetWorkflowHandle("open").GetResultAsync<string>());
        });
    }

    /// <summary>Writes the database of this release. To be kept as <c>Engine/Fixtures/release-X.Y.sqlite</c> when X.Y is released.</summary>
    [Fact(Explicit = true)]
    public async Task Write_the_fixture_of_this_release()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory("baton-fixture-").FullName, "release.sqlite");

        // Closed ones must outlive the calendar until the fixture is read.
        await using (var server = await DurableServer.StartAsync(new() { DatabasePath = file, Retention = TimeSpan.FromDays(36500) }))
        {
            var client = await TemporalClient.ConnectAsync(new(server.Address));
            using var worker = new TemporalWorker(client, Options());
            await worker.ExecuteAsync(async () =>
            {
                foreach (var id in new[] { "closed", "open" })
                {
                    await client.StartWorkflowAsync((Keeper wf) => wf.RunAsync(1), new(id, Queue));
                    while (await EventsOf(client, id + "-child") < 100)
                    {
                        await Task.Yield();
                    }

                    await client.GetWorkflowHandle(id + "-child").ExecuteUpdateAsync<int>("Add", ["updated"]);
                }

                await client.GetWorkflowHandle("closed-child").SignalAsync("Say", ["enough"]);
                await client.GetWorkflowHandle("closed").GetResultAsync<string>();
            });
        }

        TestContext.Current.SendDiagnosticMessage(file);
        Assert.True(File.Exists(file), file);
    }

    private static TemporalWorkerOptions Options() => new TemporalWorkerOptions(Queue).AddWorkflow<Keeper>().AddActivity(Keeper.Say);

    /// <summary>Length of a history, 0 while there is none.</summary>
    private static async Task<long> EventsOf(TemporalClient client, string id)
    {
        try
        {
            return (await client.GetWorkflowHandle(id).DescribeAsync()).HistoryLength;
        }
        catch (Temporalio.Exceptions.RpcException e) when (e.Code == Temporalio.Exceptions.RpcException.StatusCode.NotFound)
        {
            return 0;
        }
    }
}
