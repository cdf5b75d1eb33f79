using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;
using ProtocolMessage = Temporalio.Api.Protocol.V1.Message;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A worker takes a workflow task.</summary>
internal static class StartWorkflowTask
{
    /// <summary>Starts the task that the run has now.</summary>
    /// <returns>What builds the worker's answer after the commit.</returns>
    public static Func<PollWorkflowTaskQueueResponse> Apply(Step step, WorkflowRun run, string identity, string workerInstance = "", bool forceFullHistory = false)
    {
        var task = run.S.WorkflowTask!;
        task.StartedTime = step.Now;
        task.Identity = identity;
        task.WorkerInstance = workerInstance;
        task.RequestId = Guid.NewGuid().ToString("D");
        SuggestContinueAsNew.Decide(run, task);
        task.TargetVersionChanged = Versioning.IsTargetChanged(run);
        if (task.Kind == WorkflowTaskKind.Normal)
        {
            task.StartedEventId = run.Append(step, ScheduleWorkflowTask.StartedEvent(run, task)).EventId;
        }
        else
        {
            task.StartedEventId = task.ScheduledEventId + 1;
            if (task.Kind == WorkflowTaskKind.Transient)
            {
                step.Touch(run);
            }
            else
            {
                step.TouchVolatile(run);
            }
        }

        return Answer(step, run, task, forceFullHistory);
    }

    private static Func<PollWorkflowTaskQueueResponse> Answer(Step step, WorkflowRun run, WorkflowTaskState task, bool forceFullHistory)
    {
        var previous = run.S.LastCompletedStartedId;
        var response = new PollWorkflowTaskQueueResponse
        {
            TaskToken = TaskTokens.Of(run, task),
            WorkflowExecution = run.Execution,
            WorkflowType = new WorkflowType { Name = run.S.WorkflowType },
            PreviousStartedEventId = previous,
            StartedEventId = task.StartedEventId,
            Attempt = task.Attempt,
            WorkflowExecutionTaskQueue = new() { Name = run.S.TaskQueue, Kind = TaskQueueKind.Normal },
            ScheduledTime = Instant.ToTimestamp(task.ScheduledTime),
            StartedTime = Instant.ToTimestamp(task.StartedTime),
        };
        foreach (var update in run.Updates.All.Where(static update => update.IsUnsent))
        {
            update.Stage = UpdateStage.Sent;
            response.Messages.Add(new ProtocolMessage
            {
                Id = update.Id + "/request",
                ProtocolInstanceId = update.Id,
                EventId = task.StartedEventId - 1,
                Body = Any.Pack(update.Request),
            });
        }

        foreach (var query in run.Queries.All.Where(query => run.Queries.Buffered.Contains(query.Id)))
        {
            query.IsWithWorker = true;
            response.Queries.Add(query.Id, query.Query);
        }

        run.TrimTail(previous + 1);
        var from = task.Sticky && !forceFullHistory ? previous + 1 : 1;
        return HistoryPages.ForTask(run, response, from, Suffix(run, task));
    }

    /// <summary>The events that a transient or speculative task would have; the worker sees them at the end of its history.</summary>
    private static List<HistoryEvent> Suffix(WorkflowRun run, WorkflowTaskState task)
    {
        if (task.Kind == WorkflowTaskKind.Normal)
        {
            return [];
        }

        var scheduled = ScheduleWorkflowTask.ScheduledEvent(run, task);
        scheduled.EventId = task.ScheduledEventId;
        var started = ScheduleWorkflowTask.StartedEvent(run, task);
        started.EventId = task.StartedEventId;
        return [scheduled, started];
    }
}
