using System.Text.Json.Nodes;
using Baton.Server.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Attributes = Temporalio.Api.History.V1.HistoryEvent.AttributesOneofCase;

namespace Baton.Cli.Output;

internal enum TimelineKind
{
    Workflow,
    WorkflowTask,
    Activity,
    LocalActivity,
    Timer,
    Child,
    Nexus,
    External,
    Signal,
    Update,
    Marker,
    Properties,
}

internal enum Tone
{
    Neutral,
    Running,
    Good,
    Bad,
    Stopped,
}

/// <summary>One event, said in words. <c>Ends</c> tells that it is the last of its item.</summary>
internal sealed record TimelineStep(HistoryEvent Event, TimelineItem Item, string What, string Detail, Tone Tone, bool Ends)
{
    public DateTime Time => Event.EventTime.ToDateTime();
}

/// <summary>One thing that the workflow did or met, with all events that tell of it.</summary>
internal sealed class TimelineItem(TimelineKind kind, string name)
{
    public TimelineKind Kind => kind;

    public string Name => name;

    public List<TimelineStep> Steps { get; } = [];

    public bool Open => !Steps[^1].Ends;

    public TimeSpan Elapsed => Steps[^1].Time - Steps[0].Time;
}

/// <summary>
/// A history regrouped by what its events are about. Later events name the first one of their kind by its event id
/// (scheduled, started, initiated, accepted); that id is the key under which an open item is found again.
/// </summary>
internal sealed class Timeline
{
    private const int DetailLength = 160;

    private readonly Dictionary<long, TimelineItem> itemsByFirstEvent = [];

    public List<TimelineItem> Items { get; } = [];

    public DateTime Start { get; private set; }

    public static Timeline Of(IEnumerable<HistoryEvent> events)
    {
        var timeline = new Timeline();
        foreach (var historyEvent in events)
        {
            timeline.Add(historyEvent);
        }
        return timeline;
    }

    public TimelineStep Add(HistoryEvent added)
    {
        if (Items.Count == 0)
        {
            Start = added.EventTime.ToDateTime();
        }
        return added.AttributesCase switch
        {
            >= Attributes.WorkflowTaskScheduledEventAttributes and <= Attributes.WorkflowTaskFailedEventAttributes => WorkflowTask(added),
            >= Attributes.ActivityTaskScheduledEventAttributes and <= Attributes.ActivityTaskTimedOutEventAttributes
                or Attributes.ActivityTaskCancelRequestedEventAttributes or Attributes.ActivityTaskCanceledEventAttributes => Activity(added),
            Attributes.TimerStartedEventAttributes or Attributes.TimerFiredEventAttributes or Attributes.TimerCanceledEventAttributes => Timer(added),
            >= Attributes.StartChildWorkflowExecutionInitiatedEventAttributes and <= Attributes.ChildWorkflowExecutionTerminatedEventAttributes => Child(added),
            Attributes.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
                or Attributes.RequestCancelExternalWorkflowExecutionFailedEventAttributes
                or Attributes.ExternalWorkflowExecutionCancelRequestedEventAttributes
                or Attributes.SignalExternalWorkflowExecutionInitiatedEventAttributes
                or Attributes.SignalExternalWorkflowExecutionFailedEventAttributes
                or Attributes.ExternalWorkflowExecutionSignaledEventAttributes => External(added),
            >= Attributes.NexusOperationScheduledEventAttributes and <= Attributes.NexusOperationCancelRequestedEventAttributes => Nexus(added),
            Attributes.WorkflowExecutionUpdateAdmittedEventAttributes
                or Attributes.WorkflowExecutionUpdateAcceptedEventAttributes
                or Attributes.WorkflowExecutionUpdateRejectedEventAttributes
                or Attributes.WorkflowExecutionUpdateCompletedEventAttributes => Update(added),
            Attributes.MarkerRecordedEventAttributes => Marker(added),
            _ => Workflow(added),
        };
    }

    private TimelineStep Workflow(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.WorkflowExecutionStartedEventAttributes when e.WorkflowExecutionStartedEventAttributes is { } started => One(
            e, TimelineKind.Workflow, started.WorkflowType.Name,
            started.ContinuedExecutionRunId.Length > 0 ? "continued" : started.Attempt > 1 ? $"started, attempt {started.Attempt}" : "started",
            ProtoJson.Text(started.Input, DetailLength), Tone.Running),
        Attributes.WorkflowExecutionCompletedEventAttributes => One(
            e, TimelineKind.Workflow, "", "completed", Arrow(ProtoJson.Text(e.WorkflowExecutionCompletedEventAttributes.Result)), Tone.Good),
        Attributes.WorkflowExecutionFailedEventAttributes => One(
            e, TimelineKind.Workflow, "", "failed", FailureText.Render(e.WorkflowExecutionFailedEventAttributes.Failure), Tone.Bad),
        Attributes.WorkflowExecutionTimedOutEventAttributes => One(e, TimelineKind.Workflow, "", "timed out", "", Tone.Bad),
        Attributes.WorkflowExecutionCanceledEventAttributes => One(e, TimelineKind.Workflow, "", "canceled", "", Tone.Stopped),
        Attributes.WorkflowExecutionTerminatedEventAttributes => One(
            e, TimelineKind.Workflow, "", "terminated", e.WorkflowExecutionTerminatedEventAttributes.Reason, Tone.Stopped),
        Attributes.WorkflowExecutionContinuedAsNewEventAttributes => One(
            e, TimelineKind.Workflow, "", "continued as new", $"run {e.WorkflowExecutionContinuedAsNewEventAttributes.NewExecutionRunId}", Tone.Good),
        Attributes.WorkflowExecutionSignaledEventAttributes when e.WorkflowExecutionSignaledEventAttributes is { } signal => One(
            e, TimelineKind.Signal, signal.SignalName, "received",
            Join(ProtoJson.Text(signal.Input, DetailLength), signal.Identity.Length > 0 ? $"from {signal.Identity}" : ""), Tone.Good),
        Attributes.WorkflowExecutionCancelRequestedEventAttributes => One(
            e, TimelineKind.Workflow, "", "cancel requested", e.WorkflowExecutionCancelRequestedEventAttributes.Cause, Tone.Stopped),
        Attributes.UpsertWorkflowSearchAttributesEventAttributes => One(
            e, TimelineKind.Properties, "search attributes", "set",
            ProtoJson.ToJson(e.UpsertWorkflowSearchAttributesEventAttributes.SearchAttributes)["indexedFields"].ToText(), Tone.Neutral),
        Attributes.WorkflowPropertiesModifiedEventAttributes => One(
            e, TimelineKind.Properties, "memo", "set",
            ProtoJson.ToJson(e.WorkflowPropertiesModifiedEventAttributes.UpsertedMemo)["fields"].ToText(), Tone.Neutral),
        _ => One(e, TimelineKind.Properties, Format.Words(e.EventType), "recorded", "", Tone.Neutral),
    };

    private TimelineStep WorkflowTask(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.WorkflowTaskScheduledEventAttributes => Begin(
            e, TimelineKind.WorkflowTask, "", "scheduled", e.WorkflowTaskScheduledEventAttributes.Attempt > 1 ? $"attempt {e.WorkflowTaskScheduledEventAttributes.Attempt}" : ""),
        Attributes.WorkflowTaskStartedEventAttributes => Next(
            e, e.WorkflowTaskStartedEventAttributes.ScheduledEventId, "started", $"by {e.WorkflowTaskStartedEventAttributes.Identity}", Tone.Running),
        Attributes.WorkflowTaskCompletedEventAttributes => End(e, e.WorkflowTaskCompletedEventAttributes.ScheduledEventId, "completed", "", Tone.Good),
        Attributes.WorkflowTaskTimedOutEventAttributes => End(
            e, e.WorkflowTaskTimedOutEventAttributes.ScheduledEventId, "timed out", Format.Words(e.WorkflowTaskTimedOutEventAttributes.TimeoutType), Tone.Bad),
        _ => End(
            e, e.WorkflowTaskFailedEventAttributes.ScheduledEventId, "failed",
            Join(Format.Words(e.WorkflowTaskFailedEventAttributes.Cause), FailureText.Root(e.WorkflowTaskFailedEventAttributes.Failure)), Tone.Bad),
    };

    private TimelineStep Activity(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.ActivityTaskScheduledEventAttributes => Begin(
            e, TimelineKind.Activity, e.ActivityTaskScheduledEventAttributes.ActivityType.Name, "scheduled",
            ProtoJson.Text(e.ActivityTaskScheduledEventAttributes.Input, DetailLength)),
        Attributes.ActivityTaskStartedEventAttributes when e.ActivityTaskStartedEventAttributes is { } started => Next(
            e, started.ScheduledEventId, "started",
            Join(
                started.Attempt > 1 ? $"attempt {started.Attempt}, after {FailureText.Root(started.LastFailure)}" : "",
                $"by {started.Identity}"),
            Tone.Running),
        Attributes.ActivityTaskCompletedEventAttributes => End(
            e, e.ActivityTaskCompletedEventAttributes.ScheduledEventId, "completed",
            Arrow(ProtoJson.Text(e.ActivityTaskCompletedEventAttributes.Result, DetailLength)), Tone.Good),
        Attributes.ActivityTaskFailedEventAttributes => End(
            e, e.ActivityTaskFailedEventAttributes.ScheduledEventId, "failed", Failed(e.ActivityTaskFailedEventAttributes.Failure, e.ActivityTaskFailedEventAttributes.RetryState), Tone.Bad),
        Attributes.ActivityTaskTimedOutEventAttributes => End(
            e, e.ActivityTaskTimedOutEventAttributes.ScheduledEventId, "timed out", Failed(e.ActivityTaskTimedOutEventAttributes.Failure, e.ActivityTaskTimedOutEventAttributes.RetryState), Tone.Bad),
        Attributes.ActivityTaskCancelRequestedEventAttributes => Next(
            e, e.ActivityTaskCancelRequestedEventAttributes.ScheduledEventId, "cancel requested", "", Tone.Stopped),
        _ => End(e, e.ActivityTaskCanceledEventAttributes.ScheduledEventId, "canceled", "", Tone.Stopped),
    };

    private TimelineStep Timer(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.TimerStartedEventAttributes => Begin(
            e, TimelineKind.Timer, Format.Span(e.TimerStartedEventAttributes.StartToFireTimeout), "started", ""),
        Attributes.TimerFiredEventAttributes => End(e, e.TimerFiredEventAttributes.StartedEventId, "fired", "", Tone.Good),
        _ => End(e, e.TimerCanceledEventAttributes.StartedEventId, "canceled", "", Tone.Stopped),
    };

    private TimelineStep Child(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.StartChildWorkflowExecutionInitiatedEventAttributes when e.StartChildWorkflowExecutionInitiatedEventAttributes is { } child => Begin(
            e, TimelineKind.Child, $"{child.WorkflowType.Name} {child.WorkflowId}", "initiated", ProtoJson.Text(child.Input, DetailLength)),
        Attributes.StartChildWorkflowExecutionFailedEventAttributes => End(
            e, e.StartChildWorkflowExecutionFailedEventAttributes.InitiatedEventId, "not started", Format.Words(e.StartChildWorkflowExecutionFailedEventAttributes.Cause), Tone.Bad),
        Attributes.ChildWorkflowExecutionStartedEventAttributes => Next(
            e, e.ChildWorkflowExecutionStartedEventAttributes.InitiatedEventId, "started", $"run {e.ChildWorkflowExecutionStartedEventAttributes.WorkflowExecution.RunId}", Tone.Running),
        Attributes.ChildWorkflowExecutionCompletedEventAttributes => End(
            e, e.ChildWorkflowExecutionCompletedEventAttributes.InitiatedEventId, "completed", Arrow(ProtoJson.Text(e.ChildWorkflowExecutionCompletedEventAttributes.Result, DetailLength)), Tone.Good),
        Attributes.ChildWorkflowExecutionFailedEventAttributes => End(
            e, e.ChildWorkflowExecutionFailedEventAttributes.InitiatedEventId, "failed", Failed(e.ChildWorkflowExecutionFailedEventAttributes.Failure, e.ChildWorkflowExecutionFailedEventAttributes.RetryState), Tone.Bad),
        Attributes.ChildWorkflowExecutionCanceledEventAttributes => End(e, e.ChildWorkflowExecutionCanceledEventAttributes.InitiatedEventId, "canceled", "", Tone.Stopped),
        Attributes.ChildWorkflowExecutionTimedOutEventAttributes => End(e, e.ChildWorkflowExecutionTimedOutEventAttributes.InitiatedEventId, "timed out", "", Tone.Bad),
        _ => End(e, e.ChildWorkflowExecutionTerminatedEventAttributes.InitiatedEventId, "terminated", "", Tone.Stopped),
    };

    private TimelineStep External(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.SignalExternalWorkflowExecutionInitiatedEventAttributes when e.SignalExternalWorkflowExecutionInitiatedEventAttributes is { } signal => Begin(
            e, TimelineKind.External, $"signal {signal.SignalName} to {signal.WorkflowExecution.WorkflowId}", "initiated", ProtoJson.Text(signal.Input, DetailLength)),
        Attributes.ExternalWorkflowExecutionSignaledEventAttributes => End(
            e, e.ExternalWorkflowExecutionSignaledEventAttributes.InitiatedEventId, "delivered", "", Tone.Good),
        Attributes.SignalExternalWorkflowExecutionFailedEventAttributes => End(
            e, e.SignalExternalWorkflowExecutionFailedEventAttributes.InitiatedEventId, "failed", Format.Words(e.SignalExternalWorkflowExecutionFailedEventAttributes.Cause), Tone.Bad),
        Attributes.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes => Begin(
            e, TimelineKind.External, $"cancel {e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes.WorkflowExecution.WorkflowId}", "initiated", ""),
        Attributes.ExternalWorkflowExecutionCancelRequestedEventAttributes => End(
            e, e.ExternalWorkflowExecutionCancelRequestedEventAttributes.InitiatedEventId, "delivered", "", Tone.Good),
        _ => End(
            e, e.RequestCancelExternalWorkflowExecutionFailedEventAttributes.InitiatedEventId, "failed", Format.Words(e.RequestCancelExternalWorkflowExecutionFailedEventAttributes.Cause), Tone.Bad),
    };

    private TimelineStep Nexus(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.NexusOperationScheduledEventAttributes when e.NexusOperationScheduledEventAttributes is { } nexus => Begin(
            e, TimelineKind.Nexus, $"{nexus.Endpoint}/{nexus.Service}/{nexus.Operation}", "scheduled", nexus.Input is null ? "" : ProtoJson.Text(nexus.Input, DetailLength)),
        Attributes.NexusOperationStartedEventAttributes => Next(e, e.NexusOperationStartedEventAttributes.ScheduledEventId, "started", "", Tone.Running),
        Attributes.NexusOperationCompletedEventAttributes => End(
            e, e.NexusOperationCompletedEventAttributes.ScheduledEventId, "completed",
            e.NexusOperationCompletedEventAttributes.Result is { } result ? Arrow(ProtoJson.Text(result, DetailLength)) : "", Tone.Good),
        Attributes.NexusOperationFailedEventAttributes => End(
            e, e.NexusOperationFailedEventAttributes.ScheduledEventId, "failed", FailureText.Root(e.NexusOperationFailedEventAttributes.Failure), Tone.Bad),
        Attributes.NexusOperationCanceledEventAttributes => End(e, e.NexusOperationCanceledEventAttributes.ScheduledEventId, "canceled", "", Tone.Stopped),
        Attributes.NexusOperationTimedOutEventAttributes => End(
            e, e.NexusOperationTimedOutEventAttributes.ScheduledEventId, "timed out", FailureText.Root(e.NexusOperationTimedOutEventAttributes.Failure), Tone.Bad),
        _ => Next(e, e.NexusOperationCancelRequestedEventAttributes.ScheduledEventId, "cancel requested", "", Tone.Stopped),
    };

    private TimelineStep Update(HistoryEvent e) => e.AttributesCase switch
    {
        Attributes.WorkflowExecutionUpdateAdmittedEventAttributes => One(
            e, TimelineKind.Update, e.WorkflowExecutionUpdateAdmittedEventAttributes.Request.Input.Name, "admitted",
            ProtoJson.Text(e.WorkflowExecutionUpdateAdmittedEventAttributes.Request.Input.Args, DetailLength), Tone.Running),
        Attributes.WorkflowExecutionUpdateAcceptedEventAttributes => Begin(
            e, TimelineKind.Update, e.WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest?.Input?.Name ?? e.WorkflowExecutionUpdateAcceptedEventAttributes.ProtocolInstanceId, "accepted",
            ProtoJson.Text(e.WorkflowExecutionUpdateAcceptedEventAttributes.AcceptedRequest?.Input?.Args, DetailLength)),
        Attributes.WorkflowExecutionUpdateCompletedEventAttributes when e.WorkflowExecutionUpdateCompletedEventAttributes is { } completed =>
            completed.Outcome.Failure is { } failure
                ? End(e, completed.AcceptedEventId, "failed", FailureText.Root(failure), Tone.Bad)
                : End(e, completed.AcceptedEventId, "completed", Arrow(ProtoJson.Text(completed.Outcome.Success, DetailLength)), Tone.Good),
        _ => One(
            e, TimelineKind.Update, e.WorkflowExecutionUpdateRejectedEventAttributes.RejectedRequest?.Input?.Name ?? "", "rejected",
            FailureText.Root(e.WorkflowExecutionUpdateRejectedEventAttributes.Failure), Tone.Bad),
    };

    private TimelineStep Marker(HistoryEvent e)
    {
        var marker = e.MarkerRecordedEventAttributes;
        // SDKs built on the core record a local activity as a marker whose "data" names the activity.
        if (marker.MarkerName == "core_local_activity"
            && marker.Details.TryGetValue("data", out var data)
            && ProtoJson.Values(data) is JsonObject local
            && local["activity_type"]?.ToString() is { } type)
        {
            return marker.Failure is { } failure
                ? One(e, TimelineKind.LocalActivity, type, "failed", FailureText.Root(failure), Tone.Bad)
                : One(
                    e, TimelineKind.LocalActivity, type, "completed",
                    marker.Details.TryGetValue("result", out var result) ? Arrow(ProtoJson.Text(result, DetailLength)) : "", Tone.Good);
        }
        return One(
            e, TimelineKind.Marker, marker.MarkerName, "recorded",
            string.Join(", ", marker.Details.Select(detail => $"{detail.Key}={ProtoJson.Text(detail.Value, DetailLength)}")), Tone.Neutral);
    }

    private TimelineStep Begin(HistoryEvent e, TimelineKind kind, string name, string what, string detail) =>
        Append(NewItem(e, kind, name), e, what, detail, Tone.Running, ends: false);

    private TimelineStep One(HistoryEvent e, TimelineKind kind, string name, string what, string detail, Tone tone) =>
        Append(NewItem(e, kind, name), e, what, detail, tone, ends: true);

    private TimelineStep Next(HistoryEvent e, long firstEventId, string what, string detail, Tone tone) =>
        Append(Item(e, firstEventId), e, what, detail, tone, ends: false);

    private TimelineStep End(HistoryEvent e, long firstEventId, string what, string detail, Tone tone) =>
        Append(Item(e, firstEventId), e, what, detail, tone, ends: true);

    private TimelineItem NewItem(HistoryEvent e, TimelineKind kind, string name)
    {
        var item = new TimelineItem(kind, name);
        Items.Add(item);
        itemsByFirstEvent[e.EventId] = item;
        return item;
    }

    // A reset run may carry events whose first one lies before the point it was reset to.
    private TimelineItem Item(HistoryEvent e, long firstEventId) =>
        itemsByFirstEvent.TryGetValue(firstEventId, out var item) ? item : NewItem(e, TimelineKind.Properties, Format.Words(e.EventType));

    private static TimelineStep Append(TimelineItem item, HistoryEvent e, string what, string detail, Tone tone, bool ends)
    {
        var step = new TimelineStep(e, item, what, detail, tone, ends);
        item.Steps.Add(step);
        return step;
    }

    private static string Failed(Failure? failure, RetryState retry) =>
        Join(FailureText.Root(failure), retry is RetryState.Unspecified ? "" : $"[{Format.Words(retry)}]");

    private static string Arrow(string value) => value.Length == 0 ? "" : $"→ {value}";

    private static string Join(params string[] parts) => string.Join("  ", parts.Where(part => part.Length > 0));
}
