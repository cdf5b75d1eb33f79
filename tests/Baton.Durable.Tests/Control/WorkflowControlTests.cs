using Temporalio.Api.Enums.V1;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Control;

public sealed class WorkflowControlTests
{
    [Fact]
    public async Task A_workflow_whose_tasks_fail_again_and_again_is_marked_until_one_succeeds()
    {
        await using var server = await DurableServer.StartAsync(new() { Limits = new() { ReportedTaskProblems = 2 } });
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("w");
        await FailAsync();
        Assert.Equal(0, await CountAsync());
        await FailAsync();
        Assert.Equal(1, await CountAsync());
        await raw.CompleteAsync((await raw.PollAsync()).TaskToken, RawWorkflow.Activity("a"));
        Assert.Equal(0, await CountAsync());

        async Task FailAsync() => await raw.Service.RespondWorkflowTaskFailedAsync(
            new() { Namespace = "default", TaskToken = (await raw.PollAsync()).TaskToken, Cause = WorkflowTaskFailedCause.NonDeterministicError });
        async Task<long> CountAsync() => (await raw.Service.CountWorkflowExecutionsAsync(new()
        {
            Namespace = "default", Query = "TemporalReportedProblems IN ('category=WorkflowTaskFailed', 'cause=WorkflowTaskFailedCauseNonDeterministicError')",
        })).Count;
    }

    [Fact]
    public async Task A_paused_workflow_takes_signals_but_no_worker_gets_its_tasks()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("w");
        await raw.Service.PauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w", Identity = "me", Reason = "look", RequestId = "r" });
        await raw.Service.PauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w", RequestId = "r" });
        await raw.Service.SignalWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = "w" }, SignalName = "s" });

        var paused = await raw.DescribeAsync("w");
        Assert.Equal(WorkflowExecutionStatus.Paused, paused.WorkflowExecutionInfo.Status);
        Assert.Equal("look", paused.WorkflowExtendedInfo.PauseInfo.Reason);
        Assert.Equal(1, (await raw.Service.CountWorkflowExecutionsAsync(new() { Namespace = "default", Query = "ExecutionStatus = 'Paused'" })).Count);
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, (await Assert.ThrowsAsync<RpcException>(
            () => raw.Service.PauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w", RequestId = "other" }))).Code);

        // The poll finds the other workflow, not the one that is paused and older.
        await raw.StartAsync("x");
        var other = await raw.PollAsync();
        Assert.Equal("x", other.WorkflowExecution.WorkflowId);
        await raw.CompleteAsync(other.TaskToken, RawWorkflow.Finish());

        var next = raw.PollAsync();
        await raw.Service.UnpauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w" });
        var task = await next;
        Assert.Equal("w", task.WorkflowExecution.WorkflowId);
        Assert.Contains(task.History.Events, item => item.EventType == EventType.WorkflowExecutionSignaled);
        await raw.CompleteAsync(task.TaskToken, RawWorkflow.Finish());
        Assert.Equal(
            [EventType.WorkflowExecutionStarted, EventType.WorkflowTaskScheduled, EventType.WorkflowExecutionPaused, EventType.WorkflowExecutionSignaled,
                EventType.WorkflowExecutionUnpaused, EventType.WorkflowTaskStarted, EventType.WorkflowTaskCompleted, EventType.WorkflowExecutionCompleted],
            (await raw.HistoryAsync("w")).Select(item => item.EventType));
        Assert.Equal(RpcException.StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(
            () => raw.Service.UnpauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w" }))).Code);
    }

    [Fact]
    public async Task Activities_of_a_paused_workflow_wait_too()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a"));
        await raw.Service.PauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w" });
        await raw.StartWithActivitiesAsync("x", RawWorkflow.Activity("b"));

        Assert.Equal("b", (await raw.PollActivityAsync()).ActivityId);
        var next = raw.PollActivityAsync();
        await raw.Service.UnpauseWorkflowExecutionAsync(new() { Namespace = "default", WorkflowId = "w" });
        Assert.Equal("a", (await next).ActivityId);
    }

    [Fact]
    public async Task Options_of_a_workflow_change_by_mask_with_an_event_and_without_one_when_nothing_changes()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("low");
        await raw.StartAsync("high");

        for (var i = 0; i < 2; i++)
        {
            var updated = await raw.Service.UpdateWorkflowExecutionOptionsAsync(new()
            {
                Namespace = "default", WorkflowExecution = new() { WorkflowId = "high" }, Identity = "me",
                WorkflowExecutionOptions = new() { Priority = new() { PriorityKey = 1, FairnessKey = "unused" } },
                UpdateMask = new() { Paths = { "priority.priority_key" } },
            });
            Assert.Equal(1, updated.WorkflowExecutionOptions.Priority.PriorityKey);
            Assert.Equal("", updated.WorkflowExecutionOptions.Priority.FairnessKey);
        }

        Assert.Equal("high", (await raw.PollAsync()).WorkflowExecution.WorkflowId);
        Assert.Equal("low", (await raw.PollAsync()).WorkflowExecution.WorkflowId);
        Assert.Single(await raw.HistoryAsync("high"), item => item.EventType == EventType.WorkflowExecutionOptionsUpdated);
        Assert.Equal(RpcException.StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(() => raw.Service.UpdateWorkflowExecutionOptionsAsync(new()
        {
            Namespace = "default", WorkflowExecution = new() { WorkflowId = "high" }, WorkflowExecutionOptions = new(), UpdateMask = new() { Paths = { "nonsense" } },
        }))).Code);
    }
}
