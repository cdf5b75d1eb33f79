using Baton.Durable.Activities;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Nexus;

/// <summary>How an execution that stands behind a Nexus operation ended: what its completion callbacks carry.</summary>
internal sealed record NexusCompletion
{
    public Payload? Result { get; init; }

    /// <summary>Null when it succeeded.</summary>
    public Failure? Failure { get; init; }

    public long StartTime { get; init; }

    public long CloseTime { get; init; }

    /// <summary>The execution, for the operation's started event when the callback overtook it.</summary>
    public Link? Link { get; init; }

    /// <summary>"succeeded", "failed" or "canceled".</summary>
    public string State => Failure is null ? "succeeded" : Failure.CanceledFailureInfo is not null ? NexusFailures.Canceled : "failed";

    public static NexusCompletion Of(WorkflowRun run, HistoryEvent last) => new()
    {
        Result = last.WorkflowExecutionCompletedEventAttributes?.Result?.Payloads_.FirstOrDefault(),
        Failure = last.EventType switch
        {
            EventType.WorkflowExecutionCompleted => null,
            EventType.WorkflowExecutionFailed => last.WorkflowExecutionFailedEventAttributes.Failure,
            EventType.WorkflowExecutionCanceled => new Failure
            {
                Message = "operation canceled",
                CanceledFailureInfo = new CanceledFailureInfo { Details = last.WorkflowExecutionCanceledEventAttributes.Details },
            },
            EventType.WorkflowExecutionTimedOut => new Failure
            {
                Message = "operation exceeded internal timeout",
                TimeoutFailureInfo = new TimeoutFailureInfo(),
            },
            _ => new Failure { Message = "operation terminated", TerminatedFailureInfo = new TerminatedFailureInfo() },
        },
        StartTime = run.S.StartTime,
        CloseTime = run.S.CloseTime,
        Link = new Link
        {
            WorkflowEvent = new()
            {
                Namespace = run.Namespace.Name,
                WorkflowId = run.Id,
                RunId = run.RunId,
                EventRef = new() { EventId = 1, EventType = EventType.WorkflowExecutionStarted },
            },
        },
    };

    /// <summary>Of a workflow update that a run completed, or left behind when it closed.</summary>
    public static NexusCompletion Of(WorkflowRun run, string updateId)
    {
        var update = run.S.Updates[updateId];
        var accepted = HistoryReading.Event(run, update.AcceptedEventId);
        var completed = update.CompletedEventId > 0 ? HistoryReading.Event(run, update.CompletedEventId) : null;
        var outcome = completed?.WorkflowExecutionUpdateCompletedEventAttributes.Outcome;
        return new NexusCompletion
        {
            Result = outcome?.Success?.Payloads_.FirstOrDefault(),
            Failure = outcome is null ? Failures.UpdateOfClosedRun() : outcome.Failure,
            StartTime = Instant.From(accepted.EventTime),
            CloseTime = completed is null ? run.S.CloseTime : Instant.From(completed.EventTime),
            Link = new Link
            {
                WorkflowEvent = new()
                {
                    Namespace = run.Namespace.Name,
                    WorkflowId = run.Id,
                    RunId = run.RunId,
                    EventRef = new() { EventId = update.AcceptedEventId, EventType = EventType.WorkflowExecutionUpdateAccepted },
                },
            },
        };
    }

    public static NexusCompletion Of(StandaloneActivity activity) => new()
    {
        Result = activity.Outcome?.Result?.Payloads_.FirstOrDefault(),
        Failure = activity.Outcome?.Failure,
        StartTime = activity.Activity.ScheduledTime,
        CloseTime = activity.S.CloseTime,
        Link = activity.Link,
    };

    /// <summary>Completes the operation of this server that a token names. False when there is none, or it has ended.</summary>
    public bool TryComplete(Step step, NexusCallbackToken token, string operationToken)
    {
        var caller = step.Load<Entity>(token.RunKey) as INexusCaller;
        if (caller is not { IsRunning: true } || Find(caller, token) is null)
        {
            // The run was reset: its operation went on in the current one.
            caller = step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, token.NamespaceId, token.WorkflowId, out var run) ? run : null;
        }

        if (caller is not { IsRunning: true } || Find(caller, token) is not { } operation)
        {
            return false;
        }

        if (operation.StartedTime == 0)
        {
            AttemptNexusOperation.Started(step, caller, operation, operationToken, Link is { } link ? [link] : [], StartTime);
        }

        if (Failure is null)
        {
            EndNexusOperation.Complete(step, caller, operation, Result, []);
        }
        else
        {
            EndNexusOperation.Unsuccessful(step, caller, operation, Failure);
        }

        return true;
    }

    private static NexusOperationState? Find(INexusCaller caller, NexusCallbackToken token) =>
        caller.Operations.FirstOrDefault(operation => operation.RequestId == token.RequestId);
}
