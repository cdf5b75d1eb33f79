using Baton.Durable.Engine;
using Baton.Durable.Matching;
using Baton.Durable.State;
using CsCheck;
using Temporalio.Api.TaskQueue.V1;
using Xunit;

namespace Baton.Durable.Tests.Matching;

public sealed class TaskBacklogTests
{
    private const long Start = Instant.Day;

    private static TaskRef Task(long id, int priority = 0, string key = "", float weight = 0) =>
        new() { RunKey = 1, Id = id, PriorityKey = priority, FairnessKey = key, FairnessWeight = weight, CreatedMs = id };

    private static List<TaskRef> Drain(TaskBacklog backlog, long now = Start)
    {
        var all = new List<TaskRef>();
        while (backlog.Take(now, out _) is { } task)
        {
            all.Add(task);
        }

        return all;
    }

    [Fact]
    public void Lower_priority_keys_go_first_and_none_counts_as_three()
    {
        var backlog = new TaskBacklog(new TaskQueueSettings());
        foreach (var (id, priority) in new[] { (1, 5), (2, 0), (3, 1), (4, 3), (5, 2), (6, 1) })
        {
            backlog.Add(Task(id, priority));
        }

        Assert.Equal([(1, 2), (2, 1), (3, 2), (5, 1)], backlog.Levels.Select(level => (level.Priority, level.Count)));
        Assert.Equal([3, 6, 5, 2, 4, 1], Drain(backlog).Select(task => task.Id));
        Assert.Equal(0, backlog.Count);
    }

    [Fact]
    public void A_task_that_is_there_already_is_not_added_again()
    {
        var backlog = new TaskBacklog(new TaskQueueSettings());

        Assert.True(backlog.Add(Task(1)));
        Assert.False(backlog.Add(Task(1)));
        Assert.Single(Drain(backlog));
        Assert.True(backlog.Add(Task(1)));
    }

    [Fact]
    public void A_key_that_comes_late_waits_for_no_more_than_one_task_of_each_other_key()
    {
        var backlog = new TaskBacklog(new TaskQueueSettings());
        for (var id = 0; id < 1000; id++)
        {
            backlog.Add(Task(id, key: id % 2 == 0 ? "a" : "b"));
        }

        for (var taken = 0; taken < 500; taken++)
        {
            backlog.Take(Start, out _);
        }

        backlog.Add(Task(5000, key: "late"));

        Assert.Contains(5000, Enumerable.Range(0, 3).Select(_ => backlog.Take(Start, out var _)!.Id));
    }

    [Fact]
    public void Within_a_priority_keys_share_by_weight_and_each_key_keeps_its_order() =>
        Gen.Select(Gen.Float[0.1f, 10], Gen.Float[0.1f, 10], Gen.Float[0.1f, 10]).Sample(weights =>
        {
            var backlog = new TaskBacklog(new TaskQueueSettings());
            (string Key, float Weight)[] keys = [("a", weights.Item1), ("b", weights.Item2), ("c", weights.Item3)];
            foreach (var (key, weight) in keys)
            {
                for (var i = 0; i < 300; i++)
                {
                    backlog.Add(Task((key[0] * 1000) + i, key: key, weight: weight));
                }
            }

            // As long as every key has tasks left, what each was served stays within one task of its share.
            var served = keys.ToDictionary(key => key.Key, _ => 0);
            var last = new Dictionary<string, long>();
            var total = keys.Sum(key => key.Weight);
            for (var taken = 1; served.Values.Max() < 300; taken++)
            {
                var task = backlog.Take(Start, out _)!;
                served[task.FairnessKey]++;
                Assert.True(task.Id > last.GetValueOrDefault(task.FairnessKey));
                last[task.FairnessKey] = task.Id;
                foreach (var (key, weight) in keys)
                {
                    Assert.InRange(served[key] - (taken * weight / total), -keys.Length, keys.Length);
                }
            }

            // Nobody starves: what is left comes out too.
            Assert.Equal(900 - served.Values.Sum(), Drain(backlog).Count);
        });

    [Fact]
    public void Whatever_is_added_comes_out_once_by_priority_and_arrival() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 3]).Array[0, 60].Sample(tasks =>
        {
            var backlog = new TaskBacklog(new TaskQueueSettings());
            for (var id = 0; id < tasks.Length; id++)
            {
                backlog.Add(Task(id, tasks[id].Item1, "key" + tasks[id].Item2));
            }

            var drained = Drain(backlog);

            Assert.Equal(Enumerable.Range(0, tasks.Length).Select(id => (long)id), drained.Select(task => task.Id).Order());
            var priorities = drained.Select(task => task.PriorityKey == 0 ? 3 : task.PriorityKey).ToList();
            Assert.Equal(priorities.Order(), priorities);
            foreach (var lane in drained.GroupBy(task => (task.PriorityKey == 0 ? 3 : task.PriorityKey, task.FairnessKey)))
            {
                Assert.Equal(lane.Select(task => task.Id).Order(), lane.Select(task => task.Id));
            }
        });

    [Fact]
    public void A_weight_set_for_the_queue_goes_before_that_of_the_task()
    {
        var settings = new TaskQueueSettings { Config = new TaskQueueConfig { FairnessWeightOverrides = { ["b"] = 9 } } };
        var backlog = new TaskBacklog(settings);
        for (var id = 1; id <= 200; id++)
        {
            backlog.Add(Task(id, key: id <= 100 ? "a" : "b", weight: 1));
        }

        var first = Enumerable.Range(0, 100).Select(_ => backlog.Take(Start, out var _)!.FairnessKey).ToList();

        Assert.InRange(first.Count(key => key == "b"), 89, 91);
    }

    [Fact]
    public void A_key_over_its_rate_waits_and_holds_up_no_other()
    {
        var settings = new TaskQueueSettings
        {
            Config = new TaskQueueConfig { FairnessKeysRateLimitDefault = new() { RateLimit = new() { RequestsPerSecond = 2 } } },
        };
        var backlog = new TaskBacklog(settings);
        for (var id = 1; id <= 10; id++)
        {
            backlog.Add(Task(id, key: "busy"));
        }

        backlog.Add(Task(11, key: "calm"));

        // A burst of one second's worth for each key, then nothing before the named instant.
        Assert.Equal([1, 11, 2], Drain(backlog).Select(task => task.Id));
        Assert.Null(backlog.Take(Start, out var retryAt));
        Assert.Equal(Start + (Instant.Second / 2), retryAt);
        Assert.Equal([3], Drain(backlog, retryAt).Select(task => task.Id));
    }

    [Fact]
    public void A_limiter_gives_its_rate_over_time_and_names_the_instant_of_the_next_token() =>
        Gen.Select(Gen.Double[0.2, 500], Gen.Int[1, 20]).Sample((rate, seconds) =>
        {
            var limiter = new TaskRateLimiter();
            limiter.Set(rate);
            var (now, end, taken) = (Start, Start + (seconds * Instant.Second), 0);
            while (now <= end)
            {
                if (limiter.TryTake(now, out var retryAt))
                {
                    taken++;
                    continue;
                }

                Assert.True(retryAt > now);
                now = retryAt;
            }

            var burst = Math.Max(1, rate);
            Assert.InRange(taken, Math.Floor((rate * seconds) + burst) - 1, Math.Ceiling((rate * seconds) + burst) + 1);
        });

    [Fact]
    public void A_rate_of_zero_lets_nothing_through_and_none_lets_everything()
    {
        var limiter = new TaskRateLimiter();
        Assert.True(limiter.TryTake(Start, out _));
        limiter.Set(0);
        Assert.False(limiter.TryTake(Start, out var retryAt));
        Assert.True(retryAt > Start);
    }

    [Fact]
    public void A_meter_forgets_what_is_older_than_thirty_seconds()
    {
        var meter = new RateMeter();
        for (var i = 0; i < 30; i++)
        {
            meter.Add(Start);
        }

        Assert.Equal(1, meter.Rate(Start + (29 * Instant.Second)));
        Assert.Equal(0, meter.Rate(Start + (30 * Instant.Second)));
        meter.Add(Start + Instant.Hour);
        Assert.Equal(1 / 30f, meter.Rate(Start + Instant.Hour));
    }
}
