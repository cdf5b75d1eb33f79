using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Nexus;

/// <summary>Who has Nexus operations under way: a workflow run, or an operation that a client started on its own.</summary>
internal interface INexusCaller
{
    Entity Entity { get; }

    EngineCore Core { get; }

    NamespaceEntry Namespace { get; }

    bool IsRunning { get; }

    IEnumerable<NexusOperationState> Operations { get; }

    NexusOperationState? FindOperation(long scheduledEventId);

    /// <summary>The operation ended; its last event is recorded next.</summary>
    void Forget(NexusOperationState operation);

    /// <summary>What happened to an operation, as the event that a workflow's history has of it.</summary>
    /// <returns>The id of the event, 0 when it has none yet.</returns>
    long Record(Step step, HistoryEvent item);

    /// <summary>The event that holds an operation's input and header. What is returned is called off the loop, after the commit.</summary>
    Func<HistoryEvent> ScheduledEvent(NexusOperationState operation);

    /// <summary>Where the operation was scheduled, for its handler.</summary>
    Link LinkTo(NexusOperationState operation);

    void Prioritize(TaskRef task);
}
