using System.Collections.Concurrent;
using Baton.Flows.Hosting;
using Baton.Jq;

namespace Baton.Flows.Tests.Support;

/// <summary>Keeps what is published and who listens.</summary>
internal sealed class RecordingBus : IFlowEventBus
{
    public ConcurrentQueue<JqValue> Published { get; } = new();

    public ConcurrentQueue<(string RunId, string Filters)> Subscriptions { get; } = new();

    public bool NeedsSubscriptions => true;

    public Task PublishAsync(IReadOnlyList<JqValue> cloudEvents, CancellationToken cancellationToken)
    {
        foreach (var cloudEvent in cloudEvents)
        {
            Published.Enqueue(cloudEvent);
        }
        return Task.CompletedTask;
    }

    public Task<FlowEventPage> SubscribeAsync(FlowEventSubscription subscription, CancellationToken cancellationToken)
    {
        Subscriptions.Enqueue((subscription.RunId, string.Join(",", subscription.Filters.Select(f => f.ToJson()))));
        return Task.FromResult(FlowEventPage.Empty);
    }

    public Task UnsubscribeAsync(string runId, CancellationToken cancellationToken) => Task.CompletedTask;
}
