using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Tasks;

/// <summary>
/// Does what is due by itself: reminders, escalations, expiry. The times stand in the tasks, so nothing is lost with this process; each is a
/// change as any other (see <see cref="TaskStore"/>), so that of several replicas one makes it, and once.
/// </summary>
internal sealed partial class TaskClock(TaskStore store, TimeProvider time, ILogger<TaskClock> log) : BackgroundService
{
    private const int Batch = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <returns>How many tasks were due.</returns>
    public async Task<int> TickAsync(CancellationToken cancel)
    {
        var due = await store.DueAsync(Batch, cancel);
        foreach (var id in due)
        {
            await store.ChangeAsync(id, step => step.Tick(), cancel);
        }
        return due.Count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await TickAsync(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    LogFailed(log, exception);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    [LoggerMessage(EventIds.TaskTimersFailed, LogLevel.Error, "What is due of tasks could not be done; it is tried again")]
    private static partial void LogFailed(ILogger log, Exception exception);
}
