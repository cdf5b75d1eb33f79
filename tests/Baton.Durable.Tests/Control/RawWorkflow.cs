using Google.Protobuf;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;

namespace Baton.Durable.Tests.Control;

/// <summary>Plays client and worker of workflows on queue "q" by hand, so that tests decide when what happens.</summary>
internal sealed class RawWorkflow(WorkflowService service)
{
    public const string Queue = "q";

    public WorkflowService Service => service;

    public static async Task<RawWorkflow> ConnectAsync(DurableServer server) => new((await TemporalClient.ConnectAsync(new(server.Address))).WorkflowService);

    public async Task<string> StartAsync(string id) => (await service.StartWorkflowExecutionAsync(new()
    {
        Namespace = "default", WorkflowId = id, WorkflowType = new() { Name = "A" }, TaskQueue = new() { Name = Queue }, RequestId = Guid.NewGuid().ToString(),
    })).RunId;

    public Task<PollWorkflowTaskQueueResponse> PollAsync() =>
        service.PollWorkflowTaskQueueAsync(new() { Namespace = "default", TaskQueue = new() { Name = Queue }, Identity = "worker" });

    public Task<PollActivityTaskQueueResponse> PollActivityAsync(string queue = Queue) =>
        service.PollActivityTaskQueueAsync(new() { Namespace = "default", TaskQueue = new() { Name = queue }, Identity = "worker" });

    public Task CompleteAsync(ByteString token, params Command[] commands) =>
        service.RespondWorkflowTaskCompletedAsync(new() { Namespace = "default", TaskToken = token, Commands = { commands } });

    /// <summary>Starts a workflow whose first task schedules the given activities.</summary>
    public async Task StartWithActivitiesAsync(string id, params Command[] activities)
    {
        await StartAsync(id);
        await CompleteAsync((await PollAsync()).TaskToken, activities);
    }

    public Task FailAsync(ByteString token) => service.RespondActivityTaskFailedAsync(new()
    {
        Namespace = "default", TaskToken = token, Failure = new() { Message = "no", ApplicationFailureInfo = new() { Type = "No" } },
    });

    public async Task<DescribeWorkflowExecutionResponse> DescribeAsync(string id) =>
        await service.DescribeWorkflowExecutionAsync(new() { Namespace = "default", Execution = new() { WorkflowId = id } });

    public async Task<List<HistoryEvent>> HistoryAsync(string id) =>
        [.. (await service.GetWorkflowExecutionHistoryAsync(new() { Namespace = "default", Execution = new() { WorkflowId = id } })).History.Events];

    public static Command Activity(string id, string type = "T", int intervalSeconds = 3600) => new()
    {
        CommandType = CommandType.ScheduleActivityTask,
        ScheduleActivityTaskCommandAttributes = new()
        {
            ActivityId = id,
            ActivityType = new() { Name = type },
            TaskQueue = new() { Name = Queue },
            StartToCloseTimeout = new() { Seconds = 60 },
            RetryPolicy = new() { InitialInterval = new() { Seconds = intervalSeconds }, BackoffCoefficient = 1 },
        },
    };

    public static Command Finish() => new()
    {
        CommandType = CommandType.CompleteWorkflowExecution,
        CompleteWorkflowExecutionCommandAttributes = new(),
    };
}
