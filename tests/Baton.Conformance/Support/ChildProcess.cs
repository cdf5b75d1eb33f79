using System.Collections.Concurrent;
using System.Diagnostics;

namespace Baton.Conformance.Support;

internal static class ChildProcess
{
    public sealed record Result(int ExitCode, string Output, string Error);

    public static async Task<Result> RunAsync(
        string file, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string?>? environment = null, bool throwOnFailure = true)
    {
        using var process = Start(file, arguments, folder, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        var result = new Result(process.ExitCode, await output, await error);
        return result.ExitCode == 0 || !throwOnFailure
            ? result
            : throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Error}{result.Output}");
    }

    public static Process Start(string file, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var info = new ProcessStartInfo(file, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string?>())
        {
            info.Environment[key] = value;
        }
        return Process.Start(info)!;
    }

    /// <summary>Starts a process that goes on, whose output nobody waits for. What it says on stderr is kept in <paramref name="errors"/>.</summary>
    public static Process StartUnread(
        string file, IEnumerable<string> arguments, string folder, IReadOnlyDictionary<string, string?>? environment = null, ConcurrentQueue<string>? errors = null)
    {
        var process = Start(file, arguments, folder, environment);
        process.ErrorDataReceived += (_, line) => errors?.Enqueue(line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
