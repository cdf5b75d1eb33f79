using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>Processes killed with SIGKILL: what was acknowledged is there, and a batch is there whole or not at all.</summary>
public sealed class SqliteCrashTests : IDisposable
{
    private readonly TempDirectory directory = new();

    private string DatabaseFile => directory.File("baton.db");

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_process_killed_at_any_moment_loses_nothing_it_acknowledged()
    {
        var random = new Random(20260131);
        for (var kill = 0; kill < 4; kill++)
        {
            using StoreChild child = StoreChild.Start(DatabaseFile);
            child.WaitFor(WholeBatches() + random.Next(5, 60));
            child.Kill();
            await AssertNothingLost(child.Acknowledged);
        }
    }

    [Theory]
    [InlineData(CrashPoints.BeforeCommit, 30)]
    [InlineData(CrashPoints.AfterCommit, 30)]
    [InlineData(CrashPoints.DuringRetention, 9)]
    [InlineData(CrashPoints.DuringRetention, 10)]
    [InlineData(CrashPoints.DuringCheckpoint, 4)]
    public async Task A_process_killed_at_a_named_point_loses_nothing_it_acknowledged(string point, int pass)
    {
        using StoreChild child = StoreChild.Start(DatabaseFile, $"{point}:{pass}");
        child.WaitForDeath();
        Assert.True(child.Acknowledged > 10);
        var committed = await AssertNothingLost(child.Acknowledged);
        if (point == CrashPoints.BeforeCommit)
        {
            Assert.Equal(child.Acknowledged, committed);
        }

        if (point == CrashPoints.AfterCommit)
        {
            Assert.Equal(child.Acknowledged + 1, committed);
        }
    }

    [Fact]
    public async Task A_log_torn_at_its_end_gives_an_earlier_whole_state()
    {
        using (StoreChild child = StoreChild.Start(DatabaseFile, maintain: false))
        {
            child.WaitFor(30);
            child.Kill();
        }
        byte[] database = await File.ReadAllBytesAsync(DatabaseFile), log = await File.ReadAllBytesAsync(DatabaseFile + "-wal");
        var whole = WholeBatches();
        var random = new Random(7);
        var seen = new HashSet<int>();
        for (var round = 0; round < 30; round++)
        {
            // What a power cut leaves: the tail missing, zero, or full of something else.
            var torn = random.Next(1, round % 2 == 0 ? 20_000 : log.Length);
            var damaged = log[..];
            if (round % 3 == 0)
            {
                damaged = damaged[..^torn];
            }
            else if (round % 3 == 1)
            {
                damaged.AsSpan(log.Length - torn).Clear();
            }
            else
            {
                random.NextBytes(damaged.AsSpan(log.Length - torn));
            }

            var copy = directory.File($"torn-{round}.db");
            await File.WriteAllBytesAsync(copy, database);
            await File.WriteAllBytesAsync(copy + "-wal", damaged);

            await using SqliteStore store = SqliteStore.Open(copy);
            var batches = Workload.AssertWhole(store);
            Assert.InRange(batches, 0, whole);
            seen.Add(batches);
            store.Commit(Workload.Batch(batches + 1));
            Assert.Equal(batches + 1, Workload.AssertWhole(store));
        }
        Assert.True(seen.Count > 3, "the cuts were to hit different commits");
    }

    [Fact]
    public async Task A_second_process_is_refused_until_the_first_is_killed()
    {
        using StoreChild child = StoreChild.Start(DatabaseFile);
        child.WaitFor(1);
        StoreException refusal = Assert.Throws<StoreException>(() => SqliteStore.Open(DatabaseFile));
        Assert.Contains("in use by another Baton server", refusal.Message, StringComparison.Ordinal);
        child.Kill();
        await AssertNothingLost(child.Acknowledged);
    }

    private int WholeBatches()
    {
        if (!File.Exists(DatabaseFile))
        {
            return 0;
        }
        // A copy: to look must not fold the log in.
        var copy = directory.File("look.db");
        File.Copy(DatabaseFile, copy, overwrite: true);
        if (File.Exists(DatabaseFile + "-wal"))
        {
            File.Copy(DatabaseFile + "-wal", copy + "-wal", overwrite: true);
        }

        using var connection = new SqliteConnection(copy);
        using var row = connection.Prepare("SELECT CAST(value AS TEXT) FROM documents WHERE kind = 'workload'").Begin();
        return row.Step() ? int.Parse(row.Text(0), System.Globalization.CultureInfo.InvariantCulture) : 0;
    }

    private async Task<int> AssertNothingLost(int acknowledged)
    {
        int batches;
        await using (SqliteStore store = SqliteStore.Open(DatabaseFile))
        {
            batches = Workload.AssertWhole(store);
            // The one under way when the process died may have made it.
            Assert.InRange(batches, acknowledged, acknowledged + 1);
            while (store.Maintain())
            {
            }
            Assert.Equal(batches, Workload.AssertWhole(store));
        }
        SqliteFiles.AssertIntact(DatabaseFile);
        return batches;
    }
}
