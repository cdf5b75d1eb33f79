using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Worker.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;
using Temporalio.Workflows;
using Xunit;

namespace Baton.Durable.Tests.Matching;

public sealed class WorkerTests
{
    [Fact]
    public async Task A_worker_that_stops_gets_empty_answers_to_its_polls_and_to_those_that_come_late()
    {
        await using var server = await DurableServer.StartAsync(new());
        var service = (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;
        PollWorkflowTaskQueueRequest Poll(string worker) =>
            new() { Namespace = "default", TaskQueue = new() { Name = "q" }, Identity = "me", WorkerInstanceKey = worker };
        var stopping = service.PollWorkflowTaskQueueAsync(Poll("w1"));
        var staying = service.PollWorkflowTaskQueueAsync(Poll("w2"));

        await service.ShutdownWorkerAsync(new() { Namespace = "default", WorkerInstanceKey = "w1", Identity = "me", TaskQueue = "q" });

        Assert.True((await stopping).TaskToken.IsEmpty);
        Assert.True((await service.PollWorkflowTaskQueueAsync(Poll("w1"))).TaskToken.IsEmpty);
        Assert.False(staying.IsCompleted);
        await service.StartWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "a", WorkflowType = new() { Name = "A" }, TaskQueue = new() { Name = "q" } });
        Assert.Equal("a", (await staying).WorkflowExecution.WorkflowId);
    }

    [Fact]
    public async Task An_official_worker_stops_without_waiting_for_its_long_polls()
    {
        await using var server = await DurableServer.StartAsync(new());
        var client = await TemporalClient.ConnectAsync(new(server.Address));
        using var worker = new TemporalWorker(client, new TemporalWorkerOptions("q").AddWorkflow<Hello>());
        await worker.ExecuteAsync(async () =>
            Assert.Equal("hello", await client.ExecuteWorkflowAsync((Hello hello) => hello.RunAsync(), new(id: "h", taskQueue: "q"))));
    }

    [Fact]
    public async Task Workers_are_listed_counted_and_described_by_their_heartbeats()
    {
        await using var server = await DurableServer.StartAsync(new());
        var service = (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;
        WorkerHeartbeat Beat(string key, string queue, string host) => new()
        {
            WorkerInstanceKey = key,
            TaskQueue = queue,
            HostInfo = new() { HostName = host },
            Status = Temporalio.Api.Enums.V1.WorkerStatus.Running,
            StartTime = Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch.AddDays(1)),
        };
        await service.RecordWorkerHeartbeatAsync(new()
        {
            Namespace = "default",
            WorkerHeartbeat = { Beat("b", "q1", "h1"), Beat("a", "q1", "h2"), Beat("c", "q2", "h1"), Beat("s", "temporal-sys-commands", "h1") },
        });

        var first = await service.ListWorkersAsync(new() { Namespace = "default", Query = "TaskQueue = 'q1' AND Status = 'Running'", PageSize = 1 });
        var second = await service.ListWorkersAsync(new() { Namespace = "default", Query = "TaskQueue = 'q1'", PageSize = 1, NextPageToken = first.NextPageToken });

        Assert.Equal(["a"], first.Workers.Select(worker => worker.WorkerInstanceKey));
        Assert.Equal(["b"], second.Workers.Select(worker => worker.WorkerInstanceKey));
        Assert.Empty(second.NextPageToken);
        Assert.Equal(2, (await service.CountWorkersAsync(new() { Namespace = "default", Query = "HostName = 'h1'" })).Count);
        Assert.Equal(4, (await service.CountWorkersAsync(new() { Namespace = "default", IncludeSystemWorkers = true })).Count);
        Assert.Equal("h2", (await service.DescribeWorkerAsync(new() { Namespace = "default", WorkerInstanceKey = "a" })).WorkerInfo.WorkerHeartbeat.HostInfo.HostName);
        Assert.Equal(RpcException.StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(
            () => service.DescribeWorkerAsync(new() { Namespace = "default", WorkerInstanceKey = "z" }))).Code);
        Assert.Equal(RpcException.StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(
            () => service.ListWorkersAsync(new() { Namespace = "default", Query = "Nonsense = 1" }))).Code);
    }

    [Workflow]
    public class Hello
    {
        [WorkflowRun]
        public Task<string> RunAsync() => Task.FromResult("hello");
    }
}
