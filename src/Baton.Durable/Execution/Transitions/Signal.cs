using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Transitions;

internal sealed record SignalArguments(string Name, Payloads? Input, string Identity, Header? Header)
{
    public string RequestId { get; init; } = "";

    public IEnumerable<Link> Links { get; init; } = [];

    /// <summary>The workflow that sent it.</summary>
    public WorkflowExecution? From { get; init; }
}

/// <summary>A signal reaches a run. The same request id is delivered once.</summary>
internal static class Signal
{
    private const int RememberedRequests = 1000;

    /// <exception cref="ServiceException">INVALID_ARGUMENT: the run has had as many signals as it may have.</exception>
    public static void RequireLeft(WorkflowRun run)
    {
        if (run.S.SignalCount >= run.Core.Limits.Signals)
        {
            throw ServiceErrors.InvalidArgument($"exceeded workflow execution limit for signal events: {run.Core.Limits.Signals}");
        }
    }

    /// <summary>A link to the event of a signal, which may be buffered; null for a signal without a request id.</summary>
    public static Link? LinkTo(WorkflowRun run, string requestId) =>
        requestId.Length > 0 ? RunLinks.ToRequest(run, requestId, EventType.WorkflowExecutionSignaled) : null;

    public static void Apply(Step step, WorkflowRun run, SignalArguments signal)
    {
        var s = run.S;
        if (signal.RequestId.Length > 0)
        {
            if (s.SignalRequestIds.Contains(signal.RequestId))
            {
                return;
            }

            s.SignalRequestIds.Add(signal.RequestId);
            if (s.SignalRequestIds.Count > RememberedRequests)
            {
                s.SignalRequestIds.RemoveAt(0);
            }
        }

        s.SignalCount++;
        var item = new HistoryEvent
        {
            EventType = EventType.WorkflowExecutionSignaled,
            WorkflowExecutionSignaledEventAttributes = new WorkflowExecutionSignaledEventAttributes
            {
                SignalName = signal.Name,
                Input = signal.Input,
                Identity = signal.Identity,
                Header = signal.Header,
                ExternalWorkflowExecution = signal.From,
                RequestId = signal.RequestId,
            },
        };
        item.Links.AddRange(signal.Links);
        run.AppendOrBuffer(step, item);
        ScheduleWorkflowTask.Ensure(step, run);
    }
}
