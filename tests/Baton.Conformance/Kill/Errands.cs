using System.Collections.Concurrent;
using Google.Protobuf;

namespace Baton.Conformance.Kill;

/// <summary>
/// The client of the kill tests. It sends each request until it is acknowledged, with one request id, so that the outcome of every errand is
/// known exactly: each item once. Acknowledgements since the last look are checked against the server that came back.
/// </summary>
internal sealed class Errands(TemporalClient client, string taskQueue)
{
    private const int Steps = 3;

    private static readonly RpcOptions Once = new() { Retry = false, Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Checks to make; one that answers false is made again after the next kill.</summary>
    private readonly ConcurrentQueue<Func<Task<bool>>> _acknowledged = new();
    private readonly ConcurrentDictionary<string, string[]> _expected = new();
    private readonly ConcurrentDictionary<string, string[]> _completed = new();
    /// <summary>Ids whose deletion was asked for; from then on they may be gone.</summary>
    private readonly ConcurrentDictionary<string, bool> _deleted = new();

    public int Count => _expected.Count;

    public int Deleted => _deleted.Count;

    /// <summary>One errand from its start to its last message. Ends when everything that it sends is acknowledged.</summary>
    public async Task SendAsync(string id)
    {
        string[] items = [$"{id}-signal-0", $"{id}-update-0", $"{id}-signal-1", $"{id}-update-1"];
        _expected[id] = [.. items.Order()];
        await UntilAnsweredAsync(() => client.WorkflowService.StartWorkflowExecutionAsync(
            new()
            {
                Namespace = "default", WorkflowId = id, WorkflowType = new() { Name = nameof(Errand) }, TaskQueue = new() { Name = taskQueue },
                Input = Json(Steps), RequestId = $"start-{id}", WorkflowTaskTimeout = new() { Seconds = 2 },
            },
            Once));
        Acknowledged(id, () => UntilAnsweredAsync(() => client.GetWorkflowHandle(id).DescribeAsync()));
        await Task.WhenAll(items.Select(item => item.Contains("-signal-", StringComparison.Ordinal) ? SignalAsync(id, "Add", item) : UpdateAsync(id, item)));
        await SignalAsync(id, "Expect", items.Length);
    }

    /// <summary>Reads the result of a finished errand, if it is finished, so that it counts as seen.</summary>
    public async Task SeeCompletedAsync(string id)
    {
        var items = await ResultAsync(id);
        _completed[id] = items;
        Acknowledged(id, async () => Assert.Equal(items, await ResultAsync(id)));
    }

    /// <summary>Deletes a finished errand: the work of retention, while the server is killed.</summary>
    public async Task DeleteAsync(string id)
    {
        await SeeCompletedAsync(id);
        Check(id);
        _deleted[id] = true;
        await UntilAnsweredAsync(async () =>
        {
            try
            {
                return await client.WorkflowService.DeleteWorkflowExecutionAsync(new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = id } }, Once);
            }
            catch (RpcException error) when (error.Code == RpcException.StatusCode.NotFound)
            {
                // An earlier attempt did it, and its answer was lost.
                return new();
            }
        });
        _expected.TryRemove(id, out _);
    }

    /// <summary>Everything acknowledged since the last call must be there. Gives how many checks have to wait for a workflow task to end.</summary>
    public async Task<int> CheckAcknowledgedAsync()
    {
        var waiting = new List<Func<Task<bool>>>();
        while (_acknowledged.TryDequeue(out var check))
        {
            if (!await check())
            {
                waiting.Add(check);
            }
        }
        waiting.ForEach(_acknowledged.Enqueue);
        return waiting.Count;
    }

    /// <summary>Every errand completes, with each item once.</summary>
    public async Task CheckAllAsync()
    {
        foreach (var id in _expected.Keys)
        {
            _completed[id] = await ResultAsync(id).WaitAsync(Eventually.Deadline, TimeProvider.System);
            Check(id);
        }
    }

    private void Acknowledged(string id, Func<Task<bool>> check) => _acknowledged.Enqueue(() => _deleted.ContainsKey(id) ? Task.FromResult(true) : check());

    private void Acknowledged(string id, Func<Task> check) => Acknowledged(id, async () =>
    {
        await check();
        return true;
    });

    private void Check(string id) => Assert.Equal(_expected[id], _completed[id].Order());

    private Task<string[]> ResultAsync(string id) => UntilAnsweredAsync(() => client.GetWorkflowHandle(id).GetResultAsync<string[]>());

    private async Task SignalAsync(string id, string name, object argument)
    {
        await UntilAnsweredAsync(() => client.WorkflowService.SignalWorkflowExecutionAsync(
            new() { Namespace = "default", WorkflowExecution = new() { WorkflowId = id }, SignalName = name, Input = Json(argument), RequestId = $"{id}-{name}-{argument}" },
            Once));
        Acknowledged(id, async () =>
        {
            // A signal that came while a workflow task was started stands in the history once that task has ended.
            var history = await UntilAnsweredAsync(() => client.GetWorkflowHandle(id).FetchHistoryAsync());
            return history.Events.Any(found => found.WorkflowExecutionSignaledEventAttributes is { } signal
                && signal.SignalName == name && signal.Input.Equals(Json(argument)));
        });
    }

    private async Task UpdateAsync(string id, string item)
    {
        var request = new UpdateWorkflowExecutionRequest
        {
            Namespace = "default", WorkflowExecution = new() { WorkflowId = id },
            WaitPolicy = new() { LifecycleStage = UpdateWorkflowExecutionLifecycleStage.Completed },
            Request = new() { Meta = new() { UpdateId = item }, Input = new() { Name = "Put", Args = Json(item) } },
        };
        var answer = await UntilAnsweredAsync(async () =>
        {
            var response = await client.WorkflowService.UpdateWorkflowExecutionAsync(request, Once);
            // The server may answer before the stage that was asked for; the update is not acknowledged then.
            return response.Outcome?.Success is null ? throw new RpcException(RpcException.StatusCode.Unavailable, "not completed yet", null) : response;
        });
        Assert.Equal(Json($"put {item}"), answer.Outcome.Success);
        Acknowledged(id, async () => Assert.Equal(
            $"put {item}", await UntilAnsweredAsync(() => client.GetWorkflowHandle(id).GetUpdateHandle<string>(item).GetResultAsync())));
    }

    /// <summary>Calls until an answer comes; the server may be down in between. A refusal that a restart does not heal is thrown.</summary>
    public static async Task<T> UntilAnsweredAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (Exception error) when (error is RpcException { Code: not (RpcException.StatusCode.NotFound or RpcException.StatusCode.InvalidArgument
                or RpcException.StatusCode.AlreadyExists or RpcException.StatusCode.FailedPrecondition or RpcException.StatusCode.Internal) }
                or WorkflowUpdateRpcTimeoutOrCanceledException)
            {
                await Eventually.PauseAsync();
            }
        }
    }

    private static Payloads Json(object value) => new() { Payloads_ = { Temporalio.Converters.DataConverter.Default.PayloadConverter.ToPayload(value) } };
}
