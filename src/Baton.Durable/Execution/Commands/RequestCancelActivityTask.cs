using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>An activity shall be cancelled: at once when no worker has it, else with the answer to its next heartbeat.</summary>
internal static class RequestCancelActivityTask
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadRequestCancelActivityAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.RequestCancelActivityTaskCommandAttributes ?? throw new BadCommandException(Bad, "RequestCancelActivityTaskCommandAttributes is not set on command.");
        var id = a.ScheduledEventId;
        if (batch.Run.S.Activities.TryGetValue(id, out var activity))
        {
            if (activity.CancelRequested || !batch.CanceledActivities.Add(id))
            {
                throw new BadCommandException(Bad, $"Cancellation of activity with ScheduledEventId {id} was requested already.");
            }
        }
        else if (id <= 0 || (id < batch.Run.NextEventId && !IsFinishBuffered(batch.Run, id)))
        {
            throw new BadCommandException(Bad, $"No pending activity has ScheduledEventId {id}.");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var run = batch.Run;
        var id = command.RequestCancelActivityTaskCommandAttributes.ScheduledEventId;
        var requested = batch.Append(command, new HistoryEvent
        {
            EventType = EventType.ActivityTaskCancelRequested,
            ActivityTaskCancelRequestedEventAttributes = new ActivityTaskCancelRequestedEventAttributes
            {
                ScheduledEventId = id,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
            },
        });
        if (!run.S.Activities.TryGetValue(id, out var activity))
        {
            return;
        }

        activity.CancelRequested = true;
        activity.CancelRequestedEventId = requested.EventId;
        if (activity.StartedTime == 0)
        {
            run.S.Activities.Remove(id);
            run.Append(batch.Step, new HistoryEvent
            {
                EventType = EventType.ActivityTaskCanceled,
                ActivityTaskCanceledEventAttributes = new ActivityTaskCanceledEventAttributes
                {
                    ScheduledEventId = id,
                    LatestCancelRequestedEventId = requested.EventId,
                    Details = Temporalio.Converters.DataConverter.Default.PayloadConverter.ToPayload("ACTIVITY_ID_NOT_STARTED") is { } payload
                        ? new() { Payloads_ = { payload } }
                        : null,
                    Identity = batch.Request.Identity,
                },
            });
            batch.NeedsWorkflowTask = true;
        }
    }

    private static bool IsFinishBuffered(WorkflowRun run, long scheduledEventId) => run.BufferedEvents().Any(item => item.EventType switch
    {
        EventType.ActivityTaskCompleted => item.ActivityTaskCompletedEventAttributes.ScheduledEventId == scheduledEventId,
        EventType.ActivityTaskFailed => item.ActivityTaskFailedEventAttributes.ScheduledEventId == scheduledEventId,
        EventType.ActivityTaskTimedOut => item.ActivityTaskTimedOutEventAttributes.ScheduledEventId == scheduledEventId,
        EventType.ActivityTaskCanceled => item.ActivityTaskCanceledEventAttributes.ScheduledEventId == scheduledEventId,
        _ => false,
    });
}
