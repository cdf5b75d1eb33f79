using Baton.Durable.Engine;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Update.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A further request for an update that is under way leaves its completion callbacks with it.</summary>
internal static class UpdateCallbacks
{
    public static void Attach(Step step, WorkflowRun run, Request request)
    {
        var id = request.Meta.UpdateId;
        if (!run.IsRunning || request.CompletionCallbacks.Count == 0)
        {
            return;
        }

        if (run.Updates.Find(id) is { Stage: < UpdateStage.Accepted } pending)
        {
            if (request.RequestId != pending.Request.RequestId && pending.Joined.TrueForAll(joined => joined.RequestId != request.RequestId))
            {
                pending.Joined.Add(request);
            }

            return;
        }

        if (!run.S.Updates.TryGetValue(id, out var known) || known.CompletedEventId > 0
            || run.S.Callbacks.Any(callback => callback.UpdateId == id && callback.RequestId == request.RequestId))
        {
            return;
        }

        var item = new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionOptionsUpdated,
            WorkerMayIgnore = true,
            WorkflowExecutionOptionsUpdatedEventAttributes = new WorkflowExecutionOptionsUpdatedEventAttributes
            {
                Identity = request.Meta.Identity,
                WorkflowUpdateOptions =
                {
                    new WorkflowExecutionOptionsUpdatedEventAttributes.Types.WorkflowUpdateOptionsUpdate
                    {
                        UpdateId = id,
                        AttachedRequestId = request.RequestId,
                        AttachedCompletionCallbacks = { request.CompletionCallbacks },
                    },
                },
            },
        };
        item.Links.AddRange(request.Links.Concat(request.CompletionCallbacks.SelectMany(static callback => callback.Links)).Distinct());
        run.AppendOrBuffer(step, item);
        DeliverCallbacks.Add(step, run.S.Callbacks, request.CompletionCallbacks, request.RequestId, id);
    }
}
