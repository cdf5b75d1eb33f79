using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>The disk fails under SQLite: in the middle of a commit, at its sync, in a checkpoint.</summary>
public sealed class SqliteDiskFaultTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private FaultyDisk _disk = null!;
    private SqliteStore _store = null!;

    private string DatabaseFile => _directory.File("baton.db");

    public ValueTask InitializeAsync()
    {
        _disk = new FaultyDisk(_directory.Path);
        _store = SqliteStore.Open(DatabaseFile);
        for (int number = 1; number <= 3; number++)
            _store.Commit(Workload.Batch(number));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _disk.Dispose();
        await _store.DisposeAsync();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(true, "is full")]
    [InlineData(false, "failed to read or write")]
    public async Task A_failed_write_refuses_the_batch_and_the_next_one_goes_through(bool full, string message)
    {
        _disk.IsFull = full;
        _disk.FailingWrites = full ? null : "-wal";
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Assert.Contains(message, Assert.Throws<StoreException>(() => _store.Commit(Workload.Batch(4))).Message, StringComparison.Ordinal);
            Assert.Equal(3, Workload.AssertWhole(_store));
        }
        await AssertAfterCrash(3);

        _disk.IsFull = false;
        _disk.FailingWrites = null;
        _store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(_store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_batch_whose_sync_failed_does_not_come_back_with_a_restart()
    {
        _disk.FailSyncs(1);
        Assert.Throws<StoreException>(() => _store.Commit(Workload.Batch(4)));
        Assert.Equal(3, Workload.AssertWhole(_store));
        await AssertAfterCrash(3);

        _store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(_store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_disk_whose_syncs_keep_failing_refuses_every_batch_until_it_is_well()
    {
        _disk.FailSyncs(int.MaxValue);
        for (int attempt = 0; attempt < 3; attempt++)
        {
            Assert.Throws<StoreException>(() => _store.Commit(Workload.Batch(4)));
            Assert.Equal(3, Workload.AssertWhole(_store));
            await AssertAfterCrash(3);
        }
        _disk.FailSyncs(0);
        _store.Commit(Workload.Batch(4));
        Assert.Equal(4, Workload.AssertWhole(_store));
        await AssertAfterCrash(4);
    }

    [Fact]
    public async Task A_slow_sync_delays_the_commit_and_nobody_sees_the_batch_before_it_is_safe()
    {
        _disk.HoldSyncs();
        var commit = Task.Run(() => _store.Commit(Workload.Batch(4)));
        await _disk.SyncHeld();
        Assert.False(commit.IsCompleted);
        Assert.Equal(3, Workload.AssertWhole(_store));
        _disk.ReleaseSyncs();
        await commit;
        Assert.Equal(4, Workload.AssertWhole(_store));
    }

    [Fact]
    public async Task A_checkpoint_that_fails_loses_nothing_and_is_done_later()
    {
        // Enough for Maintain to find a checkpoint worth while.
        int number = 4;
        for (; number <= 60; number++)
            _store.Commit(Workload.Batch(number));
        _disk.FailingWrites = "baton.db";
        Assert.Contains("failed to read or write", Assert.Throws<StoreException>(Maintain).Message, StringComparison.Ordinal);
        Assert.Equal(60, Workload.AssertWhole(_store));
        await AssertAfterCrash(60);

        // Commits go on: they need the log only.
        _store.Commit(Workload.Batch(number));
        _disk.FailingWrites = null;
        Maintain();
        Assert.Equal(number, Workload.AssertWhole(_store));
        await AssertAfterCrash(number);
    }

    private void Maintain()
    {
        while (_store.Maintain())
        {
        }
    }

    /// <summary>What a restart finds if the process dies now.</summary>
    private async Task AssertAfterCrash(int batches)
    {
        using var elsewhere = new TempDirectory();
        string copy = elsewhere.File("baton.db");
        File.Copy(DatabaseFile, copy);
        File.Copy(DatabaseFile + "-wal", copy + "-wal");
        await using (SqliteStore restarted = SqliteStore.Open(copy))
            Assert.Equal(batches, Workload.AssertWhole(restarted));
        SqliteFiles.AssertIntact(copy);
    }
}
