using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using ApiTaskQueue = Temporalio.Api.TaskQueue.V1.TaskQueue;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// A workflow task is scheduled, so that a worker looks at what is new.
/// </summary>
/// <remarks>
/// A normal task writes its events as they happen. A transient one (attempt two and up) and a speculative one (made only to
/// deliver updates) have the ids that their events would have, but write them only when they come to something.
/// </remarks>
internal static class ScheduleWorkflowTask
{
    /// <summary>Schedules one if there is none and the run may have one.</summary>
    public static void Ensure(Step step, WorkflowRun run)
    {
        if (run.IsRunning && !run.HasWorkflowTask && !run.IsBackingOff)
        {
            Schedule(step, run);
        }
    }

    /// <summary>Schedules one for updates that no worker has seen. It leaves no trace when the worker rejects them all.</summary>
    public static void EnsureForUpdates(Step step, WorkflowRun run)
    {
        if (!run.IsRunning || run.HasWorkflowTask || run.IsBackingOff)
        {
            return;
        }

        if (run.S.LastCompletedStartedId == 0)
        {
            Schedule(step, run);
            return;
        }

        run.S.WorkflowTask = NewTask(step, run, WorkflowTaskKind.Speculative, attempt: 1);
        step.TouchVolatile(run);
    }

    public static void Schedule(Step step, WorkflowRun run, long originalScheduledTime = 0)
    {
        var task = NewTask(step, run, WorkflowTaskKind.Normal, attempt: 1);
        task.OriginalScheduledTime = originalScheduledTime == 0 ? step.Now : originalScheduledTime;
        run.S.WorkflowTask = task;
        WriteScheduled(step, run, task);
    }

    /// <summary>The next attempt after a failure or a timeout. New events make it a normal first attempt.</summary>
    public static void Retry(Step step, WorkflowRun run, int attempt, bool hasNewEvents)
    {
        if (hasNewEvents)
        {
            Schedule(step, run);
            return;
        }

        run.S.WorkflowTask = NewTask(step, run, WorkflowTaskKind.Transient, attempt);
        step.Touch(run);
    }

    /// <summary>A transient or speculative task that no worker has yet lost its place to a new event: it becomes a normal one.</summary>
    public static void MakeNormalAfterNewEvent(Step step, WorkflowRun run)
    {
        if (run.S.WorkflowTask is { StartedTime: 0 } task && task.Kind != WorkflowTaskKind.Normal)
        {
            run.S.WorkflowTask = null;
            Schedule(step, run, task.OriginalScheduledTime);
        }
    }

    /// <summary>A started speculative task turns out to matter: its events are written.</summary>
    public static void WriteSpeculative(Step step, WorkflowRun run)
    {
        if (run.S.WorkflowTask is { Kind: WorkflowTaskKind.Speculative } task)
        {
            Materialize(step, run, task);
        }
    }

    /// <summary>Writes the scheduled and started events of a task that has none yet.</summary>
    public static void Materialize(Step step, WorkflowRun run, WorkflowTaskState task)
    {
        if (task.Kind == WorkflowTaskKind.Normal)
        {
            return;
        }

        task.Kind = WorkflowTaskKind.Normal;
        WriteScheduled(step, run, task);
        if (task.StartedTime > 0)
        {
            task.StartedEventId = run.Append(step, StartedEvent(run, task)).EventId;
        }
    }

    public static HistoryEvent ScheduledEvent(WorkflowRun run, WorkflowTaskState task) => new()
    {
        EventType = EventType.WorkflowTaskScheduled,
        EventTime = Instant.ToTimestamp(run.TimeAt(task.ScheduledTime)),
        WorkflowTaskScheduledEventAttributes = new WorkflowTaskScheduledEventAttributes
        {
            TaskQueue = TaskQueueOf(run, task),
            StartToCloseTimeout = Instant.ToDuration(task.StartToClose),
            Attempt = task.Attempt,
        },
    };

    public static HistoryEvent StartedEvent(WorkflowRun run, WorkflowTaskState task)
    {
        var attributes = new WorkflowTaskStartedEventAttributes
        {
            ScheduledEventId = task.ScheduledEventId,
            Identity = task.Identity,
            RequestId = task.RequestId,
            SuggestContinueAsNew = task.SuggestContinueAsNew,
            HistorySizeBytes = task.HistorySize,
            TargetWorkerDeploymentVersionChanged = task.TargetVersionChanged,
            WorkerVersion = BuildIdUses.StampOf(task),
            BuildIdRedirectCounter = run.S.BuildIds?.Redirects ?? 0,
        };
        attributes.SuggestContinueAsNewReasons.AddRange(SuggestContinueAsNew.Reasons(run, task));
        return new HistoryEvent
        {
            EventType = EventType.WorkflowTaskStarted,
            EventTime = Instant.ToTimestamp(run.TimeAt(task.StartedTime)),
            WorkflowTaskStartedEventAttributes = attributes,
        };
    }

    private static ApiTaskQueue TaskQueueOf(WorkflowRun run, WorkflowTaskState task) => task.Sticky
        ? new ApiTaskQueue { Name = task.Queue, Kind = TaskQueueKind.Sticky, NormalName = run.S.TaskQueue }
        : new ApiTaskQueue { Name = task.Queue, Kind = TaskQueueKind.Normal };

    private static void WriteScheduled(Step step, WorkflowRun run, WorkflowTaskState task) =>
        task.ScheduledEventId = run.Append(step, ScheduledEvent(run, task)).EventId;

    private static WorkflowTaskState NewTask(Step step, WorkflowRun run, WorkflowTaskKind kind, int attempt)
    {
        var s = run.S;
        var task = new WorkflowTaskState
        {
            Kind = kind,
            ScheduledEventId = s.NextEventId,
            Attempt = attempt,
            ScheduledTime = step.Now,
            OriginalScheduledTime = step.Now,
            StartToClose = TimeoutOf(s.TaskTimeout, attempt),
            Queue = s.TaskQueue,
        };
        if (s.StickyQueue.Length > 0)
        {
            // A sticky queue that nobody polls belongs to a worker that is gone.
            var key = new QueueKey(run.NamespaceId, s.StickyQueue, TaskKind.Workflow, "", "");
            if (run.Core.Matcher.IsPolled(key, step.Now, run.Core.Limits.StickyPollAge.Ticks) && !Versioning.IsStickyStale(run))
            {
                task.Sticky = true;
                task.Queue = s.StickyQueue;
                task.ScheduleToStartDeadline = s.StickyTimeout > 0 ? step.Now + s.StickyTimeout : 0;
            }
            else
            {
                s.StickyQueue = "";
            }
        }

        return task;
    }

    // SDKs do not report a second failure in a row but let the task time out, so the timeout is what keeps a broken workflow from
    // spinning: from the third attempt on it grows from 5 s by a factor of 2 up to 10 minutes.
    private static long TimeoutOf(long timeout, int attempt) =>
        attempt < 3 ? timeout : timeout + (long)Math.Min(10d * Instant.Minute, 5d * Instant.Second * Math.Pow(2, attempt - 3));
}
