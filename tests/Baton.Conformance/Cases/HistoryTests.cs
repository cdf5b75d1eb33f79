using Temporalio.Api.History.V1;

namespace Baton.Conformance.Cases;

/// <summary>Reading a run: history in pages, backwards, as it grows and at its end; describe.</summary>
public class HistoryTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public Task Pages_join_to_the_whole_history_in_both_directions() => WithWorkerAsync<Mailbox>(async () =>
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        for (var count = 0; count < 25; count++)
        {
            await handle.SignalAsync(wf => wf.AddAsync("item"));
            await handle.QueryAsync(wf => wf.Received());
        }
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await handle.GetResultAsync();
        var whole = (await EventsAsync(handle)).ToList();
        Assert.True(whole.Count > 25);

        var forward = new List<HistoryEvent>();
        var request = HistoryRequest(handle);
        request.MaximumPageSize = 4;
        GetWorkflowExecutionHistoryResponse page;
        do
        {
            page = await Service.GetWorkflowExecutionHistoryAsync(request);
            Assert.NotEmpty(page.History.Events);
            forward.AddRange(page.History.Events);
            request.NextPageToken = page.NextPageToken;
        }
        while (!page.NextPageToken.IsEmpty);
        Assert.Equal(whole, forward);

        var backward = new List<HistoryEvent>();
        var reverse = new GetWorkflowExecutionHistoryReverseRequest
        {
            Namespace = ServerFixture.Namespace, Execution = request.Execution, MaximumPageSize = 4,
        };
        GetWorkflowExecutionHistoryReverseResponse reversePage;
        do
        {
            reversePage = await Service.GetWorkflowExecutionHistoryReverseAsync(reverse);
            backward.AddRange(reversePage.History.Events);
            reverse.NextPageToken = reversePage.NextPageToken;
        }
        while (!reversePage.NextPageToken.IsEmpty);
        whole.Reverse();
        Assert.Equal(whole, backward);
    });

    [Fact]
    public async Task A_long_poll_answers_when_the_history_grows()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var request = HistoryRequest(handle);
        request.WaitNewEvent = true;
        var first = await Service.GetWorkflowExecutionHistoryAsync(request);
        Assert.Equal(2, first.History.Events.Count);
        Assert.False(first.NextPageToken.IsEmpty);
        request.NextPageToken = first.NextPageToken;
        var waiting = Service.GetWorkflowExecutionHistoryAsync(request);
        await handle.SignalAsync(wf => wf.AddAsync("item"));
        var second = await waiting;
        Assert.Equal(EventType.WorkflowExecutionSignaled, second.History.Events[0].EventType);
        request.NextPageToken = second.NextPageToken;
        var last = Service.GetWorkflowExecutionHistoryAsync(request);
        await handle.TerminateAsync();
        Assert.Equal(EventType.WorkflowExecutionTerminated, (await last).History.Events[^1].EventType);
    }

    [Fact]
    public async Task The_close_filter_waits_for_the_last_event_alone()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var request = HistoryRequest(handle);
        request.HistoryEventFilterType = HistoryEventFilterType.CloseEvent;
        request.WaitNewEvent = true;
        var waiting = Service.GetWorkflowExecutionHistoryAsync(request);
        await handle.SignalAsync(wf => wf.AddAsync("item"));
        await handle.TerminateAsync();
        var answer = await waiting;
        Assert.Equal(EventType.WorkflowExecutionTerminated, Assert.Single(answer.History.Events).EventType);
        request.WaitNewEvent = false;
        Assert.Equal(EventType.WorkflowExecutionTerminated, Assert.Single((await Service.GetWorkflowExecutionHistoryAsync(request)).History.Events).EventType);
    }

    [Fact]
    public Task Describe_tells_how_it_stands() => WithWorkerAsync<Mailbox>(async () =>
    {
        var options = Options();
        options.RunTimeout = TimeSpan.FromHours(2);
        options.TaskTimeout = TimeSpan.FromSeconds(7);
        options.Memo = new Dictionary<string, object> { ["owner"] = "operations" };
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), options);
        await EventAsync(handle, EventType.WorkflowTaskCompleted);
        var raw = await DescribeRawAsync(handle);
        Assert.Equal(TimeSpan.FromHours(2), raw.ExecutionConfig.WorkflowRunTimeout.ToTimeSpan());
        Assert.Equal(TimeSpan.FromSeconds(7), raw.ExecutionConfig.DefaultWorkflowTaskTimeout.ToTimeSpan());
        Assert.Equal(TaskQueue, raw.ExecutionConfig.TaskQueue.Name);
        var running = await handle.DescribeAsync();
        Assert.Equal("Mailbox", running.WorkflowType);
        Assert.Equal(WorkflowExecutionStatus.Running, running.Status);
        Assert.Null(running.CloseTime);
        Assert.Equal("owner", Assert.Single(running.Memo).Key);
        await handle.SignalAsync(wf => wf.EndAsync("complete"));
        await handle.GetResultAsync();
        var closed = await handle.DescribeAsync();
        Assert.Equal(WorkflowExecutionStatus.Completed, closed.Status);
        Assert.True(closed.CloseTime >= closed.StartTime);
        Assert.Equal((await EventsAsync(handle)).Count, closed.HistoryLength);
        var info = (await DescribeRawAsync(handle)).WorkflowExecutionInfo;
        Assert.True(info.HistorySizeBytes > 100);
        Assert.True(info.StateTransitionCount > 0);
    });

    [Fact]
    public async Task Describe_shows_a_pending_task()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var pending = (await DescribeRawAsync(handle)).PendingWorkflowTask;
        Assert.Equal(PendingWorkflowTaskState.Scheduled, pending.State);
        await Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue } });
        Assert.Equal(PendingWorkflowTaskState.Started, (await DescribeRawAsync(handle)).PendingWorkflowTask.State);
        await handle.TerminateAsync();
        Assert.Null((await DescribeRawAsync(handle)).PendingWorkflowTask);
    }

    private GetWorkflowExecutionHistoryRequest HistoryRequest(WorkflowHandle handle) => new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle) };
}
