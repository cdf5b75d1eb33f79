using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>The disk fails under SQLite: in the middle of a commit, at its sync, in a checkpoint.</summary>
public sealed class SqliteDiskFaultTests : IAsyncLifetime
{
    private readonly TempDirectory directory = new();
    private FaultyDisk disk = null!;
    private SqliteStore store = null!;

    private string DatabaseFile => directory.File("baton.db");

    public ValueTask InitializeAsync()
    {
        disk = new FaultyDisk(directory.Path);
        store = SqliteStore.Open(DatabaseFile);
        for (var number = 1; number <= 3; number++)
        {
            store.Commit(Workload.Batch(number));
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        disk.Dispose();
        await store.DisposeAsync();
        directory.Dispose();
    }

    [Theory]
    [InlineData(true, "is full")]
    [InlineData(false, "failed to read or write")]
    public async Task A_failed_write_refuses_the_batch_and_the_next_one_goes_through(bool full, string message)
    {
        disk.IsFull = full;
        disk.FailingWrites = full ? null : "-wal";
        for (var attempt = 0; attempt < 3; attempt++)
        {
            Assert.Contains(message, Assert.Throws<StoreException>(() => store.Commit(Workload.Batch(4))).Message, StringComparison.Ordinal);
            Assert.Equal(3, Workload.AssertWhole(store));
        }
        await AssertAfterCrash(3);

        disk.IsFull = false;
        disk.FailingWrites = null;
        store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_batch_whose_sync_failed_does_not_come_back_with_a_restart()
    {
        disk.FailSyncs(1);
        Assert.Throws<StoreException>(() => store.Commit(Workload.Batch(4)));
        Assert.Equal(3, Workload.AssertWhole(store));
        await AssertAfterCrash(3);

        store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_disk_whose_syncs_keep_failing_refuses_every_batch_until_it_is_well()
    {
        disk.FailSyncs(int.MaxValue);
        for (var attempt = 0; attempt < 3; attempt++)
        {
            Assert.Throws<StoreException>(() => store.Commit(Workload.Batch(4)));
            Assert.Equal(3, Workload.AssertWhole(store));
            await AssertAfterCrash(3);
        }
        disk.FailSyncs(0);
        store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_slow_sync_delays_the_commit_and_nobody_sees_the_batch_before_it_is_safe()
    {
        disk.HoldSyncs();
        var commit = Task.Run(() => store.Commit(Workload.Batch(4)));
        await disk.SyncHeld();
        Assert.False(commit.IsCompleted);
        Assert.Equal(3, Workload.AssertWhole(store));
        disk.ReleaseSyncs();
        await commit;
        Assert.Equal(4, Workload.AssertWhole(store));
    }

    [Fact]
    public async Task A_checkpoint_that_fails_loses_nothing_and_is_done_later()
    {
        // Enough for Maintain to find a checkpoint worth while.
        var number = 4;
        for (; number <= 60; number++)
        {
            store.Commit(Workload.Batch(number));
        }

        disk.FailingWrites = "baton.db";
        Assert.Contains("failed to read or write", Assert.Throws<StoreException>(Maintain).Message, StringComparison.Ordinal);
        Assert.Equal(60, Workload.AssertWhole(store));
        await AssertAfterCrash(60);

        // Commits go on: they need the log only.
        store.Commit(Workload.Batch(number));
        disk.FailingWrites = null;
        Maintain();
        Assert.Equal(number, Workload.AssertWhole(store));
        await AssertAfterCrash(number);
    }

    private void Maintain()
    {
        while (store.Maintain())
        {
        }
    }

    /// <summary>What a restart finds if the process dies now.</summary>
    private async Task AssertAfterCrash(int batches)
    {
        using var elsewhere = new TempDirectory();
        var copy = elsewhere.File("baton.db");
        File.Copy(DatabaseFile, copy);
        File.Copy(DatabaseFile + "-wal", copy + "-wal");
        await using (SqliteStore restarted = SqliteStore.Open(copy))
        {
            Assert.Equal(batches, Workload.AssertWhole(restarted));
        }

        SqliteFiles.AssertIntact(copy);
    }
}
