using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Exceptions;
using Xunit;

namespace Baton.Durable.Tests.Control;

public sealed class CompletionPagesTests
{
    [Fact]
    public async Task A_completion_in_pages_takes_effect_with_the_last()
    {
        await using var server = await DurableServer.StartAsync(new() { PagedTaskCompletions = true });
        var raw = await RawWorkflow.ConnectAsync(server);
        var space = await raw.Service.DescribeNamespaceAsync(new() { Namespace = "default" });
        Assert.True(space.NamespaceInfo.Capabilities.WorkflowTaskCompletionPagination);
        await raw.StartAsync("w");
        var task = await raw.PollAsync();

        await SendAsync(0, "replaced");
        await SendAsync(0, "a");
        await SendAsync(1, "b");
        Assert.Empty((await raw.DescribeAsync("w")).PendingActivities);
        var lost = await Assert.ThrowsAsync<RpcException>(() => SendAsync(3, "c"));
        Assert.Equal(RpcException.StatusCode.Aborted, lost.Code);
        Assert.True(lost.GrpcStatus.Value!.Details[0].Is(WorkflowTaskCompletionBufferLostFailure.Descriptor));
        await SendAsync(2, "c", isLast: true);

        Assert.Equal(["a", "b", "c"], (await raw.DescribeAsync("w")).PendingActivities.Select(static activity => activity.ActivityId));
        Assert.Single(await raw.HistoryAsync("w"), static item => item.EventType == EventType.WorkflowTaskCompleted);

        Task<RespondWorkflowTaskCompletedResponse> SendAsync(int page, string activity, bool isLast = false) => raw.Service.RespondWorkflowTaskCompletedAsync(new()
        {
            Namespace = "default", TaskToken = task.TaskToken, PageNumber = page, IntermediatePage = !isLast, Commands = { RawWorkflow.Activity(activity) },
        });
    }

    [Fact]
    public async Task Pages_of_a_task_that_failed_are_not_those_of_the_next()
    {
        await using var server = await DurableServer.StartAsync(new() { PagedTaskCompletions = true });
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("w");
        var task = await raw.PollAsync();
        await raw.Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = "default", TaskToken = task.TaskToken, IntermediatePage = true, Commands = { RawWorkflow.Activity("old") } });
        await raw.Service.RespondWorkflowTaskFailedAsync(new() { Namespace = "default", TaskToken = task.TaskToken });
        task = await raw.PollAsync();
        var lost = await Assert.ThrowsAsync<RpcException>(() => raw.Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = "default", TaskToken = task.TaskToken, PageNumber = 1, Commands = { RawWorkflow.Activity("new") } }));
        Assert.Equal(RpcException.StatusCode.Aborted, lost.Code);
        await raw.CompleteAsync(task.TaskToken, RawWorkflow.Activity("new"));
        Assert.Equal("new", Assert.Single((await raw.DescribeAsync("w")).PendingActivities).ActivityId);
    }

    [Fact]
    public async Task Pages_are_refused_where_they_are_not_switched_on()
    {
        await using var server = await DurableServer.StartAsync();
        var raw = await RawWorkflow.ConnectAsync(server);
        await raw.StartAsync("w");
        var task = await raw.PollAsync();
        var refused = await Assert.ThrowsAsync<RpcException>(
            () => raw.Service.RespondWorkflowTaskCompletedAsync(new() { Namespace = "default", TaskToken = task.TaskToken, IntermediatePage = true }));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, refused.Code);
        await raw.CompleteAsync(task.TaskToken, RawWorkflow.Finish());
    }
}
