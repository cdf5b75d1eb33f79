using System.Collections.Concurrent;
using Baton.Flows.Durable;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Jq;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Flows.Hosting;

/// <param name="Status">completed, faulted or cancelled.</param>
public sealed record FlowResult(string Status, JqValue Output, FlowError? Error, string RunId);

/// <summary>Runs flows on durable execution and waits for them.</summary>
public static class LocalFlows
{
    /// <param name="cancelled">Asks the run to cancel; its end is still waited for.</param>
    /// <param name="stepped">Told of each change of a step, about four times a second; null for no watching.</param>
    public static async Task<FlowResult> RunAsync(
        ITemporalClient client, FlowDefinition flow, JqValue input, FlowHost host, Action<FlowStep>? stepped = null, CancellationToken cancelled = default)
    {
        var queue = $"{FlowWorkflow.TaskQueue}-{Guid.NewGuid():N}";
        using var worker = new FlowWorker(client, host, queue);
        return await worker.ExecuteAsync(async () =>
        {
            var id = $"{flow.Document.Name}-{Guid.NewGuid():N}";
            var start = new FlowStart { Definition = flow.Json, Hash = flow.Hash, Input = await LargeValues.StoreAsync(input, host.Blobs, id, CancellationToken.None), Subscribe = host.Events.NeedsSubscriptions };
            var handle = await client.StartWorkflowAsync((FlowWorkflow workflow) => workflow.RunAsync(start), new(id, queue));
            await using var stop = cancelled.UnsafeRegister(_ => _ = handle.CancelAsync(), null);
            var end = EndAsync(handle, host.Blobs);
            if (stepped is not null)
            {
                await WatchAsync(handle, end, stepped, host.Time);
            }
            return await end;
        });
    }

    private static async Task<FlowResult> EndAsync(WorkflowHandle<FlowWorkflow, RawValue> handle, IFlowBlobs blobs)
    {
        try
        {
            return new FlowResult("completed", await LargeValues.LoadAsync(RawValues.Value(await handle.GetResultAsync()), blobs, CancellationToken.None), null, handle.Id);
        }
        catch (WorkflowFailedException error) when (error.InnerException is CanceledFailureException)
        {
            return new FlowResult("cancelled", JqValue.Null, null, handle.Id);
        }
        catch (WorkflowFailedException error)
        {
            return new FlowResult("faulted", JqValue.Null, ErrorOf(error), handle.Id);
        }
    }

    private static FlowError ErrorOf(WorkflowFailedException error) =>
        error.InnerException is ApplicationFailureException { Details.Count: > 0 } failure && FlowError.FromValue(RawValues.Value(failure.Details.ElementAt<RawValue>(0))) is { } known
            ? known
            : FlowErrors.Runtime(error.InnerException?.Message ?? error.Message);

    private static async Task WatchAsync(WorkflowHandle<FlowWorkflow, RawValue> handle, Task end, Action<FlowStep> stepped, TimeProvider time)
    {
        var told = new Dictionary<int, string>();
        while (true)
        {
            var last = end.IsCompleted;
            var state = await handle.QueryAsync<FlowRunState>("state", []);
            foreach (var step in state.Steps.Where(s => !told.TryGetValue(s.Number, out var status) || status != s.Status))
            {
                told[step.Number] = step.Status;
                stepped(step);
            }
            if (last)
            {
                return;
            }
            await Task.WhenAny(end, Task.Delay(TimeSpan.FromMilliseconds(250), time));
        }
    }
}

/// <summary>
/// Events of one process: what a flow emits goes to every run of this process that listens, and to <paramref name="emitted"/>.
/// Nothing is kept: for single runs and tests, not for a server.
/// </summary>
public sealed class LocalEventBus(ITemporalClient client, Action<JqValue> emitted) : IFlowEventBus
{
    private readonly ConcurrentDictionary<string, byte> _listening = new();

    public bool NeedsSubscriptions => true;

    public async Task PublishAsync(IReadOnlyList<JqValue> cloudEvents, CancellationToken cancellationToken)
    {
        foreach (var cloudEvent in cloudEvents)
        {
            emitted(cloudEvent);
            foreach (var run in _listening.Keys)
            {
                await client.GetWorkflowHandle(run).SignalAsync("event", [RawValues.Raw(cloudEvent)]);
            }
        }
    }

    public Task<FlowEventPage> SubscribeAsync(FlowEventSubscription subscription, CancellationToken cancellationToken)
    {
        _listening[subscription.RunId] = 1;
        return Task.FromResult(FlowEventPage.Empty);
    }

    public Task UnsubscribeAsync(string runId, CancellationToken cancellationToken)
    {
        _listening.TryRemove(runId, out _);
        return Task.CompletedTask;
    }
}

/// <summary>Flows in the files of a folder, found by what their documents say of themselves.</summary>
public sealed class FolderDefinitions(string folder) : IFlowDefinitions
{
    public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken)
    {
        var found = Directory.EnumerateFiles(folder, "*.yaml").Concat(Directory.EnumerateFiles(folder, "*.json"))
            .Select(file => FlowReader.Read(File.ReadAllText(file)).Definition)
            .OfType<FlowDefinition>()
            .Where(flow => flow.Document.Namespace == ns && flow.Document.Name == name && (version == "latest" || flow.Document.Version == version))
            .OrderByDescending(flow => flow.Document.Version, StringComparer.Ordinal)
            .FirstOrDefault();
        return new(found?.Json);
    }
}

/// <summary>Secrets given by whoever runs the flow.</summary>
public sealed class GivenSecrets(IReadOnlyDictionary<string, JqValue> secrets) : IFlowSecrets
{
    public ValueTask<JqValue?> FindAsync(string name, CancellationToken cancellationToken) => new(secrets.TryGetValue(name, out var value) ? value : (JqValue?)null);
}
