using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Activity.V1;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>An activity is scheduled. Missing timeouts are filled from the others and cut to the run's own.</summary>
internal static class ScheduleActivityTask
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadScheduleActivityAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.ScheduleActivityTaskCommandAttributes ?? throw new BadCommandException(Bad, "ScheduleActivityTaskCommandAttributes is not set on command.");
        var limit = batch.Limits.IdLength;
        CommandBatch.RequireId(a.ActivityId, limit, Bad, "ActivityId");
        CommandBatch.RequireId(a.ActivityType?.Name ?? "", limit, Bad, "ActivityType");
        if (a.TaskQueue?.Name is { } queue && queue.Length > limit)
        {
            throw new BadCommandException(Bad, $"TaskQueue exceeds length limit: {queue.Length} > {limit}.");
        }

        CommandBatch.RequireRetryPolicy(a.RetryPolicy, Bad);
        var (close, start, run) = (Instant.From(a.ScheduleToCloseTimeout), Instant.From(a.ScheduleToStartTimeout), Instant.From(a.StartToCloseTimeout));
        if (close < 0 || start < 0 || run < 0 || Instant.From(a.HeartbeatTimeout) < 0)
        {
            throw new BadCommandException(Bad, $"Invalid timeouts of activity {a.ActivityId}: a timeout cannot be negative.");
        }

        if (close == 0 && run == 0)
        {
            throw new BadCommandException(Bad, $"A valid StartToClose or ScheduleToCloseTimeout is not set on command. ActivityId={a.ActivityId} ActivityType={a.ActivityType!.Name}");
        }

        batch.RequireSize(a.Input, Bad, "ScheduleActivityTaskCommandAttributes.Input");
        if (!batch.ActivityIds.Add(a.ActivityId))
        {
            throw new BadCommandException(WorkflowTaskFailedCause.ScheduleActivityDuplicateId, $"Activity id {a.ActivityId} is in use by a pending activity.");
        }

        if (batch.Run.S.Activities.Count + ++batch.NewActivities > batch.Limits.PendingActivities)
        {
            throw new BadCommandException(WorkflowTaskFailedCause.PendingActivitiesLimitExceeded, $"the number of pending activities, {batch.Limits.PendingActivities}, has reached the per-workflow limit of {batch.Limits.PendingActivities}");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.ScheduleActivityTaskCommandAttributes;
        var run = batch.Run;
        var (scheduleToClose, scheduleToStart, startToClose, heartbeat) = Timeouts(
            run.S.RunTimeout, Instant.From(a.ScheduleToCloseTimeout), Instant.From(a.ScheduleToStartTimeout), Instant.From(a.StartToCloseTimeout), Instant.From(a.HeartbeatTimeout));
        var retry = Retries.WithDefaults(a.RetryPolicy);
        var queue = string.IsNullOrEmpty(a.TaskQueue?.Name) ? run.S.TaskQueue : a.TaskQueue.Name;
        var attributes = new ActivityTaskScheduledEventAttributes
        {
            ActivityId = a.ActivityId,
            ActivityType = a.ActivityType,
            TaskQueue = new() { Name = queue, Kind = TaskQueueKind.Normal },
            Header = a.Header,
            Input = a.Input,
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(scheduleToClose),
            ScheduleToStartTimeout = Instant.ToDurationOrZero(scheduleToStart),
            StartToCloseTimeout = Instant.ToDurationOrZero(startToClose),
            HeartbeatTimeout = Instant.ToDurationOrZero(heartbeat),
            WorkflowTaskCompletedEventId = batch.CompletedEventId,
            RetryPolicy = retry,
            UseWorkflowBuildId = a.UseWorkflowBuildId,
            Priority = a.Priority,
        };
        var scheduled = batch.Append(command, new HistoryEvent { EventType = EventType.ActivityTaskScheduled, ActivityTaskScheduledEventAttributes = attributes });
        var activity = new ActivityState
        {
            ScheduledEventId = scheduled.EventId,
            ActivityId = a.ActivityId,
            ActivityType = a.ActivityType.Name,
            TaskQueue = queue,
            ScheduledTime = batch.Step.Now,
            AttemptScheduledTime = batch.Step.Now,
            Attempt = 1,
            ScheduleToClose = scheduleToClose,
            ScheduleToStart = scheduleToStart,
            StartToClose = startToClose,
            HeartbeatTimeout = heartbeat,
            ScheduleToCloseDeadline = scheduleToClose > 0 ? Instant.Add(batch.Step.Now, scheduleToClose) : 0,
            Retry = Retries.ToState(retry),
            Priority = a.Priority?.ToByteString() ?? ByteString.Empty,
            UseWorkflowBuildId = a.UseWorkflowBuildId,
        };
        activity.OriginalOptions = ActivityOptionsCodec.Of(activity).ToByteString();
        run.S.Activities.Add(scheduled.EventId, activity);
        if (a.RequestEagerExecution && !run.IsPaused && queue == run.S.TaskQueue && batch.EagerActivities.Count < 3
            && batch.Step.Core.Rules.MayStart(batch.Step, run, activity))
        {
            activity.Eager = true;
            batch.EagerActivities.Add(StartActivity.Apply(batch.Step, run, activity, batch.Request.Identity, batch.Request.WorkerInstanceKey, scheduled));
        }
    }

    /// <summary>Timeouts of an activity as they hold: those that are missing (0) follow from the others and from the run's.</summary>
    /// <param name="limit">The run's timeout, 0 for none.</param>
    public static (long ScheduleToClose, long ScheduleToStart, long StartToClose, long Heartbeat) Timeouts(
        long limit, long close, long start, long work, long heartbeat)
    {
        long Cut(long value) => limit > 0 && (value == 0 || value > limit) ? limit : value;
        if (close > 0)
        {
            close = Cut(close);
            start = start == 0 ? close : Math.Min(start, close);
            work = work == 0 ? close : Math.Min(work, close);
        }
        else
        {
            close = Cut(0);
            start = Cut(start);
            work = Cut(work);
        }

        return (close, start, work, Math.Min(heartbeat, work));
    }
}

/// <summary>Options of an activity as the API shows and changes them.</summary>
internal static class ActivityOptionsCodec
{
    public static ActivityOptions Of(ActivityState activity) => new()
    {
        TaskQueue = new() { Name = activity.TaskQueue, Kind = TaskQueueKind.Normal },
        ScheduleToCloseTimeout = Instant.ToDurationOrZero(activity.ScheduleToClose),
        ScheduleToStartTimeout = Instant.ToDurationOrZero(activity.ScheduleToStart),
        StartToCloseTimeout = Instant.ToDurationOrZero(activity.StartToClose),
        HeartbeatTimeout = Instant.ToDurationOrZero(activity.HeartbeatTimeout),
        RetryPolicy = activity.Retry is { } retry ? Retries.ToApi(retry) : null,
        Priority = activity.Priority.IsEmpty ? null : Temporalio.Api.Common.V1.Priority.Parser.ParseFrom(activity.Priority),
    };
}
