using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Schedule.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;
using Temporalio.Exceptions;
using Xunit;
using WorkflowExecution = Temporalio.Api.Common.V1.WorkflowExecution;

namespace Baton.Durable.Tests.Schedules;

/// <summary>Schedules over the wire, with the official client. No worker is needed: started workflows wait for one.</summary>
public sealed class ScheduleServiceTests : IAsyncLifetime
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("baton-schedule-");
    private DurableServer server = null!;
    private TemporalClient client = null!;

    public async ValueTask InitializeAsync() => await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_schedule_is_created_shown_changed_and_deleted()
    {
        var request = Request("s1");
        request.Memo = new() { Fields = { ["note"] = Json("\"why\"") } };
        var created = await client.WorkflowService.CreateScheduleAsync(request);
        Assert.Equal(created, await client.WorkflowService.CreateScheduleAsync(request));
        var other = request.Clone();
        other.RequestId = "another";
        var error = await Assert.ThrowsAsync<RpcException>(() => client.WorkflowService.CreateScheduleAsync(other));
        Assert.Equal(RpcException.StatusCode.AlreadyExists, error.Code);

        var shown = await DescribeAsync("s1");
        Assert.Equal(ScheduleOverlapPolicy.Skip, shown.Schedule.Policies.OverlapPolicy);
        Assert.Empty(shown.Schedule.Spec.CronString);
        Assert.Equal(9, Assert.Single(shown.Schedule.Spec.StructuredCalendar).Hour[0].Start);
        Assert.Equal(10, shown.Info.FutureActionTimes.Count);
        Assert.Equal("\"why\"", shown.Memo.Fields["note"].Data.ToStringUtf8());

        var changed = shown.Schedule.Clone();
        changed.State = new() { Notes = "changed", Paused = true };
        var update = new UpdateScheduleRequest { Namespace = "default", ScheduleId = "s1", Schedule = changed, ConflictToken = shown.ConflictToken, RequestId = "u1" };
        await client.WorkflowService.UpdateScheduleAsync(update);
        await client.WorkflowService.UpdateScheduleAsync(update);
        update.RequestId = "u2";
        error = await Assert.ThrowsAsync<RpcException>(() => client.WorkflowService.UpdateScheduleAsync(update));
        Assert.Equal(RpcException.StatusCode.FailedPrecondition, error.Code);
        Assert.Equal("changed", (await DescribeAsync("s1")).Schedule.State.Notes);

        await client.WorkflowService.DeleteScheduleAsync(new() { Namespace = "default", ScheduleId = "s1" });
        error = await Assert.ThrowsAsync<RpcException>(() => DescribeAsync("s1"));
        Assert.Equal(RpcException.StatusCode.NotFound, error.Code);
    }

    [Fact]
    public async Task A_time_that_comes_starts_the_workflow()
    {
        var request = Request("tick");
        request.Schedule.Spec = new() { Interval = { new IntervalSpec { Interval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) } } };
        await client.WorkflowService.CreateScheduleAsync(request);

        var shown = await UntilAsync("tick", s => s.Info.ActionCount > 0);

        var action = shown.Info.RecentActions[0];
        Assert.StartsWith("job-", action.StartWorkflowResult.WorkflowId, StringComparison.Ordinal);
        var workflow = await client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = "default", Execution = action.StartWorkflowResult });
        Assert.Equal("Job", workflow.WorkflowExecutionInfo.Type.Name);
        Assert.Equal("\"tick\"", workflow.WorkflowExecutionInfo.SearchAttributes.IndexedFields["TemporalScheduledById"].Data.ToStringUtf8());
    }

    [Fact]
    public async Task What_waits_in_the_buffer_starts_when_the_workflow_closes_even_after_a_restart()
    {
        await client.WorkflowService.CreateScheduleAsync(Request("buffer"));
        await BackfillAsync("buffer", ScheduleOverlapPolicy.BufferAll, days: 2);
        var shown = await DescribeAsync("buffer");
        Assert.Equal((1, 1), (shown.Info.RunningWorkflows.Count, (int)shown.Info.BufferSize));
        var first = shown.Info.RunningWorkflows[0];

        await server.DisposeAsync();
        await StartAsync();
        await TerminateAsync(first);

        shown = await DescribeAsync("buffer");
        Assert.Equal(0, shown.Info.BufferSize);
        Assert.Equal(2, shown.Info.ActionCount);
        Assert.NotEqual(first, Assert.Single(shown.Info.RunningWorkflows));
        Assert.Equal(WorkflowExecutionStatus.Terminated, shown.Info.RecentActions[0].StartWorkflowStatus);
    }

    [Fact]
    public async Task Terminate_other_replaces_the_workflow_in_one_go_and_cancel_other_asks_first()
    {
        await client.WorkflowService.CreateScheduleAsync(Request("replace"));
        await BackfillAsync("replace", ScheduleOverlapPolicy.Skip, days: 1);
        var first = Assert.Single((await DescribeAsync("replace")).Info.RunningWorkflows);

        await BackfillAsync("replace", ScheduleOverlapPolicy.TerminateOther, days: 1, before: 1);
        var second = Assert.Single((await DescribeAsync("replace")).Info.RunningWorkflows);
        Assert.NotEqual(first.WorkflowId, second.WorkflowId);
        Assert.Equal(WorkflowExecutionStatus.Terminated, await StatusAsync(first));

        await BackfillAsync("replace", ScheduleOverlapPolicy.CancelOther, days: 1, before: 2);
        var shown = await DescribeAsync("replace");
        Assert.Equal(1, shown.Info.BufferSize);
        var history = await client.WorkflowService.GetWorkflowExecutionHistoryAsync(new() { Namespace = "default", Execution = second });
        Assert.Contains(history.History.Events, e => e.EventType == EventType.WorkflowExecutionCancelRequested);
    }

    [Fact]
    public async Task Deleting_the_running_workflow_frees_the_schedule()
    {
        await client.WorkflowService.CreateScheduleAsync(Request("freed"));
        await BackfillAsync("freed", ScheduleOverlapPolicy.Skip, days: 1);
        var first = Assert.Single((await DescribeAsync("freed")).Info.RunningWorkflows);

        await client.WorkflowService.DeleteWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = first });
        await BackfillAsync("freed", ScheduleOverlapPolicy.Skip, days: 1, before: 1);

        Assert.Equal(2, (await DescribeAsync("freed")).Info.ActionCount);
    }

    [Fact]
    public async Task Pausing_and_triggering()
    {
        await client.WorkflowService.CreateScheduleAsync(Request("pause"));
        await PatchAsync("pause", new() { Pause = "wait" });
        await PatchAsync("pause", new() { TriggerImmediately = new() });

        var shown = await DescribeAsync("pause");
        Assert.True(shown.Schedule.State.Paused);
        Assert.Equal("wait", shown.Schedule.State.Notes);
        Assert.Equal(1, shown.Info.ActionCount);
        await PatchAsync("pause", new() { Unpause = "go" });
        Assert.False((await DescribeAsync("pause")).Schedule.State.Paused);
    }

    [Fact]
    public async Task Schedules_are_listed_counted_and_queried()
    {
        foreach (var id in new[] { "a", "b", "c" })
        {
            var request = Request(id);
            request.Schedule.State = new() { Paused = id == "b" };
            request.SearchAttributes = new() { IndexedFields = { ["Team"] = Json("\"ops\"") } };
            await client.WorkflowService.CreateScheduleAsync(request);
        }

        var page = await client.WorkflowService.ListSchedulesAsync(new() { Namespace = "default", MaximumPageSize = 2 });
        var rest = await client.WorkflowService.ListSchedulesAsync(new() { Namespace = "default", MaximumPageSize = 2, NextPageToken = page.NextPageToken });
        Assert.Equal(["a", "b", "c"], page.Schedules.Concat(rest.Schedules).Select(s => s.ScheduleId).Order());
        Assert.True(rest.NextPageToken.IsEmpty);
        Assert.Equal("Job", page.Schedules[0].Info.WorkflowType.Name);
        Assert.Equal(5, page.Schedules[0].Info.FutureActionTimes.Count);
        Assert.Equal("\"ops\"", page.Schedules[0].SearchAttributes.IndexedFields["Team"].Data.ToStringUtf8());

        var paused = await client.WorkflowService.ListSchedulesAsync(new() { Namespace = "default", Query = "TemporalSchedulePaused = true AND Team = 'ops'" });
        Assert.Equal("b", Assert.Single(paused.Schedules).ScheduleId);
        var count = await client.WorkflowService.CountSchedulesAsync(new() { Namespace = "default", Query = "ScheduleId != 'a'" });
        Assert.Equal(2, count.Count);
        var error = await Assert.ThrowsAsync<RpcException>(() => client.WorkflowService.ListSchedulesAsync(new() { Namespace = "default", Query = "nonsense" }));
        Assert.Equal(RpcException.StatusCode.InvalidArgument, error.Code);
    }

    [Fact]
    public async Task Matching_times_of_a_range()
    {
        await client.WorkflowService.CreateScheduleAsync(Request("times"));

        var times = await client.WorkflowService.ListScheduleMatchingTimesAsync(new()
        {
            Namespace = "default",
            ScheduleId = "times",
            StartTime = Time("2024-01-01T00:00:00Z"),
            EndTime = Time("2024-01-03T09:00:00Z"),
        });

        Assert.Equal([Time("2024-01-01T09:00:00Z"), Time("2024-01-02T09:00:00Z"), Time("2024-01-03T09:00:00Z")], times.StartTime);
    }

    public static TheoryData<string, Action<CreateScheduleRequest>> Mistakes => new()
    {
        { "ScheduleId", r => r.ScheduleId = "" },
        { "Hour is not in range", r => r.Schedule.Spec.CronString[0] = "0 25 * * *" },
        { "CronSchedule", r => r.Schedule.Action.StartWorkflow.CronSchedule = "* * * * *" },
        { "WorkflowIDReusePolicy", r => r.Schedule.Action.StartWorkflow.WorkflowIdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate },
        { "WorkflowId", r => r.Schedule.Action.StartWorkflow.WorkflowId = new string('x', 1_000) },
        { "WorkflowType", r => r.Schedule.Action.StartWorkflow.WorkflowType = null },
        { "TaskQueue", r => r.Schedule.Action.StartWorkflow.TaskQueue = null },
        { "search attribute Nobody", r => r.SearchAttributes = new() { IndexedFields = { ["Nobody"] = Json("1") } } },
        { "BackfillRequest.EndTime", r => r.InitialPatch = new() { BackfillRequest = { new BackfillRequest { StartTime = Time("2024-01-01T00:00:00Z") } } } },
    };

    [Theory]
    [MemberData(nameof(Mistakes), DisableDiscoveryEnumeration = true)]
    public async Task A_mistake_is_refused_with_the_name_of_its_field(string field, Action<CreateScheduleRequest> spoil)
    {
        var request = Request("bad");
        spoil(request);

        var error = await Assert.ThrowsAsync<RpcException>(() => client.WorkflowService.CreateScheduleAsync(request));

        Assert.Equal(RpcException.StatusCode.InvalidArgument, error.Code);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
        Assert.Empty((await client.WorkflowService.ListSchedulesAsync(new() { Namespace = "default" })).Schedules);
    }

    private async Task StartAsync()
    {
        server = await DurableServer.StartAsync(new()
        {
            DatabasePath = Path.Combine(folder.FullName, "durable.db"),
            SearchAttributes = new Dictionary<string, IndexedValueType> { ["Team"] = IndexedValueType.Keyword },
        });
        client = await TemporalClient.ConnectAsync(new(server.Address));
    }

    private static CreateScheduleRequest Request(string id) => new()
    {
        Namespace = "default",
        ScheduleId = id,
        RequestId = "create " + id,
        Schedule = new()
        {
            Spec = new() { CronString = { "0 9 * * *" } },
            Action = new() { StartWorkflow = new() { WorkflowId = "job", WorkflowType = new() { Name = "Job" }, TaskQueue = new() { Name = "nobody" } } },
        },
    };

    private Task<DescribeScheduleResponse> DescribeAsync(string id) =>
        client.WorkflowService.DescribeScheduleAsync(new() { Namespace = "default", ScheduleId = id });

    private async Task<DescribeScheduleResponse> UntilAsync(string id, Func<DescribeScheduleResponse, bool> condition)
    {
        while (true)
        {
            var shown = await DescribeAsync(id);
            if (condition(shown))
            {
                return shown;
            }
        }
    }

    private Task PatchAsync(string id, SchedulePatch patch) =>
        client.WorkflowService.PatchScheduleAsync(new() { Namespace = "default", ScheduleId = id, Patch = patch, RequestId = Guid.NewGuid().ToString() });

    private Task BackfillAsync(string id, ScheduleOverlapPolicy policy, int days, int before = 0)
    {
        var end = DateTimeOffset.Parse("2024-01-10T09:00:00Z").AddDays(-before);
        return PatchAsync(id, new()
        {
            BackfillRequest =
            {
                new BackfillRequest
                {
                    StartTime = Timestamp.FromDateTimeOffset(end.AddDays(1 - days)),
                    EndTime = Timestamp.FromDateTimeOffset(end),
                    OverlapPolicy = policy,
                },
            },
        });
    }

    private Task TerminateAsync(WorkflowExecution execution) =>
        client.WorkflowService.TerminateWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = execution });

    private async Task<WorkflowExecutionStatus> StatusAsync(WorkflowExecution execution) =>
        (await client.WorkflowService.DescribeWorkflowExecutionAsync(new() { Namespace = "default", Execution = execution })).WorkflowExecutionInfo.Status;

    private static Timestamp Time(string text) => Timestamp.FromDateTimeOffset(DateTimeOffset.Parse(text));

    private static Payload Json(string json) => new()
    {
        Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") },
        Data = ByteString.CopyFromUtf8(json),
    };
}
