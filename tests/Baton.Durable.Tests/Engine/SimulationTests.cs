using CsCheck;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Xunit;

namespace Baton.Durable.Tests.Engine;

/// <summary>Random lives of a few workflows, with crashes and failing disks, held against what was acknowledged.</summary>
public sealed class SimulationTests
{
    private static readonly Gen<Move[]> moves = Gen.Select(
        Gen.Frequency(
            (2, Gen.Const(Action.Start)), (3, Gen.Const(Action.Signal)), (5, Gen.Const(Action.PollWorkflow)), (5, Gen.Const(Action.CompleteWorkflowTask)),
            (1, Gen.Const(Action.FailWorkflowTask)), (5, Gen.Const(Action.PollActivity)), (3, Gen.Const(Action.CompleteActivity)), (2, Gen.Const(Action.FailActivity)),
            (1, Gen.Const(Action.Heartbeat)), (1, Gen.Const(Action.CancelWorkflow)), (3, Gen.Const(Action.Advance)), (8, Gen.Const(Action.Commit)),
            (1, Gen.Const(Action.FailCommit)), (1, Gen.Const(Action.Crash))),
        Gen.Int[0, 5],
        Gen.Int[0, 9],
        static (action, target, choice) => new Move(action, target, choice)).Array[1, 120];

    [Fact]
    public void What_was_acknowledged_survives_and_histories_stay_sound() => moves.Sample(
        sequence =>
        {
            var simulation = new Simulation();
            simulation.Play(sequence);
            simulation.Drain();
            Assert.Empty(simulation.Violations);
            var runs = simulation.OnDisk();
            foreach (var runId in simulation.StartedRuns)
            {
                Assert.True(runs.ContainsKey(runId), $"run {runId} was acknowledged and is gone");
            }

            foreach (var (runId, (state, events)) in runs)
            {
                CheckEvents(events, state.NextEventId);
                Assert.Equal(WorkflowExecutionStatus.Completed, (WorkflowExecutionStatus)state.Status);
                var signals = events.Where(static item => item.EventType == EventType.WorkflowExecutionSignaled)
                    .Select(static item => item.WorkflowExecutionSignaledEventAttributes.SignalName).ToList();
                Assert.Equal(signals.Distinct().Count(), signals.Count);
                foreach (var signal in simulation.Signals.GetValueOrDefault(runId, []))
                {
                    Assert.Contains(signal, signals);
                }
            }

            foreach (var (runId, scheduled) in simulation.CompletedActivities)
            {
                Assert.Contains(runs[runId].Events, item =>
                    item.EventType == EventType.ActivityTaskCompleted && item.ActivityTaskCompletedEventAttributes.ScheduledEventId == scheduled);
            }

            foreach (var runId in simulation.CompletedRuns)
            {
                Assert.Equal(EventType.WorkflowExecutionCompleted, runs[runId].Events[^1].EventType);
            }
        },
        iter: 2000,
        print: static sequence => string.Join(", ", sequence.Select(static move => $"new({nameof(Action)}.{move.Action}, {move.Target}, {move.Choice})")));

    private static void CheckEvents(List<HistoryEvent> events, long nextEventId)
    {
        Assert.Equal(nextEventId - 1, events.Count);
        var scheduled = new Dictionary<long, EventType>();
        var ended = new HashSet<long>();
        for (var i = 0; i < events.Count; i++)
        {
            var item = events[i];
            Assert.Equal(i + 1, item.EventId);
            switch (item.EventType)
            {
                case EventType.WorkflowTaskScheduled or EventType.ActivityTaskScheduled or EventType.TimerStarted:
                    scheduled.Add(item.EventId, item.EventType);
                    break;
                case EventType.WorkflowTaskStarted:
                    Assert.Equal(EventType.WorkflowTaskScheduled, scheduled[item.WorkflowTaskStartedEventAttributes.ScheduledEventId]);
                    break;
                case EventType.WorkflowTaskCompleted:
                    Assert.True(ended.Add(item.WorkflowTaskCompletedEventAttributes.ScheduledEventId));
                    Assert.Equal(EventType.WorkflowTaskStarted, events[(int)item.WorkflowTaskCompletedEventAttributes.StartedEventId - 1].EventType);
                    break;
                case EventType.ActivityTaskCompleted:
                    End(item.ActivityTaskCompletedEventAttributes.ScheduledEventId, item.ActivityTaskCompletedEventAttributes.StartedEventId);
                    break;
                case EventType.ActivityTaskFailed:
                    End(item.ActivityTaskFailedEventAttributes.ScheduledEventId, item.ActivityTaskFailedEventAttributes.StartedEventId);
                    break;
                case EventType.ActivityTaskTimedOut:
                    var timedOut = item.ActivityTaskTimedOutEventAttributes;
                    End(timedOut.ScheduledEventId, timedOut.StartedEventId);
                    break;
                case EventType.TimerFired:
                    var fired = item.TimerFiredEventAttributes;
                    Assert.Equal(EventType.TimerStarted, scheduled[fired.StartedEventId]);
                    Assert.True(ended.Add(fired.StartedEventId));
                    var started = events[(int)fired.StartedEventId - 1];
                    Assert.True(item.EventTime.ToDateTimeOffset() >= started.EventTime.ToDateTimeOffset() + started.TimerStartedEventAttributes.StartToFireTimeout.ToTimeSpan());
                    break;
            }
        }

        void End(long scheduledEventId, long startedEventId)
        {
            Assert.Equal(EventType.ActivityTaskScheduled, scheduled[scheduledEventId]);
            Assert.True(ended.Add(scheduledEventId), $"activity {scheduledEventId} ended twice");
            if (startedEventId > 0)
            {
                Assert.Equal(scheduledEventId, events[(int)startedEventId - 1].ActivityTaskStartedEventAttributes.ScheduledEventId);
            }
        }
    }
}
