using System.ComponentModel;
using System.Diagnostics;
using Baton.Server.Projects;

namespace Baton.Server.Processes;

/// <summary>Starts commands of a project with the project's environment and passes on what they print.</summary>
internal sealed class ProcessRunner(IReadOnlyDictionary<string, string> environment, ProcessOutput output)
{
    /// <exception cref="Win32Exception">The program is not there, or not executable.</exception>
    public StartedProcess Start(string name, ProjectCommand command, ProcessMark mark)
    {
        var start = new ProcessStartInfo(Program(command), command.Arguments.Skip(1))
        {
            WorkingDirectory = command.Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (key, value) in environment.Concat(command.Environment))
        {
            start.Environment[key] = value;
        }
        start.Environment[mark.Variable] = mark.Value;
        return new StartedProcess(start, line => output(name, line));
    }

    // A relative program is the project's own, wherever `baton` was called.
    private static string Program(ProjectCommand command) =>
        command.Arguments[0].Contains('/', StringComparison.Ordinal) ? Path.Combine(command.Folder, command.Arguments[0]) : command.Arguments[0];
}

/// <summary>A process that was started, and the moment it ends.</summary>
internal sealed class StartedProcess : IDisposable
{
    private static readonly TimeSpan OutputPatience = TimeSpan.FromSeconds(10);

    private readonly Process process;
    private readonly TaskCompletionSource exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource outputRead = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int openStreams = 2;

    public StartedProcess(ProcessStartInfo start, Action<string> output)
    {
        process = new Process { StartInfo = start, EnableRaisingEvents = true };
        process.Exited += (_, _) => exited.TrySetResult();
        process.OutputDataReceived += Pass;
        process.ErrorDataReceived += Pass;
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        void Pass(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is { } text)
            {
                output(text);
            }
            else if (Interlocked.Decrement(ref openStreams) == 0)
            {
                outputRead.TrySetResult();
            }
        }
    }

    public int Id => process.Id;

    public int ExitCode => process.ExitCode;

    /// <summary>Ends with the process itself; descendants that hold its output open do not delay it.</summary>
    public Task Exited => exited.Task;

    /// <summary>Ends with the process and once its output is read to the end, or after a time when descendants hold that open.</summary>
    public async Task ExitedAndReadAsync(TimeProvider time)
    {
        await Exited;
        await outputRead.Task.WaitAsync(OutputPatience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Kill() => process.Kill(entireProcessTree: true);

    public void Dispose() => process.Dispose();
}
