using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// A run ends. Its last event is appended, who waits is answered, the parent hears of it unless another run follows, and children are
/// treated by their parent close policy, all in one commit.
/// </summary>
internal static class CloseRun
{
    /// <param name="newRunId">Run that follows (continued as new, retry, cron), or empty.</param>
    public static void Apply(Step step, WorkflowRun run, WorkflowExecutionStatus status, HistoryEvent last, string newRunId = "")
    {
        var s = run.S;
        s.WorkflowTask = null;
        s.Buffered.Clear();
        s.Status = (int)status;
        s.Pause = null;
        s.CloseTime = run.TimeAt(step.Now);
        s.DeleteAt = Instant.Add(step.Now, run.Namespace.Retention);
        s.NewRunId = newRunId;
        s.StickyQueue = "";
        s.CompletionEventId = run.Append(step, last).EventId;
        step.Touch(run, visibility: true);
        // Its activities stay, so that a description tells what was pending; nothing happens to them any more.
        s.Timers.Clear();
        s.NexusOperations.Clear();
        CloseUpdates.Apply(step, run, newRunId.Length > 0);
        CloseQueries.Apply(step, run);
        if (newRunId.Length == 0)
        {
            NotifyParent(step, run, last);
        }

        if (s.ClosedByReset.Length == 0)
        {
            DeliverCallbacks.OnClose(step, run, isFollowed: newRunId.Length > 0);
            ApplyParentClosePolicies(step, run);
        }

        step.Core.RaiseClosed(step, run);
    }

    public static void Terminate(Step step, WorkflowRun run, string reason, string identity, Payloads? details = null, IEnumerable<Link>? links = null)
    {
        FailStartedTask(step, run);
        var item = new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionTerminated,
            WorkflowExecutionTerminatedEventAttributes = new WorkflowExecutionTerminatedEventAttributes
            {
                Reason = reason,
                Identity = identity,
                Details = details,
            },
        };
        item.Links.AddRange(links ?? []);
        Apply(step, run, WorkflowExecutionStatus.Terminated, item);
    }

    public static void TimeOut(Step step, WorkflowRun run)
    {
        var isExecution = run.S.ExecutionDeadline > 0 && step.Now >= run.S.ExecutionDeadline;
        FailStartedTask(step, run);
        var failure = Failures.Timeout(TimeoutType.StartToClose, "workflow timeout");
        var next = isExecution ? FollowingRun.None(RetryState.Timeout) : FollowingRun.AfterFailure(step, run, failure);
        Apply(
            step, run, WorkflowExecutionStatus.TimedOut,
            new HistoryEvent
            {
                EventType = EventType.WorkflowExecutionTimedOut,
                WorkflowExecutionTimedOutEventAttributes = new WorkflowExecutionTimedOutEventAttributes
                {
                    RetryState = next.RetryState,
                    NewExecutionRunId = next.RunId,
                },
            },
            next.RunId);
        FollowingRun.Start(step, run, next);
    }

    /// <summary>A worker has a task of a run that ends from outside: the task ends first.</summary>
    private static void FailStartedTask(Step step, WorkflowRun run)
    {
        if (run.S.WorkflowTask is { StartedTime: > 0 } task)
        {
            if (task.Kind == WorkflowTaskKind.Normal || run.S.Buffered.Count > 0)
            {
                ScheduleWorkflowTask.Materialize(step, run, task);
                run.Append(step, new HistoryEvent
                {
                    EventType = EventType.WorkflowTaskFailed,
                    WorkflowTaskFailedEventAttributes = new WorkflowTaskFailedEventAttributes
                    {
                        ScheduledEventId = task.ScheduledEventId,
                        StartedEventId = task.StartedEventId,
                        Cause = WorkflowTaskFailedCause.ForceCloseCommand,
                        Identity = "history-service",
                    },
                });
            }

            run.S.WorkflowTask = null;
            run.FlushBuffered(step);
        }
    }

    private static void NotifyParent(Step step, WorkflowRun run, HistoryEvent last)
    {
        if (run.S.Parent is { } parent && step.Load<WorkflowRun>(parent.RunKey) is { } parentRun)
        {
            ChildClosed.Apply(step, parentRun, run, parent.InitiatedEventId, last);
        }
    }

    private static void ApplyParentClosePolicies(Step step, WorkflowRun run)
    {
        foreach (var child in run.S.Children.Values.ToList())
        {
            if (child.RunId.Length == 0
                || !step.TryFindCurrent<WorkflowRun>(Storage.EntityKind.Workflow, child.NamespaceId, child.WorkflowId, out var childRun)
                || childRun.S.FirstRunId != child.FirstRunId
                || !childRun.IsRunning)
            {
                continue;
            }

            switch ((ParentClosePolicy)child.ParentClosePolicy)
            {
                case ParentClosePolicy.Terminate:
                    Terminate(step, childRun, "by parent close policy", "history-service");
                    break;
                case ParentClosePolicy.RequestCancel:
                    RequestCancel.Apply(step, childRun, "history-service", "by parent close policy", "", new WorkflowExecution { WorkflowId = run.Id, RunId = run.RunId }, 0);
                    break;
            }
        }
    }
}

/// <summary>Queries of a run that closed are asked again of its whole history.</summary>
internal static class CloseQueries
{
    public static void Apply(Step step, WorkflowRun run)
    {
        foreach (var query in run.Queries.All.Where(query => run.Queries.Buffered.Contains(query.Id)).ToList())
        {
            run.Queries.Buffered.Remove(query.Id);
            if (run.S.LastCompletedStartedId == 0)
            {
                run.Queries.Take(query.Id);
                query.Reply.Fail(step, ServiceErrors.WorkflowNotReady(DispatchQuery.ClosedBeforeTask));
                continue;
            }

            DispatchQuery.Alone(step, run, query);
        }
    }
}

/// <summary>Updates of a run that closed: those that were accepted fail, those that no worker saw are refused, or retried on the run that follows.</summary>
internal static class CloseUpdates
{
    public static void Apply(Step step, WorkflowRun run, bool isFollowed)
    {
        foreach (var update in run.Updates.TakeAll())
        {
            if (update.Stage >= UpdateStage.Accepted)
            {
                update.Advance(step, UpdateStage.Completed, new Temporalio.Api.Update.V1.Outcome { Failure = Failures.UpdateOfClosedRun() });
            }
            else
            {
                update.Fail(step, isFollowed
                    ? ServiceErrors.Unavailable("workflow operation can not be applied because workflow is closing")
                    : ServiceErrors.NotFound("workflow execution already completed"));
            }
        }
    }
}
