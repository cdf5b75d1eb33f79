using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Matching;

public sealed class TaskQueueTests
{
    [Fact]
    public async Task A_description_tells_pollers_backlog_and_priorities()
    {
        await using var server = await DurableServer.StartAsync(new());
        var service = (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;
        foreach (var (id, priority) in new[] { ("a", 1), ("b", 5), ("c", 1) })
        {
            await StartAsync(service, id, priority);
        }

        var described = await service.DescribeTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = "q" }, ReportStats = true, IncludeTaskQueueStatus = true,
        });

        Assert.Empty(described.Pollers);
        Assert.Equal(3, described.Stats.ApproximateBacklogCount);
        Assert.True(described.Stats.TasksAddRate > 0);
        Assert.Equal(3, described.TaskQueueStatus.BacklogCountHint);
        Assert.Equal([(1, 2), (5, 1)], described.StatsByPriorityKey.OrderBy(level => level.Key).Select(level => (level.Key, (int)level.Value.ApproximateBacklogCount)));

        var order = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            order.Add((await service.PollWorkflowTaskQueueAsync(new() { Namespace = "default", TaskQueue = new() { Name = "q" }, Identity = "me" })).WorkflowExecution.WorkflowId);
        }

        Assert.Equal(["a", "c", "b"], order);
        described = await service.DescribeTaskQueueAsync(new() { Namespace = "default", TaskQueue = new() { Name = "q" }, ReportStats = true });
        Assert.Equal("me", Assert.Single(described.Pollers).Identity);
        Assert.Equal(0, described.Stats.ApproximateBacklogCount);
        Assert.True(described.Stats.TasksDispatchRate > 0);
    }

    [Fact]
    public async Task The_enhanced_description_is_by_build_id_and_kind_of_task()
    {
        await using var server = await DurableServer.StartAsync(new());
        var service = (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;
        await StartAsync(service, "a", 0);

        var described = await service.DescribeTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = "q" }, ApiMode = DescribeTaskQueueMode.Enhanced,
            TaskQueueTypes = { TaskQueueType.Workflow, TaskQueueType.Activity }, ReportStats = true, ReportPollers = true,
        });

        var unversioned = described.VersionsInfo[""].TypesInfo;
        Assert.Equal(1, unversioned[(int)TaskQueueType.Workflow].Stats.ApproximateBacklogCount);
        Assert.Equal(0, unversioned[(int)TaskQueueType.Activity].Stats.ApproximateBacklogCount);
    }

    [Fact]
    public async Task Rates_and_weights_are_kept_over_a_restart_and_checked()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory().FullName, "baton.db");
        await using (var server = await DurableServer.StartAsync(new() { DatabasePath = file }))
        {
            var service = (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;
            var set = await service.UpdateTaskQueueConfigAsync(new()
            {
                Namespace = "default", Identity = "me", TaskQueue = "q", TaskQueueType = TaskQueueType.Activity,
                UpdateQueueRateLimit = new() { RateLimit = new() { RequestsPerSecond = 7 }, Reason = "calm down" },
                SetFairnessWeightOverrides = { ["vip"] = 5, ["bulk"] = 0.5f },
            });
            Assert.Equal("calm down", set.Config.QueueRateLimit.Metadata.Reason);
            foreach (var wrong in new UpdateTaskQueueConfigRequest[]
            {
                new() { Namespace = "default", TaskQueue = "q" },
                new() { Namespace = "default", TaskQueue = "q", TaskQueueType = TaskQueueType.Workflow, UpdateQueueRateLimit = new() { RateLimit = new() { RequestsPerSecond = 7 } } },
                new() { Namespace = "default", TaskQueue = "q", TaskQueueType = TaskQueueType.Activity, UpdateQueueRateLimit = new() { RateLimit = new() { RequestsPerSecond = -1 } } },
                new() { Namespace = "default", TaskQueue = "q", TaskQueueType = TaskQueueType.Activity, SetFairnessWeightOverrides = { ["x"] = 0 } },
            })
            {
                Assert.Equal(RpcException.StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => service.UpdateTaskQueueConfigAsync(wrong))).Code);
            }
        }

        await using var again = await DurableServer.StartAsync(new() { DatabasePath = file });
        var described = await (await TemporalClient.ConnectAsync(new(again.Address))).WorkflowService.DescribeTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = "q" }, TaskQueueType = TaskQueueType.Activity, ReportConfig = true,
        });
        Assert.Equal(7, described.EffectiveRateLimit.RequestsPerSecond);
        Assert.Equal(RateLimitSource.Api, described.EffectiveRateLimit.RateLimitSource);
        Assert.Equal(0.5f, described.Config.FairnessWeightOverrides["bulk"]);
    }

    private static Task StartAsync(WorkflowService service, string id, int priority) => service.StartWorkflowExecutionAsync(new()
    {
        Namespace = "default", WorkflowId = id, WorkflowType = new() { Name = "A" }, TaskQueue = new() { Name = "q" }, Priority = new() { PriorityKey = priority },
    });
}
