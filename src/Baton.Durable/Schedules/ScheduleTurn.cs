using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.Services;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Schedules;

/// <summary>
/// Carries a schedule's decisions out: workflows are started, cancelled and terminated within the step in which the schedule decides,
/// so that one commit holds both, and no crash can start an action twice or lose it.
/// </summary>
internal static class ScheduleTurn
{
    private const string ScheduledById = "TemporalScheduledById";
    private const string ScheduledStartTime = "TemporalScheduledStartTime";

    /// <summary>Lets the schedules hear of the workflows that they started.</summary>
    public static void ListenTo(EngineCore core) => core.Closed += OnClosed;

    public static void Take(Step step, ScheduleEntity schedule)
    {
        if (schedule.IsInTurn)
        {
            schedule.NeedsAnotherLook = true;
            return;
        }
        var now = Instant.ToDateTimeOffset(step.Now);
        schedule.IsInTurn = true;
        try
        {
            do
            {
                schedule.NeedsAnotherLook = false;
                schedule.Machine.Advance(now);
                Refresh(step, schedule);
                while (!CarryOut(step, schedule, schedule.Machine.Decide()))
                {
                    // What was refused is gone from the buffer; the next one may have its turn.
                }
            }
            while (schedule.NeedsAnotherLook);
        }
        finally
        {
            schedule.IsInTurn = false;
        }
        if (schedule.Machine.SpecError is { } problem)
        {
            ScheduleLog.SpecUnusable(step.Core.Logger, schedule.Id, problem);
        }
        if (schedule.Machine.IsExpired(now))
        {
            step.Delete(schedule);
        }
        else
        {
            step.Touch(schedule, visibility: true);
        }
    }

    /// <summary>The start request of a schedule's action. Also what is checked when a schedule is created, with a sample of a start.</summary>
    public static StartWorkflowExecutionRequest Request(NamespaceEntry space, string scheduleId, ScheduleModel model, ScheduleStart start)
    {
        var action = model.Schedule.Action.StartWorkflow;
        var attributes = action.SearchAttributes?.Clone() ?? new SearchAttributes();
        attributes.IndexedFields[ScheduledById] = SearchAttributeCodec.Encode(new(AttributeType.Keyword, scheduleId));
        attributes.IndexedFields[ScheduledStartTime] = SearchAttributeCodec.Encode(new(AttributeType.Datetime, start.NominalTime));
        // A time of the schedule is acted on once; a person may ask for one again, and an id without a time is used again and again.
        var isOnce = !start.IsManual && !model.Schedule.Policies.KeepOriginalWorkflowId;
        return new()
        {
            Namespace = space.Name,
            WorkflowId = start.WorkflowId,
            WorkflowType = action.WorkflowType,
            TaskQueue = action.TaskQueue,
            Input = action.Input,
            WorkflowExecutionTimeout = action.WorkflowExecutionTimeout,
            WorkflowRunTimeout = action.WorkflowRunTimeout,
            WorkflowTaskTimeout = action.WorkflowTaskTimeout,
            Identity = Identity(space, scheduleId),
            RequestId = Guid.NewGuid().ToString(),
            WorkflowIdReusePolicy = isOnce ? WorkflowIdReusePolicy.RejectDuplicate : WorkflowIdReusePolicy.AllowDuplicate,
            RetryPolicy = action.RetryPolicy,
            Memo = action.Memo,
            SearchAttributes = attributes,
            Header = action.Header,
            LastCompletionResult = start.LastResult,
            ContinuedFailure = start.LastFailure,
            UserMetadata = action.UserMetadata,
            VersioningOverride = action.VersioningOverride,
            Priority = action.Priority,
        };
    }

    private static string Identity(NamespaceEntry space, string scheduleId) => $"temporal-scheduler-{space.Name}-{scheduleId}";

    /// <returns>False when a start was refused, so that the buffer must be looked at again.</returns>
    private static bool CarryOut(Step step, ScheduleEntity schedule, ScheduleDecision decision)
    {
        var identity = Identity(schedule.Namespace, schedule.Id);
        var isComplete = true;
        foreach (var start in decision.Starts)
        {
            if (TryStart(step, schedule, start) is { } runId)
            {
                schedule.Machine.Started(start, runId, Instant.ToDateTimeOffset(step.Now));
            }
            else
            {
                isComplete = false;
            }
        }
        foreach (var run in OpenRuns(step, schedule, decision.Terminate))
        {
            CloseRun.Terminate(step, run, "terminated by schedule overlap policy", identity);
        }
        foreach (var run in OpenRuns(step, schedule, decision.Cancel))
        {
            RequestCancel.Apply(step, run, identity, "cancelled by schedule overlap policy", "", null, 0);
        }
        return isComplete;
    }

    private static string? TryStart(Step step, ScheduleEntity schedule, ScheduleStart start)
    {
        try
        {
            var request = Request(schedule.Namespace, schedule.Id, schedule.Model, start);
            StartRequests.Check(request, schedule.Namespace, step.Core.Limits);
            _ = WorkflowIds.Decide(step, schedule.Namespace, request.WorkflowId, request.WorkflowIdReusePolicy, WorkflowIdConflictPolicy.Fail, request.RequestId);
            return StartRequests.Start(step, schedule.Namespace, request).RunId;
        }
        catch (ServiceException refusal)
        {
            // The id is in use, or what was valid when the schedule was made no longer is: this action is passed over, as the API has it.
            ScheduleLog.ActionRefused(step.Core.Logger, schedule.Id, start.WorkflowId, refusal.Status.Detail);
            return null;
        }
    }

    // A workflow may have gone without a word, by deletion: the schedule must not wait for it for ever.
    private static void Refresh(Step step, ScheduleEntity schedule)
    {
        if (schedule.Model.Buffer.Count == 0)
        {
            return;
        }
        foreach (var execution in schedule.Model.Info.RunningWorkflows.ToList())
        {
            var run = ChainOf(step, schedule, execution);
            if (run is null)
            {
                schedule.Machine.Closed(new(execution.WorkflowId, execution.RunId, WorkflowExecutionStatus.Unspecified, null, null));
            }
            else if (!run.IsRunning)
            {
                schedule.Machine.Closed(ClosedOf(run));
            }
        }
    }

    private static IEnumerable<WorkflowRun> OpenRuns(Step step, ScheduleEntity schedule, IEnumerable<WorkflowExecution> executions) =>
        executions.Select(e => ChainOf(step, schedule, e)).OfType<WorkflowRun>().Where(run => run.IsRunning);

    /// <summary>The newest run of what was started, which may have continued as new since.</summary>
    private static WorkflowRun? ChainOf(Step step, ScheduleEntity schedule, WorkflowExecution execution) =>
        step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, schedule.NamespaceId, execution.WorkflowId, out var run) && run.S.FirstRunId == execution.RunId ? run : null;

    private static void OnClosed(Step step, Entity entity)
    {
        if (entity is not WorkflowRun run || run.S.NewRunId.Length > 0 || run.S.ClosedByReset.Length > 0 || ScheduleOf(run) is not { } scheduleId
            || !step.TryFindCurrent<ScheduleEntity>(EntityKind.Schedule, run.NamespaceId, scheduleId, out var schedule))
        {
            return;
        }
        if (schedule.Machine.Closed(ClosedOf(run)))
        {
            Take(step, schedule);
        }
    }

    private static string? ScheduleOf(WorkflowRun run)
    {
        // Most workflows are of no schedule: their attributes are not worth parsing.
        if (run.S.SearchAttributes.Span.IndexOf("TemporalScheduledById"u8) < 0)
        {
            return null;
        }
        var attributes = SearchAttributeCodec.Decode(SearchAttributes.Parser.ParseFrom(run.S.SearchAttributes), run.Namespace.CustomAttributes);
        return attributes.TryGetValue(ScheduledById, out var id) ? id.Value as string : null;
    }

    private static ScheduledRunClosed ClosedOf(WorkflowRun run)
    {
        var last = HistoryReading.Event(run, run.S.CompletionEventId);
        return new(run.Id, run.S.FirstRunId, run.Status,
            last.WorkflowExecutionCompletedEventAttributes?.Result,
            last.WorkflowExecutionFailedEventAttributes?.Failure);
    }
}
