using System.Diagnostics;

namespace Deploy;

/// <param name="Tail">The last lines that the command printed.</param>
public sealed record ShellResult(int ExitCode, string Tail);

/// <summary>Runs a command line with /bin/sh.</summary>
public static class Shell
{
    private const int TailLines = 20;
    private static readonly TimeSpan OutputPatience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Ends with the command and once its output is read to the end, or after a time when descendants hold that open;
    /// cancelled, it kills the command with its descendants.
    /// </summary>
    public static async Task<ShellResult> RunAsync(string command, string folder, Action<string> onLine, CancellationToken cancel)
    {
        var tail = new Queue<string>();
        var exited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var outputRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var openStreams = 2;
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo("/bin/sh", ["-c", command])
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
            EnableRaisingEvents = true,
        };
        // Build servers outlive their build and hold its output open.
        process.StartInfo.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        process.Exited += (_, _) => exited.TrySetResult();
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await exited.Task.WaitAsync(cancel);
            await Task.WhenAny(outputRead.Task, Task.Delay(OutputPatience, TimeProvider.System, cancel));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        lock (tail)
        {
            return new ShellResult(process.ExitCode, string.Join('\n', tail));
        }

        void Take(string? line)
        {
            if (line is null)
            {
                if (Interlocked.Decrement(ref openStreams) == 0)
                {
                    outputRead.TrySetResult();
                }
                return;
            }
            onLine(line);
            lock (tail)
            {
                tail.Enqueue(line);
                if (tail.Count > TailLines)
                {
                    tail.Dequeue();
                }
            }
        }
    }

    public static string Quote(string argument) => $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
