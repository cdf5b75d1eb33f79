using System.Collections.Concurrent;
using System.Diagnostics;

namespace Baton.Conformance.Kill;

/// <summary>
/// Server and worker processes are killed with SIGKILL, at seeded random instants and at named points inside a commit, a checkpoint and a deletion.
/// What was acknowledged is still there after each, every workflow completes with each message once, and no attempt of an activity begins twice.
/// </summary>
/// <remarks>
/// <c>BATON_KILLS</c> sets the number of kills over all rows (default 200); <c>BATON_KILL_SEED</c> the seed. A failing row names both.
/// </remarks>
public class KillTests
{
    private const int Rows = 4;

    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("BATON_KILLS") ?? "200", null);
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("BATON_KILL_SEED") ?? "1", null);

    /// <summary>A kill at a random instant comes at the latest after this long.</summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromMilliseconds(600);

    /// <summary>What an armed server has to reach its crash point; then it is killed where it stands.</summary>
    private static readonly TimeSpan ArmedLife = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Nothing_acknowledged_is_lost(int row)
    {
        if (ServerFixture.IsExternal)
        {
            Assert.Skip("The server is not ours to kill.");
        }
        var folder = Directory.CreateTempSubdirectory("baton-kill-");
        var random = new Random(Seed * 1000 + row);
        var ledger = Path.Combine(folder.FullName, "ledger");
        var taskQueue = $"kill-{row}";
        await using var server = new KilledServer(await Repository.GetExecutableAsync(), Path.Combine(folder.FullName, "kill.db"));
        await server.StartAsync(null, TestContext.Current.CancellationToken);
        var client = await TemporalClient.ConnectAsync(new(server.Address) { Identity = "kill-client" });
        var errands = new Errands(client, taskQueue);
        Process StartWorker() => ChildProcess.StartUnread(
            Path.Combine(AppContext.BaseDirectory, "Baton.Conformance"), [KillWorker.Argument, server.Address, taskQueue, ledger], folder.FullName);
        var worker = StartWorker();
        var kills = new Dictionary<string, int> { ["worker"] = 0 };
        string? point = null;
        async Task RestartAsync(string? next)
        {
            var victim = server.Exited.IsCompleted ? point!.Split(':')[0] : "server";
            kills[victim] = kills.GetValueOrDefault(victim) + 1;
            await server.KillAsync();
            await server.StartAsync(point = next, TestContext.Current.CancellationToken);
        }
        try
        {
            var sending = new List<Task>();
            var finished = new ConcurrentQueue<string>();
            for (var round = 0; kills.Values.Sum() < Kills / Rows; round++)
            {
                // 1. What was acknowledged before the last kill is there. A crash point may strike meanwhile.
                var checking = errands.CheckAcknowledgedAsync();
                while (await Task.WhenAny(checking, server.Exited) != checking)
                {
                    await RestartAsync(null);
                }
                await checking;

                // 2. New errands begin, and one old one goes.
                foreach (var number in Enumerable.Range(0, 2))
                {
                    var id = $"errand-{row}-{round}-{number}";
                    sending.Add(SendAsync(id));
                }
                if (finished.TryDequeue(out var old))
                {
                    sending.Add(errands.DeleteAsync(old));
                }
                async Task SendAsync(string id)
                {
                    await errands.SendAsync(id);
                    await errands.SeeCompletedAsync(id);
                    finished.Enqueue(id);
                }

                // 3. One of the two processes dies.
                var life = Task.Delay(point is null ? random.NextDouble() * LongestLife : ArmedLife, TimeProvider.System);
                if (point is null && random.Next(4) == 0)
                {
                    kills["worker"]++;
                    await life;
                    worker.Kill();
                    await worker.WaitForExitAsync();
                    worker.Dispose();
                    worker = StartWorker();
                }
                else
                {
                    await Task.WhenAny(life, server.Exited);
                    await RestartAsync(PointOrNot(random));
                }
                Assert.All(sending.Where(task => task.IsFaulted), task => Assert.Null(task.Exception));
            }

            // 4. Left alone, everything completes.
            await RestartAsync(null);
            await Task.WhenAll(sending).WaitAsync(Eventually.Deadline + Eventually.Deadline, TimeProvider.System);
            await errands.CheckAllAsync();
            Assert.Equal(0, await errands.CheckAcknowledgedAsync());
            var attempts = Ledger.Read(ledger);
            Assert.Equal(attempts.Distinct(), attempts);
            // Figures for whoever runs it; a passing test's own output is not shown.
            Console.WriteLine($"seed {Seed}, row {row}: {string.Join(", ", kills.OrderBy(each => each.Key).Select(each => $"{each.Value} {each.Key}"))}; "
                + $"{errands.Count + errands.Deleted} workflows, {errands.Deleted} deleted, {attempts.Count} activity attempts");
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"BATON_KILL_SEED={Seed} BATON_KILLS={Kills}, row {row}, after {kills.Values.Sum()} kills, in {folder}", error);
        }
        finally
        {
            worker.Kill();
            await worker.WaitForExitAsync();
            worker.Dispose();
        }
        await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    /// <summary>Every other server is armed with a crash point, somewhere in its first commits.</summary>
    private static string? PointOrNot(Random random) => random.Next(8) switch
    {
        0 or 1 => $"before-commit:{random.Next(1, 25)}",
        2 or 3 => $"after-commit:{random.Next(1, 25)}",
        4 => "during-checkpoint:1",
        5 => "during-retention:1",
        _ => null,
    };
}
