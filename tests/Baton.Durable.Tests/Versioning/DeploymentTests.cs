using Baton.Durable.Tests.Control;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Versioning;

/// <summary>Deployments over the API, with workers played by hand.</summary>
public sealed class DeploymentTests
{
    [Fact]
    public async Task A_version_goes_from_inactive_over_current_and_draining_to_drained_and_is_deleted()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await RegisterAsync(raw.Service, "1");
        await RegisterAsync(raw.Service, "2");
        Assert.Equal(WorkerDeploymentVersionStatus.Inactive, await StatusAsync(raw, "1"));

        await SetCurrentAsync(raw, "1");
        Assert.Equal(WorkerDeploymentVersionStatus.Current, await StatusAsync(raw, "1"));
        await raw.StartAsync("w");
        var task = await PollAsync(raw.Service, "1");
        await CompleteAsync(raw, task.TaskToken, "1");
        await SetCurrentAsync(raw, "2");
        Assert.Equal(WorkerDeploymentVersionStatus.Draining, await StatusAsync(raw, "1"));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => DeleteAsync(raw, "1")));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => DeleteAsync(raw, "2")));

        await raw.Service.TerminateWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = "w" } });
        Assert.Equal(WorkerDeploymentVersionStatus.Drained, await StatusAsync(raw, "1"));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => DeleteAsync(raw, "1")));
        await raw.Service.ShutdownWorkerAsync(new() { Namespace = "default", WorkerInstanceKey = "instance-1" });
        await DeleteAsync(raw, "1");
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => StatusAsync(raw, "1")));
    }

    [Fact]
    public async Task The_older_calls_show_and_change_the_same_versions()
    {
#pragma warning disable CS0612 // They are marked obsolete; the server serves them still.
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await RegisterAsync(raw.Service, "1");
        var two = raw.Service.PollWorkflowTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = RawWorkflow.Queue },
            WorkerVersionCapabilities = new() { UseVersioning = true, BuildId = "2", DeploymentSeriesName = "shop" },
        });
        var deployment = new Temporalio.Api.Deployment.V1.Deployment { SeriesName = "shop", BuildId = "1" };
        Assert.Null((await raw.Service.GetCurrentDeploymentAsync(new() { Namespace = "default", SeriesName = "shop" })).CurrentDeploymentInfo);
        Assert.Equal(
            DeploymentReachability.Unreachable, (await raw.Service.GetDeploymentReachabilityAsync(new() { Namespace = "default", Deployment = deployment })).Reachability);
        var metadata = new Temporalio.Api.Common.V1.Payload { Data = ByteString.CopyFromUtf8("who") };
        await raw.Service.SetCurrentDeploymentAsync(new()
        {
            Namespace = "default", Deployment = deployment, UpdateMetadata = new() { UpsertEntries = { ["owner"] = metadata } },
        });
        var described = (await raw.Service.DescribeDeploymentAsync(new() { Namespace = "default", Deployment = deployment })).DeploymentInfo;
        Assert.True(described.IsCurrent);
        Assert.Equal(metadata, described.Metadata["owner"]);
        Assert.Equal("1", (await DescribeAsync(raw)).WorkerDeploymentInfo.RoutingConfig.CurrentDeploymentVersion.BuildId);
        Assert.Equal(
            DeploymentReachability.Reachable, (await raw.Service.GetDeploymentReachabilityAsync(new() { Namespace = "default", Deployment = deployment })).Reachability);

        deployment.BuildId = "2";
        var changed = await raw.Service.SetCurrentDeploymentAsync(new() { Namespace = "default", Deployment = deployment });
        Assert.Equal("1", changed.PreviousDeploymentInfo.Deployment.BuildId);
        var first = await raw.Service.ListDeploymentsAsync(new() { Namespace = "default", PageSize = 1 });
        var second = await raw.Service.ListDeploymentsAsync(new() { Namespace = "default", PageSize = 1, NextPageToken = first.NextPageToken, SeriesName = "shop" });
        Assert.Equal(("1", "2", true), (first.Deployments[0].Deployment.BuildId, second.Deployments[0].Deployment.BuildId, second.Deployments[0].IsCurrent));
        await raw.StartAsync("w");
        Assert.Equal("w", (await two).WorkflowExecution.WorkflowId);
        deployment.BuildId = "9";
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => raw.Service.DescribeDeploymentAsync(new() { Namespace = "default", Deployment = deployment })));
#pragma warning restore CS0612
    }

    [Fact]
    public async Task Changes_need_the_token_of_the_last_change_and_the_manager()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await RegisterAsync(raw.Service, "1");
        var before = (await DescribeAsync(raw)).ConflictToken;
        var after = (await SetCurrentAsync(raw, "1", token: before)).ConflictToken;

        Assert.NotEqual(before, after);
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => SetCurrentAsync(raw, "", token: before)));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => SetCurrentAsync(raw, "9")));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.SetWorkerDeploymentRampingVersionAsync(
            new() { Namespace = "default", DeploymentName = "shop", BuildId = "1", Percentage = 101 })));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => raw.Service.SetWorkerDeploymentRampingVersionAsync(
            new() { Namespace = "default", DeploymentName = "shop", BuildId = "1", Percentage = 10 })));

        await raw.Service.SetWorkerDeploymentManagerAsync(new() { Namespace = "default", DeploymentName = "shop", Self = true, Identity = "boss" });
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => SetCurrentAsync(raw, "", identity: "other")));
        var unset = await SetCurrentAsync(raw, "", identity: "boss");
        Assert.Equal("1", unset.PreviousDeploymentVersion.BuildId);
        Assert.Equal("shop.1", unset.PreviousVersion);
    }

    [Fact]
    public async Task Deployments_are_kept_over_a_restart_with_what_waits_for_them()
    {
        var file = Path.Combine(Directory.CreateTempSubdirectory().FullName, "baton.db");
        await using (var server = await DurableServer.StartAsync(new() { DatabasePath = file }))
        {
            var raw = await RawWorkflow.ConnectAsync(server);
            await RegisterAsync(raw.Service, "1");
            await raw.StartAsync("waits");
            await SetCurrentAsync(raw, "1");
            await raw.Service.UpdateWorkerDeploymentVersionMetadataAsync(new()
            {
                Namespace = "default", DeploymentVersion = new() { DeploymentName = "shop", BuildId = "1" },
                UpsertEntries = { ["commit"] = new() { Data = ByteString.CopyFromUtf8("abc") } },
            });
        }

        await using var again = await DurableServer.StartAsync(new() { DatabasePath = file });
        var reopened = await RawWorkflow.ConnectAsync(again);
        Assert.Equal("waits", (await PollAsync(reopened.Service, "1")).WorkflowExecution.WorkflowId);
        var version = await reopened.Service.DescribeWorkerDeploymentVersionAsync(new() { Namespace = "default", Version = "shop.1", ReportTaskQueueStats = true });
        Assert.Equal("abc", version.WorkerDeploymentVersionInfo.Metadata.Entries["commit"].Data.ToStringUtf8());
        Assert.Equal(0, version.VersionTaskQueues.Single().Stats.ApproximateBacklogCount);
        var listed = Assert.Single((await reopened.Service.ListWorkerDeploymentsAsync(new() { Namespace = "default" })).WorkerDeployments);
        Assert.Equal("1", listed.CurrentVersionSummary.DeploymentVersion.BuildId);
        var queue = await reopened.Service.DescribeTaskQueueAsync(new() { Namespace = "default", TaskQueue = new() { Name = RawWorkflow.Queue } });
        Assert.Equal("1", queue.VersioningInfo.CurrentDeploymentVersion.BuildId);
        Assert.Equal(WorkerVersioningMode.Versioned, Assert.Single(queue.Pollers).DeploymentOptions.WorkerVersioningMode);
    }

    [Fact]
    public async Task Tasks_that_wait_move_when_the_routing_changes_and_workers_without_versions_get_them_back()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await RegisterAsync(raw.Service, "1");
        await SetCurrentAsync(raw, "1");
        await raw.StartAsync("a");
        var unversioned = raw.PollAsync();
        Assert.Equal("a", (await PollAsync(raw.Service, "1")).WorkflowExecution.WorkflowId);

        await raw.StartAsync("b");
        Assert.False(unversioned.IsCompleted);
        await SetCurrentAsync(raw, "");
        Assert.Equal("b", (await unversioned).WorkflowExecution.WorkflowId);
    }

    [Fact]
    public async Task A_current_version_must_have_the_queues_in_use_unless_told_otherwise()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await RegisterAsync(raw.Service, "1");
        await SetCurrentAsync(raw, "1");
        await raw.StartAsync("a");
        await raw.Service.CreateWorkerDeploymentVersionAsync(new() { Namespace = "default", DeploymentVersion = new() { DeploymentName = "shop", BuildId = "2" } });

        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => SetCurrentAsync(raw, "2")));
        await raw.Service.SetWorkerDeploymentCurrentVersionAsync(new() { Namespace = "default", DeploymentName = "shop", BuildId = "2", IgnoreMissingTaskQueues = true });
        Assert.Equal("a", (await raw.PollAsync()).WorkflowExecution.WorkflowId);
    }

    [Theory]
    [InlineData("a.b", "1")]
    [InlineData("a:b", "1")]
    [InlineData("__a", "1")]
    [InlineData("", "1")]
    [InlineData("a", "")]
    public async Task Names_that_versions_cannot_have_are_refused(string deployment, string buildId)
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.PollWorkflowTaskQueueAsync(new()
        {
            Namespace = "default", TaskQueue = new() { Name = RawWorkflow.Queue },
            DeploymentOptions = new() { DeploymentName = deployment, BuildId = buildId, WorkerVersioningMode = WorkerVersioningMode.Versioned },
        })));
    }

    private static Task<PollWorkflowTaskQueueResponse> PollAsync(WorkflowService service, string buildId) => service.PollWorkflowTaskQueueAsync(new()
    {
        Namespace = "default", TaskQueue = new() { Name = RawWorkflow.Queue }, Identity = "worker-" + buildId, WorkerInstanceKey = "instance-" + buildId,
        DeploymentOptions = new() { DeploymentName = "shop", BuildId = buildId, WorkerVersioningMode = WorkerVersioningMode.Versioned },
    });

    /// <summary>A poll makes the version known, also one that ends without a task.</summary>
    private static async Task RegisterAsync(WorkflowService service, string buildId) => await service.PollWorkflowTaskQueueAsync(
        new()
        {
            Namespace = "default", TaskQueue = new() { Name = RawWorkflow.Queue }, Identity = "worker-" + buildId, WorkerInstanceKey = "instance-" + buildId,
            DeploymentOptions = new() { DeploymentName = "shop", BuildId = buildId, WorkerVersioningMode = WorkerVersioningMode.Versioned },
        },
        new() { Timeout = TimeSpan.FromSeconds(1.5) });

    private static Task CompleteAsync(RawWorkflow raw, ByteString token, string buildId) => raw.Service.RespondWorkflowTaskCompletedAsync(new()
    {
        Namespace = "default", TaskToken = token, VersioningBehavior = VersioningBehavior.Pinned,
        DeploymentOptions = new() { DeploymentName = "shop", BuildId = buildId, WorkerVersioningMode = WorkerVersioningMode.Versioned },
    });

    private static Task<SetWorkerDeploymentCurrentVersionResponse> SetCurrentAsync(RawWorkflow raw, string buildId, ByteString? token = null, string identity = "me") =>
        raw.Service.SetWorkerDeploymentCurrentVersionAsync(
            new() { Namespace = "default", DeploymentName = "shop", BuildId = buildId, Identity = identity, ConflictToken = token ?? ByteString.Empty });

    private static Task<DescribeWorkerDeploymentResponse> DescribeAsync(RawWorkflow raw) =>
        raw.Service.DescribeWorkerDeploymentAsync(new() { Namespace = "default", DeploymentName = "shop" });

    private static async Task<WorkerDeploymentVersionStatus> StatusAsync(RawWorkflow raw, string buildId) =>
        (await raw.Service.DescribeWorkerDeploymentVersionAsync(new() { Namespace = "default", DeploymentVersion = new() { DeploymentName = "shop", BuildId = buildId } }))
            .WorkerDeploymentVersionInfo.Status;

    private static Task DeleteAsync(RawWorkflow raw, string buildId) =>
        raw.Service.DeleteWorkerDeploymentVersionAsync(new() { Namespace = "default", DeploymentVersion = new() { DeploymentName = "shop", BuildId = buildId } });

    private static async Task<RpcException.StatusCode> CodeOf(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Code;
}
