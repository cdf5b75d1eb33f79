using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;
using Temporalio.Client;

namespace Baton.Durable.Bench.Capacity;

/// <summary>A worker without an SDK's state machines: each workflow it gets starts a timer of thirty days, and waits.</summary>
internal static class RawWorker
{
    public const string TaskQueue = "raw";

    /// <summary>Takes one workflow task and starts the timer. Null when none came within the server's poll time.</summary>
    public static async Task<string?> ServeOneAsync(ITemporalClient client, CancellationToken cancellationToken)
    {
        var service = client.Connection.WorkflowService;
        var rpc = new RpcOptions { CancellationToken = cancellationToken };
        var task = await service.PollWorkflowTaskQueueAsync(new() { Namespace = client.Options.Namespace, TaskQueue = new TaskQueue { Name = TaskQueue }, Identity = "raw" }, rpc);
        if (task.TaskToken.IsEmpty)
        {
            return null;
        }
        var answer = new RespondWorkflowTaskCompletedRequest { Namespace = client.Options.Namespace, TaskToken = task.TaskToken, Identity = "raw" };
        if (task.PreviousStartedEventId == 0)
        {
            answer.Commands.Add(new Command
            {
                CommandType = CommandType.StartTimer,
                StartTimerCommandAttributes = new() { TimerId = "1", StartToFireTimeout = Duration.FromTimeSpan(TimeSpan.FromDays(30)) },
            });
        }
        await service.RespondWorkflowTaskCompletedAsync(answer, rpc);
        return task.WorkflowExecution.WorkflowId;
    }

    /// <summary>Waits for the event that ends the first workflow task of a run.</summary>
    public static async Task FirstTaskCompletedAsync(ITemporalClient client, string id, string runId)
    {
        var request = new GetWorkflowExecutionHistoryRequest
        {
            Namespace = client.Options.Namespace, Execution = new() { WorkflowId = id, RunId = runId }, WaitNewEvent = true,
        };
        while (true)
        {
            var page = await client.Connection.WorkflowService.GetWorkflowExecutionHistoryAsync(request);
            if (page.History.Events.Any(static item => item.EventType == EventType.WorkflowTaskCompleted))
            {
                return;
            }
            request.NextPageToken = page.NextPageToken;
        }
    }
}
