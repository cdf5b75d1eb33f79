using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.State;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution;

/// <summary>
/// The history of a run: appending, and buffering while a worker has a workflow task.
/// </summary>
/// <remarks>
/// A worker that has a workflow task decides on what it saw. Events from outside that come meanwhile are buffered without an id and
/// appended when the task is over, after what the worker decided. Ids that point at buffered events (the started event of an activity, a
/// child or a Nexus operation) are filled in then.
/// </remarks>
internal sealed partial class WorkflowRun
{
    private const int TailLimit = 1000;

    private readonly List<HistoryEvent> unsaved = [];

    // The newest events as objects, so that a workflow task is answered without reading the store.
    private readonly List<HistoryEvent> tail = [];
    private long tailFrom;
    private long trimBelow;

    public long NextEventId => S.NextEventId;

    /// <summary>Events from this id on are in memory.</summary>
    public long TailFrom => tailFrom;

    /// <summary>Callers of GetWorkflowExecutionHistory that wait for an event at or after an id, or for the close event.</summary>
    public List<HistoryWaiter> HistoryWaiters { get; } = [];

    /// <summary>Appends an event with the next id. An event never changes after this.</summary>
    public HistoryEvent Append(Step step, HistoryEvent item)
    {
        item.EventId = S.NextEventId++;
        item.EventTime ??= Instant.ToTimestamp(TimeAt(step.Now));
        item.TaskId = item.EventId;
        S.HistorySize += item.CalculateSize();
        unsaved.Add(item);
        tail.Add(item);
        step.Touch(this);
        return item;
    }

    /// <summary>
    /// Appends an event that comes from outside of the workflow task, or buffers it while a worker has one. True when it was appended.
    /// </summary>
    public bool AppendOrBuffer(Step step, HistoryEvent item)
    {
        if (!IsWorkflowTaskStarted)
        {
            Append(step, item);
            ScheduleWorkflowTask.MakeNormalAfterNewEvent(step, this);
            return true;
        }

        // Buffered events are on disk, so the task that they wait for must be there too.
        ScheduleWorkflowTask.WriteSpeculative(step, this);
        item.EventTime ??= Instant.ToTimestamp(TimeAt(step.Now));
        S.Buffered.Add(new BufferedEvent { Event = item.ToByteString() });
        step.Touch(this);
        return false;
    }

    /// <summary>Appends what was buffered. True when there was anything.</summary>
    public bool FlushBuffered(Step step)
    {
        if (S.Buffered.Count == 0)
        {
            return false;
        }

        // What ended comes after what else there is, so that a worker sees a signal before the result that came with it.
        var events = BufferedEvents().OrderBy(static item => EventLinks.Ended(item) > 0).ToList();
        S.Buffered.Clear();
        var starts = new Dictionary<long, long>();
        foreach (var item in events)
        {
            EventLinks.SetStarted(item, starts);
            Append(step, item);
            switch (item.EventType)
            {
                case EventType.ActivityTaskStarted:
                    starts[item.ActivityTaskStartedEventAttributes.ScheduledEventId] = item.EventId;
                    break;
                case EventType.ChildWorkflowExecutionStarted:
                    var initiated = item.ChildWorkflowExecutionStartedEventAttributes.InitiatedEventId;
                    starts[initiated] = item.EventId;
                    if (S.Children.TryGetValue(initiated, out var child))
                    {
                        child.StartedEventId = item.EventId;
                    }

                    break;
                case EventType.WorkflowExecutionOptionsUpdated:
                    if (S.RequestIds.FirstOrDefault(known => known.RequestId == item.WorkflowExecutionOptionsUpdatedEventAttributes.AttachedRequestId) is { } attached)
                    {
                        attached.EventId = item.EventId;
                    }

                    break;
                case EventType.NexusOperationStarted:
                    if (S.NexusOperations.TryGetValue(item.NexusOperationStartedEventAttributes.ScheduledEventId, out var operation))
                    {
                        operation.StartedEventId = item.EventId;
                    }

                    break;
            }
        }

        return true;
    }

    /// <summary>Parsed copies of what is buffered.</summary>
    public IEnumerable<HistoryEvent> BufferedEvents() => S.Buffered.Select(static buffered => HistoryEvent.Parser.ParseFrom(buffered.Event));

    /// <summary>Events of memory from an id on, or false when some of them are only in the store.</summary>
    public bool TryGetTail(long fromEventId, out List<HistoryEvent> events)
    {
        if (fromEventId < tailFrom)
        {
            events = [];
            return false;
        }

        events = fromEventId - tailFrom >= tail.Count ? [] : tail.GetRange((int)(fromEventId - tailFrom), tail.Count - (int)(fromEventId - tailFrom));
        return true;
    }

    /// <summary>Lets go of events below an id as soon as they are on disk: no worker asks for them without reading the store.</summary>
    public void TrimTail(long belowEventId) => trimBelow = Math.Max(trimBelow, belowEventId);

    public override void OnCommitted()
    {
        var drop = (int)Math.Clamp(Math.Max(trimBelow, tailFrom + tail.Count - TailLimit) - tailFrom, 0, tail.Count);
        if (drop > 0)
        {
            tail.RemoveRange(0, drop);
            tailFrom += drop;
        }
    }

    public override void OnSettled(Step step) => NotifyHistory(step);

    /// <summary>Answers those who wait for what there is now.</summary>
    public void NotifyHistory(Step step)
    {
        for (var i = HistoryWaiters.Count - 1; i >= 0; i--)
        {
            var waiter = HistoryWaiters[i];
            if (waiter.Reply.IsSet)
            {
                HistoryWaiters.RemoveAt(i);
            }
            else if (!IsRunning || (!waiter.CloseOnly && NextEventId > waiter.From))
            {
                HistoryWaiters.RemoveAt(i);
                waiter.Reply.Set(step, HistoryPosition.Of(this));
            }
        }
    }
}

/// <param name="CloseOnly">Waits for the close event and nothing before.</param>
/// <param name="From">The first event that is news.</param>
internal sealed record HistoryWaiter(bool CloseOnly, long From, Reply<HistoryPosition> Reply);

/// <summary>How far a history is.</summary>
/// <param name="CloseEvent">The event that closed the run, while it is in memory.</param>
internal sealed record HistoryPosition(long RunKey, string RunId, long NextEventId, bool Running, long CloseEventId, HistoryEvent? CloseEvent)
{
    public static HistoryPosition Of(WorkflowRun run) => new(
        run.RunKey, run.RunId, run.NextEventId, run.IsRunning, run.S.CompletionEventId,
        !run.IsRunning && run.TryGetTail(run.S.CompletionEventId, out var events) && events.Count > 0 ? events[0] : null);
}
