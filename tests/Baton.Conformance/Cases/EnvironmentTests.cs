using Baton.Durable;
using Temporalio.Testing;

namespace Baton.Conformance.Cases;

/// <summary>The three hostings: the executable in the SDK's test environments, and the object in a test's own process; with time skipping in each.</summary>
public class EnvironmentTests
{
    private static readonly string[] ConformanceAttribute = ["EnvironmentKeyword"];

    [Workflow]
    public class SleepsLong
    {
        [Activity]
        public static string Work() => "done";

        [WorkflowRun]
        public async Task<string> RunAsync(int days)
        {
            await Workflow.DelayAsync(TimeSpan.FromDays(days));
            return await Workflow.ExecuteActivityAsync(() => Work(), new() { StartToCloseTimeout = TimeSpan.FromHours(1) });
        }
    }

    [Fact]
    public async Task The_local_environment_takes_the_executable()
    {
        var keyword = SearchAttributeKey.CreateKeyword(ConformanceAttribute[0]);
        await using var environment = await WorkflowEnvironment.StartLocalAsync(new()
        {
            SearchAttributes = [keyword],
            DevServerOptions = new() { ExistingPath = await Repository.GetExecutableAsync(), StartupTimeout = Eventually.Deadline },
        });
        Assert.Equal("done", await RunAsync(environment.Client, days: 0, new SearchAttributeCollection.Builder().Set(keyword, "x").ToSearchAttributeCollection()));
    }

    [Fact]
    public async Task The_local_environment_keeps_its_database()
    {
        var folder = Directory.CreateTempSubdirectory("baton-conformance-");
        var options = new WorkflowEnvironmentStartLocalOptions
        {
            DevServerOptions = new()
            {
                ExistingPath = await Repository.GetExecutableAsync(),
                StartupTimeout = Eventually.Deadline,
                DatabaseFilename = Path.Combine(folder.FullName, "dev.db"),
            },
        };
        await using (var first = await WorkflowEnvironment.StartLocalAsync(options))
        {
            await first.Client.StartWorkflowAsync((SleepsLong wf) => wf.RunAsync(0), new("kept", "kept"));
        }
        await using (var second = await WorkflowEnvironment.StartLocalAsync(options))
        {
            Assert.Equal("done", await WithWorkerAsync(second.Client, "kept", () => second.Client.GetWorkflowHandle("kept").GetResultAsync<string>()));
        }
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task The_time_skipping_environment_takes_the_executable()
    {
        await using var environment = await WorkflowEnvironment.StartTimeSkippingAsync(new()
        {
            TestServer = new() { ExistingPath = await Repository.GetExecutableAsync(), StartupTimeout = Eventually.Deadline },
        });
        await SkipsAsync(environment);
    }

    [Fact]
    public async Task The_object_runs_in_this_process()
    {
        foreach (var path in new[] { null, Path.Combine(Path.GetTempPath(), $"baton-{Guid.NewGuid():N}.db") })
        {
            await using (var server = await DurableServer.StartAsync(new() { DatabasePath = path }))
            {
                Assert.Equal("done", await RunAsync(await TemporalClient.ConnectAsync(new(server.Address)), days: 0));
            }
            if (path is not null)
            {
                foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + "*"))
                {
                    File.Delete(file);
                }
            }
        }
    }

    [Fact]
    public async Task The_object_skips_time_while_nothing_holds_it()
    {
        await using var server = await DurableServer.StartAsync(new() { TimeSkipping = true });
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        var test = client.Connection.TestService;
        var before = (await test.GetCurrentTimeAsync(new())).Time.ToDateTime();
        Assert.Equal("done", await RunAsync(client, days: 300));
        var after = (await test.GetCurrentTimeAsync(new())).Time.ToDateTime();
        Assert.True(after - before >= TimeSpan.FromDays(300), $"{after - before}");

        await test.LockTimeSkippingAsync(new());
        await test.UnlockTimeSkippingWithSleepAsync(new() { Duration = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromDays(2)) });
        Assert.True((await test.GetCurrentTimeAsync(new())).Time.ToDateTime() - after >= TimeSpan.FromDays(2));
        await test.UnlockTimeSkippingAsync(new());
    }

    [Fact]
    public async Task Time_does_not_pass_an_activity_at_work()
    {
        await using var server = await DurableServer.StartAsync(new() { TimeSkipping = true });
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        // The run would time out within the hour if time were skipped while the activity works.
        Assert.Equal("done", await RunAsync(client, days: 0, runTimeout: TimeSpan.FromHours(1)));
    }

    private static async Task SkipsAsync(WorkflowEnvironment environment)
    {
        Assert.True(environment.SupportsTimeSkipping);
        var before = await environment.GetCurrentTimeAsync();
        Assert.Equal("done", await RunAsync(environment.Client, days: 60));
        var after = await environment.GetCurrentTimeAsync();
        Assert.True(after - before >= TimeSpan.FromDays(60), $"{after - before}");
        await environment.DelayAsync(TimeSpan.FromHours(5));
        Assert.True(await environment.GetCurrentTimeAsync() - after >= TimeSpan.FromHours(5));
    }

    private static Task<string> RunAsync(ITemporalClient client, int days, SearchAttributeCollection? attributes = null, TimeSpan? runTimeout = null)
    {
        var queue = $"tq-{Guid.NewGuid():N}";
        return WithWorkerAsync(client, queue, () => client.ExecuteWorkflowAsync(
            (SleepsLong wf) => wf.RunAsync(days), new($"wf-{queue}", queue) { TypedSearchAttributes = attributes, RunTimeout = runTimeout }));
    }

    private static async Task<string> WithWorkerAsync(ITemporalClient client, string queue, Func<Task<string>> body)
    {
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(queue).AddWorkflow<SleepsLong>().AddActivity(SleepsLong.Work));
        return await worker.ExecuteAsync(() => body().WaitAsync(Eventually.Deadline, TimeProvider.System));
    }
}
