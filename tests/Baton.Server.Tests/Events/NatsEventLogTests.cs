using Baton.Server.Events.Log;
using Baton.Server.Events.Log.Nats;

namespace Baton.Server.Tests.Events;

/// <summary>Against a real nats-server, one for the class; each test has streams of its own.</summary>
public sealed class NatsEventLogTests(NatsServer server) : EventLogCompliance, IClassFixture<NatsServer>
{
    private readonly string name = $"T{Guid.NewGuid():N}";

    // The server sets the bytes of every stream aside.
    private protected override async Task<IEventLog> OpenAsync(EventLogOptions options) => await NatsEventLog.OpenAsync(
        new(server.Url) { Stream = name, Prefix = name }, options with { MaxBytes = Math.Min(options.MaxBytes, 16 << 20) }, TimeProvider.System, default);

    private protected override Task CloseAsync() => Task.CompletedTask;

    [Fact]
    public async Task Processes_that_share_a_log_share_its_consumers()
    {
        await using var other = await OpenAsync(new());
        IEventConsumer[] consumers = [await Log.ConsumeAsync(new("mine"), default), await other.ConsumeAsync(new("mine"), default)];
        await Log.AppendAsync(EventSamples.Events(200, subject: number => $"s{number % 20}"), default);
        var seen = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await Task.WhenAll(consumers.Select(consumer => Task.Run(async () =>
        {
            while (seen.Count < 200)
            {
                foreach (var delivery in await consumer.FetchAsync(5, TimeSpan.FromMilliseconds(200), default))
                {
                    seen.Enqueue(delivery.Logged.Event.Id);
                    await consumer.AckAsync(delivery, default);
                }
            }
        })));
        Assert.Equal(200, seen.Distinct().Count());
        Assert.All(EventSamples.Events(200, subject: number => $"s{number % 20}").GroupBy(e => e.Subject), line =>
            Assert.Equal(line.Select(e => e.Id), seen.Where(id => line.Any(e => e.Id == id))));
    }

    [Fact]
    public async Task Nothing_is_lost_when_the_server_is_killed_and_started_again()
    {
        var consumer = await Log.ConsumeAsync(new("mine") { AckWait = TimeSpan.FromSeconds(2) }, default);
        var writer = Task.Run(async () =>
        {
            for (var number = 1; number <= 300; number++)
            {
                await Log.AppendAsync([EventSamples.Event($"{number:000}", subject: $"s{number % 5}")], default);
            }
        });
        var acknowledged = new List<string>();
        var kills = 0;
        while (acknowledged.Distinct().Count() < 300)
        {
            var deliveries = await consumer.FetchAsync(10, TimeSpan.FromSeconds(1), default);
            if (acknowledged.Count >= 60 * (kills + 1) && kills < 3)
            {
                kills++;
                server.Kill();
                await server.StartAsync();
            }
            foreach (var delivery in deliveries)
            {
                await consumer.AckAsync(delivery, default);
                acknowledged.Add(delivery.Logged.Event.Id);
            }
        }
        await writer;
        Assert.Equal(3, kills);
        Assert.Equal(300, (await Log.StatsAsync(default)).Events);
        // First deliveries are in order; an acknowledgement that the kill has swallowed may bring one again.
        Assert.All(acknowledged.Distinct().GroupBy(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture) % 5), line => Assert.Equal(line.Order(StringComparer.Ordinal), line));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        var error = await Assert.ThrowsAsync<EventLogException>(() =>
            NatsEventLog.OpenAsync(new("nats://127.0.0.1:1") { Patience = TimeSpan.FromMilliseconds(100) }, new(), TimeProvider.System, default));
        Assert.Contains("127.0.0.1:1", error.Message, StringComparison.Ordinal);
    }
}
