using Baton.CrashTesting;
using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Jq;
using Baton.Server.Events.Log;
using Baton.Server.Hosting;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Api.Common.V1;
using Temporalio.Client;
using Temporalio.Converters;
using Temporalio.Exceptions;

namespace Baton.Server.Events.Routing;

/// <summary>
/// Sends events to the runs that listen to them.
///
/// 1. Fetch events, as a consumer of the log that never gives up. 2. Find the runs in the index. 3. Signal each. 4. Acknowledge. A
/// crash between two of these repeats the event, and a run tells by the event's place in the log that it had it; the
/// signal also names the place below which nothing is repeated, so that the run need not remember for ever. Flows that events
/// start are no case of their own: their schedule is a run that listens.
/// </summary>
internal sealed partial class EventRouter(IEventLog events, FlowListeners listeners, ITemporalClient client, TimeProvider time, ILogger<EventRouter> log) : BackgroundService
{
    public const string ConsumerName = "baton-flows";

    private const int FetchAtOnce = 64;
    private static readonly TimeSpan FetchWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RestartDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FloorInterval = TimeSpan.FromSeconds(5);

    // What a process that died had in hand is another's after the time for the acknowledgement; a run that hears twice knows.
    private static readonly ConsumerSettings Consumer = new(ConsumerName)
    {
        MaxDeliveries = 0,
        AckWait = TimeSpan.FromSeconds(20),
        Backoff = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30)],
    };

    private long floor;
    private DateTimeOffset floorAt;

    /// <summary>The place in the log before which every event was signalled to the runs that listen.</summary>
    public static async Task<long> PositionAsync(IEventLog events, CancellationToken cancel) =>
        (await events.ConsumersAsync(cancel)).FirstOrDefault(status => status.Settings.Name == ConsumerName)?.Position ?? 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var consumer = await events.ConsumeAsync(Consumer, stoppingToken);
                while (true)
                {
                    await RouteAsync(consumer, await consumer.FetchAsync(FetchAtOnce, FetchWait, stoppingToken), stoppingToken);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                LogStopped(log, error);
                await Task.Delay(RestartDelay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RouteAsync(IEventConsumer consumer, IReadOnlyList<Delivery> deliveries, CancellationToken cancel)
    {
        if (deliveries.Count == 0)
        {
            return;
        }
        await RefreshFloorAsync(cancel);
        var index = await listeners.FindAsync(deliveries.Select(delivery => delivery.Logged.Event.Type).Distinct(), cancel);
        await Task.WhenAll(deliveries.Select(delivery => RouteAsync(consumer, delivery, index, cancel)));
    }

    private async Task RouteAsync(IEventConsumer consumer, Delivery delivery, ILookup<string, FilteredListeners> index, CancellationToken cancel)
    {
        var candidates = index[delivery.Logged.Event.Type].Concat(index[FlowListener.AnyType]).ToList();
        try
        {
            if (candidates.Count > 0)
            {
                var value = JqValue.Parse(delivery.Logged.Event.Json.Span);
                var runs = candidates.Where(same => FlowEventFilters.Matches(same.Filter, value)).SelectMany(same => same.Rows).GroupBy(listener => listener.RunId);
                CrashPoint.Pass(CrashPoints.BeforeRoute);
                await Task.WhenAll(runs.Select(run => SignalAsync(run.Key, [.. run.Select(listener => listener.Id)], delivery.Logged, cancel)));
                CrashPoint.Pass(CrashPoints.AfterRoute);
            }
            await consumer.AckAsync(delivery, cancel);
        }
        catch (RpcException error) when (error.Code == RpcException.StatusCode.InvalidArgument)
        {
            LogRefused(log, error, delivery.Logged.Event);
            await consumer.TermAsync(delivery, error.Message, cancel);
        }
        catch (Exception error) when (error is not OperationCanceledException and not EventLogException)
        {
            LogDelayed(log, error, delivery.Logged.Event);
            await consumer.NakAsync(delivery, error.Message, null, cancel);
        }
    }

    private async Task SignalAsync(string runId, IReadOnlyCollection<Guid> rows, LoggedEvent logged, CancellationToken cancel)
    {
        using var span = EventTracing.Deliver(logged.Event, ConsumerName);
        try
        {
            await client.GetWorkflowHandle(runId).SignalAsync(
                "event", [Raw(logged.Event), new FlowEventPlace(logged.Offset, floor)], new WorkflowSignalOptions { Rpc = new() { CancellationToken = cancel } });
        }
        catch (RpcException error) when (error.Code == RpcException.StatusCode.NotFound)
        {
            // It ended without saying so: terminated, or timed out.
            await listeners.RemoveAsync(rows, cancel);
        }
    }

    /// <summary>A floor that is behind is as good, only that runs remember more.</summary>
    private async Task RefreshFloorAsync(CancellationToken cancel)
    {
        if (time.GetUtcNow() - floorAt >= FloorInterval)
        {
            floor = await PositionAsync(events, cancel);
            floorAt = time.GetUtcNow();
        }
    }

    // As JSON of its own, byte by byte.
    private static RawValue Raw(CloudEvent cloudEvent) =>
        new(new Payload { Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") }, Data = ByteString.CopyFrom(cloudEvent.Json.Span) });

    [LoggerMessage(EventIds.RouterStopped, LogLevel.Warning, "The router of events stopped; it starts again")]
    private static partial void LogStopped(ILogger log, Exception error);

    [LoggerMessage(EventIds.EventDelayed, LogLevel.Warning, "Event {Event} cannot be sent to its flows; it is tried again")]
    private static partial void LogDelayed(ILogger log, Exception error, CloudEvent @event);

    [LoggerMessage(EventIds.EventRefused, LogLevel.Error, "Event {Event} is refused by durable execution and is now a dead letter")]
    private static partial void LogRefused(ILogger log, Exception error, CloudEvent @event);
}
