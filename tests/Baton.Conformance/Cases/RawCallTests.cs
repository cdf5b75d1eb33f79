using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Update.V1;

namespace Baton.Conformance.Cases;

/// <summary>Calls as the SDKs of other languages make them, in whose tests the words and links of the answers count.</summary>
public class RawCallTests(ServerFixture server) : ConformanceTest(server)
{
    private const string Ns = ServerFixture.Namespace;

    [Fact]
    public async Task Signals_answer_with_a_link_to_their_event()
    {
        var execution = await StartAsync();
        var signalled = await Service.SignalWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = execution, SignalName = "s", RequestId = "r-1" });
        var link = signalled.Link.WorkflowEvent;
        Assert.Equal((Ns, execution.WorkflowId, execution.RunId), (link.Namespace, link.WorkflowId, link.RunId));
        Assert.Equal(new() { RequestId = "r-1", EventType = EventType.WorkflowExecutionSignaled }, link.RequestIdRef);

        var again = await Service.SignalWithStartWorkflowExecutionAsync(new()
        {
            Namespace = Ns, WorkflowId = execution.WorkflowId, WorkflowType = new() { Name = "T" }, TaskQueue = new() { Name = TaskQueue }, SignalName = "s", RequestId = "r-2",
        });
        Assert.False(again.Started);
        Assert.Equal("r-2", again.SignalLink.WorkflowEvent.RequestIdRef.RequestId);
    }

    [Fact]
    public async Task A_start_that_attaches_answers_with_a_link_to_what_it_attached()
    {
        var first = StartRequest();
        var started = await Service.StartWorkflowExecutionAsync(first);
        Assert.Equal(new() { EventId = 1, EventType = EventType.WorkflowExecutionStarted }, started.Link.WorkflowEvent.EventRef);

        var second = first.Clone();
        second.RequestId = Guid.NewGuid().ToString();
        second.WorkflowIdConflictPolicy = WorkflowIdConflictPolicy.UseExisting;
        second.OnConflictOptions = new() { AttachRequestId = true };

        // A worker has the task, so that the event is buffered first.
        var task = await PollAsync();
        foreach (var _ in Enumerable.Range(0, 2))
        {
            var attached = await Service.StartWorkflowExecutionAsync(second);
            Assert.Equal((false, started.RunId), (attached.Started, attached.RunId));
            Assert.Equal(new() { RequestId = second.RequestId, EventType = EventType.WorkflowExecutionOptionsUpdated }, attached.Link.WorkflowEvent.RequestIdRef);
        }

        var execution = new WorkflowExecution { WorkflowId = first.WorkflowId, RunId = started.RunId };
        Assert.True((await DescribeAsync(execution)).WorkflowExtendedInfo.RequestIdInfos[second.RequestId].Buffered);
        await CompleteAsync(task);
        var info = (await DescribeAsync(execution)).WorkflowExtendedInfo.RequestIdInfos[second.RequestId];
        Assert.Equal((5, false), (info.EventId, info.Buffered));
        Assert.Equal(EventType.WorkflowExecutionOptionsUpdated, (await EventsAsync(first.WorkflowId))[4].EventType);

        second.RequestId = Guid.NewGuid().ToString();
        second.OnConflictOptions = new() { AttachCompletionCallbacks = true };
        var refused = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.StartWorkflowExecutionAsync(second));
        Assert.Contains("attaching request ID is required", refused.Message);
    }

    [Fact]
    public async Task A_query_is_refused_where_no_worker_could_answer_it()
    {
        var delayed = StartRequest();
        delayed.WorkflowStartDelay = new() { Seconds = 3600 };
        await Service.StartWorkflowExecutionAsync(delayed);
        await RefusedAsync(delayed.WorkflowId, "Workflow task is not scheduled yet.");

        var ended = await StartAsync();
        await Service.TerminateWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = ended });
        await RefusedAsync(ended.WorkflowId, "Workflow execution closed before WorkflowTaskStarted event");

        var failing = await StartAsync();
        for (var attempt = 1; attempt <= 2; attempt++)
        {
            await Service.RespondWorkflowTaskFailedAsync(new() { Namespace = Ns, TaskToken = (await PollAsync()).TaskToken });
        }
        await RefusedAsync(failing.WorkflowId, "Unable to query workflow due to Workflow Task in failed state.");

        async Task RefusedAsync(string id, string reason)
        {
            var error = await RpcErrorAsync(
                RpcException.StatusCode.FailedPrecondition,
                () => Service.QueryWorkflowAsync(new() { Namespace = Ns, Execution = new() { WorkflowId = id }, Query = new() { QueryType = "q" } }));
            Assert.Equal(reason, error.Message);
        }
    }

    [Fact]
    public async Task A_query_waits_for_a_start_that_is_delayed_less_than_the_caller_waits()
    {
        var request = StartRequest();
        request.WorkflowStartDelay = new() { Nanos = 200_000_000 };
        await Service.StartWorkflowExecutionAsync(request);
        var answer = Service.QueryWorkflowAsync(new() { Namespace = Ns, Execution = new() { WorkflowId = request.WorkflowId }, Query = new() { QueryType = "q" } });
        var task = await PollAsync();
        await Service.RespondWorkflowTaskCompletedAsync(new()
        {
            Namespace = Ns,
            TaskToken = task.TaskToken,
            QueryResults = { [Assert.Single(task.Queries).Key] = new() { ResultType = QueryResultType.Answered, Answer = Json("here") } },
        });
        Assert.Equal(Json("here"), (await answer).QueryResult);
    }

    [Fact]
    public async Task What_ended_during_a_task_comes_after_what_else_came()
    {
        var execution = await StartAsync();
        await CompleteAsync(await PollAsync(), Activity());
        await Service.SignalWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = execution, SignalName = "first" });
        var task = await PollAsync();
        var activity = await Service.PollActivityTaskQueueAsync(new() { Namespace = Ns, TaskQueue = new() { Name = TaskQueue } });
        await Service.RespondActivityTaskCompletedAsync(new() { Namespace = Ns, TaskToken = activity.TaskToken });
        await Service.SignalWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = execution, SignalName = "second" });
        await CompleteAsync(task);
        var last = (await EventsAsync(execution.WorkflowId)).TakeLast(4).ToList();
        Assert.Equal(
            [EventType.ActivityTaskStarted, EventType.WorkflowExecutionSignaled, EventType.ActivityTaskCompleted, EventType.WorkflowTaskScheduled],
            last.Select(static item => item.EventType));
        Assert.Equal(last[0].EventId, last[2].ActivityTaskCompletedEventAttributes.StartedEventId);
    }

    [Fact]
    public async Task A_bad_command_is_named_by_its_cause()
    {
        var small = await StartAsync();
        var task = await PollAsync();
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => CompleteAsync(task, new Command
        {
            CommandType = CommandType.ScheduleActivityTask,
            ScheduleActivityTaskCommandAttributes = new() { ActivityId = "a", ActivityType = new() { Name = "A" } },
        }));
        Assert.StartsWith("BadScheduleActivityAttributes: A valid StartToClose or ScheduleToCloseTimeout is not set on command.", error.Message);
        var failed = (await EventsAsync(small.WorkflowId)).Last(static item => item.EventType == EventType.WorkflowTaskFailed);
        Assert.Equal(error.Message, failed.WorkflowTaskFailedEventAttributes.Failure.Message);
        await Service.TerminateWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = small });

        var large = await StartAsync();
        task = await PollAsync();
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => CompleteAsync(task, new Command
        {
            CommandType = CommandType.CompleteWorkflowExecution,
            CompleteWorkflowExecutionCommandAttributes = new() { Result = Json(new string('x', 3 * 1024 * 1024)) },
        }));
        var terminated = (await EventsAsync(large.WorkflowId))[^1].WorkflowExecutionTerminatedEventAttributes;
        Assert.Equal("BadScheduleActivityAttributes: CompleteWorkflowExecutionCommandAttributes.Result exceeds size limit.", terminated.Reason);
    }

    [Fact]
    public async Task A_completion_too_large_to_send_ends_the_workflow()
    {
        var execution = await StartAsync();
        await Service.RespondWorkflowTaskFailedAsync(new()
        {
            Namespace = Ns, TaskToken = (await PollAsync()).TaskToken, Cause = WorkflowTaskFailedCause.GrpcMessageTooLarge, Failure = new() { Message = "GRPC Message too large" },
        });
        var events = await EventsAsync(execution.WorkflowId);
        var failed = Assert.Single(events, static item => item.EventType == EventType.WorkflowTaskFailed);
        Assert.Equal(WorkflowTaskFailedCause.ForceCloseCommand, failed.WorkflowTaskFailedEventAttributes.Cause);
        Assert.Equal("GrpcMessageTooLarge", events[^1].WorkflowExecutionTerminatedEventAttributes.Reason);
    }

    [Fact]
    public async Task A_closed_workflow_tells_what_was_pending()
    {
        var execution = await StartAsync();
        await CompleteAsync(await PollAsync(), Activity());
        var activity = await Service.PollActivityTaskQueueAsync(new() { Namespace = Ns, TaskQueue = new() { Name = TaskQueue } });
        var pending = Assert.Single((await DescribeAsync(execution)).PendingActivities);
        Assert.Equal((PendingActivityState.Started, pending.LastStartedTime), (pending.State, pending.LastHeartbeatTime));
        await Service.TerminateWorkflowExecutionAsync(new() { Namespace = Ns, WorkflowExecution = execution });
        Assert.Equal(pending, Assert.Single((await DescribeAsync(execution)).PendingActivities));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => Service.RespondActivityTaskCompletedAsync(new() { Namespace = Ns, TaskToken = activity.TaskToken }));
    }

    [Fact]
    public async Task Search_attributes_without_a_type_have_one_in_the_history()
    {
        var request = StartRequest();
        request.SearchAttributes = Untyped("first");
        await Service.StartWorkflowExecutionAsync(request);
        await CompleteAsync(await PollAsync(), new Command
        {
            CommandType = CommandType.UpsertWorkflowSearchAttributes, UpsertWorkflowSearchAttributesCommandAttributes = new() { SearchAttributes = Untyped("second") },
        });
        var events = await EventsAsync(request.WorkflowId);
        Assert.All(
            [events[0].WorkflowExecutionStartedEventAttributes.SearchAttributes, events[^1].UpsertWorkflowSearchAttributesEventAttributes.SearchAttributes],
            static attributes => Assert.Equal("Keyword", attributes.IndexedFields[TestAttributes.Keyword.Name].Metadata["type"].ToStringUtf8()));

        static SearchAttributes Untyped(string value) => new() { IndexedFields = { [TestAttributes.Keyword.Name] = Json(value).Payloads_[0] } };
    }

    [Fact]
    public async Task A_query_answer_over_the_limit_fails_the_query()
    {
        var execution = await StartAsync();
        await CompleteAsync(await PollAsync());
        var answer = Service.QueryWorkflowAsync(new() { Namespace = Ns, Execution = execution, Query = new() { QueryType = "q" } });
        await Service.RespondQueryTaskCompletedAsync(new()
        {
            Namespace = Ns, TaskToken = (await PollAsync()).TaskToken, CompletedType = QueryResultType.Answered, QueryResult = Json(new string('x', 3 * 1024 * 1024)),
        });
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => answer);
        Assert.Equal("Blob data size exceeds limit.", error.Message);
    }

    [Theory]
    [InlineData("CronSchedule is not allowed.")]
    [InlineData("RequestEagerExecution is not supported.")]
    [InlineData("WorkflowStartDelay is not supported.")]
    [InlineData("FirstExecutionRunId is not allowed.")]
    [InlineData("RunId is not allowed.")]
    [InlineData("WorkflowId is not consistent with previous operation(s).")]
    [InlineData("Operation namespace did not match request's namespace.")]
    [InlineData("Update name is not set on request.")]
    public async Task An_update_with_start_says_which_part_is_wrong(string problem)
    {
        var start = StartRequest();
        var update = new UpdateWorkflowExecutionRequest
        {
            Namespace = Ns, WorkflowExecution = new() { WorkflowId = start.WorkflowId }, Request = new() { Meta = new() { UpdateId = "u" }, Input = new Input { Name = "n" } },
        };
        Action change = problem.Split(' ')[0] switch
        {
            "CronSchedule" => () => start.CronSchedule = "@daily",
            "RequestEagerExecution" => () => start.RequestEagerExecution = true,
            "WorkflowStartDelay" => () => start.WorkflowStartDelay = new() { Seconds = 1 },
            "FirstExecutionRunId" => () => update.FirstExecutionRunId = Guid.NewGuid().ToString(),
            "RunId" => () => update.WorkflowExecution.RunId = Guid.NewGuid().ToString(),
            "WorkflowId" => () => update.WorkflowExecution.WorkflowId = "other",
            "Operation" => () => update.Namespace = "other",
            _ => () => update.Request.Input.Name = "",
        };
        change();
        var error = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ExecuteMultiOperationAsync(new()
        {
            Namespace = Ns,
            Operations = { new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start }, new ExecuteMultiOperationRequest.Types.Operation { UpdateWorkflow = update } },
        }));
        var failure = error.GrpcStatus.Value!.Details[0].Unpack<Temporalio.Api.ErrorDetails.V1.MultiOperationExecutionFailure>();
        Assert.Equivalent(new[] { problem, "Operation was aborted." }, failure.Statuses.Select(static status => status.Message), strict: true);
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => DescribeAsync(new() { WorkflowId = start.WorkflowId }));
    }

    [Fact]
    public async Task Archives_and_remote_clusters_are_answered_as_by_a_cluster_without()
    {
        var archived = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ListArchivedWorkflowExecutionsAsync(new() { Namespace = Ns }));
        Assert.Equal("Cluster is not configured for visibility archival.", archived.Message);

        var operators = Client.Connection.OperatorService;
        var cluster = Assert.Single((await operators.ListClustersAsync(new())).Clusters);
        var info = await Service.GetClusterInfoAsync(new());
        Assert.Equal((info.ClusterName, info.ClusterId, true), (cluster.ClusterName, cluster.ClusterId, cluster.IsConnectionEnabled));
        await RpcErrorAsync(RpcException.StatusCode.NotFound, () => operators.RemoveRemoteClusterAsync(new() { ClusterName = "other" }));
        await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => operators.AddOrUpdateRemoteClusterAsync(new() { FrontendAddress = "127.0.0.1:7233" }));
    }

    [Fact]
    public async Task Legacy_lists_refuse_filters_that_can_match_nothing()
    {
        var status = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ListClosedWorkflowExecutionsAsync(
            new() { Namespace = Ns, StatusFilter = new() { Status = WorkflowExecutionStatus.Running } }));
        Assert.Equal("StatusFilter must be specified and must be not Running.", status.Message);
        var times = await RpcErrorAsync(RpcException.StatusCode.InvalidArgument, () => Service.ListOpenWorkflowExecutionsAsync(
            new() { Namespace = Ns, StartTimeFilter = new() { EarliestTime = new() { Seconds = 2 }, LatestTime = new() { Seconds = 1 } } }));
        Assert.Equal("EarliestTime in StartTimeFilter should not be larger than LatestTime.", times.Message);
    }

    private StartWorkflowExecutionRequest StartRequest() => new()
    {
        Namespace = Ns, WorkflowId = NewId(), WorkflowType = new() { Name = "T" }, TaskQueue = new() { Name = TaskQueue }, RequestId = Guid.NewGuid().ToString(),
    };

    private async Task<WorkflowExecution> StartAsync()
    {
        var request = StartRequest();
        return new() { WorkflowId = request.WorkflowId, RunId = (await Service.StartWorkflowExecutionAsync(request)).RunId };
    }

    private Task<PollWorkflowTaskQueueResponse> PollAsync() => Service.PollWorkflowTaskQueueAsync(new() { Namespace = Ns, TaskQueue = new() { Name = TaskQueue } });

    private Task CompleteAsync(PollWorkflowTaskQueueResponse task, params Command[] commands) =>
        Service.RespondWorkflowTaskCompletedAsync(new() { Namespace = Ns, TaskToken = task.TaskToken, Commands = { commands } });

    private Command Activity() => new()
    {
        CommandType = CommandType.ScheduleActivityTask,
        ScheduleActivityTaskCommandAttributes = new()
        {
            ActivityId = "a", ActivityType = new() { Name = "A" }, TaskQueue = new() { Name = TaskQueue }, StartToCloseTimeout = new() { Seconds = 60 },
        },
    };

    private Task<DescribeWorkflowExecutionResponse> DescribeAsync(WorkflowExecution execution) =>
        Service.DescribeWorkflowExecutionAsync(new() { Namespace = Ns, Execution = execution });
}
