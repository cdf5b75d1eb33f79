using System.Threading.Channels;
using Baton.CrashTesting;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Server.Data;
using Baton.Server.Events.Log;
using Baton.Server.Events.Routing;
using Baton.Server.Hosting;
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
/// What to do is in the records: a flow whose schedule is not current. One process at a time takes a flow (a lease of
/// half a minute), and does what may be done twice: (1) ask the schedules of earlier revisions to hand over, and wait for the place in the
/// log of events where they end, which stays in their results, (2) start that of the revision in force from there, whose
/// workflow id has the revision in it and is never used again, (3) note that it is current, unless the flow has changed
/// meanwhile. A crash between any two is made good by whoever looks next.
/// </summary>
internal sealed partial class FlowScheduler(
    IDbContextFactory<BatonDb> databases, ITemporalClient client, RunAttributes attributes, FlowHost host, IEventLog events, BatonSettings settings, TimeProvider time, ILogger<FlowScheduler> log)
    : BackgroundService
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    // For a hand-over, which takes a worker: without one the schedule stays as it is, and is looked at again.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

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
        if (flow.DeletedAt is null ? await ReplaceAsync(db, flow, cancel) : await StopAsync(flow, cancel))
        {
            await Of(db, flow)
                .Where(row => row.Revision == flow.Revision && row.DeletedAt == flow.DeletedAt)
                .ExecuteUpdateAsync(set => set.SetProperty(row => row.ScheduledRevision, flow.Revision).SetProperty(row => row.IsScheduleCurrent, true), cancel);
        }
        await Of(db, flow).ExecuteUpdateAsync(set => set.SetProperty(row => row.ScheduleLease, (DateTimeOffset?)null), cancel);
    }

    /// <returns>False if a schedule has not handed over yet.</returns>
    private async Task<bool> ReplaceAsync(BatonDb db, FlowRecord flow, CancellationToken cancel)
    {
        var first = Math.Max(1, flow.ScheduledRevision);
        var revisions = await db.Set<FlowRevision>().AsNoTracking()
            .Where(row => row.Namespace == flow.Namespace && row.Name == flow.Name && row.Number >= first && row.Number <= flow.Revision && row.HasSchedule)
            .OrderBy(row => row.Number).ToListAsync(cancel);
        var current = revisions.Find(row => row.Number == flow.Revision);
        // From when it is in force, however late the schedule itself starts; of revisions that nobody got to start, from when the first was.
        var since = current?.CreatedAt;
        long? from = null;
        foreach (var earlier in Enumerable.Reverse(revisions).Where(row => row.Number < flow.Revision))
        {
            var (state, next) = await EndAsync(WorkflowId(flow.Namespace, flow.Name, earlier.Number), cancel);
            if (state == Ending.UnderWay)
            {
                return false;
            }
            from = next > (from ?? 0) ? next : from;
            since = state == Ending.NeverStarted && earlier.Number > flow.ScheduledRevision ? earlier.CreatedAt : since;
        }
        CrashPoint.Pass(CrashPoints.AfterHandOver);
        if (current is not null)
        {
            await StartAsync(current, since!.Value, from, cancel);
        }
        CrashPoint.Pass(CrashPoints.AfterSchedule);
        return true;
    }

    private async Task<bool> StopAsync(FlowRecord flow, CancellationToken cancel)
    {
        for (var revision = Math.Max(1, flow.ScheduledRevision); revision <= flow.Revision; revision++)
        {
            await StopAsync(WorkflowId(flow.Namespace, flow.Name, revision), cancel);
        }
        return true;
    }

    private async Task StartAsync(FlowRevision revision, DateTimeOffset since, long? from, CancellationToken cancel)
    {
        await attributes.EnsureAsync(cancel);
        var start = new FlowScheduleStart { Definition = revision.Json, Lifecycle = settings.Flows.Lifecycle, Subscribe = host.Events.NeedsSubscriptions, Indexed = true, Since = since, From = from };
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

    /// <summary>Asks a schedule to hand over, and waits until it has.</summary>
    /// <returns>How it is with it, and the place in the log where it ended; null if it listened to no events, or was cancelled or terminated.</returns>
    private async Task<(Ending State, long? Next)> EndAsync(string id, CancellationToken cancel)
    {
        var handle = client.GetWorkflowHandle<FlowScheduleWorkflow, FlowHandOver>(id);
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancel);
        var rpc = new RpcOptions { CancellationToken = either.Token };
        try
        {
            // The floor first: what is settled later is before the end as well.
            var floor = await EventRouter.PositionAsync(events, either.Token);
            var end = (await events.StatsAsync(either.Token)).Last + 1;
            await handle.SignalAsync("end", [new FlowEventPlace(end, floor)], new() { Rpc = rpc });
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            // It has ended already, or there is none.
        }
        try
        {
            return (Ending.Ended, (await handle.GetResultAsync(rpcOptions: rpc)).Next);
        }
        catch (RpcException exception) when (exception.Code == RpcException.StatusCode.NotFound)
        {
            return (Ending.NeverStarted, null);
        }
        catch (WorkflowFailedException)
        {
            return (Ending.Ended, null);
        }
        catch (Exception exception) when (patience.IsCancellationRequested && !cancel.IsCancellationRequested && (exception is OperationCanceledException || TemporalException.IsCanceledException(exception) || exception is RpcException))
        {
            LogWaits(log, id);
            return (Ending.UnderWay, null);
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

    private enum Ending { NeverStarted, UnderWay, Ended }

    [LoggerMessage(EventIds.ScheduleWaits, LogLevel.Warning, "Schedule {Schedule} has not handed over yet: no worker is there, or it is slow; it is asked again")]
    private static partial void LogWaits(ILogger log, string schedule);

    [LoggerMessage(EventIds.SchedulesFailed, LogLevel.Warning, "Schedules of flows could not be brought up to date; trying again")]
    private static partial void LogFailed(ILogger log, Exception exception);

    [LoggerMessage(EventIds.ScheduleStarted, LogLevel.Information, "Schedule of flow {Namespace}/{Name} revision {Revision} started")]
    private static partial void LogStarted(ILogger log, string @namespace, string name, int revision);
}
