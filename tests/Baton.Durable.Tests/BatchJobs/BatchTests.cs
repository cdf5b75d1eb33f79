using Baton.Durable.Tests.Control;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.BatchJobs;

public sealed class BatchTests
{
    [Fact]
    public async Task Everything_that_the_query_selects_is_terminated_and_nothing_else()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        for (var i = 0; i < 25; i++)
        {
            await raw.StartAsync("doomed-" + i);
        }

        await raw.StartAsync("spared");
        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "job", Reason = "cleanup", VisibilityQuery = "WorkflowId STARTS_WITH 'doomed'", MaxOperationsPerSecond = 1000,
            TerminationOperation = new() { Identity = "me" },
        });

        var done = await CompletedAsync(raw, "job");
        Assert.Equal((25, 25, 0), (done.TotalOperationCount, done.CompleteOperationCount, done.FailureOperationCount));
        Assert.Equal((BatchOperationType.Terminate, "me", "cleanup"), (done.OperationType, done.Identity, done.Reason));
        Assert.Equal(25, await CountAsync(raw, "ExecutionStatus = 'Terminated'"));
        Assert.Equal(WorkflowExecutionStatus.Running, (await raw.DescribeAsync("spared")).WorkflowExecutionInfo.Status);
        var listed = Assert.Single((await raw.Service.ListBatchOperationsAsync(new() { Namespace = "default" })).OperationInfo);
        Assert.Equal(("job", BatchOperationState.Completed), (listed.JobId, listed.State));
    }

    [Fact]
    public async Task Signals_reach_listed_workflows_and_what_is_gone_counts_as_done()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("a");
        await raw.StartAsync("b");
        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "job", Reason = "hello", Executions = { Named("a"), Named("b"), Named("gone") },
            SignalOperation = new() { Signal = "s" },
        });

        Assert.Equal(3, (await CompletedAsync(raw, "job")).CompleteOperationCount);
        foreach (var id in new[] { "a", "b" })
        {
            Assert.Single(await raw.HistoryAsync(id), item => item.EventType == EventType.WorkflowExecutionSignaled);
        }
    }

    [Fact]
    public async Task Resets_make_one_new_run_of_each_and_those_that_cannot_be_reset_count_as_failed()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("a", RawWorkflow.Activity("x"));
        await raw.StartAsync("fresh");
        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "job", Reason = "again", VisibilityQuery = "WorkflowType = 'A'",
            ResetOperation = new() { Options = new() { FirstWorkflowTask = new() }, PostResetOperations = { new Temporalio.Api.Workflow.V1.PostResetOperation { SignalWorkflow = new() { SignalName = "s" } } } },
        });

        var done = await CompletedAsync(raw, "job");
        Assert.Equal((1, 1), (done.CompleteOperationCount, done.FailureOperationCount));
        Assert.Equal(2, await CountAsync(raw, "WorkflowId = 'a'"));
        Assert.Single(await raw.HistoryAsync("a"), item => item.EventType == EventType.WorkflowExecutionSignaled);
    }

    [Fact]
    public async Task Cancel_delete_options_and_activities_are_operations_too()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("a", RawWorkflow.Activity("x", "T"));
        await raw.FailAsync((await raw.PollActivityAsync()).TaskToken);

        await RunAsync("options", new() { UpdateActivityOptionsOperation = new() { Type = "T", ActivityOptions = new() { StartToCloseTimeout = new() { Seconds = 7 } }, UpdateMask = new() { Paths = { "start_to_close_timeout" } } } });
        Assert.Equal(7, (await raw.DescribeAsync("a")).PendingActivities.Single().ActivityOptions.StartToCloseTimeout.Seconds);
        await RunAsync("reset", new() { ResetActivitiesOperation = new() { MatchAll = true } });
        Assert.Equal(1, (await raw.DescribeAsync("a")).PendingActivities.Single().Attempt);
        await raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "a" }, Id = "x" });
        await RunAsync("unpause", new() { UnpauseActivitiesOperation = new() { MatchAll = true } });
        Assert.False((await raw.DescribeAsync("a")).PendingActivities.Single().Paused);
        await RunAsync("priority", new() { UpdateWorkflowOptionsOperation = new() { WorkflowExecutionOptions = new() { Priority = new() { PriorityKey = 2 } }, UpdateMask = new() { Paths = { "priority" } } } });
        Assert.Equal(2, (await raw.DescribeAsync("a")).WorkflowExecutionInfo.Priority.PriorityKey);
        await RunAsync("cancel", new() { CancellationOperation = new() });
        Assert.True((await raw.DescribeAsync("a")).WorkflowExtendedInfo.CancelRequested);
        await RunAsync("delete", new() { DeletionOperation = new() });
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => raw.DescribeAsync("a")));

        async Task RunAsync(string job, StartBatchOperationRequest request)
        {
            request.Namespace = "default";
            request.JobId = job;
            request.Reason = "test";
            request.VisibilityQuery = "WorkflowId = 'a'";
            await raw.Service.StartBatchOperationAsync(request);
            var done = await CompletedAsync(raw, job);
            Assert.Equal((1, 0), (done.CompleteOperationCount, done.FailureOperationCount));
        }
    }

    [Fact]
    public async Task Activities_without_a_workflow_are_terminated_and_deleted()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        foreach (var id in new[] { "a", "b" })
        {
            await raw.Service.StartActivityExecutionAsync(new()
            {
                Namespace = "default", ActivityId = id, ActivityType = new() { Name = "T" }, TaskQueue = new() { Name = RawWorkflow.Queue },
                StartToCloseTimeout = new() { Seconds = 60 }, RequestId = id,
            });
        }

        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "end", Reason = "test", VisibilityQuery = "ActivityType = 'T'", TerminateActivitiesOperation = new() { Identity = "me", Reason = "enough" },
        });
        Assert.Equal(2, (await CompletedAsync(raw, "end")).CompleteOperationCount);
        Assert.Equal(ActivityExecutionStatus.Terminated, (await raw.Service.DescribeActivityExecutionAsync(new() { Namespace = "default", ActivityId = "a" })).Info.Status);
        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "delete", Reason = "test", TargetExecutions = { new Temporalio.Api.Common.V1.Execution { Type = ExecutionType.Activity, BusinessId = "a" } },
            DeleteActivitiesOperation = new(),
        });
        Assert.Equal(1, (await CompletedAsync(raw, "delete")).CompleteOperationCount);
        Assert.Equal(1, (await raw.Service.CountActivityExecutionsAsync(new() { Namespace = "default" })).Count);
    }

    [Fact]
    public async Task A_job_goes_on_after_a_restart_and_does_nothing_twice()
    {
        const int Workflows = 60;
        var file = Path.Combine(Directory.CreateTempSubdirectory().FullName, "baton.db");
        await using (var server = await DurableServer.StartAsync(new() { DatabasePath = file }))
        {
            var raw = await RawWorkflow.ConnectAsync(server);
            for (var i = 0; i < Workflows; i++)
            {
                await raw.StartAsync("w" + i);
            }

            await raw.Service.StartBatchOperationAsync(new()
            {
                Namespace = "default", JobId = "job", Reason = "hello", VisibilityQuery = "WorkflowType = 'A'", MaxOperationsPerSecond = 40, SignalOperation = new() { Signal = "s" },
            });
            while ((await DescribeAsync(raw, "job")).CompleteOperationCount == 0)
            {
                await Task.Yield();
            }
        }

        await using var again = await DurableServer.StartAsync(new() { DatabasePath = file });
        var reopened = await RawWorkflow.ConnectAsync(again);
        Assert.Equal(Workflows, (await CompletedAsync(reopened, "job")).CompleteOperationCount);
        for (var i = 0; i < Workflows; i++)
        {
            Assert.Single(await reopened.HistoryAsync("w" + i), item => item.EventType == EventType.WorkflowExecutionSignaled);
        }
    }

    [Fact]
    public async Task A_job_that_is_stopped_leaves_the_rest_alone()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        for (var i = 0; i < 5; i++)
        {
            await raw.StartAsync("w" + i);
        }

        await raw.Service.StartBatchOperationAsync(new()
        {
            Namespace = "default", JobId = "job", Reason = "slow", VisibilityQuery = "WorkflowType = 'A'", MaxOperationsPerSecond = 0.01f, TerminationOperation = new(),
        });
        await raw.Service.StopBatchOperationAsync(new() { Namespace = "default", JobId = "job", Reason = "enough" });

        Assert.Equal(BatchOperationState.Failed, (await DescribeAsync(raw, "job")).State);
        Assert.InRange(await CountAsync(raw, "ExecutionStatus = 'Running'"), 4, 5);
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => raw.Service.StopBatchOperationAsync(new() { Namespace = "default", JobId = "job", Reason = "enough" })));
    }

    [Fact]
    public async Task Requests_that_make_no_sense_are_refused()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        foreach (var wrong in new StartBatchOperationRequest[]
        {
            new() { VisibilityQuery = "WorkflowType = 'A'" },
            new() { TerminationOperation = new() },
            new() { VisibilityQuery = "WorkflowType = 'A'", Executions = { new Temporalio.Api.Common.V1.WorkflowExecution { WorkflowId = "a" } }, TerminationOperation = new() },
            new() { VisibilityQuery = "Nonsense = 1", TerminationOperation = new() },
            new() { VisibilityQuery = "WorkflowType = 'A' ORDER BY StartTime", TerminationOperation = new() },
            new() { VisibilityQuery = "WorkflowType = 'A'", SignalOperation = new() },
            new() { VisibilityQuery = "WorkflowType = 'A'", ResetOperation = new() },
            new() { VisibilityQuery = "WorkflowType = 'A'", TerminationOperation = new(), MaxOperationsPerSecond = -1 },
        })
        {
            wrong.Namespace = "default";
            wrong.JobId = "job";
            wrong.Reason = "test";
            Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.StartBatchOperationAsync(wrong)));
        }

        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.StartBatchOperationAsync(
            new() { Namespace = "default", JobId = "job", VisibilityQuery = "WorkflowType = 'A'", TerminationOperation = new() })));
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => DescribeAsync(raw, "job")));
    }

    private static Task<DescribeBatchOperationResponse> DescribeAsync(RawWorkflow raw, string job) =>
        raw.Service.DescribeBatchOperationAsync(new() { Namespace = "default", JobId = job });

    private static async Task<DescribeBatchOperationResponse> CompletedAsync(RawWorkflow raw, string job)
    {
        while (true)
        {
            var described = await DescribeAsync(raw, job);
            if (described.State != BatchOperationState.Running)
            {
                Assert.Equal(BatchOperationState.Completed, described.State);
                return described;
            }
        }
    }

    private static Temporalio.Api.Common.V1.WorkflowExecution Named(string id) => new() { WorkflowId = id };

    private static async Task<long> CountAsync(RawWorkflow raw, string query) =>
        (await raw.Service.CountWorkflowExecutionsAsync(new() { Namespace = "default", Query = query })).Count;

    private static async Task<RpcException.StatusCode> CodeOf(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Code;
}
