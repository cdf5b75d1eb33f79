using System.Diagnostics;

namespace Baton.Durable.Bench;

/// <summary>The kill tests of the conformance project with more kills than a test run has time for.</summary>
internal static class KillRun
{
    /// <returns>The exit code of the tests.</returns>
    public static async Task<int> RunAsync(int kills, int seed, CancellationToken cancellationToken)
    {
        var info = new ProcessStartInfo("dotnet", ["run", "-c", "Release", "--project", "tests/Baton.Conformance", "--", "-class", "Baton.Conformance.Kill.KillTests"])
        {
            WorkingDirectory = BenchSetup.Repository,
        };
        info.Environment["BATON_KILLS"] = $"{kills}";
        info.Environment["BATON_KILL_SEED"] = $"{seed}";
        using var tests = Process.Start(info)!;
        try
        {
            await tests.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            tests.Kill(entireProcessTree: true);
            throw;
        }
        return tests.ExitCode;
    }
}
