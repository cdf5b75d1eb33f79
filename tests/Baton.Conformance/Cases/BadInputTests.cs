using Google.Protobuf;

namespace Baton.Conformance.Cases;

/// <summary>What no caller should send: each gets the status that Temporal gives and a message that names the field, and nothing changes.</summary>
public class BadInputTests(ServerFixture server) : ConformanceTest(server)
{
    [Fact]
    public async Task Starts_are_validated_field_by_field()
    {
        foreach (var (change, expected) in new (Action<StartWorkflowExecutionRequest>, string)[]
        {
            (request => request.WorkflowId = "", "WorkflowId"),
            (request => request.WorkflowId = new string('x', 1001), "WorkflowId"),
            (request => request.WorkflowType = new(), "WorkflowType"),
            (request => request.WorkflowType = new() { Name = new string('x', 1001) }, "WorkflowType"),
            (request => request.TaskQueue = null, "TaskQueue"),
            (request => request.TaskQueue = new() { Name = new string('x', 1001) }, "TaskQueue"),
            (request => request.RequestId = new string('x', 1001), "RequestId"),
            (request => request.WorkflowRunTimeout = new() { Seconds = -1 }, "WorkflowRunTimeout"),
            (request => request.WorkflowExecutionTimeout = new() { Seconds = -1 }, "WorkflowExecutionTimeout"),
            (request => request.WorkflowTaskTimeout = new() { Seconds = -1 }, "WorkflowTaskTimeout"),
            (request => request.CronSchedule = "not a cron", "CronSchedule"),
            (request => request.RetryPolicy = new() { BackoffCoefficient = 0.5 }, "BackoffCoefficient"),
            (request => request.RetryPolicy = new() { MaximumAttempts = -1 }, "MaximumAttempts"),
            (request => request.RetryPolicy = new() { InitialInterval = new() { Seconds = -1 } }, "InitialInterval"),
        })
        {
            var request = StartRequest();
            change(request);
            var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.StartWorkflowExecutionAsync(request));
            Assert.Contains(expected, error.Message.Replace(" ", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
        }
        Assert.Equal(0, (await Client.CountWorkflowsAsync($"TaskQueue = '{TaskQueue}'")).Count);
    }

    [Fact]
    public async Task An_unknown_namespace_is_not_found_and_none_is_invalid()
    {
        var request = StartRequest();
        request.Namespace = "no-such-namespace";
        var error = await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.StartWorkflowExecutionAsync(request));
        Assert.Contains("no-such-namespace", error.Message);
        request.Namespace = "";
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.StartWorkflowExecutionAsync(request));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.DescribeNamespaceAsync(new() { Namespace = "no-such-namespace" }));
    }

    [Fact]
    public async Task A_malformed_run_id_is_an_invalid_argument()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var execution = new WorkflowExecution { WorkflowId = handle.Id, RunId = "not-a-run-id" };
        foreach (var call in new Func<Task>[]
        {
            () => Service.DescribeWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, Execution = execution }),
            () => Service.SignalWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = execution, SignalName = "Add" }),
            () => Service.TerminateWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = execution }),
            () => Service.RequestCancelWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = execution }),
            () => Service.GetWorkflowExecutionHistoryAsync(new() { Namespace = ServerFixture.Namespace, Execution = execution }),
            () => Service.QueryWorkflowAsync(new() { Namespace = ServerFixture.Namespace, Execution = execution, Query = new() { QueryType = "Received" } }),
        })
        {
            var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, call);
            Assert.Contains("RunId", error.Message);
        }
        await UnchangedAsync(handle);
    }

    [Fact]
    public async Task A_broken_task_token_is_an_invalid_argument()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        foreach (var token in new[] { ByteString.Empty, ByteString.CopyFromUtf8("garbage") })
        {
            foreach (var call in new Func<Task>[]
            {
                () => Service.RespondWorkflowTaskCompletedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RespondWorkflowTaskFailedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RespondActivityTaskCompletedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RespondActivityTaskFailedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RespondActivityTaskCanceledAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RecordActivityTaskHeartbeatAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
                () => Service.RespondQueryTaskCompletedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = token }),
            })
            {
                var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, call);
                Assert.Contains("token", error.Message, StringComparison.OrdinalIgnoreCase);
            }
        }
        await UnchangedAsync(handle);
    }

    [Fact]
    public async Task A_token_used_twice_or_after_the_close_is_not_found()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var task = await PollAsync();
        await Service.RespondWorkflowTaskCompletedAsync(new() { Namespace = ServerFixture.Namespace, TaskToken = task.TaskToken });
        var before = (await EventsAsync(handle)).Count;
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = ServerFixture.Namespace, TaskToken = task.TaskToken }));
        Assert.Equal(before, (await EventsAsync(handle)).Count);

        var other = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        task = await PollAsync();
        await other.TerminateAsync();
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = ServerFixture.Namespace, TaskToken = task.TaskToken }));
        await handle.TerminateAsync();
    }

    [Fact]
    public async Task A_token_is_bound_to_its_namespace()
    {
        var name = NewId("namespace");
        await Service.RegisterNamespaceAsync(new() { Namespace = name, WorkflowExecutionRetentionPeriod = new() { Seconds = 86400 } });
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        var task = await PollAsync();
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.RespondWorkflowTaskCompletedAsync(
            new() { Namespace = name, TaskToken = task.TaskToken }));
        Assert.Equal(3, (await EventsAsync(handle)).Count);
        await handle.TerminateAsync();
    }

    [Fact]
    public async Task A_tampered_page_token_is_an_invalid_argument()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        foreach (var call in new Func<Task>[]
        {
            () => Service.GetWorkflowExecutionHistoryAsync(
                new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), NextPageToken = ByteString.CopyFromUtf8("tampered") }),
            () => Service.GetWorkflowExecutionHistoryReverseAsync(
                new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), NextPageToken = ByteString.CopyFromUtf8("tampered") }),
            () => Service.ListWorkflowExecutionsAsync(new() { Namespace = ServerFixture.Namespace, NextPageToken = ByteString.CopyFromUtf8("tampered") }),
        })
        {
            var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, call);
            Assert.Contains("token", error.Message, StringComparison.OrdinalIgnoreCase);
        }
        // A token of one run does not open another.
        var first = await Service.GetWorkflowExecutionHistoryAsync(new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle), MaximumPageSize = 1, WaitNewEvent = true });
        var other = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.GetWorkflowExecutionHistoryAsync(
            new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(other), NextPageToken = first.NextPageToken }));
        await UnchangedAsync(handle);
        await other.TerminateAsync();
    }

    [Fact]
    public async Task Bad_commands_fail_the_task_and_leave_no_other_event()
    {
        foreach (var (command, cause) in new (Temporalio.Api.Command.V1.Command, WorkflowTaskFailedCause)[]
        {
            (new()
            {
                CommandType = CommandType.ScheduleActivityTask,
                ScheduleActivityTaskCommandAttributes = new() { ActivityId = "no-timeouts", ActivityType = new() { Name = "Greet" }, TaskQueue = new() { Name = TaskQueue } },
            }, WorkflowTaskFailedCause.BadScheduleActivityAttributes),
            (new() { CommandType = CommandType.StartTimer, StartTimerCommandAttributes = new() { TimerId = "" } }, WorkflowTaskFailedCause.BadStartTimerAttributes),
            (new() { CommandType = CommandType.CancelTimer, CancelTimerCommandAttributes = new() { TimerId = "unknown" } }, WorkflowTaskFailedCause.BadCancelTimerAttributes),
            (new() { CommandType = CommandType.RecordMarker, RecordMarkerCommandAttributes = new() }, WorkflowTaskFailedCause.BadRecordMarkerAttributes),
            (new() { CommandType = CommandType.StartChildWorkflowExecution, StartChildWorkflowExecutionCommandAttributes = new() }, WorkflowTaskFailedCause.BadStartChildExecutionAttributes),
            (new() { CommandType = CommandType.FailWorkflowExecution, FailWorkflowExecutionCommandAttributes = new() }, WorkflowTaskFailedCause.BadFailWorkflowExecutionAttributes),
        })
        {
            var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
            var task = await PollAsync();
            await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.RespondWorkflowTaskCompletedAsync(
                new() { Namespace = ServerFixture.Namespace, TaskToken = task.TaskToken, Commands = { command } }));
            var events = await EventsAsync(handle);
            Assert.Equal(cause, events[3].WorkflowTaskFailedEventAttributes.Cause);
            Assert.Equal(4, events.Count);
            await handle.TerminateAsync();
        }
    }

    [Fact]
    public async Task Signals_updates_and_queries_need_their_names()
    {
        var handle = await Client.StartWorkflowAsync((Mailbox wf) => wf.RunAsync(), Options());
        foreach (var call in new Func<Task>[]
        {
            () => Service.SignalWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = ExecutionOf(handle) }),
            () => Service.SignalWorkflowExecutionAsync(
                new() { Namespace = ServerFixture.Namespace, WorkflowExecution = ExecutionOf(handle), SignalName = new string('x', 1001) }),
            () => Service.SignalWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, SignalName = "Add" }),
            () => Service.QueryWorkflowAsync(new() { Namespace = ServerFixture.Namespace, Execution = ExecutionOf(handle) }),
            () => Service.UpdateWorkflowExecutionAsync(new() { Namespace = ServerFixture.Namespace, WorkflowExecution = ExecutionOf(handle), Request = new() { Input = new() } }),
            () => Service.PollWorkflowTaskQueueAsync(new() { Namespace = ServerFixture.Namespace }),
            () => Service.PollActivityTaskQueueAsync(new() { Namespace = ServerFixture.Namespace, TaskQueue = new() }),
        })
        {
            await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, call);
        }
        await UnchangedAsync(handle);
    }

    private StartWorkflowExecutionRequest StartRequest() => new()
    {
        Namespace = ServerFixture.Namespace,
        WorkflowId = NewId(),
        WorkflowType = new() { Name = "Mailbox" },
        TaskQueue = new() { Name = TaskQueue },
        RequestId = NewId("request"),
    };

    private Task<PollWorkflowTaskQueueResponse> PollAsync() => Service.PollWorkflowTaskQueueAsync(
        new() { Namespace = ServerFixture.Namespace, TaskQueue = new() { Name = TaskQueue }, Identity = "raw" });

    private async Task UnchangedAsync(WorkflowHandle handle)
    {
        Assert.Equal(2, (await EventsAsync(handle)).Count);
        Assert.Equal(WorkflowExecutionStatus.Running, (await handle.DescribeAsync()).Status);
        await handle.TerminateAsync();
    }
}
