using System.Diagnostics;
using System.Globalization;
using Baton.CrashTesting;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Xunit;

namespace Baton.Durable.Tests.Storage;

/// <summary>A process that commits <see cref="Workload"/> to a file, tells each acknowledged batch, and never ends by itself.</summary>
internal sealed class StoreChild : IDisposable
{
    private const string FileVariable = "BATON_TEST_STORE_FILE";
    private const string MaintainVariable = "BATON_TEST_STORE_MAINTAIN";

    private readonly Process process;

    private StoreChild(Process process) => this.process = process;

    /// <summary>The last batch that was acknowledged.</summary>
    public int Acknowledged { get; private set; }

    /// <param name="crashPoint">Where it is to kill itself, null for nowhere.</param>
    /// <param name="maintain">Whether it folds the log in and purges between its commits.</param>
    public static StoreChild Start(string file, string? crashPoint = null, bool maintain = true)
    {
        var self = Path.Combine(AppContext.BaseDirectory, "Baton.Durable.Tests" + (OperatingSystem.IsWindows() ? ".exe" : ""));
        var start = new ProcessStartInfo(self) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in (string[])["-explicit", "only", "-method", $"{typeof(StoreChildProgram).FullName}.{nameof(StoreChildProgram.Commit_until_killed)}"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment[FileVariable] = file;
        start.Environment[MaintainVariable] = maintain ? "1" : "";
        start.Environment[CrashPoint.Variable] = crashPoint ?? "";
        return new StoreChild(Process.Start(start)!);
    }

    /// <summary>Reads acknowledgements until there are that many.</summary>
    public void WaitFor(int batches)
    {
        while (Acknowledged < batches)
        {
            Assert.True(ReadAcknowledgement(), $"the child ended after {Acknowledged} batches");
        }
    }

    public void Kill()
    {
        process.Kill();
        WaitForDeath();
    }

    /// <summary>Reads on until the process is dead.</summary>
    public void WaitForDeath()
    {
        while (ReadAcknowledgement())
        {
        }
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            Kill();
        }

        process.Dispose();
    }

    private bool ReadAcknowledgement()
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            if (line.StartsWith("ack ", StringComparison.Ordinal))
            {
                Acknowledged = int.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
                return true;
            }
        }
        return false;
    }

    internal static async Task Run()
    {
        var file = Environment.GetEnvironmentVariable(FileVariable) ?? throw new InvalidOperationException("To be started by StoreChild only.");
        var maintain = Environment.GetEnvironmentVariable(MaintainVariable) == "1";
        await using SqliteStore store = SqliteStore.Open(file);
        await using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        for (var number = Workload.Committed(store) + 1; ; number++)
        {
            store.Commit(Workload.Batch(number));
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"ack {number}"));
            if (maintain)
            {
                store.Maintain();
            }
        }
    }
}

/// <summary>The child's side. Explicit: run by <see cref="StoreChild"/>, never with the tests.</summary>
public sealed class StoreChildProgram
{
    [Fact(Explicit = true)]
    public Task Commit_until_killed() => StoreChild.Run();
}
