using System.Diagnostics;
using Baton.Server.Tests;
using Baton.Server.Tests.Events;

namespace Baton.Examples.Tests;

/// <summary>
/// examples/approval as its users run it: `baton up`, and its script, which goes from an event to the audit. Once with what is
/// embedded, and once with records in PostgreSQL and events in NATS.
/// </summary>
public sealed class ApprovalTests(PostgresServer postgres)
{
    [Fact]
    public Task From_an_event_to_the_audit_with_what_is_embedded() => TryAsync();

    [Fact]
    public async Task From_an_event_to_the_audit_on_PostgreSQL_and_NATS()
    {
        await using var nats = new NatsServer();
        await nats.InitializeAsync();
        await TryAsync("--set", $"Database:Postgres={await postgres.CreateDatabaseAsync()}", "--set", $"Events:Nats={nats.Url}");
    }

    private static async Task TryAsync(params string[] settings)
    {
        using var folder = new TemporaryFolder();
        Copy(Path.Combine(Repository(), "examples", "approval"), folder.Path);
        await using var up = new BatonUp(folder.Path, ["--port", "0", .. settings]);
        await up.StartAsync();

        // A second time, since accounts are there by then, and an event of another id is another request.
        for (var round = 0; round < 2; round++)
        {
            var (exitCode, output) = await RunAsync(Path.Combine(folder.Path, "try"), folder.Path);

            Assert.True(exitCode == 0, $"{output}\n--- baton up\n{up.Log()}");
            Assert.Contains("BT4501", output, StringComparison.Ordinal);
        }
        Assert.Equal(2, (await up.GetAsync("runs?flow=examples/release&status=completed")).GetProperty("items").GetArrayLength());
        Assert.Equal(2, (await up.GetAsync("events?type=com.example.release.decided")).GetProperty("items").GetArrayLength());
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string script, string project)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" \"$1\" 2>&1", script, project])
        {
            RedirectStandardOutput = true,
            Environment = { ["BATON_COMMAND"] = BatonUp.Executable },
        };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5), TimeProvider.System);
        await using var kill = limit.Token.Register(() => process.Kill(entireProcessTree: true));
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output);
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(from, file);
            if (!relative.StartsWith(".baton", StringComparison.Ordinal))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(to, relative))!);
                File.Copy(file, Path.Combine(to, relative));
            }
        }
    }

    private static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }
        return folder;
    }
}
