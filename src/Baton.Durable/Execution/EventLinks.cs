using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>How the events that end an activity, a child or a Nexus operation point at those that began it.</summary>
internal static class EventLinks
{
    private const string Started = "started_event_id";

    /// <summary>Id of the event that scheduled or initiated what an event ends; 0 for any other event.</summary>
    public static long Ended(HistoryEvent item) => item.EventType switch
    {
        EventType.ActivityTaskCompleted or EventType.ActivityTaskFailed or EventType.ActivityTaskTimedOut or EventType.ActivityTaskCanceled
            or EventType.NexusOperationCompleted or EventType.NexusOperationFailed or EventType.NexusOperationCanceled or EventType.NexusOperationTimedOut =>
            Get(item, "scheduled_event_id"),
        EventType.StartChildWorkflowExecutionFailed or EventType.ChildWorkflowExecutionCompleted or EventType.ChildWorkflowExecutionFailed
            or EventType.ChildWorkflowExecutionCanceled or EventType.ChildWorkflowExecutionTimedOut or EventType.ChildWorkflowExecutionTerminated =>
            Get(item, "initiated_event_id"),
        _ => 0,
    };

    /// <summary>Has an event that ends something point at its start, when that stood in no history yet as the event was made.</summary>
    /// <param name="starts">Ids of started events by those that scheduled or initiated.</param>
    public static void SetStarted(HistoryEvent item, Dictionary<long, long> starts)
    {
        if (Ended(item) is > 0 and var begun && starts.TryGetValue(begun, out var started))
        {
            var attributes = Attributes(item);
            attributes.Descriptor.FindFieldByName(Started)?.Accessor.SetValue(attributes, started);
        }
    }

    private static long Get(HistoryEvent item, string field)
    {
        var attributes = Attributes(item);
        return (long)attributes.Descriptor.FindFieldByName(field).Accessor.GetValue(attributes);
    }

    private static IMessage Attributes(HistoryEvent item) =>
        (IMessage)HistoryEvent.Descriptor.Oneofs[0].Accessor.GetCaseFieldDescriptor(item).Accessor.GetValue(item);
}
