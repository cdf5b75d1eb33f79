using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class SignalExternalWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadSignalWorkflowExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.SignalExternalWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "SignalExternalWorkflowExecutionCommandAttributes is not set on command.");
        CommandBatch.RequireId(a.Execution?.WorkflowId ?? "", batch.Limits.IdLength, Bad, "Execution.WorkflowId");
        CommandBatch.RequireId(a.SignalName, batch.Limits.IdLength, Bad, "SignalName");
        ExternalTarget.RequireRunId(a.Execution!.RunId, Bad);
        batch.RequireSize(a.Input, Bad, "SignalExternalWorkflowExecutionCommandAttributes.Input");
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.SignalExternalWorkflowExecutionCommandAttributes;
        var run = batch.Run;
        var namespaceName = a.Namespace.Length > 0 ? a.Namespace : run.Namespace.Name;
        run.Core.Namespaces.TryGet(namespaceName, out var space);
        var initiated = batch.Append(command, new HistoryEvent
        {
            EventType = EventType.SignalExternalWorkflowExecutionInitiated,
            SignalExternalWorkflowExecutionInitiatedEventAttributes = new SignalExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
                Namespace = namespaceName,
                NamespaceId = space?.Id ?? "",
                WorkflowExecution = a.Execution,
                SignalName = a.SignalName,
                Input = a.Input,
                Control = a.Control,
                ChildWorkflowOnly = a.ChildWorkflowOnly,
                Header = a.Header,
            },
        });
        batch.Afterwards.Add(() =>
        {
            var target = ExternalTarget.Find(batch, space, a.Execution, a.ChildWorkflowOnly);
            SignalExternalWorkflowExecutionFailedCause cause;
            if (space is null)
            {
                cause = SignalExternalWorkflowExecutionFailedCause.NamespaceNotFound;
            }
            else if (target is not { IsRunning: true })
            {
                cause = SignalExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound;
            }
            else if (target.S.SignalCount >= batch.Limits.Signals)
            {
                cause = SignalExternalWorkflowExecutionFailedCause.SignalCountLimitExceeded;
            }
            else
            {
                Signal.Apply(batch.Step, target, new SignalArguments(a.SignalName, a.Input, batch.Request.Identity, a.Header) { From = run.Execution });
                cause = SignalExternalWorkflowExecutionFailedCause.Unspecified;
            }

            if (!run.IsRunning)
            {
                return;
            }

            run.AppendOrBuffer(batch.Step, cause == SignalExternalWorkflowExecutionFailedCause.Unspecified
                ? new HistoryEvent
                {
                    EventType = EventType.ExternalWorkflowExecutionSignaled,
                    ExternalWorkflowExecutionSignaledEventAttributes = new ExternalWorkflowExecutionSignaledEventAttributes
                    {
                        InitiatedEventId = initiated.EventId,
                        Namespace = namespaceName,
                        NamespaceId = space!.Id,
                        WorkflowExecution = a.Execution,
                        Control = a.Control,
                    },
                }
                : new HistoryEvent
                {
                    EventType = EventType.SignalExternalWorkflowExecutionFailed,
                    SignalExternalWorkflowExecutionFailedEventAttributes = new SignalExternalWorkflowExecutionFailedEventAttributes
                    {
                        Cause = cause,
                        WorkflowTaskCompletedEventId = batch.CompletedEventId,
                        Namespace = namespaceName,
                        NamespaceId = space?.Id ?? "",
                        WorkflowExecution = a.Execution,
                        InitiatedEventId = initiated.EventId,
                        Control = a.Control,
                    },
                });
            batch.NeedsWorkflowTask = true;
        });
    }
}

/// <summary>Finds the run that a command reaches out to.</summary>
internal static class ExternalTarget
{
    public static void RequireRunId(string runId, WorkflowTaskFailedCause cause)
    {
        if (runId.Length > 0 && !Guid.TryParse(runId, out _))
        {
            throw new BadCommandException(cause, $"Invalid RunId set on command: {runId} is not a UUID.");
        }
    }

    /// <summary>The run that is meant, open or closed, or null. A child is also found after it continued as new.</summary>
    public static WorkflowRun? Find(CommandBatch batch, Engine.NamespaceEntry? space, WorkflowExecution execution, bool childOnly)
    {
        if (space is null)
        {
            return null;
        }

        var step = batch.Step;
        WorkflowRun? target;
        if (childOnly)
        {
            var child = batch.Run.S.Children.Values.FirstOrDefault(child => child.WorkflowId == execution.WorkflowId && child.NamespaceId == space.Id && child.RunId.Length > 0);
            return child is not null && step.TryFindCurrent(Storage.EntityKind.Workflow, space.Id, child.WorkflowId, out target)
                && target.S.FirstRunId == child.FirstRunId ? target : null;
        }

        var found = execution.RunId.Length > 0
            ? step.TryFindRun(Storage.EntityKind.Workflow, space.Id, execution.WorkflowId, execution.RunId, out target)
            : step.TryFindCurrent(Storage.EntityKind.Workflow, space.Id, execution.WorkflowId, out target);
        return found ? target : null;
    }
}
