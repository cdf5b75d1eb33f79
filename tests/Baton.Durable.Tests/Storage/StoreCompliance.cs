using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>What every <see cref="IDurableStore"/> must do. One class per store derives from it.</summary>
public abstract partial class StoreCompliance : IAsyncLifetime
{
    private protected IDurableStore Store { get; set; } = null!;

    private protected abstract IDurableStore Open();

    public ValueTask InitializeAsync()
    {
        Store = Open();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        CleanUp();
        GC.SuppressFinalize(this);
    }

    private protected virtual void CleanUp()
    {
    }

    [Fact]
    public void An_entity_comes_back_as_written()
    {
        var written = Samples.Entity(7, state: [0, 255, 1, 0]);
        Commit(batch => batch.Entities[7] = written);

        var read = Store.Entities.Load(7)!;
        Assert.Equal(written with { State = read.State }, read);
        Assert.Equal(written.State, read.State);
        Assert.Null(Store.Entities.Load(8));
    }

    [Fact]
    public void An_empty_and_a_large_state_come_back_as_written()
    {
        var large = new byte[3 * 1024 * 1024];
        new Random(1).NextBytes(large);
        Commit(batch =>
        {
            batch.Entities[1] = Samples.Entity(1, state: []);
            batch.Entities[2] = Samples.Entity(2, state: large);
        });
        Assert.Empty(Store.Entities.Load(1)!.State);
        Assert.Equal(large, Store.Entities.Load(2)!.State);
    }

    [Fact]
    public void Ids_of_any_characters_are_told_apart()
    {
        string[] ids = ["", " ", "a", "A", "a\0b", "a\0c", "é", "e\u0301", "日本", "😀", "'; DROP TABLE entities; --", new string('x', 1000)];
        Commit(batch =>
        {
            for (var i = 0; i < ids.Length; i++)
            {
                batch.Current[(EntityKind.Workflow, "ns", ids[i])] = i + 1;
            }
        });
        for (var i = 0; i < ids.Length; i++)
        {
            Assert.Equal(i + 1, Store.Entities.FindCurrent(EntityKind.Workflow, "ns", ids[i]));
        }
    }

    [Fact]
    public void A_later_write_replaces_the_state_and_null_deletes()
    {
        Commit(batch => batch.Entities[1] = Samples.Entity(1, state: [1]));
        Commit(batch => batch.Entities[1] = Samples.Entity(1, state: [2]));
        Assert.Equal([2], Store.Entities.Load(1)!.State);

        Commit(batch => batch.Entities[1] = null);
        Assert.Null(Store.Entities.Load(1));
        Assert.Null(Store.Entities.FindRun(EntityKind.Workflow, "ns", "", "run-1"));
    }

    [Fact]
    public void Parts_come_back_with_their_entity_and_go_with_it()
    {
        Commit(batch =>
        {
            batch.Entities[1] = Samples.Entity(1);
            batch.Entities[2] = Samples.Entity(2);
            batch.Parts[(1, 7)] = [1, 2, 3];
            batch.Parts[(1, 5)] = [];
            batch.Parts[(2, 7)] = [9];
        });
        Assert.Equal([(5, []), (7, [1, 2, 3])], PartsOf(1));

        Commit(batch =>
        {
            batch.Parts[(1, 5)] = null;
            batch.Parts[(1, 7)] = [4];
        });
        Assert.Equal([(7, [4])], PartsOf(1));

        Commit(batch => batch.Entities[1] = null);
        Commit(batch => batch.Entities[1] = Samples.Entity(1));
        Assert.Empty(PartsOf(1));
        Assert.Equal([(7, [9])], PartsOf(2));
    }

    private IEnumerable<(long, byte[])> PartsOf(long runKey) => Store.Entities.Load(runKey)!.Parts.OrderBy(part => part.Part);

    [Fact]
    public void The_current_run_is_found_by_kind_namespace_and_id()
    {
        Commit(batch =>
        {
            batch.Current[(EntityKind.Workflow, "ns", "id")] = 1;
            batch.Current[(EntityKind.Schedule, "ns", "id")] = 2;
            batch.Current[(EntityKind.Workflow, "other", "id")] = 3;
        });
        Assert.Equal(1, Store.Entities.FindCurrent(EntityKind.Workflow, "ns", "id"));
        Assert.Equal(2, Store.Entities.FindCurrent(EntityKind.Schedule, "ns", "id"));
        Assert.Equal(3, Store.Entities.FindCurrent(EntityKind.Workflow, "other", "id"));
        Assert.Null(Store.Entities.FindCurrent(EntityKind.Workflow, "ns", "ID"));
        Assert.Null(Store.Entities.FindCurrent(EntityKind.Workflow, "never", "id"));

        Commit(batch => batch.Current[(EntityKind.Workflow, "ns", "id")] = 9);
        Assert.Equal(9, Store.Entities.FindCurrent(EntityKind.Workflow, "ns", "id"));
        Commit(batch =>
        {
            batch.Current[(EntityKind.Workflow, "ns", "id")] = null;
            batch.Current[(EntityKind.Workflow, "never", "id")] = null;
        });
        Assert.Null(Store.Entities.FindCurrent(EntityKind.Workflow, "ns", "id"));
    }

    [Fact]
    public void A_run_is_found_by_run_id_and_the_id_must_match_when_given()
    {
        Commit(batch => batch.Entities[1] = Samples.Entity(1));
        Assert.Equal(1, Store.Entities.FindRun(EntityKind.Workflow, "ns", "", "run-1"));
        Assert.Equal(1, Store.Entities.FindRun(EntityKind.Workflow, "ns", "id-1", "run-1"));
        Assert.Null(Store.Entities.FindRun(EntityKind.Workflow, "ns", "other", "run-1"));
        Assert.Null(Store.Entities.FindRun(EntityKind.Workflow, "other", "", "run-1"));
        Assert.Null(Store.Entities.FindRun(EntityKind.Activity, "ns", "", "run-1"));
        Assert.Null(Store.Entities.FindRun(EntityKind.Workflow, "ns", "", "run-2"));
    }

    [Fact]
    public void Wakes_come_back_until_they_are_removed()
    {
        Commit(batch =>
        {
            batch.Wakes[1] = new WakeRecord(1, 1000, [1, 2]);
            batch.Wakes[2] = new WakeRecord(2, null, []);
            batch.Wakes[3] = new WakeRecord(3, 5, []);
        });
        Commit(batch =>
        {
            batch.Wakes[3] = null;
            batch.Wakes[2] = new WakeRecord(2, long.MaxValue, [9]);
        });
        WakeRecord[] wakes = [.. Store.Entities.LoadWakes().OrderBy(wake => wake.RunKey)];
        Assert.Equal([(1L, (long?)1000), (2L, long.MaxValue)], wakes.Select(wake => (wake.RunKey, wake.WakeAt)));
        Assert.Equal([1, 2], wakes[0].Dispatch);
        Assert.Equal([9], wakes[1].Dispatch);
    }

    [Fact]
    public void The_highest_run_key_outlives_its_run()
    {
        Assert.Equal(0, Store.Entities.MaxRunKey());
        Commit(batch =>
        {
            batch.Entities[1] = Samples.Entity(1);
            batch.Entities[5] = Samples.Entity(5);
        });
        Assert.Equal(5, Store.Entities.MaxRunKey());
        Commit(batch => batch.Entities[5] = null);
        Assert.Equal(5, Store.Entities.MaxRunKey());
        Commit(batch => batch.Entities[1] = null);
        Assert.Equal(5, Store.Entities.MaxRunKey());
        Commit(batch => batch.Entities[6] = Samples.Entity(6));
        Assert.Equal(6, Store.Entities.MaxRunKey());
    }

    [Fact]
    public void Expired_runs_are_listed_oldest_first_once_their_wake_is_gone()
    {
        var now = Samples.Time(1000);
        Commit(batch =>
        {
            batch.Visibility[1] = Samples.Record(1) with { DeleteAt = now };
            batch.Visibility[2] = Samples.Record(2) with { DeleteAt = now.AddSeconds(-5) };
            batch.Visibility[3] = Samples.Record(3) with { DeleteAt = now.AddTicks(1) };
            batch.Visibility[4] = Samples.Record(4);
            batch.Visibility[5] = Samples.Record(5) with { DeleteAt = now.AddDays(-5) };
            batch.Wakes[5] = new WakeRecord(5, null, []);
        });
        Assert.Equal([2, 1], Store.Entities.ListExpired(now, 10));
        Assert.Equal([2], Store.Entities.ListExpired(now, 1));
        Commit(batch => batch.Wakes[5] = null);
        Assert.Equal([5, 2, 1], Store.Entities.ListExpired(now, 10));
    }

    [Fact]
    public void History_is_read_in_order_from_the_batch_that_holds_the_event()
    {
        CommitHistory(1, (1, 3), (4, 1), (5, 4));
        CommitHistory(2, (1, 2));
        Assert.Equal([1, 4, 5], Read(1, 0, long.MaxValue));
        Assert.Equal([1, 4, 5], Read(1, 3, long.MaxValue));
        Assert.Equal([4, 5], Read(1, 4, long.MaxValue));
        Assert.Equal([5], Read(1, 8, long.MaxValue));
        Assert.Empty(Read(1, 9, long.MaxValue));
        Assert.Equal([1, 4], Read(1, 1, 5));
        Assert.Empty(Read(1, 1, 1));
        Assert.Empty(Read(3, 1, long.MaxValue));
    }

    [Fact]
    public void History_stops_at_the_limits_but_gives_one_batch()
    {
        CommitHistory(1, (1, 3), (4, 1), (5, 4));
        Assert.Equal([1], Read(1, 1, long.MaxValue, maxEvents: 1));
        Assert.Equal([1], Read(1, 1, long.MaxValue, maxEvents: 3));
        Assert.Equal([1, 4], Read(1, 1, long.MaxValue, maxEvents: 4));
        Assert.Equal([1], Read(1, 1, long.MaxValue, maxBytes: 1));
        Assert.Equal([5], Store.Histories.ReadReverse(1, 8, 1, 1).Select(batch => batch.FirstEventId));
    }

    [Fact]
    public void History_is_read_from_the_end()
    {
        CommitHistory(1, (1, 3), (4, 1), (5, 4));
        Assert.Equal([5, 4, 1], ReadReverse(1, long.MaxValue));
        Assert.Equal([5, 4, 1], ReadReverse(1, 5));
        Assert.Equal([4, 1], ReadReverse(1, 4));
        Assert.Equal([1], ReadReverse(1, 3));
        Assert.Empty(ReadReverse(1, 0));
        Assert.Empty(ReadReverse(2, 5));
    }

    [Fact]
    public void History_bytes_come_back_as_written()
    {
        var bytes = new byte[100_000];
        new Random(2).NextBytes(bytes);
        Commit(batch => batch.History.Add((1, new HistoryBatch(1, 2, ByteString.CopyFrom(bytes)))));
        HistoryBatch read = Assert.Single(Store.Histories.Read(1, 1, 10, 10, 10));
        Assert.Equal((1, 2), (read.FirstEventId, read.EventCount));
        Assert.Equal(bytes, read.Events.ToByteArray());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2_000)]
    public void A_deleted_history_is_gone_at_once_whatever_its_size(int batches)
    {
        CommitHistory(1, batches);
        CommitHistory(2, (1, 1));
        Commit(batch => batch.HistoryDeletes.Add(1));
        Assert.Empty(Read(1, 0, long.MaxValue));
        Assert.Empty(ReadReverse(1, long.MaxValue));
        Assert.Equal([1], Read(2, 0, long.MaxValue));
        Assert.Equal(1, Store.GetStatistics().HistoryBatches);

        MaintainFully();
        Assert.Empty(Read(1, 0, long.MaxValue));
        Assert.Equal(1, Store.GetStatistics().HistoryBatches);
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(2_000, true)]
    [InlineData(2_000, false)]
    public void A_history_is_deleted_before_its_new_batches_are_added(int batches, bool sameCommit)
    {
        CommitHistory(1, batches);
        if (!sameCommit)
        {
            Commit(batch => batch.HistoryDeletes.Add(1));
        }

        Commit(batch =>
        {
            if (sameCommit)
            {
                batch.HistoryDeletes.Add(1);
            }

            batch.History.Add((1, Samples.Events(1, 7)));
        });
        Assert.Equal([1], Read(1, 0, long.MaxValue));
        MaintainFully();
        Assert.Equal(7, Assert.Single(Store.Histories.Read(1, 1, long.MaxValue, 100, 100_000)).EventCount);
    }

    [Fact]
    public void A_batch_that_breaks_a_rule_changes_nothing_and_the_next_one_goes_through()
    {
        CommitHistory(1, (1, 3));
        Commit(batch => batch.Entities[1] = Samples.Entity(1, state: [1]));

        Assert.Throws<StoreException>(() => Commit(batch =>
        {
            batch.Entities[1] = Samples.Entity(1, state: [2]);
            batch.Entities[2] = Samples.Entity(2) with { NamespaceId = "new" };
            batch.Entities[1_000] = Samples.Entity(1_000);
            batch.Wakes[1] = new WakeRecord(1, 1, []);
            batch.Current[(EntityKind.Workflow, "new", "id")] = 1;
            batch.Visibility[1] = Samples.Record(1) with { NamespaceId = "new", Attributes = Samples.Attributes(("Color", Samples.Keyword("red"))) };
            batch.Documents[("kind", "key")] = [1];
            batch.History.Add((1, Samples.Events(4, 1)));
            batch.History.Add((1, Samples.Events(1, 1)));
        }));

        Assert.Equal([1], Store.Entities.Load(1)!.State);
        Assert.Null(Store.Entities.Load(2));
        Assert.Equal(1, Store.Entities.MaxRunKey());
        Assert.Empty(Store.Entities.LoadWakes());
        Assert.Null(Store.Entities.FindCurrent(EntityKind.Workflow, "new", "id"));
        Assert.Null(Store.Visibility.Get(1));
        Assert.Null(Store.Documents.Get("kind", "key"));
        Assert.Equal([1], Read(1, 0, long.MaxValue));

        // Names that only the refused batch brought are new again.
        Commit(batch =>
        {
            batch.Entities[2] = Samples.Entity(2) with { NamespaceId = "new" };
            batch.Visibility[2] = Samples.Record(2) with { NamespaceId = "new", Attributes = Samples.Attributes(("Color", Samples.Keyword("red"))) };
        });
        Assert.Equal("new", Store.Entities.Load(2)!.NamespaceId);
        Assert.Equal(1, Store.Visibility.Count(EntityKind.Workflow, "new", Samples.Query("Color = 'red'", ("Color", AttributeType.Keyword))));
    }

    [Fact]
    public void Histories_that_a_refused_batch_deleted_are_still_there()
    {
        CommitHistory(1, 2_000);
        CommitHistory(2, 2_000);
        CommitHistory(3, 2_000);
        Commit(batch => batch.HistoryDeletes.Add(3));
        Assert.Throws<StoreException>(() => Commit(batch =>
        {
            batch.HistoryDeletes.Add(1);
            batch.History.Add((3, Samples.Events(1, 1)));
            batch.History.Add((2, Samples.Events(5, 1)));
        }));
        MaintainFully();
        Assert.Equal(2_000, Read(1, 0, long.MaxValue).Length);
        Assert.Equal(2_000, Read(2, 0, long.MaxValue).Length);
        Assert.Empty(Read(3, 0, long.MaxValue));
        Assert.Equal(4_000, Store.GetStatistics().HistoryBatches);
    }

    [Fact]
    public void Documents_are_listed_by_kind_in_the_order_of_their_keys()
    {
        Commit(batch =>
        {
            batch.Documents[("namespace", "b")] = [2];
            batch.Documents[("namespace", "a")] = [];
            batch.Documents[("endpoint", "a")] = [3];
        });
        Commit(batch => batch.Documents[("namespace", "b")] = [4]);
        Assert.Equal([4], Store.Documents.Get("namespace", "b")!);
        Assert.Equal([], Store.Documents.Get("namespace", "a")!);
        Assert.Null(Store.Documents.Get("namespace", "c"));
        Assert.Null(Store.Documents.Get("none", "a"));
        Assert.Equal(["a", "b"], Store.Documents.List("namespace").Select(document => document.Key));
        Assert.Empty(Store.Documents.List("none"));

        Commit(batch => batch.Documents[("namespace", "a")] = null);
        Assert.Equal(["b"], Store.Documents.List("namespace").Select(document => document.Key));
    }

    [Fact]
    public async Task Readers_see_whole_batches_while_commits_go_on()
    {
        const int Commits = 300;
        using var done = new CancellationTokenSource();
        Commit(batch => Put(batch, 0));
        Task[] readers = [.. Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            long last = 0;
            while (!done.IsCancellationRequested)
            {
                // Both wakes of a batch carry its number: one snapshot shows one number.
                long?[] wakes = [.. Store.Entities.LoadWakes().Select(wake => wake.WakeAt)];
                Assert.Equal(2, wakes.Length);
                Assert.Equal(wakes[0], wakes[1]);
                Assert.True(wakes[0] >= last, "a later read sees no earlier state");
                last = wakes[0]!.Value;
                Assert.Equal(1, Store.Visibility.Count(EntityKind.Workflow, "ns", VisibilityQuery.All));
                Assert.NotNull(Store.Entities.Load(1));
                Assert.NotEmpty(Read(1, last + 1, long.MaxValue));
            }
        }))];
        for (var i = 1; i <= Commits; i++)
        {
            Commit(batch => Put(batch, i));
            if (i % 50 == 0)
            {
                Store.Maintain();
            }
        }
        await done.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Equal(Commits + 1, Store.GetStatistics().HistoryBatches);

        static void Put(WriteBatch batch, long number)
        {
            batch.Entities[1] = Samples.Entity(1, state: [(byte)number]);
            batch.Wakes[1] = new WakeRecord(1, number, []);
            batch.Wakes[2] = new WakeRecord(2, number, [1]);
            batch.History.Add((1, Samples.Events(number + 1, 1)));
            batch.Visibility[1] = Samples.Record(1) with { HistoryLength = number };
        }
    }

    [Fact]
    public void Statistics_count_rows_and_bytes()
    {
        Commit(batch =>
        {
            batch.Entities[1] = Samples.Entity(1);
            batch.History.Add((1, new HistoryBatch(1, 1, ByteString.CopyFrom(new byte[100]))));
            batch.History.Add((1, new HistoryBatch(2, 1, ByteString.CopyFrom(new byte[50]))));
        });
        var statistics = Store.GetStatistics();
        Assert.Equal((1, 2, 150), (statistics.Entities, statistics.HistoryBatches, statistics.HistoryBytes));
    }

    private protected void Commit(Action<WriteBatch> write) => Samples.Commit(Store, write);

    private protected void CommitHistory(long runKey, int batches) => CommitHistory(runKey, [.. Enumerable.Range(1, batches).Select(i => ((long)i, 1))]);

    private protected void CommitHistory(long runKey, params (long First, int Count)[] batches) => Commit(batch =>
    {
        foreach ((var first, var count) in batches)
        {
            batch.History.Add((runKey, Samples.Events(first, count)));
        }
    });

    private protected void MaintainFully()
    {
        while (Store.Maintain())
        {
        }
    }

    private protected long[] Read(long runKey, long from, long until, int maxEvents = int.MaxValue, int maxBytes = int.MaxValue) =>
        [.. Store.Histories.Read(runKey, from, until, maxEvents, maxBytes).Select(batch => batch.FirstEventId)];

    private protected long[] ReadReverse(long runKey, long from) =>
        [.. Store.Histories.ReadReverse(runKey, from, int.MaxValue, int.MaxValue).Select(batch => batch.FirstEventId)];
}
