using System.ComponentModel;
using System.Threading.Channels;
using Baton.Server.Projects;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Processes;

public enum ProcessState
{
    /// <summary>Waits for the path that `when` names.</summary>
    Waiting,
    Running,

    /// <summary>Ended, or could not be started; will be started again after a pause.</summary>
    Pausing,
    Stopped,
}

/// <param name="Restarts">How often it was started again since the host began.</param>
public sealed record ProcessStatus(string Name, ProcessState State, int? Pid, int Restarts, DateTimeOffset Since);

/// <summary>
/// Keeps one process running. When it ends by itself it is started again after a pause that doubles from 200 ms to 30 s
/// and falls back once it has run for 10 s. Whatever a process leaves behind is killed before the next one starts, so
/// that two never run at once.
/// </summary>
internal sealed partial class SupervisedProcess(ProjectProcess process, ProcessRunner runner, ProcessMark mark, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PathCheck = TimeSpan.FromMilliseconds(200);

    // Those who wait for a restart; answered once the new process is started.
    private readonly Channel<TaskCompletionSource> restartRequests = Channel.CreateUnbounded<TaskCompletionSource>();
    private volatile ProcessStatus status = new(process.Name, ProcessState.Waiting, null, 0, time.GetUtcNow());

    public ProjectProcess Definition => process;

    public ProcessStatus Status => status;

    /// <summary>Stops the process if it runs and starts it anew; ends when the new one is started.</summary>
    public async Task RestartAsync(CancellationToken cancel)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await restartRequests.Writer.WriteAsync(started, cancel);
        await started.Task.WaitAsync(cancel);
    }

    public async Task RunAsync(CancellationToken stop)
    {
        var pause = FirstPause;
        var starts = 0;
        try
        {
            while (true)
            {
                await WaitForPathAsync(stop);
                using var running = TryStart();
                Answer(running is not null);
                if (running is not null)
                {
                    var startedAt = time.GetTimestamp();
                    Set(ProcessState.Running, running.Id, starts++);
                    LogStarted(log, process.Name, running.Id);
                    if (!await EndsByItselfAsync(running, stop))
                    {
                        pause = FirstPause;
                        continue;
                    }
                    pause = time.GetElapsedTime(startedAt) >= Settled ? FirstPause : pause;
                    LogExited(log, process.Name, running.Id, running.ExitCode, pause);
                    mark.KillAll();
                    await running.ExitedAndReadAsync(time);
                }
                Set(ProcessState.Pausing, null, Math.Max(0, starts - 1));
                await PauseAsync(pause, stop);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        finally
        {
            restartRequests.Writer.Complete();
            Answer(started: false);
            Set(ProcessState.Stopped, null, Math.Max(0, starts - 1));
        }
    }

    /// <summary>False when it was stopped for a restart; throws when the host stops.</summary>
    private async Task<bool> EndsByItselfAsync(StartedProcess running, CancellationToken stop)
    {
        using var first = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var request = restartRequests.Reader.WaitToReadAsync(first.Token).AsTask();
        var ended = await Task.WhenAny(running.Exited, request) == running.Exited;
        await first.CancelAsync();
        if (!ended)
        {
            await StopAsync(running);
        }
        stop.ThrowIfCancellationRequested();
        return ended;
    }

    private async Task StopAsync(StartedProcess running)
    {
        ProcessMark.Terminate(running.Id);
        try
        {
            await running.Exited.WaitAsync(Grace, time);
        }
        catch (TimeoutException)
        {
            LogIgnoresStop(log, process.Name, running.Id, Grace);
            running.Kill();
            await running.Exited;
        }
        mark.KillAll();
        await running.ExitedAndReadAsync(time);
        LogStopped(log, process.Name, running.Id);
    }

    private StartedProcess? TryStart()
    {
        try
        {
            return runner.Start(process.Name, process.Command, mark);
        }
        catch (Exception exception) when (exception is Win32Exception or IOException)
        {
            LogNotStarted(log, process.Name, process.Command.ToString(), exception.Message);
            return null;
        }
    }

    private async Task WaitForPathAsync(CancellationToken stop)
    {
        while (process.When is { } path && !Path.Exists(path))
        {
            Set(ProcessState.Waiting, null, status.Restarts);
            Answer(started: false);
            await Task.Delay(PathCheck, time, stop);
        }
    }

    /// <summary>A request for a restart ends the pause.</summary>
    private async Task PauseAsync(TimeSpan pause, CancellationToken stop)
    {
        using var first = CancellationTokenSource.CreateLinkedTokenSource(stop);
        await Task.WhenAny(Task.Delay(pause, time, first.Token), restartRequests.Reader.WaitToReadAsync(first.Token).AsTask());
        await first.CancelAsync();
        stop.ThrowIfCancellationRequested();
    }

    private void Answer(bool started)
    {
        while (restartRequests.Reader.TryRead(out var request))
        {
            if (started)
            {
                request.TrySetResult();
            }
            else
            {
                request.TrySetException(new InvalidOperationException($"process {process.Name} could not be started"));
            }
        }
    }

    private void Set(ProcessState state, int? pid, int restarts)
    {
        if (status.State != state || status.Pid != pid)
        {
            status = new(process.Name, state, pid, restarts, time.GetUtcNow());
        }
    }

    [LoggerMessage(EventIds.ProcessStarted, LogLevel.Information, "{Name} started, process {Pid}")]
    private static partial void LogStarted(ILogger log, string name, int pid);

    [LoggerMessage(EventIds.ProcessExited, LogLevel.Warning, "{Name} (process {Pid}) ended with exit code {ExitCode}; it is started again in {Pause}")]
    private static partial void LogExited(ILogger log, string name, int pid, int exitCode, TimeSpan pause);

    [LoggerMessage(EventIds.ProcessNotStarted, LogLevel.Error, "{Name} cannot be started ({Command}): {Reason}")]
    private static partial void LogNotStarted(ILogger log, string name, string command, string reason);

    [LoggerMessage(EventIds.ProcessStopped, LogLevel.Information, "{Name} (process {Pid}) stopped")]
    private static partial void LogStopped(ILogger log, string name, int pid);

    [LoggerMessage(EventIds.ProcessIgnoresStop, LogLevel.Warning, "{Name} (process {Pid}) did not stop within {Grace}; killing it")]
    private static partial void LogIgnoresStop(ILogger log, string name, int pid, TimeSpan grace);
}
