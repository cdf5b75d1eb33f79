using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A started workflow task failed or ran out of time, and is tried again.</summary>
internal static class FailWorkflowTask
{
    public static void Apply(Step step, WorkflowRun run, WorkflowTaskFailedCause cause, Failure? failure, string identity)
    {
        var task = run.S.WorkflowTask!;
        Report(step, run, "WorkflowTaskFailed", $"WorkflowTaskFailedCause{cause}");
        if (task.Kind != WorkflowTaskKind.Transient)
        {
            ScheduleWorkflowTask.Materialize(step, run, task);
            run.Append(step, new HistoryEvent
            {
                EventType = EventType.WorkflowTaskFailed,
                WorkflowTaskFailedEventAttributes = new WorkflowTaskFailedEventAttributes
                {
                    ScheduledEventId = task.ScheduledEventId,
                    StartedEventId = task.StartedEventId,
                    Cause = cause,
                    Failure = failure,
                    Identity = identity,
                },
            });
        }

        Again(step, run, task);
    }

    public static void TimeOutStarted(Step step, WorkflowRun run)
    {
        var task = run.S.WorkflowTask!;
        Report(step, run, "WorkflowTaskTimedOut", $"WorkflowTaskTimedOutCause{TimeoutType.StartToClose}");
        if (task.Kind != WorkflowTaskKind.Transient)
        {
            ScheduleWorkflowTask.Materialize(step, run, task);
            AppendTimedOut(step, run, task, TimeoutType.StartToClose);
        }

        Again(step, run, task);
    }

    /// <summary>The sticky worker did not take it in time: any worker may.</summary>
    public static void TimeOutScheduled(Step step, WorkflowRun run)
    {
        var task = run.S.WorkflowTask!;
        run.S.StickyQueue = "";
        if (task.Kind == WorkflowTaskKind.Normal)
        {
            AppendTimedOut(step, run, task, TimeoutType.ScheduleToStart);
            run.S.WorkflowTask = null;
            ScheduleWorkflowTask.Schedule(step, run, task.OriginalScheduledTime);
            return;
        }

        task.Sticky = false;
        task.Queue = run.S.TaskQueue;
        task.ScheduleToStartDeadline = 0;
        task.Stamp++;
        if (task.Kind == WorkflowTaskKind.Transient)
        {
            step.Touch(run);
        }
        else
        {
            step.TouchVolatile(run);
        }
    }

    /// <summary>A run whose tasks fail again and again can be found by a search attribute, until a task succeeds.</summary>
    public static bool IsReported(WorkflowRun run) => run.Core.Limits.ReportedTaskProblems is > 0 and var limit && run.S.TaskProblem?.Count >= limit;

    private static void Report(Step step, WorkflowRun run, string category, string cause)
    {
        var problem = run.S.TaskProblem ??= new TaskProblemState();
        var changed = (problem.Category, problem.Cause) != (category, cause);
        problem.Count++;
        (problem.Category, problem.Cause) = (category, cause);
        step.Touch(run, visibility: IsReported(run) && (changed || problem.Count == run.Core.Limits.ReportedTaskProblems));
    }

    private static void AppendTimedOut(Step step, WorkflowRun run, WorkflowTaskState task, TimeoutType type) =>
        run.Append(step, new HistoryEvent
        {
            EventType = EventType.WorkflowTaskTimedOut,
            WorkflowTaskTimedOutEventAttributes = new WorkflowTaskTimedOutEventAttributes
            {
                ScheduledEventId = task.ScheduledEventId,
                StartedEventId = task.StartedEventId,
                TimeoutType = type,
            },
        });

    private static void Again(Step step, WorkflowRun run, WorkflowTaskState task)
    {
        run.S.StickyQueue = "";
        run.S.WorkflowTask = null;
        run.Updates.Resend();
        foreach (var query in run.Queries.All)
        {
            query.IsWithWorker &= !run.Queries.Buffered.Contains(query.Id);
        }

        var news = run.FlushBuffered(step);
        ScheduleWorkflowTask.Retry(step, run, task.Attempt + 1, news);
        step.Touch(run);
    }
}
