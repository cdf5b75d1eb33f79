using System.Diagnostics;
using Baton.Server.Events.Log;
using Baton.Server.Events.Log.Sqlite;

namespace Baton.Server.Tests.Events;

/// <summary>A process that appends to a log and consumes from it, telling each step once it is acknowledged, until it is killed.</summary>
internal sealed class EventLogChild : IDisposable
{
    private const string FileVariable = "BATON_TEST_EVENTS_FILE";

    private readonly Process process;

    private EventLogChild(Process process) => this.process = process;

    public HashSet<string> Appended { get; } = [];

    public List<string> Received { get; } = [];

    public HashSet<string> Acknowledged { get; } = [];

    public static EventLogChild Start(string file)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Baton.Server.Tests")) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])["-noColor", "-explicit", "only", "-method", $"{typeof(EventLogChildProgram).FullName}.{nameof(EventLogChildProgram.Work_until_killed)}"])
        {
            start.ArgumentList.Add(argument);
        }
        start.Environment[FileVariable] = file;
        return new EventLogChild(Process.Start(start)!);
    }

    /// <summary>Kills it once it has acknowledged that many events.</summary>
    public void KillAfter(int acknowledged)
    {
        while (Acknowledged.Count < acknowledged)
        {
            Assert.True(Read(), "the child ended by itself");
        }
        process.Kill();
        while (Read())
        {
        }
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }
        process.Dispose();
    }

    private bool Read()
    {
        if (process.StandardOutput.ReadLine() is not { } line)
        {
            return false;
        }
        switch (line.Split(' '))
        {
            case ["appended", var id]:
                Appended.Add(id);
                break;
            case ["received", var id]:
                Received.Add(id);
                break;
            case ["acknowledged", var id]:
                Acknowledged.Add(id);
                break;
        }
        return true;
    }

    internal static async Task RunAsync()
    {
        var file = Environment.GetEnvironmentVariable(FileVariable) ?? throw new InvalidOperationException("To be started by EventLogChild only.");
        await using var log = SqliteEventLog.Open(file, new(), TimeProvider.System);
        var output = TextWriter.Synchronized(new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true });
        var first = (await log.StatsAsync(default)).Last;
        var appending = Task.Run(async () =>
        {
            for (var number = first + 1; ; number++)
            {
                await log.AppendAsync([EventSamples.Event($"{number:0000000}", subject: $"s{number % 5}")], default);
                await output.WriteLineAsync($"appended {number:0000000}");
            }
        });
        var consumer = await log.ConsumeAsync(new("mine"), default);
        while (!appending.IsCompleted)
        {
            foreach (var delivery in await consumer.FetchAsync(7, TimeSpan.FromSeconds(1), default))
            {
                await output.WriteLineAsync($"received {delivery.Logged.Event.Id}");
                await consumer.AckAsync(delivery, default);
                await output.WriteLineAsync($"acknowledged {delivery.Logged.Event.Id}");
            }
        }
        await appending;
    }
}

/// <summary>The child's side. Explicit: run by <see cref="EventLogChild"/>, never with the tests.</summary>
public sealed class EventLogChildProgram
{
    [Fact(Explicit = true)]
    public Task Work_until_killed() => EventLogChild.RunAsync();
}

/// <summary>SIGKILL at any moment: what was acknowledged to a writer is there, what was acknowledged by a consumer does not come back, and nothing is skipped.</summary>
public sealed class EventLogKillTests
{
    [Fact]
    public async Task A_killed_process_loses_no_event_and_no_acknowledgement()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("events.db");
        var (appended, acknowledged, received) = (new HashSet<string>(), new HashSet<string>(), new List<string>());
        for (var kill = 1; kill <= 4; kill++)
        {
            using var child = EventLogChild.Start(file);
            child.KillAfter(20 * kill);
            appended.UnionWith(child.Appended);
            // What an earlier process had settled for sure is not delivered to a later one.
            Assert.DoesNotContain(child.Received, acknowledged.Contains);
            acknowledged.UnionWith(child.Acknowledged);
            received.AddRange(child.Received);
        }
        await using var log = SqliteEventLog.Open(file, new(), TimeProvider.System);
        var stored = (await log.ReadAsync(0, int.MaxValue, backwards: false, default)).Select(logged => logged.Event.Id).ToList();
        Assert.Equal(stored.Order(StringComparer.Ordinal), stored);
        Assert.Empty(appended.Except(stored));
        Assert.Equal(Enumerable.Range(1, stored.Count).Select(number => $"{number:0000000}"), stored);

        var consumer = await log.ConsumeAsync(new("mine"), default);
        for (IReadOnlyList<Delivery> rest; (rest = await consumer.FetchAsync(50, TimeSpan.FromMilliseconds(50), default)).Count > 0;)
        {
            foreach (var delivery in rest)
            {
                Assert.DoesNotContain(delivery.Logged.Event.Id, acknowledged);
                received.Add(delivery.Logged.Event.Id);
                await consumer.AckAsync(delivery, default);
            }
        }
        Assert.Equal(stored, received.Distinct().Order(StringComparer.Ordinal));
        // First deliveries of a subject are in its order.
        Assert.All(received.Distinct().GroupBy(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture) % 5), line => Assert.Equal(line.Order(StringComparer.Ordinal), line));
    }
}
