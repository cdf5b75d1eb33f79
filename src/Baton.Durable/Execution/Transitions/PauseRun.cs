using Baton.Durable.Engine;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A run is paused: it takes in events and lets time pass, but gives workers nothing to do until it is unpaused.</summary>
internal static class PauseRun
{
    public static void Pause(Step step, WorkflowRun run, string identity, string reason, string requestId)
    {
        run.AppendOrBuffer(step, new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionPaused,
            WorkerMayIgnore = true,
            WorkflowExecutionPausedEventAttributes = new WorkflowExecutionPausedEventAttributes { Identity = identity, Reason = reason, RequestId = requestId },
        });
        run.S.Pause = new PauseState { Identity = identity, Reason = reason, RequestId = requestId, Time = step.Now };
        run.S.Status = (int)WorkflowExecutionStatus.Paused;
        step.Touch(run, visibility: true);
    }

    public static void Unpause(Step step, WorkflowRun run, string identity, string reason, string requestId)
    {
        run.AppendOrBuffer(step, new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionUnpaused,
            WorkerMayIgnore = true,
            WorkflowExecutionUnpausedEventAttributes = new WorkflowExecutionUnpausedEventAttributes { Identity = identity, Reason = reason, RequestId = requestId },
        });
        run.S.Pause = null;
        run.S.Status = (int)WorkflowExecutionStatus.Running;
        ScheduleWorkflowTask.Ensure(step, run);
        step.Touch(run, visibility: true);
    }
}
