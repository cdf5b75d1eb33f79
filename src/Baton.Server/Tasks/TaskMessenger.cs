using Baton.CrashTesting;
using Baton.Flows.Hosting;
using Baton.Jq;
using Baton.Server.Data;
using Baton.Server.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Tasks;

/// <summary>
/// Tells the world what the changes of tasks left to be told: signals to runs, and events. A message stays until it was told, through
/// crashes of this process and of whom it is told to. Whoever takes one moves its time on first, so that replicas do not
/// tell it at once; if it is told twice after a crash, runs know it by its token, and the log of events by its id.
/// </summary>
internal sealed partial class TaskMessenger(
    IDbContextFactory<BatonDb> databases, ITemporalClient client, TaskPulse pulse, TimeProvider time, ILogger<TaskMessenger> log, IFlowEventBus? events = null) : BackgroundService
{
    private const int Batch = 50;

    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Tells what is due: of each task in order, and of tasks beside one another.</summary>
    /// <returns>How many messages were tried.</returns>
    public async Task<int> TellAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var mine = await ClaimAsync(db, cancel);
        var told = (await Task.WhenAll(mine.GroupBy(message => message.TaskId).Select(task => TellAsync(task, cancel)))).SelectMany(ids => ids).ToList();
        if (told.Count > 0)
        {
            await db.Set<TaskMessage>().Where(message => told.Contains(message.Id)).ExecuteDeleteAsync(cancel);
        }
        return mine.Count;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var beat = pulse.Next;
            try
            {
                if (await TellAsync(stoppingToken) == Batch)
                {
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, exception);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await pulse.WaitAsync(beat, Interval, stoppingToken);
        }
    }

    /// <summary>What is due, and that no other replica was quicker to move on.</summary>
    private async Task<List<TaskMessage>> ClaimAsync(BatonDb db, CancellationToken cancel)
    {
        var now = time.GetUtcNow();
        var until = now + Lease;
        var due = await db.Set<TaskMessage>().AsNoTracking().Where(message => message.DueAt <= now).OrderBy(message => message.Id).Take(Batch).ToListAsync(cancel);
        if (due.Count == 0)
        {
            return due;
        }
        var ids = due.Select(message => message.Id).ToList();
        var claimed = await db.Set<TaskMessage>().Where(message => ids.Contains(message.Id) && message.DueAt <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(message => message.DueAt, until).SetProperty(message => message.Attempts, message => message.Attempts + 1), cancel);
        return claimed == due.Count ? due
            : await db.Set<TaskMessage>().AsNoTracking().Where(message => ids.Contains(message.Id) && message.DueAt == until).OrderBy(message => message.Id).ToListAsync(cancel);
    }

    /// <returns>The messages that were told.</returns>
    private async Task<List<Guid>> TellAsync(IEnumerable<TaskMessage> messages, CancellationToken cancel)
    {
        var told = new List<Guid>();
        foreach (var message in messages)
        {
            try
            {
                await SendAsync(message, cancel);
                told.Add(message.Id);
            }
            catch (Exception exception) when (!cancel.IsCancellationRequested)
            {
                await PostponeAsync(message, exception, cancel);
            }
        }
        return told;
    }

    private async Task PostponeAsync(TaskMessage message, Exception exception, CancellationToken cancel)
    {
        var pause = TimeSpan.FromSeconds(Math.Min(LongestPause.TotalSeconds, Math.Pow(2, Math.Min(message.Attempts, 10))));
        LogUntold(log, exception, message.TaskId, pause);
        var next = time.GetUtcNow() + pause;
        await using var db = await databases.CreateDbContextAsync(cancel);
        await db.Set<TaskMessage>().Where(other => other.Id == message.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(other => other.DueAt, next).SetProperty(other => other.Error, exception.Message), cancel);
    }

    private async Task SendAsync(TaskMessage message, CancellationToken cancel)
    {
        using var span = TaskTelemetry.Tell(message);
        if (message.Run is not { } run)
        {
            CrashPoint.Pass(CrashPoints.BeforeTell);
            if (events is not null)
            {
                await events.PublishAsync([message.Payload], cancel);
            }
            CrashPoint.Pass(CrashPoints.AfterTell);
            return;
        }
        CrashPoint.Pass(CrashPoints.BeforeSignal);
        try
        {
            await client.GetWorkflowHandle(run).SignalAsync(message.Signal!, [message.Payload.ToJsonNode()], new() { Rpc = new() { CancellationToken = cancel, Timeout = Lease / 2 } });
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            // Nobody waits any more: the run has ended, or was deleted.
            LogGone(log, message.TaskId, run);
        }
        CrashPoint.Pass(CrashPoints.AfterSignal);
    }

    [LoggerMessage(EventIds.TaskMessagesFailed, LogLevel.Error, "Messages of tasks could not be read")]
    private static partial void LogFailed(ILogger log, Exception exception);

    [LoggerMessage(EventIds.TaskMessageUntold, LogLevel.Warning, "A message of task {Task} could not be told; next attempt in {Pause}")]
    private static partial void LogUntold(ILogger log, Exception exception, Guid task, TimeSpan pause);

    [LoggerMessage(EventIds.TaskRunGone, LogLevel.Information, "The answer of task {Task} is for nobody: run {Run} has ended")]
    private static partial void LogGone(ILogger log, Guid task, string run);
}
