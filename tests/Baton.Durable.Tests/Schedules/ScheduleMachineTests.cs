using Baton.Durable.Schedules;
using CsCheck;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Schedule.V1;
using Xunit;

namespace Baton.Durable.Tests.Schedules;

public sealed class ScheduleMachineTests
{
    private static readonly DateTimeOffset Noon = DateTimeOffset.Parse("2024-05-31T12:00:00Z");

    /// <summary>Plays the engine: carries decisions out, and remembers what runs.</summary>
    private sealed class World
    {
        private int runs;

        public World(ScheduleOverlapPolicy overlap = ScheduleOverlapPolicy.Unspecified, Action<Schedule>? change = null)
        {
            var schedule = new Schedule
            {
                Spec = new() { CronString = { "*/10 * * * *" } },
                Action = new() { StartWorkflow = new() { WorkflowId = "job", WorkflowType = new() { Name = "Job" }, TaskQueue = new() { Name = "q" } } },
                Policies = new() { OverlapPolicy = overlap },
                State = new(),
            };
            change?.Invoke(schedule);
            Machine = ScheduleMachine.Create(schedule, "create-1", null, null, "seed", Noon);
        }

        public ScheduleMachine Machine { get; private set; }

        public DateTimeOffset Now { get; private set; } = Noon;

        public List<string> Log { get; } = [];

        public List<ScheduleStart> Starts { get; } = [];

        public HashSet<string> Refuse { get; } = [];

        public ScheduleInfo Info => Machine.Model.Info;

        public World At(string time)
        {
            Now = DateTimeOffset.Parse($"2024-05-31T{time}Z");
            return Turn();
        }

        public World Do(Action<ScheduleMachine> act)
        {
            act(Machine);
            return Turn();
        }

        public World Close(int index, WorkflowExecutionStatus status = WorkflowExecutionStatus.Completed, string? result = null, string? failure = null)
        {
            var running = Info.RecentActions[index].StartWorkflowResult;
            Assert.True(Machine.Closed(new(running.WorkflowId, running.RunId, status,
                result is null ? null : new Payloads { Payloads_ = { new Payload { Data = ByteString.CopyFromUtf8(result) } } },
                failure is null ? null : new Failure { Message = failure })));
            return Turn();
        }

        public World Turn()
        {
            // What is on disk is all there is.
            Machine = new(ScheduleModel.Parse(Machine.Model.ToBytes()), "seed");
            Machine.Advance(Now);
            bool refused;
            do
            {
                refused = false;
                var decision = Machine.Decide();
                foreach (var start in decision.Starts)
                {
                    if (Refuse.Contains(start.WorkflowId))
                    {
                        refused = true;
                        continue;
                    }
                    Machine.Started(start, $"run-{++runs}", Now);
                    Starts.Add(start);
                    Log.Add($"start {start.NominalTime:HH:mm}");
                }
                Log.AddRange(decision.Cancel.Select(e => $"cancel {e.RunId}"));
                Log.AddRange(decision.Terminate.Select(e => $"terminate {e.RunId}"));
            }
            while (refused);
            return this;
        }
    }

    [Fact]
    public void Actions_are_started_at_their_time_under_an_id_with_the_time()
    {
        var world = new World();

        Assert.Equal(Noon.AddMinutes(10), world.Machine.NextWake());
        world.At("12:09:59");
        Assert.Empty(world.Starts);
        world.At("12:10:00");

        Assert.Equal("job-2024-05-31T12:10:00Z", Assert.Single(world.Starts).WorkflowId);
        Assert.Equal(Noon.AddMinutes(20), world.Machine.NextWake());
        var action = Assert.Single(world.Info.RecentActions);
        Assert.Equal(WorkflowExecutionStatus.Running, action.StartWorkflowStatus);
        Assert.Equal("run-1", Assert.Single(world.Info.RunningWorkflows).RunId);
        world.Close(0);
        Assert.Empty(world.Info.RunningWorkflows);
        Assert.Equal(WorkflowExecutionStatus.Completed, world.Info.RecentActions[0].StartWorkflowStatus);
    }

    [Theory]
    [InlineData(ScheduleOverlapPolicy.Skip, "start 12:10", 2, 0, "start 12:40")]
    [InlineData(ScheduleOverlapPolicy.BufferOne, "start 12:10", 1, 1, "start 12:20")]
    [InlineData(ScheduleOverlapPolicy.BufferAll, "start 12:10", 0, 2, "start 12:20")]
    [InlineData(ScheduleOverlapPolicy.CancelOther, "start 12:10, cancel run-1, cancel run-1", 1, 1, "start 12:30")]
    [InlineData(ScheduleOverlapPolicy.TerminateOther, "start 12:10, terminate run-1, terminate run-1", 1, 1, "start 12:30")]
    [InlineData(ScheduleOverlapPolicy.AllowAll, "start 12:10, start 12:20, start 12:30", 0, 0, "start 12:40")]
    public void Overlap_policies(ScheduleOverlapPolicy policy, string log, int skippedOrReplaced, int waiting, string afterClose)
    {
        var world = new World(policy).At("12:10:00").At("12:20:00").At("12:30:00");

        Assert.Equal(log, string.Join(", ", world.Log));
        var replaced = policy is ScheduleOverlapPolicy.CancelOther or ScheduleOverlapPolicy.TerminateOther ? 1 : 0;
        Assert.Equal(skippedOrReplaced - replaced, world.Info.OverlapSkipped);
        Assert.Equal(waiting + replaced, world.Machine.Model.Buffer.Count);
        world.Close(0).At("12:40:00");
        Assert.Contains(afterClose, world.Log);
    }

    [Fact]
    public void Buffer_all_starts_one_after_the_other_in_order()
    {
        var world = new World(ScheduleOverlapPolicy.BufferAll).At("12:35:00");
        Assert.Equal(["start 12:10"], world.Log);

        world.Close(0).Close(1);

        Assert.Equal(["start 12:10", "start 12:20", "start 12:30"], world.Log);
        Assert.Empty(world.Machine.Model.Buffer);
    }

    [Fact]
    public void Time_while_paused_is_not_made_up_for_and_time_while_away_is()
    {
        var world = new World(ScheduleOverlapPolicy.AllowAll).Do(m => m.Patch(new() { Pause = "holiday" }, "p1", Noon));
        Assert.Null(world.Machine.NextWake());
        Assert.Equal("holiday", world.Machine.Model.Schedule.State.Notes);

        world.At("12:25:00").Do(m => m.Patch(new() { Unpause = "back" }, "p2", Noon.AddMinutes(25)));
        Assert.Empty(world.Log);
        world.At("12:55:00");

        Assert.Equal(["start 12:30", "start 12:40", "start 12:50"], world.Log);
    }

    [Fact]
    public void Times_beyond_the_catchup_window_are_missed_once()
    {
        var world = new World(ScheduleOverlapPolicy.AllowAll, s => s.Policies.CatchupWindow = Duration.FromTimeSpan(TimeSpan.FromMinutes(15)));

        world.At("13:00:00").At("13:00:01");

        Assert.Equal(["start 12:50", "start 13:00"], world.Log);
        Assert.Equal(4, world.Info.MissedCatchupWindow);
    }

    [Fact]
    public void Limited_actions_run_out_and_the_schedule_expires()
    {
        var world = new World(change: s => s.State = new() { LimitedActions = true, RemainingActions = 2 });

        world.At("12:10:00").Close(0).At("12:20:00").Close(1).At("12:30:00");

        Assert.Equal(["start 12:10", "start 12:20"], world.Log);
        Assert.Equal(0, world.Machine.Model.Schedule.State.RemainingActions);
        Assert.Equal(Noon.AddMinutes(20).AddDays(7), world.Machine.NextWake());
        Assert.False(world.Machine.IsExpired(Noon.AddDays(7)));
        Assert.True(world.Machine.IsExpired(Noon.AddMinutes(20).AddDays(7)));
    }

    [Fact]
    public void A_failure_pauses_where_the_policy_says_so()
    {
        var world = new World(change: s => s.Policies.PauseOnFailure = true).At("12:10:00");

        world.Close(0, WorkflowExecutionStatus.Failed, failure: "boom").At("12:30:00");

        Assert.True(world.Machine.Model.Schedule.State.Paused);
        Assert.Equal("paused due to workflow failure: job-2024-05-31T12:10:00Z: boom", world.Machine.Model.Schedule.State.Notes);
        Assert.Equal(["start 12:10"], world.Log);
    }

    [Fact]
    public void The_last_result_and_failure_are_handed_to_the_next_start()
    {
        var world = new World().At("12:10:00").Close(0, result: "one").At("12:20:00").Close(1, WorkflowExecutionStatus.Failed, failure: "boom").At("12:30:00").Close(2, result: "three").At("12:40:00");

        Assert.Equal([null, "one", "one", "three"], world.Starts.Select(s => s.LastResult?.Payloads_[0].Data.ToStringUtf8()));
        Assert.Equal([null, null, "boom", null], world.Starts.Select(s => s.LastFailure?.Message));
    }

    [Fact]
    public void A_trigger_starts_now_even_while_paused()
    {
        var world = new World(change: s => s.State = new() { Paused = true });

        world.Do(m => m.Patch(new() { TriggerImmediately = new() { OverlapPolicy = ScheduleOverlapPolicy.AllowAll } }, "t1", world.Now));

        Assert.True(Assert.Single(world.Starts).IsManual);
        Assert.Equal("job-2024-05-31T12:00:00Z", world.Starts[0].WorkflowId);
        Assert.True(world.Machine.IsRepeated("t1"));
    }

    [Fact]
    public void A_backfill_takes_every_time_of_its_range_some_at_a_time()
    {
        var world = new World();
        world.Do(m => m.Patch(new()
        {
            BackfillRequest =
            {
                new BackfillRequest
                {
                    StartTime = Timestamp.FromDateTimeOffset(Noon.AddHours(-3)),
                    EndTime = Timestamp.FromDateTimeOffset(Noon.AddHours(-1)),
                    OverlapPolicy = ScheduleOverlapPolicy.AllowAll,
                },
            },
        }, "b1", world.Now));

        Assert.Equal(10, world.Starts.Count);
        world.At("12:00:01").At("12:00:02");

        Assert.Equal(Enumerable.Range(0, 13).Select(i => Noon.AddHours(-3).AddMinutes(10 * i)), world.Starts.Select(s => s.NominalTime));
        Assert.Empty(world.Machine.Model.Backfills);
        Assert.Equal(Noon.AddMinutes(10), world.Machine.NextWake());
    }

    [Fact]
    public void A_refused_start_is_dropped_and_the_buffer_goes_on()
    {
        var world = new World(ScheduleOverlapPolicy.BufferAll) { Refuse = { "job-2024-05-31T12:10:00Z" } };

        world.At("12:25:00");

        Assert.Equal(["start 12:20"], world.Log);
        Assert.Equal(1, world.Info.ActionCount);
    }

    [Fact]
    public void An_update_replaces_the_spec_and_forgets_the_times_before_it()
    {
        var world = new World(ScheduleOverlapPolicy.AllowAll).At("12:10:00");
        var token = world.Machine.Model.ConflictToken;
        world.At("12:14:30");

        var changed = world.Machine.Model.Schedule.Clone();
        changed.Spec = new() { CronString = { "*/5 * * * *" } };
        world.Do(m => m.Update(changed, "u1", world.Now)).At("12:15:00");

        Assert.Equal(["start 12:10", "start 12:15"], world.Log);
        Assert.True(world.Machine.Model.ConflictToken > token);
        Assert.Throws<ScheduleSpecException>(() => world.Machine.Update(new() { Spec = new() { CronString = { "x" } } }, "u2", world.Now));
        Assert.False(world.Machine.IsRepeated("u2"));
    }

    [Fact]
    public void The_buffer_is_bounded_and_says_what_it_dropped()
    {
        var world = new World(ScheduleOverlapPolicy.BufferAll, s => s.Spec = new() { CronString = { "@every 1s" } });

        world.At("12:30:00");

        Assert.Equal(ScheduleMachine.MaxBuffer - 1, world.Machine.Model.Buffer.Count);
        Assert.Equal(1_800 - ScheduleMachine.MaxBuffer, world.Info.BufferDropped);
    }

    [Fact]
    public void A_schedule_whose_time_zone_this_machine_lacks_waits_and_says_so()
    {
        var world = new World();
        var moved = world.Machine.Model;
        moved.Schedule.Spec.TimezoneName = "Atlantis/Capital";

        var machine = new ScheduleMachine(ScheduleModel.Parse(moved.ToBytes()), "seed");

        Assert.Contains("Atlantis/Capital", machine.SpecError, StringComparison.Ordinal);
        Assert.Null(machine.NextWake());
        Assert.False(machine.IsExpired(Noon.AddYears(1)));
        Assert.Throws<ScheduleSpecException>(() => machine.MatchingTimes(Noon, Noon.AddDays(1), 10));
    }

    [Fact]
    public void Future_times_skip_what_passed_and_stop_at_the_limit_of_actions()
    {
        var world = new World(change: s => s.State = new() { LimitedActions = true, RemainingActions = 3 });

        var times = world.Machine.FutureTimes(10, Noon.AddMinutes(15)).Select(t => t.ToDateTimeOffset());

        Assert.Equal([Noon.AddMinutes(20), Noon.AddMinutes(30), Noon.AddMinutes(40)], times);
    }

    // Random turns of events: the books balance, and without allow-all nothing overlaps.
    [Fact]
    public void Whatever_happens_every_time_is_started_skipped_dropped_missed_or_waits()
    {
        var policies = System.Enum.GetValues<ScheduleOverlapPolicy>();
        var step = Gen.Select(Gen.Int[0, 5], Gen.Int[1, 45]);
        Gen.Select(Gen.Int[0, policies.Length - 1], step.List[1, 40]).Sample((policy, steps) =>
        {
            var world = new World(policies[policy]);
            var now = Noon;
            foreach (var (kind, minutes) in steps)
            {
                if (kind <= 3)
                {
                    now = now.AddMinutes(minutes);
                    world.At(now.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture));
                    if (now > Noon.AddHours(11))
                    {
                        break;
                    }
                }
                else if (world.Info.RunningWorkflows.Count > 0)
                {
                    var last = world.Info.RecentActions.ToList().FindLastIndex(a => world.Info.RunningWorkflows.Any(r => r.RunId == a.StartWorkflowResult.RunId));
                    world.Close(last);
                }
            }
            var due = (int)((world.Now - Noon).TotalMinutes / 10);
            var replaced = due - world.Starts.Count - (int)world.Info.OverlapSkipped - world.Machine.Model.Buffer.Count;
            var mayReplace = policies[policy] is ScheduleOverlapPolicy.CancelOther or ScheduleOverlapPolicy.TerminateOther;
            return world.Info.RunningWorkflows.Count <= 1 && (mayReplace ? replaced >= 0 : replaced == 0)
                && world.Starts.Select(s => s.NominalTime).SequenceEqual(world.Starts.Select(s => s.NominalTime).Order());
        }, iter: 300);
    }
}
