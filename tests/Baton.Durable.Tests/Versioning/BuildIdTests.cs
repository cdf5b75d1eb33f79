#pragma warning disable CS0612 // The ways of versioning before deployments are marked obsolete; the server serves them still.
using Baton.Durable.Tests.Storage;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Versioning;

/// <summary>Build ids by hand: where each task goes, also after a restart.</summary>
public sealed class BuildIdTests
{
    private const string Queue = "q";

    [Fact]
    public async Task Rules_and_assignments_outlive_the_server()
    {
        using var folder = new TempDirectory();
        var options = new DurableServerOptions { DatabasePath = folder.File("build-ids.db") };
        await using (var server = await DurableServer.StartAsync(options))
        {
            var service = await ConnectAsync(server);
            await service.UpdateWorkerVersioningRulesAsync(Rule(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "1.0" } } }));
            await StartAsync(service, "assigned");
            Assert.Equal("assigned", (await PollAsync(service, "1.0")).WorkflowExecution.WorkflowId);
            await StartAsync(service, "waits");
        }

        await using (var server = await DurableServer.StartAsync(options))
        {
            var service = await ConnectAsync(server);
            var rules = await service.GetWorkerVersioningRulesAsync(new() { Namespace = "default", TaskQueue = Queue });
            Assert.Equal("1.0", Assert.Single(rules.AssignmentRules).Rule.TargetBuildId);
            Assert.Equal(BuildIdTaskReachability.Reachable, (await DescribeAsync(service, "1.0")).TaskReachability);
            Assert.Equal("waits", (await PollAsync(service, "1.0")).WorkflowExecution.WorkflowId);
        }
    }

    [Fact]
    public async Task Tasks_that_wait_move_when_sets_are_merged()
    {
        await using var server = await DurableServer.StartAsync();
        var service = await ConnectAsync(server);
        await SetsAsync(service, new() { AddNewBuildIdInNewDefaultSet = "1.0" });
        await StartAsync(service, "w");
        await service.RespondWorkflowTaskCompletedAsync(new()
        {
            Namespace = "default", TaskToken = (await PollAsync(service, "1.0")).TaskToken, WorkerVersionStamp = new() { BuildId = "1.0", UseVersioning = true },
        });
        await SetsAsync(service, new() { AddNewBuildIdInNewDefaultSet = "2.0" });
        await service.SignalWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = "w" }, SignalName = "s" });
        Assert.Equal(1, (await DescribeAsync(service, "1.0", stats: true)).TypesInfo[(int)TaskQueueType.Workflow].Stats.ApproximateBacklogCount);
        await SetsAsync(service, new() { MergeSets = new() { PrimarySetBuildId = "2.0", SecondarySetBuildId = "1.0" } });
        Assert.Equal("w", (await PollAsync(service, "2.0")).WorkflowExecution.WorkflowId);
        var refused = await Assert.ThrowsAsync<RpcException>(() => PollAsync(service, "1.0"));
        Assert.Equal(RpcException.StatusCode.OutOfRange, refused.Code);
    }

    [Fact]
    public async Task A_worker_that_waits_is_sent_away_when_a_newer_build_takes_over()
    {
        await using var server = await DurableServer.StartAsync();
        var service = await ConnectAsync(server);
        await SetsAsync(service, new() { AddNewBuildIdInNewDefaultSet = "1.0" });
        var waiting = PollAsync(service, "1.0");
        await SetsAsync(service, new() { AddNewCompatibleBuildId = new() { NewBuildId = "1.1", ExistingCompatibleBuildId = "1.0" } });
        try
        {
            Assert.True((await waiting).TaskToken.IsEmpty);
        }
        catch (RpcException refused)
        {
            // The poll came after the change.
            Assert.Equal(RpcException.StatusCode.OutOfRange, refused.Code);
        }
    }

    [Fact]
    public async Task An_activity_goes_with_its_workflow_or_to_the_default_of_its_queue()
    {
        await using var server = await DurableServer.StartAsync();
        var service = await ConnectAsync(server);
        await SetsAsync(service, new() { AddNewBuildIdInNewDefaultSet = "1.0" });
        await StartAsync(service, "w");
        var task = await PollAsync(service, "1.0");
        await SetsAsync(service, new() { AddNewBuildIdInNewDefaultSet = "2.0" });
        var (with, without) = (Control.RawWorkflow.Activity("with"), Control.RawWorkflow.Activity("without"));
        with.ScheduleActivityTaskCommandAttributes.UseWorkflowBuildId = true;
        await service.RespondWorkflowTaskCompletedAsync(new()
        {
            Namespace = "default", TaskToken = task.TaskToken, Commands = { with, without }, WorkerVersionStamp = new() { BuildId = "1.0", UseVersioning = true },
        });
        Assert.Equal("with", (await PollActivityAsync("1.0")).ActivityId);
        Assert.Equal("without", (await PollActivityAsync("2.0")).ActivityId);

        Task<PollActivityTaskQueueResponse> PollActivityAsync(string buildId) => service.PollActivityTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = Queue }, WorkerVersionCapabilities = new() { BuildId = buildId, UseVersioning = true },
        });
    }

    [Theory]
    [InlineData(0, "next")]
    [InlineData(99.9f, "ramped")]
    public async Task A_ramp_takes_its_share(float percentage, string expected)
    {
        await using var server = await DurableServer.StartAsync();
        var service = await ConnectAsync(server);
        await service.UpdateWorkerVersioningRulesAsync(Rule(new() { InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "next" } } }));
        await service.UpdateWorkerVersioningRulesAsync(Rule(new()
        {
            InsertAssignmentRule = new() { Rule = new() { TargetBuildId = "ramped", PercentageRamp = new RampByPercentage { RampPercentage = percentage } } },
        }));
        await StartAsync(service, "w");
        Assert.Equal("w", (await PollAsync(service, expected)).WorkflowExecution.WorkflowId);
    }

    private static async Task<WorkflowService> ConnectAsync(DurableServer server) => (await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService;

    private static Task StartAsync(WorkflowService service, string id) => service.StartWorkflowExecutionAsync(new()
    {
        Namespace = "default", WorkflowId = id, WorkflowType = new() { Name = "A" }, TaskQueue = new() { Name = Queue }, RequestId = id,
    });

    private static Task<PollWorkflowTaskQueueResponse> PollAsync(WorkflowService service, string buildId) => service.PollWorkflowTaskQueueAsync(new()
    {
        Namespace = "default", TaskQueue = new() { Name = Queue }, WorkerVersionCapabilities = new() { BuildId = buildId, UseVersioning = true },
    });

    private static Task SetsAsync(WorkflowService service, UpdateWorkerBuildIdCompatibilityRequest request)
    {
        (request.Namespace, request.TaskQueue) = ("default", Queue);
        return service.UpdateWorkerBuildIdCompatibilityAsync(request);
    }

    private static UpdateWorkerVersioningRulesRequest Rule(UpdateWorkerVersioningRulesRequest request)
    {
        (request.Namespace, request.TaskQueue) = ("default", Queue);
        return request;
    }

    private static async Task<TaskQueueVersionInfo> DescribeAsync(WorkflowService service, string buildId, bool stats = false) => (await service.DescribeTaskQueueAsync(new()
    {
        Namespace = "default", TaskQueue = new() { Name = Queue }, ApiMode = DescribeTaskQueueMode.Enhanced, Versions = new() { BuildIds = { buildId } },
        ReportTaskReachability = true, ReportStats = stats,
    })).VersionsInfo[buildId];
}
