using Baton.Durable.Execution.Transitions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class RequestCancelExternalWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadRequestCancelExternalWorkflowExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.RequestCancelExternalWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "RequestCancelExternalWorkflowExecutionCommandAttributes is not set on command.");
        CommandBatch.RequireId(a.WorkflowId, batch.Limits.IdLength, Bad, "WorkflowId");
        ExternalTarget.RequireRunId(a.RunId, Bad);
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.RequestCancelExternalWorkflowExecutionCommandAttributes;
        var run = batch.Run;
        var namespaceName = a.Namespace.Length > 0 ? a.Namespace : run.Namespace.Name;
        run.Core.Namespaces.TryGet(namespaceName, out var space);
        var execution = new WorkflowExecution { WorkflowId = a.WorkflowId, RunId = a.RunId };
        var initiated = batch.Append(command, new HistoryEvent
        {
            EventType = EventType.RequestCancelExternalWorkflowExecutionInitiated,
            RequestCancelExternalWorkflowExecutionInitiatedEventAttributes = new RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
                Namespace = namespaceName,
                NamespaceId = space?.Id ?? "",
                WorkflowExecution = execution,
                Control = a.Control,
                ChildWorkflowOnly = a.ChildWorkflowOnly,
                Reason = a.Reason,
            },
        });
        batch.Afterwards.Add(() =>
        {
            var target = ExternalTarget.Find(batch, space, execution, a.ChildWorkflowOnly);
            // A run that has ended needs no cancellation: the request succeeds.
            if (target is { IsRunning: true, S.CancelRequested: false })
            {
                RequestCancel.Apply(batch.Step, target, batch.Request.Identity, a.Reason, "", run.Execution, initiated.EventId);
            }

            if (!run.IsRunning)
            {
                return;
            }

            run.AppendOrBuffer(batch.Step, target is not null
                ? new HistoryEvent
                {
                    EventType = EventType.ExternalWorkflowExecutionCancelRequested,
                    ExternalWorkflowExecutionCancelRequestedEventAttributes = new ExternalWorkflowExecutionCancelRequestedEventAttributes
                    {
                        InitiatedEventId = initiated.EventId,
                        Namespace = namespaceName,
                        NamespaceId = space!.Id,
                        WorkflowExecution = execution,
                    },
                }
                : new HistoryEvent
                {
                    EventType = EventType.RequestCancelExternalWorkflowExecutionFailed,
                    RequestCancelExternalWorkflowExecutionFailedEventAttributes = new RequestCancelExternalWorkflowExecutionFailedEventAttributes
                    {
                        Cause = space is null
                            ? CancelExternalWorkflowExecutionFailedCause.NamespaceNotFound
                            : CancelExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound,
                        WorkflowTaskCompletedEventId = batch.CompletedEventId,
                        Namespace = namespaceName,
                        NamespaceId = space?.Id ?? "",
                        WorkflowExecution = execution,
                        InitiatedEventId = initiated.EventId,
                        Control = a.Control,
                    },
                });
            batch.NeedsWorkflowTask = true;
        });
    }
}
