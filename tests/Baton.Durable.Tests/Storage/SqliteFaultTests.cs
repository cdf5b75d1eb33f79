using System.Diagnostics;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Google.Protobuf;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>Media and files that refuse: a clear <see cref="StoreException"/>, nothing half done, and on again when the medium is well.</summary>
public sealed class SqliteFaultTests : IDisposable
{
    private readonly TempDirectory directory = new();

    private string DatabaseFile => directory.File("baton.db");

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_file_at_its_size_limit_refuses_batches_and_takes_them_again_once_there_is_room()
    {
        await using SqliteStore store = SqliteStore.Open(DatabaseFile, maxBytes: 2 * 1024 * 1024);
        var committed = FillFurther(store, Fill(store));
        Assert.Equal(committed, Workload.AssertWhole(store));

        // Deleting makes room, and what was refused is taken.
        Samples.Commit(store, batch => batch.HistoryDeletes.UnionWith(Enumerable.Range(1, committed).Select(run => (long)run)));
        Maintain(store);
        store.Commit(Workload.Batch(committed + 1));
        Assert.Equal(committed + 1, Workload.Committed(store));
    }

    [Fact]
    public async Task A_full_disk_refuses_batches_and_takes_them_again_once_there_is_room()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "mounting a small disk takes root on Linux");
        var mount = Directory.CreateDirectory(directory.File("disk")).FullName;
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", mount), "this machine lets nobody mount");
        try
        {
            await using SqliteStore store = SqliteStore.Open(Path.Combine(mount, "baton.db"));
            var committed = FillFurther(store, Fill(store));
            Assert.Equal(committed, Workload.AssertWhole(store));
            Assert.True(Run("mount", "-o", "remount,size=20m", mount));
            store.Commit(Workload.Batch(committed + 1));
            Assert.Equal(committed + 1, Workload.AssertWhole(store));
            await store.DisposeAsync();

            await using SqliteStore reopened = SqliteStore.Open(Path.Combine(mount, "baton.db"));
            Assert.Equal(committed + 1, Workload.AssertWhole(reopened));
        }
        finally
        {
            Run("umount", mount);
        }
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_refused_and_left_alone()
    {
        await File.WriteAllTextAsync(DatabaseFile, new string('x', 10_000));
        StoreException refusal = Assert.Throws<StoreException>(() => SqliteStore.Open(DatabaseFile));
        Assert.Contains("is not a database file of Baton", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(new string('x', 10_000), await File.ReadAllTextAsync(DatabaseFile));
    }

    [Fact]
    public void A_database_of_another_program_is_refused_and_left_alone()
    {
        SqliteFiles.Execute(DatabaseFile, "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);");
        StoreException refusal = Assert.Throws<StoreException>(() => SqliteStore.Open(DatabaseFile));
        Assert.Contains("not one of Baton", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, SqliteFiles.Scalar(DatabaseFile, "SELECT count(*) FROM sqlite_schema"));
    }

    [Fact]
    public async Task A_file_of_a_newer_release_is_refused()
    {
        await SqliteStore.Open(DatabaseFile).DisposeAsync();
        SqliteFiles.Execute(DatabaseFile, $"PRAGMA user_version = {SqliteSchema.Version + 1}");
        StoreException refusal = Assert.Throws<StoreException>(() => SqliteStore.Open(DatabaseFile));
        Assert.Contains("newer release", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_does_not_exist_is_named()
    {
        var missing = Path.Combine(directory.Path, "missing", "baton.db");
        StoreException refusal = Assert.Throws<StoreException>(() => SqliteStore.Open(missing));
        Assert.Contains(missing, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("directory does not exist", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_opener_is_refused_until_the_first_closes()
    {
        SqliteStore first = SqliteStore.Open(DatabaseFile);
        Assert.Contains("in use by another Baton server", Assert.Throws<StoreException>(() => SqliteStore.Open(DatabaseFile)).Message, StringComparison.Ordinal);
        await first.DisposeAsync();
        await SqliteStore.Open(DatabaseFile).DisposeAsync();
    }

    [Fact]
    public async Task A_lock_of_another_tool_is_named_and_passes()
    {
        await using SqliteStore store = SqliteStore.Open(DatabaseFile);
        using (var other = new SqliteConnection(DatabaseFile))
        {
            other.Execute("BEGIN IMMEDIATE");
            StoreException refusal = Assert.Throws<StoreException>(() => store.Commit(Workload.Batch(1)));
            Assert.Contains("locked", refusal.Message, StringComparison.Ordinal);
            other.Execute("ROLLBACK");
        }
        store.Commit(Workload.Batch(1));
        Assert.Equal(1, Workload.AssertWhole(store));
    }

    [Fact]
    public async Task A_damaged_file_gives_store_exceptions_only()
    {
        await using (SqliteStore store = SqliteStore.Open(DatabaseFile))
        {
            for (var number = 1; number <= 40; number++)
            {
                store.Commit(Workload.Batch(number));
            }
        }
        var intact = await File.ReadAllBytesAsync(DatabaseFile);
        var random = new Random(11);
        var refused = 0;
        for (var round = 0; round < 20; round++)
        {
            var damaged = intact[..];
            for (var page = 1; page < damaged.Length / 4096; page++)
            {
                if (random.Next(3) == 0)
                {
                    random.NextBytes(damaged.AsSpan(page * 4096 + random.Next(100), 200));
                }
            }
            var copy = directory.File($"damaged-{round}.db");
            await File.WriteAllBytesAsync(copy, damaged);
            try
            {
                await using SqliteStore store = SqliteStore.Open(copy);
                for (long runKey = 1; runKey <= 40; runKey++)
                {
                    store.Entities.Load(runKey);
                    store.Histories.Read(runKey, 0, long.MaxValue, int.MaxValue, int.MaxValue);
                }
                _ = store.Entities.LoadWakes().Count();
                store.Commit(Workload.Batch(41));
            }
            catch (StoreException)
            {
                refused++;
            }
        }
        Assert.True(refused > 10, $"only {refused} of 20 damaged files were noticed");
    }

    [Fact]
    public async Task The_log_is_folded_in_and_space_is_given_back_after_retention()
    {
        await using SqliteStore store = SqliteStore.Open(DatabaseFile);
        var events = new byte[100_000];
        for (var run = 1; run <= 200; run++)
        {
            Samples.Commit(store, batch => batch.History.Add((run, new HistoryBatch(1, 1, UnsafeByteOperations.UnsafeWrap(events)))));
        }

        Maintain(store);
        var full = store.GetStatistics();
        Assert.True(full.FileBytes > 20_000_000, $"{full}");

        for (var run = 1; run <= 200; run++)
        {
            Samples.Commit(store, batch => batch.HistoryDeletes.Add(run));
        }

        Maintain(store);
        var empty = store.GetStatistics();
        Assert.Equal(0, empty.HistoryBatches);
        Assert.True(empty.FileBytes < 4_000_000, $"{empty}");
        Assert.True(empty.FreeBytes < 3_000_000, $"{empty}");
        Assert.True(empty.LogBytes < 40_000_000, $"{empty}");
    }

    [Fact]
    public async Task The_log_stays_bounded_without_any_maintenance()
    {
        await using SqliteStore store = SqliteStore.Open(DatabaseFile);
        var events = new byte[1_000_000];
        long largest = 0;
        for (var run = 1; run <= 80; run++)
        {
            Samples.Commit(store, batch => batch.History.Add((run, new HistoryBatch(1, 1, UnsafeByteOperations.UnsafeWrap(events)))));
            largest = Math.Max(largest, store.GetStatistics().LogBytes);
        }
        Assert.InRange(largest, 10_000_000, 30_000_000);
    }

    [Fact]
    public async Task A_file_of_the_first_release_opens_with_all_it_held()
    {
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Storage", "Fixtures", "store-v1.sqlite"), DatabaseFile);
        await using SqliteStore store = SqliteStore.Open(DatabaseFile);
        Assert.Equal(FixtureBatches, Workload.AssertWhole(store));
        store.Commit(Workload.Batch(FixtureBatches + 1));
        Assert.Equal(FixtureBatches + 1, Workload.AssertWhole(store));
    }

    private const int FixtureBatches = 20;

    /// <summary>Writes the file of this release that later releases must open. To be kept as <c>Fixtures/store-vN.sqlite</c> when N is released.</summary>
    [Fact(Explicit = true)]
    public async Task Write_the_fixture_of_this_release()
    {
        var file = Path.Combine(Path.GetTempPath(), $"store-v{SqliteSchema.Version}.sqlite");
        File.Delete(file);
        await using SqliteStore store = SqliteStore.Open(file);
        for (var number = 1; number <= FixtureBatches; number++)
        {
            store.Commit(Workload.Batch(number));
        }
    }

    /// <summary>Commits until the disk is full. Gives the number of batches that were taken.</summary>
    private static int Fill(SqliteStore store)
    {
        for (var number = 1; ; number++)
        {
            try
            {
                store.Commit(Workload.Batch(number));
            }
            catch (StoreException refusal)
            {
                Assert.True(number > 3);
                Assert.Contains("is full", refusal.Message, StringComparison.Ordinal);
                return number - 1;
            }
        }
    }

    /// <summary>Tries a few times more: a smaller batch may still fit, a refused one changes nothing.</summary>
    private static int FillFurther(SqliteStore store, int committed)
    {
        for (var attempt = 0; attempt < 5; attempt++)
        {
            try
            {
                store.Commit(Workload.Batch(committed + 1));
                committed++;
            }
            catch (StoreException)
            {
                Assert.Equal(committed, Workload.Committed(store));
            }
        }
        return committed;
    }

    private static void Maintain(SqliteStore store)
    {
        while (store.Maintain())
        {
        }
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
