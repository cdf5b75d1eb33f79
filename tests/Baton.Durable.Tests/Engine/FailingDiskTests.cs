using Baton.Durable.Storage.Volatile;
using Baton.Durable.Tests.Storage;
using Temporalio.Activities;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Engine;

/// <summary>The whole server over a disk that refuses or takes its time.</summary>
public sealed class FailingDiskTests : IAsyncLifetime
{
    private const string Queue = "queue";

    private readonly FaultyStore disk = new(new VolatileStore());
    private DurableServer server = null!;
    private TemporalClient client = null!;

    [Workflow("Greeter")]
    public sealed class Greeter
    {
        private string? name;

        [WorkflowRun]
        public async Task<string> RunAsync()
        {
            await Workflow.WaitConditionAsync(() => name is not null);
            return await Workflow.ExecuteActivityAsync(() => Greet(name!), new() { StartToCloseTimeout = TimeSpan.FromSeconds(10) });
        }

        [WorkflowSignal]
        public Task NameAsync(string value)
        {
            name = value;
            return Task.CompletedTask;
        }

        [Activity("Greet")]
        public static string Greet(string name) => "hello " + name;
    }

    public async ValueTask InitializeAsync()
    {
        server = await DurableServer.StartAsync(new(), (options, loggers, _) => DurableComposition.CreateAsync(options, disk, loggers), default);
        client = await TemporalClient.ConnectAsync(new(server.Address));
    }

    public async ValueTask DisposeAsync() => await server.DisposeAsync();

    [Fact]
    public async Task A_full_disk_is_unavailable_and_takes_nothing_that_was_acknowledged()
    {
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(Queue).AddWorkflow<Greeter>().AddActivity(Greeter.Greet));
        await worker.ExecuteAsync(async () =>
        {
            var before = await client.StartWorkflowAsync((Greeter wf) => wf.RunAsync(), new("before", Queue));

            disk.FailCommits(int.MaxValue);
            Assert.Equal(RpcException.StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => StartAsync("during"))).Code);
            Assert.Equal(RpcException.StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => SignalAsync("before", "lost"))).Code);
            disk.Heal();

            // The very same requests go through now, and what failed left nothing.
            await StartAsync("during");
            await before.SignalAsync(wf => wf.NameAsync("kept"));
            await client.GetWorkflowHandle("during").SignalAsync("Name", ["new"]);
            Assert.Equal("hello kept", await before.GetResultAsync());
            Assert.Equal("hello new", await client.GetWorkflowHandle("during").GetResultAsync<string>());
        });
    }

    [Fact]
    public async Task Commits_that_fail_now_and_then_only_cost_time()
    {
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions(Queue).AddWorkflow<Greeter>().AddActivity(Greeter.Greet));
        await worker.ExecuteAsync(() => Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var handle = await client.StartWorkflowAsync((Greeter wf) => wf.RunAsync(), new($"wf-{i}", Queue) { TaskTimeout = TimeSpan.FromSeconds(1) });
            disk.FailCommits(1);
            await handle.SignalAsync(wf => wf.NameAsync($"{i}"));
            Assert.Equal($"hello {i}", await handle.GetResultAsync());
        })));
    }

    [Fact]
    public async Task Nothing_is_acknowledged_before_it_is_on_disk()
    {
        Task start;
        using (disk.Hold())
        {
            start = StartAsync("slow");
            while (disk.Waiting == 0)
            {
                await Task.Yield();
            }

            Assert.False(start.IsCompleted);
        }

        await start;
        Assert.NotNull(await client.GetWorkflowHandle("slow").DescribeAsync());
    }

    private Task<StartWorkflowExecutionResponse> StartAsync(string id) => client.Connection.WorkflowService.StartWorkflowExecutionAsync(
        new()
        {
            Namespace = server.Namespace,
            WorkflowId = id,
            WorkflowType = new() { Name = "Greeter" },
            TaskQueue = new() { Name = Queue },
            RequestId = id,
        },
        new() { Retry = false });

    private Task SignalAsync(string id, string name) => client.Connection.WorkflowService.SignalWorkflowExecutionAsync(
        new()
        {
            Namespace = server.Namespace,
            WorkflowExecution = new() { WorkflowId = id },
            SignalName = "Name",
            Input = new() { Payloads_ = { Temporalio.Converters.DataConverter.Default.PayloadConverter.ToPayload(name) } },
        },
        new() { Retry = false });
}
