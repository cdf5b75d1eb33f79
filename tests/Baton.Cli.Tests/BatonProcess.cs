using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Baton.Cli.Tests;

/// <param name="Out">What a pipe would get.</param>
/// <param name="Error">What a person would see beside it.</param>
internal sealed record CliResult(int ExitCode, string Out, string Error)
{
    public JsonNode Json => JsonNode.Parse(Out)!;

    /// <summary>Fails the test with all that was said unless the exit code is as expected.</summary>
    public CliResult Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"exit code {ExitCode} rather than {exitCode}\nstdout: {Out}\nstderr: {Error}");
        return this;
    }
}

/// <summary>The executable as its users run it.</summary>
internal static class BatonProcess
{
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "baton");

    public static ProcessStartInfo StartInfo(IEnumerable<string> args, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Path, args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // What the machine has set must not reach the tests.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("TEMPORAL_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }
        start.Environment["TEMPORAL_CONFIG_FILE"] = "/nonexistent/temporal.toml";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        return start;
    }

    public static Task<CliResult> RunAsync(params string[] args) => RunAsync(args, []);

    public static async Task<CliResult> RunAsync(string[] args, params (string Name, string Value)[] environment)
    {
        using var process = Process.Start(StartInfo(args, environment))!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new CliResult(process.ExitCode, await output, await error);
    }
}
