using Baton.Server.Events.Log;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Events;

/// <summary>Keeps the log within its age and size.</summary>
internal sealed partial class EventRetention(IEventLog events, TimeProvider time, ILogger<EventRetention> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (await events.TrimAsync(stoppingToken) is > 0 and var removed)
                {
                    LogTrimmed(log, removed);
                }
            }
            catch (EventLogException error)
            {
                LogFailed(log, error);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    [LoggerMessage(EventIds.EventsTrimmed, LogLevel.Debug, "Retention removed {Count} events")]
    private static partial void LogTrimmed(ILogger log, long count);

    [LoggerMessage(EventIds.EventsNotTrimmed, LogLevel.Warning, "Retention of events failed; it is tried again")]
    private static partial void LogFailed(ILogger log, Exception error);
}
