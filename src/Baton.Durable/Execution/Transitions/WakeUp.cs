using Baton.Durable.Engine;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>Everything of a run that is due happens, in the order in which it became due where the order shows.</summary>
internal static class WakeUp
{
    public static void Apply(Step step, WorkflowRun run)
    {
        var s = run.S;
        DeliverCallbacks.Wake(step, run);
        if (!run.IsRunning)
        {
            return;
        }

        TimeSkipping.Advance(step, run);
        if (IsDue(step, s.RunDeadline) || IsDue(step, s.ExecutionDeadline))
        {
            CloseRun.TimeOut(step, run);
            return;
        }

        if (IsDue(step, s.BackoffUntil))
        {
            s.BackoffUntil = 0;
            step.Touch(run);
            ScheduleWorkflowTask.Ensure(step, run);
        }

        if (s.WorkflowTask is { } task)
        {
            if (task.StartedTime > 0 && IsDue(step, task.StartedTime + task.StartToClose))
            {
                FailWorkflowTask.TimeOutStarted(step, run);
            }
            else if (task.StartedTime == 0 && IsDue(step, task.ScheduleToStartDeadline))
            {
                FailWorkflowTask.TimeOutScheduled(step, run);
            }
        }

        FireTimers(step, run);
        foreach (var activity in s.Activities.Values.Where(activity => ActivityClock.Passed(activity, step.Now) != TimeoutType.Unspecified).OrderBy(static a => a.ScheduledEventId).ToList())
        {
            if (run.IsRunning)
            {
                EndActivity.TimeOut(step, run, activity, ActivityClock.Passed(activity, step.Now));
            }
        }

        foreach (var operation in s.NexusOperations.Values.Where(operation => NexusClock.Is(NexusClock.NextWake(operation), step.Now)).ToList())
        {
            AttemptNexusOperation.Wake(step, run, operation);
        }
    }

    private static void FireTimers(Step step, WorkflowRun run)
    {
        var due = run.S.Timers.Values.Where(timer => timer.FireTime <= step.Now).OrderBy(static timer => timer.FireTime).ThenBy(static timer => timer.StartedEventId).ToList();
        foreach (var timer in due)
        {
            run.S.Timers.Remove(timer.TimerId);
            run.AppendOrBuffer(step, new HistoryEvent
            {
                EventType = EventType.TimerFired,
                TimerFiredEventAttributes = new TimerFiredEventAttributes { TimerId = timer.TimerId, StartedEventId = timer.StartedEventId },
            });
        }

        if (due.Count > 0)
        {
            ScheduleWorkflowTask.Ensure(step, run);
        }
    }

    private static bool IsDue(Step step, long instant) => instant > 0 && instant <= step.Now;
}
