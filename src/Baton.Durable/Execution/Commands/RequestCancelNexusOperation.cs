using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>The handler of a Nexus operation shall be asked to cancel it.</summary>
internal static class RequestCancelNexusOperation
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadRequestCancelNexusOperationAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.RequestCancelNexusOperationCommandAttributes ?? throw new BadCommandException(Bad, "empty CancelNexusOperationCommandAttributes");
        var id = a.ScheduledEventId;
        if (batch.Run.S.NexusOperations.TryGetValue(id, out var operation))
        {
            if (operation.CancelRequested || !batch.CanceledNexusOperations.Add(id))
            {
                throw new BadCommandException(Bad, $"cancelation was already requested for an operation with scheduled event ID of {id}");
            }
        }
        // It may have ended while the worker was at work.
        else if (!batch.Run.BufferedEvents().Any(item => EventLinks.Ended(item) == id))
        {
            throw new BadCommandException(Bad, $"requested cancelation for a non-existing or already completed operation with scheduled event ID of {id}");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var id = command.RequestCancelNexusOperationCommandAttributes.ScheduledEventId;
        var requested = batch.Append(command, new HistoryEvent
        {
            EventType = EventType.NexusOperationCancelRequested,
            NexusOperationCancelRequestedEventAttributes = new NexusOperationCancelRequestedEventAttributes
            {
                ScheduledEventId = id,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
            },
        });
        if (batch.Run.S.NexusOperations.TryGetValue(id, out var operation))
        {
            CancelNexusOperation.Request(batch.Step, batch.Run, operation, requested.EventId);
        }
    }
}
