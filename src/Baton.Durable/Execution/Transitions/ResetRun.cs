using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>
/// A new run begins with the history of another up to a workflow task, which it fails; the run that is open is terminated. What came from
/// outside after that point (signals, updates, a request to cancel) is applied again, so that nobody has to repeat it.
/// </summary>
internal static class ResetRun
{
    public static WorkflowRun Apply(Step step, WorkflowRun origin, WorkflowRun current, ResetWorkflowExecutionRequest request)
    {
        var point = ResetPoint(origin, request.WorkflowTaskFinishEventId);
        var prefix = HistoryReading.All(origin, 1, point).ToList();
        var later = Later(step, origin, current, point, Excluded(request));
        var runId = Step.NewRunId();
        if (current.IsRunning)
        {
            current.S.ClosedByReset = runId;
            CloseRun.Terminate(step, current, request.Reason.Length > 0 ? request.Reason : "workflow reset", request.Identity);
        }

        var run = Fork(step, origin, runId, prefix);
        run.S.StartRequestId = request.RequestId;
        run.S.RequestIds.Add(new RequestIdState { RequestId = request.RequestId, EventType = (int)EventType.WorkflowExecutionStarted, EventId = 1 });
        run.S.LastResetTime = step.Now;
        origin.S.ResetRunId = runId;
        step.Touch(origin);
        Adopt(step, run);
        FailForkedTask(step, run, origin, prefix[^1], request);
        foreach (var item in later)
        {
            Reapply(step, run, item);
        }

        ScheduleWorkflowTask.Ensure(step, run);
        return run;
    }

    /// <summary>
    /// The event that the new history ends before. Given is the id of the event that ended a workflow task, or of the one after its start.
    /// </summary>
    private static long ResetPoint(WorkflowRun origin, long finishEventId)
    {
        if (finishEventId <= 1 || finishEventId > origin.NextEventId)
        {
            throw ServiceErrors.InvalidArgument("Workflow task finish ID must be > 1 && <= workflow last event ID.");
        }

        var last = HistoryReading.Event(origin, finishEventId - 1);
        if (last.EventType == EventType.WorkflowTaskStarted
            || (last.EventType == EventType.WorkflowTaskScheduled && finishEventId == origin.NextEventId))
        {
            return finishEventId;
        }

        // The task's start may lie some events before its end, when others were written between by an older server.
        if (finishEventId < origin.NextEventId && HistoryReading.Event(origin, finishEventId).EventType is EventType.WorkflowTaskCompleted or EventType.WorkflowTaskFailed or EventType.WorkflowTaskTimedOut)
        {
            throw ServiceErrors.InvalidArgument($"The workflow task that event {finishEventId} ends was never started; reset to one that was.");
        }

        throw ServiceErrors.InvalidArgument("Workflow task finish ID is not the ID of an event that ends a workflow task, or of the event after its start.");
    }

    private static WorkflowRun Fork(Step step, WorkflowRun origin, string runId, List<HistoryEvent> prefix)
    {
        var first = prefix[0].WorkflowExecutionStartedEventAttributes.Clone();
        var backoff = first.FirstWorkflowTaskBackoff;
        first.FirstWorkflowTaskBackoff = null;
        var run = StartRun.Apply(step, origin.Namespace, origin.Id, runId, first, new StartExtras
        {
            ParentRunKey = origin.S.Parent?.RunKey ?? 0,
            ParentClosePolicy = (ParentClosePolicy)origin.S.ParentClosePolicy,
            UserMetadata = prefix[0].UserMetadata,
            Links = prefix[0].Links,
            WithoutFirstTask = true,
            Versioning = origin.S.Versioning?.Clone(),
        });
        first.FirstWorkflowTaskBackoff = backoff;
        run.S.OriginalRunId = origin.S.OriginalRunId;
        run.S.BuildIds = origin.S.BuildIds?.Clone();
        foreach (var item in prefix.Skip(1))
        {
            var copy = item.Clone();
            run.Append(step, copy);
            StateRebuild.Apply(step, run, copy);
        }

        return run;
    }

    private static void FailForkedTask(Step step, WorkflowRun run, WorkflowRun origin, HistoryEvent last, ResetWorkflowExecutionRequest request)
    {
        var started = last.EventType == EventType.WorkflowTaskStarted;
        run.Append(step, new HistoryEvent
        {
            EventType = EventType.WorkflowTaskFailed,
            WorkflowTaskFailedEventAttributes = new WorkflowTaskFailedEventAttributes
            {
                ScheduledEventId = started ? last.WorkflowTaskStartedEventAttributes.ScheduledEventId : last.EventId,
                StartedEventId = started ? last.EventId : 0,
                Cause = WorkflowTaskFailedCause.ResetWorkflow,
                Failure = new()
                {
                    Message = request.Reason,
                    Source = Failures.Source,
                    ResetWorkflowFailureInfo = new(),
                },
                Identity = request.Identity,
                BaseRunId = origin.RunId,
                NewRunId = run.RunId,
            },
        });
    }

    /// <summary>Children that were open at the reset point report to the new run; those that closed since are told of at once.</summary>
    private static void Adopt(Step step, WorkflowRun run)
    {
        foreach (var child in run.S.Children.Values.Where(static child => child.RunId.Length > 0).ToList())
        {
            if (!step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, child.NamespaceId, child.WorkflowId, out var childRun) || childRun.S.FirstRunId != child.FirstRunId)
            {
                continue;
            }

            if (childRun.IsRunning)
            {
                childRun.S.Parent.RunKey = run.RunKey;
                childRun.S.Parent.RunId = run.RunId;
                step.Touch(childRun);
            }
            else if (childRun.S.NewRunId.Length == 0)
            {
                ChildClosed.Apply(step, run, childRun, child.InitiatedEventId, HistoryReading.Event(childRun, childRun.S.CompletionEventId));
            }
        }
    }

    /// <summary>What came from outside after the point, in the run that is reset and in those that followed it.</summary>
    private static List<HistoryEvent> Later(Step step, WorkflowRun origin, WorkflowRun current, long point, HashSet<ResetReapplyExcludeType> excluded)
    {
        var later = new List<HistoryEvent>();
        var (run, from) = (origin, point);
        while (true)
        {
            later.AddRange(HistoryReading.All(run, from, run.NextEventId).Concat(run.BufferedEvents()).Where(item => item.EventType switch
            {
                EventType.WorkflowExecutionSignaled => !excluded.Contains(ResetReapplyExcludeType.Signal),
                EventType.WorkflowExecutionUpdateAdmitted or EventType.WorkflowExecutionUpdateAccepted => !excluded.Contains(ResetReapplyExcludeType.Update),
                EventType.WorkflowExecutionCancelRequested => !excluded.Contains(ResetReapplyExcludeType.CancelRequest),
                _ => false,
            }));
            if (run == current || run.S.NewRunId.Length == 0
                || !step.TryFindRun<WorkflowRun>(EntityKind.Workflow, run.NamespaceId, run.Id, run.S.NewRunId, out var next))
            {
                return later;
            }

            (run, from) = (next, 2);
        }
    }

    private static void Reapply(Step step, WorkflowRun run, HistoryEvent item)
    {
        switch (item.EventType)
        {
            case EventType.WorkflowExecutionSignaled:
                var signal = item.WorkflowExecutionSignaledEventAttributes;
                Signal.Apply(step, run, new SignalArguments(signal.SignalName, signal.Input, signal.Identity, signal.Header)
                {
                    RequestId = signal.RequestId,
                    From = signal.ExternalWorkflowExecution,
                    Links = item.Links,
                });
                break;
            case EventType.WorkflowExecutionCancelRequested:
                var cancel = item.WorkflowExecutionCancelRequestedEventAttributes;
                RequestCancel.Apply(step, run, cancel.Identity, cancel.Cause, "", cancel.ExternalWorkflowExecution, cancel.ExternalInitiatedEventId, item.Links);
                break;
            case EventType.WorkflowExecutionUpdateAdmitted:
                Admit(step, run, item.WorkflowExecutionUpdateAdmittedEventAttributes.Request);
                break;
            case EventType.WorkflowExecutionUpdateAccepted when item.WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest is { Meta: not null } accepted:
                Admit(step, run, accepted);
                break;
        }
    }

    private static void Admit(Step step, WorkflowRun run, Temporalio.Api.Update.V1.Request request)
    {
        var id = request.Meta.UpdateId;
        if (run.S.Updates.ContainsKey(id))
        {
            return;
        }

        var admitted = run.Append(step, new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionUpdateAdmitted,
            WorkflowExecutionUpdateAdmittedEventAttributes = new WorkflowExecutionUpdateAdmittedEventAttributes
            {
                Request = request,
                Origin = UpdateAdmittedEventOrigin.Reapply,
            },
        });
        run.S.Updates[id] = new UpdateState { UpdateId = id, AdmittedEventId = admitted.EventId, ProtocolInstanceId = id };
        run.Updates.Add(new PendingUpdate(id, request) { InHistory = true });
    }

    private static HashSet<ResetReapplyExcludeType> Excluded(ResetWorkflowExecutionRequest request)
    {
        var excluded = request.ResetReapplyExcludeTypes.ToHashSet();
        switch (request.ResetReapplyType)
        {
            case ResetReapplyType.None:
                excluded.UnionWith([ResetReapplyExcludeType.Signal, ResetReapplyExcludeType.Update, ResetReapplyExcludeType.CancelRequest]);
                break;
            case ResetReapplyType.Signal:
                excluded.UnionWith([ResetReapplyExcludeType.Update, ResetReapplyExcludeType.CancelRequest]);
                break;
        }

        return excluded;
    }
}
