using System.Threading.Channels;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Server.Data;
using Baton.Server.Identity;
using Baton.Server.Runs;
using Baton.Server.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Api.Enums.V1;
using Temporalio.Client;
using Temporalio.Exceptions;

namespace Baton.Server.Flows;

/// <summary>
/// Keeps one schedule workflow running for each flow in force that has a schedule.
///
/// What to do is in the records: a flow whose schedule is not current. One process at a time takes a flow (a lease of a
/// minute), and does what may be done twice: (1) ask the schedules of earlier revisions to stop, (2) start that of the
/// revision in force, whose workflow id has the revision in it and is never used again, (3) note that it is current,
/// unless the flow has changed meanwhile. A crash between any two is made good by whoever looks next.
/// </summary>
internal sealed partial class FlowScheduler(
    IDbContextFactory<BatonDb> databases, ITemporalClient client, RunAttributes attributes, FlowHost host, BatonSettings settings, TimeProvider time, ILogger<FlowScheduler> log)
    : BackgroundService
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Channel<bool> nudges = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Workflow id of the schedule of a revision; that of its runs begins with it.</summary>
    public static string WorkflowId(string ns, string name, int revision) => $"{ns}.{name}.schedule-r{revision}";

    /// <summary>There may be something to do.</summary>
    public void Nudge() => nudges.Writer.TryWrite(true);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await SettleAsync(stoppingToken);
                using var due = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                var nudged = nudges.Reader.WaitToReadAsync(due.Token).AsTask();
                await Task.WhenAny(nudged, Task.Delay(Interval, time, due.Token));
                await due.CancelAsync();
                nudges.Reader.TryRead(out _);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFailed(log, exception);
                await Task.Delay(Interval, time, stoppingToken);
            }
        }
    }

    /// <summary>Sees to every flow whose schedule is not current, and that no other process has taken.</summary>
    public async Task SettleAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var now = time.GetUtcNow();
        var open = await db.Set<FlowRecord>().AsNoTracking()
            .Where(flow => !flow.IsScheduleCurrent && (flow.ScheduleLease == null || flow.ScheduleLease < now))
            .ToListAsync(cancel);
        foreach (var flow in open)
        {
            var taken = await Of(db, flow)
                .Where(row => !row.IsScheduleCurrent && (row.ScheduleLease == null || row.ScheduleLease < now))
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.ScheduleLease, time.GetUtcNow() + Lease), cancel);
            if (taken == 1)
            {
                await SettleAsync(db, flow.Namespace, flow.Name, cancel);
            }
        }
    }

    private async Task SettleAsync(BatonDb db, string ns, string name, CancellationToken cancel)
    {
        // Read again under the lease: it may have changed since it was listed.
        var flow = await db.Set<FlowRecord>().AsNoTracking().SingleAsync(row => row.Namespace == ns && row.Name == name, cancel);
        var deleted = flow.DeletedAt is not null;
        var first = Math.Max(1, flow.ScheduledRevision);
        var stopped = time.GetUtcNow();
        for (var revision = first; revision < flow.Revision + (deleted ? 1 : 0); revision++)
        {
            await StopAsync(WorkflowId(ns, name, revision), cancel);
        }
        if (!deleted)
        {
            var current = await db.Set<FlowRevision>().AsNoTracking().SingleAsync(row => row.Namespace == ns && row.Name == name && row.Number == flow.Revision, cancel);
            if (current.HasSchedule)
            {
                // From when it is in force, however late the schedule itself starts; in place of another, from when that one was stopped.
                var replaces = await db.Set<FlowRevision>()
                    .AnyAsync(row => row.Namespace == ns && row.Name == name && row.Number >= first && row.Number < current.Number && row.HasSchedule, cancel);
                await StartAsync(current, replaces ? stopped : current.CreatedAt, cancel);
            }
        }
        await Of(db, flow)
            .Where(row => row.Revision == flow.Revision && row.DeletedAt == flow.DeletedAt)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.ScheduledRevision, flow.Revision).SetProperty(row => row.IsScheduleCurrent, true), cancel);
        await Of(db, flow).ExecuteUpdateAsync(set => set.SetProperty(row => row.ScheduleLease, (DateTimeOffset?)null), cancel);
    }

    private async Task StartAsync(FlowRevision revision, DateTimeOffset since, CancellationToken cancel)
    {
        await attributes.EnsureAsync(cancel);
        var start = new FlowScheduleStart { Definition = revision.Json, Lifecycle = settings.Flows.Lifecycle, Subscribe = host.Events.NeedsSubscriptions, Indexed = true, Since = since };
        try
        {
            await client.StartWorkflowAsync((FlowScheduleWorkflow schedule) => schedule.RunAsync(start), new(WorkflowId(revision.Namespace, revision.Name, revision.Number), FlowWorkflow.TaskQueue)
            {
                IdReusePolicy = WorkflowIdReusePolicy.RejectDuplicate,
                TypedSearchAttributes = FlowAttributes.Of(revision.Namespace, revision.Name, revision.Version),
                Memo = new Dictionary<string, object> { [FlowAttributes.StartedBy] = Caller.System($"schedule {revision.Namespace}/{revision.Name}").Name },
                StaticSummary = $"schedule of {revision.Namespace}/{revision.Name}",
                Rpc = new() { CancellationToken = cancel },
            });
            LogStarted(log, revision.Namespace, revision.Name, revision.Number);
        }
        catch (WorkflowAlreadyStartedException)
        {
            // By this process before a crash, or by another.
        }
    }

    private async Task StopAsync(string id, CancellationToken cancel)
    {
        try
        {
            await client.GetWorkflowHandle(id).CancelAsync(new() { Rpc = new() { CancellationToken = cancel } });
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            // It had no schedule, or has ended.
        }
    }

    private static IQueryable<FlowRecord> Of(BatonDb db, FlowRecord flow) =>
        db.Set<FlowRecord>().Where(row => row.Namespace == flow.Namespace && row.Name == flow.Name);

    [LoggerMessage(EventIds.SchedulesFailed, LogLevel.Warning, "Schedules of flows could not be brought up to date; trying again")]
    private static partial void LogFailed(ILogger log, Exception exception);

    [LoggerMessage(EventIds.ScheduleStarted, LogLevel.Information, "Schedule of flow {Namespace}/{Name} revision {Revision} started")]
    private static partial void LogStarted(ILogger log, string @namespace, string name, int revision);
}
