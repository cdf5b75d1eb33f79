using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Tasks;

/// <summary>
/// Closes tasks that nobody waits for any more: those of runs that were terminated, timed out or were deleted, of which no workflow code
/// hears that could withdraw its question. The runs of open tasks are asked after again and again, some at a time. Closing is a
/// change as any other (see <see cref="TaskStore"/>), so that of several replicas one makes it.
/// </summary>
internal sealed partial class TaskOrphans(TaskStore store, ITemporalClient client, TimeProvider time, ILogger<TaskOrphans> log) : BackgroundService
{
    private const int Batch = 100;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // Where the last look ended; lost with the process, the next begins anew.
    private string last = "";

    /// <summary>Asks after the next runs.</summary>
    /// <returns>How many tasks were closed.</returns>
    public async Task<int> SweepAsync(CancellationToken cancel)
    {
        var runs = await store.AskingRunsAsync(last, Batch, cancel);
        last = runs.Count < Batch ? "" : runs[^1];
        var closed = 0;
        foreach (var run in runs)
        {
            if (await EndOfAsync(run, cancel) is { } end)
            {
                foreach (var id in await store.OpenOfAsync(run, cancel))
                {
                    await store.ChangeAsync(id, step => step.Cancel(null, end), cancel);
                    LogOrphaned(log, id, run, end);
                    closed++;
                }
            }
        }
        return closed;
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
                    await SweepAsync(stoppingToken);
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

    /// <returns>How the run ended; null while it goes on.</returns>
    private async Task<string?> EndOfAsync(string run, CancellationToken cancel)
    {
        try
        {
            return (await client.GetWorkflowHandle(run).DescribeAsync(new() { Rpc = new() { CancellationToken = cancel } })).Status switch
            {
                WorkflowExecutionStatus.Terminated => "the run was terminated",
                WorkflowExecutionStatus.TimedOut => "the run timed out",
                WorkflowExecutionStatus.Canceled => "the run was cancelled",
                WorkflowExecutionStatus.Completed or WorkflowExecutionStatus.Failed => "the run has ended",
                _ => null,
            };
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            return "the run was deleted";
        }
    }

    [LoggerMessage(EventIds.TaskOrphaned, LogLevel.Information, "Task {Task} of run {Run} is closed: {Reason}")]
    private static partial void LogOrphaned(ILogger log, Guid task, string run, string reason);

    [LoggerMessage(EventIds.TaskOrphansFailed, LogLevel.Warning, "Tasks of runs that have ended could not be looked for; it is tried again")]
    private static partial void LogFailed(ILogger log, Exception exception);
}
