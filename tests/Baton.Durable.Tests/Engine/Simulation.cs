using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Matching;
using Baton.Durable.Services;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Volatile;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Tests.Engine;

internal enum Action
{
    Start,
    Signal,
    PollWorkflow,
    CompleteWorkflowTask,
    FailWorkflowTask,
    PollActivity,
    CompleteActivity,
    FailActivity,
    Heartbeat,
    CancelWorkflow,
    Advance,
    Commit,
    FailCommit,
    Crash,
}

internal readonly record struct Move(Action Action, int Target, int Choice);

/// <summary>
/// Plays the engine's loop in one thread against a volatile disk, with clients and workers that do random things, a disk that refuses
/// commits and a process that dies between any two of them. Beside it stands a plain model: what was acknowledged to whom.
/// </summary>
internal sealed class Simulation
{
    private const string Queue = "queue";
    private static readonly string[] ids = ["a", "b", "c"];

    private readonly VolatileStore disk = new();
    private readonly ManualClock wall = new();
    private readonly List<(PollWorkflowTaskQueueResponse Task, string Id)> workflowTasks = [];
    private readonly List<PollActivityTaskQueueResponse> activityTasks = [];
    private readonly List<Acknowledgement> unsettled = [];
    private EngineCore core;

    public Simulation()
    {
        core = Boot();
        core.Execute(
            step => core.Namespaces.Put(step, new State.NamespaceState { Id = "space", Name = "space", Retention = Instant.Day }), null);
        Commit();
    }

    // The model: what the outside was told.
    public HashSet<string> StartedRuns { get; } = [];

    public Dictionary<string, List<string>> Signals { get; } = [];

    public HashSet<(string RunId, long Scheduled, int Attempt)> StartedAttempts { get; } = [];

    public HashSet<(string RunId, long Scheduled)> CompletedActivities { get; } = [];

    public HashSet<string> CompletedRuns { get; } = [];

    public List<string> Violations { get; } = [];

    public void Play(IEnumerable<Move> moves)
    {
        foreach (var move in moves)
        {
            Play(move);
        }

        Commit();
    }

    /// <summary>After the last move: a worker that does nothing but finish brings everything to its end.</summary>
    public void Drain()
    {
        // A workflow that waits for nothing needs a nudge.
        for (var target = 0; target < ids.Length; target++)
        {
            Play(new Move(Action.Signal, target, 0));
        }

        for (var round = 0; round < 400; round++)
        {
            Play(new Move(Action.PollWorkflow, 0, 0));
            Play(new Move(Action.PollActivity, 0, 0));
            Commit();
            var idle = workflowTasks.Count == 0 && activityTasks.Count == 0 && core.NextWakeAt() == Instant.Never;
            while (workflowTasks.Count > 0)
            {
                Play(new Move(Action.CompleteWorkflowTask, 0, 9));
                Commit();
            }

            while (activityTasks.Count > 0)
            {
                Play(new Move(Action.CompleteActivity, 0, 0));
                Commit();
            }

            wall.Advance(Instant.Minute);
            Play(new Move(Action.Advance, 0, 1));
            Commit();
            if (idle)
            {
                return;
            }
        }
    }

    /// <summary>Histories as they are on disk, by run id.</summary>
    public Dictionary<string, (ExecutionState State, List<HistoryEvent> Events)> OnDisk()
    {
        var runs = new Dictionary<string, (ExecutionState, List<HistoryEvent>)>();
        for (long key = 1; key <= disk.MaxRunKey(); key++)
        {
            if (disk.Load(key) is { } record)
            {
                var state = ExecutionState.Parser.ParseFrom(record.State);
                runs[record.RunId] = (state, HistoryReading.Stored(disk.Histories, key, 1, state.NextEventId).ToList());
            }
        }

        return runs;
    }

    private void Play(Move move)
    {
        var id = ids[move.Target % ids.Length];
        switch (move.Action)
        {
            case Action.Start:
                Start(id);
                break;
            case Action.Signal:
                SendSignal(id, "s" + Guid.NewGuid().ToString("N"));
                break;
            case Action.PollWorkflow:
                PollWorkflow();
                break;
            case Action.CompleteWorkflowTask:
                CompleteTask(move);
                break;
            case Action.FailWorkflowTask when workflowTasks.Count > 0:
                var failing = Take(workflowTasks, move.Target).Task;
                Execute(step =>
                {
                    if (Find(step, failing.TaskToken, TaskKind.Workflow) is { S.WorkflowTask: { StartedTime: > 0 } task } run && Matches(task, failing.TaskToken))
                    {
                        FailWorkflowTask.Apply(step, run, WorkflowTaskFailedCause.WorkflowWorkerUnhandledFailure, null, "worker");
                    }

                    return true;
                });
                break;
            case Action.PollActivity:
                PollActivity();
                break;
            case Action.CompleteActivity or Action.FailActivity or Action.Heartbeat when activityTasks.Count > 0:
                EndActivityTask(move);
                break;
            case Action.CancelWorkflow:
                Execute(step =>
                {
                    if (step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, "space", id, out var run) && run.IsRunning)
                    {
                        RequestCancel.Apply(step, run, "client", "", "", null, 0);
                    }

                    return true;
                });
                break;
            case Action.Advance:
                wall.Advance((move.Choice + 1) * Instant.Second);
                core.FireDue(1000);
                break;
            case Action.Commit:
                Commit();
                break;
            case Action.FailCommit:
                FailCommit();
                break;
            case Action.Crash:
                Crash();
                break;
        }
    }

    private void Start(string id)
    {
        var request = new StartWorkflowExecutionRequest
        {
            WorkflowId = id,
            WorkflowType = new WorkflowType { Name = "type" },
            TaskQueue = new() { Name = Queue },
            RequestId = Guid.NewGuid().ToString("D"),
        };
        Execute(
            step =>
            {
                var decision = WorkflowIds.Decide(
                    step, Space(), id, WorkflowIdReusePolicy.AllowDuplicate, WorkflowIdConflictPolicy.UseExisting, request.RequestId);
                return (decision.Existing ?? StartRequests.Start(step, Space(), request)).RunId;
            },
            runId => StartedRuns.Add(runId));
    }

    private void SendSignal(string id, string name) => Execute(
        step =>
        {
            if (!step.TryFindCurrent<WorkflowRun>(EntityKind.Workflow, "space", id, out var run) || !run.IsRunning)
            {
                return "";
            }

            Signal.Apply(step, run, new SignalArguments(name, null, "client", null));
            return run.RunId;
        },
        runId =>
        {
            if (runId.Length > 0)
            {
                (Signals.TryGetValue(runId, out var list) ? list : Signals[runId] = []).Add(name);
            }
        });

    private void PollWorkflow()
    {
        var reply = new Reply<PollWorkflowTaskQueueResponse>();
        var poller = new WorkflowPoller(new QueueKey("space", Queue, TaskKind.Workflow, "", ""), "worker", reply);
        core.Execute(step => core.Matcher.Poll(step, poller), reply);
        core.Execute(step => core.Matcher.Leave(step, poller), null);
        Settle(reply, task =>
        {
            if (!task.TaskToken.IsEmpty)
            {
                workflowTasks.Add((task, task.WorkflowExecution.WorkflowId));
                CheckHistory(task.History.Events, task.StartedEventId);
            }
        });
    }

    private void PollActivity()
    {
        var reply = new Reply<PollActivityTaskQueueResponse>();
        var poller = new ActivityPoller(new QueueKey("space", Queue, TaskKind.Activity, "", ""), "worker", reply);
        core.Execute(step => core.Matcher.Poll(step, poller), reply);
        core.Execute(step => core.Matcher.Leave(step, poller), null);
        Settle(reply, task =>
        {
            if (task.TaskToken.IsEmpty)
            {
                return;
            }

            activityTasks.Add(task);
            var token = TaskToken.Parser.ParseFrom(task.TaskToken);
            if (!StartedAttempts.Add((token.RunId, token.ScheduledEventId, token.Attempt)))
            {
                Violations.Add($"attempt {token.Attempt} of activity {token.ScheduledEventId} in {token.RunId} was given to a worker twice");
            }
        });
    }

    private void CompleteTask(Move move)
    {
        if (workflowTasks.Count == 0)
        {
            return;
        }

        var (task, _) = Take(workflowTasks, move.Target);
        var request = new RespondWorkflowTaskCompletedRequest { TaskToken = task.TaskToken, Identity = "worker" };
        request.Commands.AddRange(Commands(move.Choice, task.StartedEventId));
        var reply = new Reply<RespondWorkflowTaskCompletedResponse>();
        var closing = request.Commands.Any(static command => command.CommandType == CommandType.CompleteWorkflowExecution);
        core.Execute(
            step =>
            {
                if (Find(step, task.TaskToken, TaskKind.Workflow) is { IsRunning: true, S.WorkflowTask: { StartedTime: > 0 } pending } run && Matches(pending, task.TaskToken))
                {
                    CompleteWorkflowTask.Apply(step, run, request, reply);
                }
                else
                {
                    reply.Fail(step, new InvalidOperationException("stale"));
                }
            },
            reply);
        Settle(reply, _ =>
        {
            if (closing)
            {
                CompletedRuns.Add(task.WorkflowExecution.RunId);
            }
        });
    }

    private static IEnumerable<Command> Commands(int choice, long unique)
    {
        switch (choice % 10)
        {
            case 0 or 1 or 2:
                for (var i = 0; i <= choice % 3; i++)
                {
                    yield return new Command
                    {
                        CommandType = CommandType.ScheduleActivityTask,
                        ScheduleActivityTaskCommandAttributes = new ScheduleActivityTaskCommandAttributes
                        {
                            ActivityId = $"{unique}-{i}",
                            ActivityType = new ActivityType { Name = "activity" },
                            StartToCloseTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(5)),
                            HeartbeatTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(2)),
                            RetryPolicy = new RetryPolicy { MaximumAttempts = 3, InitialInterval = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) },
                        },
                    };
                }

                break;
            case 3 or 4:
                yield return new Command
                {
                    CommandType = CommandType.StartTimer,
                    StartTimerCommandAttributes = new StartTimerCommandAttributes
                    {
                        TimerId = $"{unique}",
                        StartToFireTimeout = Duration.FromTimeSpan(TimeSpan.FromSeconds(1 + choice)),
                    },
                };
                break;
            case 9:
                yield return new Command
                {
                    CommandType = CommandType.CompleteWorkflowExecution,
                    CompleteWorkflowExecutionCommandAttributes = new CompleteWorkflowExecutionCommandAttributes(),
                };
                break;
        }
    }

    private void EndActivityTask(Move move)
    {
        var task = move.Action == Action.Heartbeat ? activityTasks[move.Target % activityTasks.Count] : Take(activityTasks, move.Target);
        var token = TaskToken.Parser.ParseFrom(task.TaskToken);
        Execute(
            step =>
            {
                if (Find(step, task.TaskToken, TaskKind.Activity) is not { IsRunning: true } run
                    || !run.S.Activities.TryGetValue(token.ScheduledEventId, out var activity)
                    || activity.StartedTime != token.Clock || activity.Attempt != token.Attempt)
                {
                    return false;
                }

                switch (move.Action)
                {
                    case Action.CompleteActivity:
                        EndActivity.Complete(step, run, activity, null, "worker");
                        break;
                    case Action.FailActivity:
                        EndActivity.Fail(step, run, activity, Failures.Application("failed", "type", move.Choice == 0), "worker");
                        break;
                    default:
                        activity.LastHeartbeatTime = step.Now;
                        step.Touch(run);
                        break;
                }

                return true;
            },
            done =>
            {
                if (done && move.Action == Action.CompleteActivity)
                {
                    CompletedActivities.Add((token.RunId, token.ScheduledEventId));
                }
            });
    }

    private void CheckHistory(IReadOnlyList<HistoryEvent> events, long startedEventId)
    {
        for (var i = 0; i < events.Count; i++)
        {
            if (events[i].EventId != i + 1)
            {
                Violations.Add($"a worker was given event {events[i].EventId} in place {i + 1}");
                return;
            }
        }

        if (events.Count == 0 || events[^1].EventId != startedEventId || events[^1].EventType != EventType.WorkflowTaskStarted)
        {
            Violations.Add("a workflow task's history does not end with its started event");
        }
    }

    private void Execute<T>(Func<Step, T> apply, Action<T>? acknowledged = null)
    {
        var reply = new Reply<T>();
        core.Execute(step => reply.Set(step, apply(step)), reply);
        Settle(reply, acknowledged ?? (static _ => { }));
    }

    private void Settle<T>(Reply<T> reply, Action<T> acknowledged) => unsettled.Add(new Acknowledgement<T>(reply, acknowledged));

    private void Commit()
    {
        if (core.Broken is { } broken)
        {
            Violations.Add($"a transition broke: {broken}");
            core.Reset(broken);
        }

        if (core.TakeBatch() is { } batch)
        {
            disk.Commit(batch.Writes);
            batch.Replies.ForEach(static reply => reply.Release());
            core.Committed(batch);
        }

        Acknowledge();
    }

    private void FailCommit()
    {
        if (core.TakeBatch() is { } batch)
        {
            var reason = new StoreException("disk full");
            batch.Replies.ForEach(reply => reply.Reject(reason));
            core.Reset(reason);
        }

        Acknowledge();
    }

    /// <summary>The process dies: what was not committed is gone, and so is everybody's connection.</summary>
    private void Crash()
    {
        unsettled.Clear();
        core = Boot();
    }

    private void Acknowledge()
    {
        foreach (var item in unsettled)
        {
            item.Settle();
        }

        unsettled.Clear();
    }

    private EngineCore Boot()
    {
        var booted = new EngineCore(disk, new EngineClock(wall), new EngineLimits(), NullLogger.Instance);
        booted.Register(EntityKind.Workflow, WorkflowRun.Load);
        booted.Load();
        return booted;
    }

    private NamespaceEntry Space() => core.Namespaces.TryGet("space", out var entry) ? entry : throw new InvalidOperationException();

    private static WorkflowRun? Find(Step step, ByteString token, TaskKind kind) => step.Load<WorkflowRun>(TaskTokens.Parse(token, kind, "space").RunKey);

    private static bool Matches(WorkflowTaskState task, ByteString bytes)
    {
        var token = TaskToken.Parser.ParseFrom(bytes);
        return task.ScheduledEventId == token.ScheduledEventId && task.Attempt == token.Attempt && task.StartedTime == token.Clock;
    }

    private static T Take<T>(List<T> list, int index)
    {
        var item = list[index % list.Count];
        list.RemoveAt(index % list.Count);
        return item;
    }

    private abstract class Acknowledgement
    {
        public abstract void Settle();
    }

    private sealed class Acknowledgement<T>(Reply<T> reply, Action<T> acknowledged) : Acknowledgement
    {
        public override void Settle()
        {
            // An answer that is built after the commit comes from another thread.
            if (!reply.IsSet || ((IAsyncResult)reply.Task).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(30)) is false)
            {
                return;
            }

            if (reply.Task.IsCompletedSuccessfully)
            {
                acknowledged(reply.Task.Result);
            }
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private long now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;

        public override DateTimeOffset GetUtcNow() => new(now, TimeSpan.Zero);

        public void Advance(long ticks) => now += ticks;
    }
}
