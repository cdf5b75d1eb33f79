using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Control;

public sealed class ActivityControlTests
{
    [Fact]
    public async Task A_paused_activity_is_given_to_nobody_until_it_is_unpaused()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a"), RawWorkflow.Activity("b"));
        await raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a", Identity = "me", Reason = "wait", RequestId = "r" });
        await raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a", RequestId = "r" });

        var paused = (await raw.DescribeAsync("w")).PendingActivities.Single(activity => activity.ActivityId == "a");
        Assert.True(paused.Paused);
        Assert.Equal(PendingActivityState.Paused, paused.State);
        Assert.Equal(("me", "wait"), (paused.PauseInfo.Manual.Identity, paused.PauseInfo.Manual.Reason));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, await CodeOf(() => raw.Service.PauseActivityAsync(
            new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a", RequestId = "other" })));
        Assert.Equal("b", (await raw.PollActivityAsync()).ActivityId);

        var next = raw.PollActivityAsync();
        await raw.Service.UnpauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a" });
        Assert.Equal("a", (await next).ActivityId);
    }

    [Fact]
    public async Task A_running_activity_hears_in_its_heartbeat_that_it_is_paused_and_waits_after_its_attempt()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a", "Slow", intervalSeconds: 1));
        var task = await raw.PollActivityAsync();
        await raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Type = "Slow" });

        Assert.True((await raw.Service.RecordActivityTaskHeartbeatAsync(new() { Namespace = "default", TaskToken = task.TaskToken })).ActivityPaused);
        Assert.Equal(PendingActivityState.PauseRequested, (await raw.DescribeAsync("w")).PendingActivities.Single().State);
        await raw.FailAsync(task.TaskToken);
        Assert.Equal(PendingActivityState.Paused, (await raw.DescribeAsync("w")).PendingActivities.Single().State);

        var next = raw.PollActivityAsync();
        await raw.Service.UnpauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, UnpauseAll = true, ResetAttempts = true });
        Assert.Equal(1, (await next).Attempt);
    }

    [Fact]
    public async Task A_reset_begins_anew_at_once_without_the_wait_of_the_policy()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a"));
        await raw.FailAsync((await raw.PollActivityAsync()).TaskToken);
        Assert.Equal(2, (await raw.DescribeAsync("w")).PendingActivities.Single().Attempt);

        var next = raw.PollActivityAsync();
        await raw.Service.ResetActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a" });
        var task = await next;
        Assert.Equal(1, task.Attempt);

        // Reset while a worker has it: the worker is told, and the next attempt is the first again.
        await raw.Service.ResetActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, MatchAll = true });
        Assert.True((await raw.Service.RecordActivityTaskHeartbeatAsync(new() { Namespace = "default", TaskToken = task.TaskToken })).ActivityReset);
        next = raw.PollActivityAsync();
        await raw.FailAsync(task.TaskToken);
        Assert.Equal(1, (await next).Attempt);
    }

    [Fact]
    public async Task Options_change_field_by_field_and_hold_for_the_attempt_that_waits()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a"));
        await raw.FailAsync((await raw.PollActivityAsync()).TaskToken);

        // An hour of backoff becomes none, and the task goes to another queue.
        var next = raw.PollActivityAsync("other");
        var changed = await raw.Service.UpdateActivityOptionsAsync(new()
        {
            Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a",
            ActivityOptions = new()
            {
                TaskQueue = new() { Name = "other" },
                RetryPolicy = new() { InitialInterval = new Duration { Nanos = 1_000_000 } },
                HeartbeatTimeout = new() { Seconds = 9 },
            },
            UpdateMask = new() { Paths = { "task_queue.name", "retry_policy.initial_interval" } },
        });
        Assert.Equal("other", changed.ActivityOptions.TaskQueue.Name);
        Assert.Equal(60, changed.ActivityOptions.StartToCloseTimeout.Seconds);
        Assert.Equal(new Duration(), changed.ActivityOptions.HeartbeatTimeout);
        Assert.Equal(2, (await next).Attempt);

        var restored = await raw.Service.UpdateActivityOptionsAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a", RestoreOriginal = true });
        Assert.Equal(RawWorkflow.Queue, restored.ActivityOptions.TaskQueue.Name);
        Assert.Equal(3600, restored.ActivityOptions.RetryPolicy.InitialInterval.Seconds);
    }

    [Fact]
    public async Task Wrong_requests_are_refused_and_change_nothing()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartWithActivitiesAsync("w", RawWorkflow.Activity("a"));
        UpdateActivityOptionsRequest Update(string path, long seconds = -1) => new()
        {
            Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "a",
            ActivityOptions = new() { StartToCloseTimeout = new() { Seconds = seconds } }, UpdateMask = new() { Paths = { path } },
        };

        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" } })));
        Assert.Equal(RpcException.StatusCode.NotFound, await CodeOf(() => raw.Service.PauseActivityAsync(new() { Namespace = "default", Execution = new() { WorkflowId = "w" }, Id = "z" })));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.UpdateActivityOptionsAsync(Update("nonsense"))));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.UpdateActivityOptionsAsync(Update("start_to_close_timeout"))));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, await CodeOf(() => raw.Service.UpdateActivityOptionsAsync(Update("startToCloseTimeout", 0))));
        Assert.Equal(60, (await raw.DescribeAsync("w")).PendingActivities.Single().ActivityOptions.StartToCloseTimeout.Seconds);
    }

    private static async Task<RpcException.StatusCode> CodeOf(Func<Task> call) => (await Assert.ThrowsAsync<RpcException>(call)).Code;
}
