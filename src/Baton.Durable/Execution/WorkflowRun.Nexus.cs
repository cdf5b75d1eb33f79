using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Nexus;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>A workflow run as a caller of Nexus operations: what happens to them goes into its history.</summary>
internal sealed partial class WorkflowRun
{
    Entity INexusCaller.Entity => this;

    IEnumerable<NexusOperationState> INexusCaller.Operations => S.NexusOperations.Values;

    NexusOperationState? INexusCaller.FindOperation(long scheduledEventId) => S.NexusOperations.GetValueOrDefault(scheduledEventId);

    void INexusCaller.Forget(NexusOperationState operation) => S.NexusOperations.Remove(operation.ScheduledEventId);

    long INexusCaller.Record(Step step, HistoryEvent item)
    {
        var isAppended = AppendOrBuffer(step, item);
        ScheduleWorkflowTask.Ensure(step, this);
        return isAppended ? item.EventId : 0;
    }

    Func<HistoryEvent> INexusCaller.ScheduledEvent(NexusOperationState operation)
    {
        if (TryGetTail(operation.ScheduledEventId, out var events) && events.Count > 0)
        {
            return () => events[0];
        }

        var (reader, runKey, eventId) = (core.Store.Histories, RunKey, operation.ScheduledEventId);
        return () => HistoryReading.Stored(reader, runKey, eventId, eventId + 1).First();
    }

    Link INexusCaller.LinkTo(NexusOperationState operation) => RunLinks.ToEvent(this, operation.ScheduledEventId, EventType.NexusOperationScheduled);

    void INexusCaller.Prioritize(TaskRef task) => SetPriority(task, S.Priority);
}
