using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using Baton.Durable.Hosting;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Bench.Floor;

/// <summary>
/// A WorkflowService that keeps nothing and checks nothing: it hands out tasks from memory as fast as they come. What it costs is what the
/// SDK, gRPC and the operating system cost, and no server that speaks this API can be cheaper over the same transport.
/// </summary>
internal sealed class FloorHandlers
{
    private static readonly TimeSpan PollTime = TimeSpan.FromSeconds(50);

    private readonly ConcurrentDictionary<string, FloorRun> runs = new();
    private readonly ConcurrentDictionary<string, Channel<FloorRun>> queues = new();
    private readonly ConcurrentDictionary<string, Channel<PollActivityTaskQueueResponse>> activityQueues = new();

    public Task<DescribeNamespaceResponse> DescribeNamespace(DescribeNamespaceRequest request, CallContext call) => Task.FromResult(new DescribeNamespaceResponse
    {
        NamespaceInfo = new NamespaceInfo { Name = request.Namespace, Id = request.Namespace, State = NamespaceState.Registered },
    });

    public Task<StartWorkflowExecutionResponse> StartWorkflowExecution(StartWorkflowExecutionRequest request, CallContext call)
    {
        var run = new FloorRun(request);
        runs[run.RunId] = run;
        Offer(run);
        return Task.FromResult(new StartWorkflowExecutionResponse { RunId = run.RunId, Started = true });
    }

    public async Task<GetWorkflowExecutionHistoryResponse> GetWorkflowExecutionHistory(GetWorkflowExecutionHistoryRequest request, CallContext call)
    {
        var end = await runs[request.Execution.RunId].Closed.WaitAsync(call.CancellationToken);
        runs.TryRemove(request.Execution.RunId, out _);
        return new GetWorkflowExecutionHistoryResponse { History = new History { Events = { end } } };
    }

    public async Task<PollWorkflowTaskQueueResponse> PollWorkflowTaskQueue(PollWorkflowTaskQueueRequest request, CallContext call) =>
        (await Poll(Queue(request.TaskQueue.Name), call))?.StartTask() ?? new PollWorkflowTaskQueueResponse();

    public Task<RespondWorkflowTaskCompletedResponse> RespondWorkflowTaskCompleted(RespondWorkflowTaskCompletedRequest request, CallContext call)
    {
        var response = Find(request.TaskToken, out _).CompleteTask(request, out var activities);
        foreach (var (queue, activity) in activities)
        {
            ActivityQueue(queue).Writer.TryWrite(activity);
        }
        return Task.FromResult(response);
    }

    public async Task<PollActivityTaskQueueResponse> PollActivityTaskQueue(PollActivityTaskQueueRequest request, CallContext call) =>
        await Poll(ActivityQueue(request.TaskQueue.Name), call) ?? new PollActivityTaskQueueResponse();

    public Task<RespondActivityTaskCompletedResponse> RespondActivityTaskCompleted(RespondActivityTaskCompletedRequest request, CallContext call)
    {
        var run = Find(request.TaskToken, out var scheduled);
        run.CompleteActivity(scheduled, request);
        Offer(run);
        return Task.FromResult(new RespondActivityTaskCompletedResponse());
    }

    public Task<RecordWorkerHeartbeatResponse> RecordWorkerHeartbeat(RecordWorkerHeartbeatRequest request, CallContext call) =>
        Task.FromResult(new RecordWorkerHeartbeatResponse());

    public Task<ShutdownWorkerResponse> ShutdownWorker(ShutdownWorkerRequest request, CallContext call) => Task.FromResult(new ShutdownWorkerResponse());

    private static async Task<T?> Poll<T>(Channel<T> queue, CallContext call)
        where T : class
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken);
        limit.CancelAfter(PollTime);
        try
        {
            return await queue.Reader.ReadAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private void Offer(FloorRun run) => Queue(run.Queue).Writer.TryWrite(run);

    private Channel<FloorRun> Queue(string name) => queues.GetOrAdd(name, static _ => Channel.CreateUnbounded<FloorRun>());

    private Channel<PollActivityTaskQueueResponse> ActivityQueue(string name) =>
        activityQueues.GetOrAdd(name, static _ => Channel.CreateUnbounded<PollActivityTaskQueueResponse>());

    private FloorRun Find(ByteString token, out long scheduledId)
    {
        var parts = token.ToStringUtf8().Split('/');
        scheduledId = long.Parse(parts[1], CultureInfo.InvariantCulture);
        return runs[parts[0]];
    }
}
