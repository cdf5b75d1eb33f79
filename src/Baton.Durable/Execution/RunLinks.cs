using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Baton.Durable.Execution;

/// <summary>Links to what a call did to a run, which Nexus handlers leave in the history of who called them.</summary>
internal static class RunLinks
{
    public static Link ToEvent(WorkflowRun run, long eventId, EventType type)
    {
        var link = To(run);
        link.WorkflowEvent.EventRef = new() { EventId = eventId, EventType = type };
        return link;
    }

    /// <summary>For an event that may still be buffered, and so has no id yet.</summary>
    public static Link ToRequest(WorkflowRun run, string requestId, EventType type)
    {
        var link = To(run);
        link.WorkflowEvent.RequestIdRef = new() { RequestId = requestId, EventType = type };
        return link;
    }

    private static Link To(WorkflowRun run) => new() { WorkflowEvent = new() { Namespace = run.Namespace.Name, WorkflowId = run.Id, RunId = run.RunId } };
}
