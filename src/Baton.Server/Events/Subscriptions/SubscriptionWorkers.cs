using Baton.CrashTesting;
using Baton.Server.Data;
using Baton.Server.Events.Log;
using Baton.Server.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Events.Subscriptions;

/// <summary>
/// Runs a worker for each subscription that is switched on, as the table says; each is a consumer of the log, from which it has its
/// order, its attempts with backoff and its dead letters. Other processes may have changed the table, so it is looked at now and then.
/// </summary>
internal sealed partial class SubscriptionWorkers(
    IEventLog events, IDbContextFactory<BatonDb> databases, SubscriptionSender sender, TimeProvider time, ILogger<SubscriptionWorkers> log) : BackgroundService
{
    private const int SendAtOnce = 16;
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FetchWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim nudges = new(0);
    private readonly Dictionary<Guid, Worker> workers = [];

    /// <summary>The table has changed.</summary>
    public void Nudge() => nudges.Release();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await MatchAsync(stoppingToken);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogFailed(log, error);
            }
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(nudges.WaitAsync(pause.Token), Task.Delay(LookInterval, time, pause.Token));
            await pause.CancelAsync();
        }
        await Task.WhenAll(workers.Values.Select(worker => worker.StopAsync()));
    }

    private async Task MatchAsync(CancellationToken cancel)
    {
        await using var db = await databases.CreateDbContextAsync(cancel);
        var wanted = await db.Set<EventSubscription>().AsNoTracking().Where(subscription => subscription.IsEnabled).ToDictionaryAsync(subscription => subscription.Id, cancel);
        foreach (var (id, worker) in workers.Where(worker => !wanted.TryGetValue(worker.Key, out var subscription) || !worker.Value.IsFor(subscription)).ToList())
        {
            workers.Remove(id);
            await worker.StopAsync();
        }
        foreach (var subscription in wanted.Values.Where(subscription => !workers.ContainsKey(subscription.Id)))
        {
            workers.Add(subscription.Id, new Worker(subscription, token => RunAsync(subscription, token)));
        }
    }

    private async Task RunAsync(EventSubscription subscription, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                await using var consumer = await events.ConsumeAsync(SettingsOf(subscription), cancel);
                while (true)
                {
                    var deliveries = await consumer.FetchAsync(SendAtOnce, FetchWait, cancel);
                    await Task.WhenAll(deliveries.Select(delivery => SendAsync(subscription, consumer, delivery, cancel)));
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogFailed(log, error);
                await Task.Delay(RestartDelay, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task SendAsync(EventSubscription subscription, IEventConsumer consumer, Delivery delivery, CancellationToken cancel)
    {
        CrashPoint.Pass(CrashPoints.BeforeSend);
        var outcome = await sender.SendAsync(subscription, delivery.Logged.Event, cancel);
        CrashPoint.Pass(CrashPoints.AfterSend);
        if (outcome.Failure is null)
        {
            await consumer.AckAsync(delivery, cancel);
            return;
        }
        LogNotSent(log, delivery.Logged.Event, subscription.Url, delivery.Attempt, outcome.Failure);
        await consumer.NakAsync(delivery, outcome.Failure, outcome.Delay, cancel);
        if (outcome.IsGone)
        {
            await using var db = await databases.CreateDbContextAsync(cancel);
            await db.Set<EventSubscription>().Where(row => row.Id == subscription.Id).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.IsEnabled, false).SetProperty(row => row.DisabledBecause, outcome.Failure), cancel);
            Nudge();
        }
    }

    public static ConsumerSettings SettingsOf(EventSubscription subscription) => new(subscription.Consumer)
    {
        Pattern = subscription.Pattern,
        Start = ConsumerStart.Latest,
        AckWait = TimeSpan.FromSeconds(30),
        MaxDeliveries = subscription.MaxAttempts,
    };

    [LoggerMessage(EventIds.SubscriptionsFailed, LogLevel.Warning, "Sending events to subscriptions broke off; it starts again")]
    private static partial void LogFailed(ILogger log, Exception error);

    [LoggerMessage(EventIds.EventNotSent, LogLevel.Warning, "Event {Event} did not reach {Url} at attempt {Attempt}: {Failure}")]
    private static partial void LogNotSent(ILogger log, CloudEvent @event, string url, int attempt, string failure);

    private sealed class Worker
    {
        private readonly EventSubscription subscription;
        private readonly CancellationTokenSource stop = new();
        private readonly Task running;

        public Worker(EventSubscription subscription, Func<CancellationToken, Task> run)
        {
            this.subscription = subscription;
            running = Task.Run(() => run(stop.Token));
        }

        public bool IsFor(EventSubscription other) =>
            (other.Url, other.Pattern, other.Secret, other.MaxAttempts) == (subscription.Url, subscription.Pattern, subscription.Secret, subscription.MaxAttempts);

        public async Task StopAsync()
        {
            await stop.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }
    }
}
