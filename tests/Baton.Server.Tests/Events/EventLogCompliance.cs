using System.Text;
using Baton.Server.Events;
using Baton.Server.Events.Log;

namespace Baton.Server.Tests.Events;

/// <summary>What <see cref="IEventLog"/> promises, for each implementation. Times are short, and nothing waits longer than for the thing itself.</summary>
public abstract class EventLogCompliance : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);
    private static readonly CancellationToken None = CancellationToken.None;

    private protected IEventLog Log { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Log = await OpenAsync(new EventLogOptions());

    public async ValueTask DisposeAsync()
    {
        await Log.DisposeAsync();
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens the log of this test, again after the one before was disposed of.</summary>
    private protected abstract Task<IEventLog> OpenAsync(EventLogOptions options);

    private protected abstract Task CloseAsync();

    private protected async Task ReopenAsync(EventLogOptions? options = null)
    {
        await Log.DisposeAsync();
        Log = await OpenAsync(options ?? new EventLogOptions());
    }

    [Fact]
    public async Task Events_are_kept_in_order_and_byte_by_byte()
    {
        var json = """{"data":{"price":1.10,"ключ":"\u00e9"}, "type":"a.b","specversion":"1.0","source":"/s","id":"1","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"""u8.ToArray();
        Assert.True(CloudEvent.TryParse(json, out var first, out _));
        var appended = await Log.AppendAsync([first, .. EventSamples.Events(300)], None);
        Assert.Equal(appended.Select(a => a.Offset).Order(), appended.Select(a => a.Offset));
        Assert.Equal(301, appended.Select(a => a.Offset).Distinct().Count());
        await ReopenAsync();

        var read = await Log.ReadAsync(0, 1_000, backwards: false, None);
        Assert.Equal(appended.Select(a => a.Offset), read.Select(e => e.Offset));
        Assert.Equal(Encoding.UTF8.GetString(json), Encoding.UTF8.GetString(read[0].Event.Json.Span));
        Assert.Equal("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", read[0].Event.Attribute("traceparent"));
        Assert.Equal(["e299", "e300"], read.Skip(299).Select(e => e.Event.Id));

        var back = await Log.ReadAsync(appended[^1].Offset, 3, backwards: true, None);
        Assert.Equal(["e300", "e299", "e298"], back.Select(e => e.Event.Id));
        Assert.Equal(["e1", "e2"], (await Log.ReadAsync(appended[1].Offset, 2, backwards: false, None)).Select(e => e.Event.Id));
        Assert.Empty(await Log.ReadAsync(appended[^1].Offset + 1, 10, backwards: false, None));
        Assert.Empty(await Log.AppendAsync([], None));
    }

    [Fact]
    public async Task An_event_is_stored_once_within_the_window()
    {
        var first = await Log.AppendAsync([EventSamples.Event("1"), EventSamples.Event("1"), EventSamples.Event("1", source: "/other")], None);
        Assert.Equal([false, true, false], first.Select(a => a.Duplicate));
        Assert.Equal(first[0].Offset, first[1].Offset);
        await ReopenAsync();
        var again = Assert.Single(await Log.AppendAsync([EventSamples.Event("1")], None));
        Assert.Equal(new AppendedEvent(first[0].Offset, Duplicate: true), again);
        Assert.Equal(2, (await Log.StatsAsync(None)).Events);
    }

    [Fact]
    public async Task An_event_is_stored_again_after_the_window()
    {
        await ReopenAsync(new EventLogOptions { DeduplicationWindow = Short });
        var first = Assert.Single(await Log.AppendAsync([EventSamples.Event("1")], None));
        await UntilAsync(async () => Assert.Single(await Log.AppendAsync([EventSamples.Event("1")], None)) is { Duplicate: false, Offset: var offset } && offset > first.Offset);
    }

    [Fact]
    public async Task A_consumer_gets_each_event_until_it_acknowledges_it()
    {
        await Log.AppendAsync(EventSamples.Events(40, subject: number => $"s{number % 7}"), None);
        var consumer = await Log.ConsumeAsync(new("mine"), None);
        var seen = new List<string>();
        while (seen.Count < 40)
        {
            foreach (var delivery in await FetchAsync(consumer, 10))
            {
                Assert.Equal(1, delivery.Attempt);
                seen.Add(delivery.Logged.Event.Id);
                await consumer.AckAsync(delivery, None);
            }
        }
        AssertInOrder(seen, EventSamples.Events(40, subject: number => $"s{number % 7}"));
        Assert.Empty(await consumer.FetchAsync(1, Short, None));

        await ReopenAsync();
        await Log.AppendAsync([EventSamples.Event("last")], None);
        consumer = await Log.ConsumeAsync(new("mine"), None);
        Assert.Equal("last", (await OneAsync(consumer)).Logged.Event.Id);
    }

    [Fact]
    public async Task An_event_that_is_not_acknowledged_comes_again_also_after_a_restart()
    {
        await Log.AppendAsync([EventSamples.Event("1")], None);
        var settings = new ConsumerSettings("mine") { AckWait = Short };
        var consumer = await Log.ConsumeAsync(settings, None);
        var first = await OneAsync(consumer);
        var second = await OneAsync(consumer);
        Assert.Equal(("1", first.Attempt + 1), (second.Logged.Event.Id, second.Attempt));
        await ReopenAsync();
        consumer = await Log.ConsumeAsync(settings, None);
        Assert.Equal(3, (await OneAsync(consumer)).Attempt);
    }

    [Fact]
    public async Task A_late_acknowledgement_counts()
    {
        await Log.AppendAsync([EventSamples.Event("1")], None);
        var consumer = await Log.ConsumeAsync(new("mine") { AckWait = Short }, None);
        var first = await OneAsync(consumer);
        var second = await OneAsync(consumer);
        await consumer.AckAsync(first, None);
        await consumer.AckAsync(second, None);
        Assert.Empty(await consumer.FetchAsync(1, Short * 2, None));
    }

    [Fact]
    public async Task An_event_at_work_is_not_given_to_another_when_its_time_is_extended()
    {
        await Log.AppendAsync([EventSamples.Event("1")], None);
        var consumer = await Log.ConsumeAsync(new("mine") { AckWait = TimeSpan.FromSeconds(1) }, None);
        var delivery = await OneAsync(consumer);
        for (var beat = 0; beat < 5; beat++)
        {
            Assert.Empty(await consumer.FetchAsync(1, Short, None));
            await consumer.ExtendAsync(delivery, None);
        }
        await consumer.AckAsync(delivery, None);
    }

    [Fact]
    public async Task What_is_not_settled_holds_back_later_events_of_its_subject_and_few_others()
    {
        await Log.AppendAsync([EventSamples.Event("a1", subject: "a"), EventSamples.Event("a2", subject: "a"), .. EventSamples.Events(100, subject: number => $"s{number}")], None);
        var consumer = await Log.ConsumeAsync(new("mine") { Backoff = [Short], MaxDeliveries = 0 }, None);
        var others = new List<string>();
        var refusals = 0;
        for (var round = 0; round < 500 && (refusals < 3 || others.Count < 80); round++)
        {
            foreach (var delivery in await FetchAsync(consumer, 10))
            {
                var id = delivery.Logged.Event.Id;
                Assert.NotEqual("a2", id);
                if (id == "a1")
                {
                    Assert.Equal(++refusals, delivery.Attempt);
                    await consumer.NakAsync(delivery, "not yet", refusals == 2 ? TimeSpan.Zero : null, None);
                    continue;
                }
                others.Add(id);
                await consumer.AckAsync(delivery, None);
            }
        }
        Assert.True(others.Count >= 80, $"{others.Count} of 100 came past");
        var rest = new List<string>();
        while (rest.Count + others.Count < 102)
        {
            foreach (var delivery in await FetchAsync(consumer, 10))
            {
                rest.Add(delivery.Logged.Event.Id);
                await consumer.AckAsync(delivery, None);
            }
        }
        Assert.True(rest.IndexOf("a1") < rest.IndexOf("a2"));
    }

    [Fact]
    public async Task The_last_refusal_makes_a_dead_letter_and_lets_the_next_event_pass()
    {
        await Log.AppendAsync([EventSamples.Event("1", subject: "a"), EventSamples.Event("2", subject: "a")], None);
        var consumer = await Log.ConsumeAsync(new("mine") { Backoff = [TimeSpan.FromMilliseconds(10)], MaxDeliveries = 3 }, None);
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var delivery = await OneAsync(consumer);
            Assert.Equal(("1", attempt), (delivery.Logged.Event.Id, delivery.Attempt));
            await consumer.NakAsync(delivery, $"broken: ü {attempt}", null, None);
        }
        Assert.Equal("2", (await OneAsync(consumer)).Logged.Event.Id);
        var letter = Assert.Single(await Log.DeadLettersAsync(null, 0, 10, None));
        Assert.Equal(("mine", "1", 3, "broken: ü 3"), (letter.Consumer, letter.Logged.Event.Id, letter.Attempts, letter.Reason));
        Assert.Equal((await Log.ReadAsync(0, 1, false, None))[0].Offset, letter.Logged.Offset);
        Assert.Equal(1, (await Log.StatsAsync(None)).DeadLetters);
        Assert.Empty(await Log.DeadLettersAsync("other", 0, 10, None));
        Assert.Empty(await Log.DeadLettersAsync("mine", letter.Id, 10, None));
    }

    [Fact]
    public async Task An_event_that_is_never_acknowledged_becomes_a_dead_letter()
    {
        await Log.AppendAsync([EventSamples.Event("1")], None);
        var consumer = await Log.ConsumeAsync(new("mine") { AckWait = Short, MaxDeliveries = 2 }, None);
        await OneAsync(consumer);
        await OneAsync(consumer);
        IReadOnlyList<DeadLetter> letters = [];
        await UntilAsync(async () =>
        {
            Assert.Empty(await consumer.FetchAsync(1, Short, None));
            letters = await Log.DeadLettersAsync("mine", 0, 10, None);
            return letters.Count > 0;
        });
        Assert.Equal(2, letters[0].Attempts);
        Assert.Contains("not acknowledged", letters[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_dead_letter_can_be_delivered_again_or_dropped()
    {
        await Log.AppendAsync(EventSamples.Events(3, subject: number => $"s{number}"), None);
        var consumer = await Log.ConsumeAsync(new("mine"), None);
        for (var i = 0; i < 3; i++)
        {
            await consumer.TermAsync(await OneAsync(consumer), "unusable", None);
        }
        var letters = await Log.DeadLettersAsync("mine", 0, 10, None);
        Assert.Equal(3, letters.Count);
        Assert.True(await Log.DeleteDeadLetterAsync(letters[2].Id, None));
        Assert.False(await Log.DeleteDeadLetterAsync(letters[2].Id, None));
        Assert.True(await Log.RequeueAsync(letters[0].Id, None));
        Assert.True(await Log.RequeueAsync(letters[1].Id, None));
        Assert.False(await Log.RequeueAsync(letters[0].Id, None));
        Assert.False(await Log.RequeueAsync(12345, None));
        await ReopenAsync();

        consumer = await Log.ConsumeAsync(new("mine"), None);
        var first = await OneAsync(consumer);
        Assert.Equal((letters[0].Logged.Event.Id, letters[0].Logged.Offset), (first.Logged.Event.Id, first.Logged.Offset));
        Assert.InRange(first.Attempt, 1, 2);
        await consumer.AckAsync(first, None);
        await consumer.TermAsync(await OneAsync(consumer), "still unusable", None);
        var left = Assert.Single(await Log.DeadLettersAsync("mine", 0, 10, None));
        Assert.Equal((letters[1].Logged.Event.Id, "still unusable"), (left.Logged.Event.Id, left.Reason));
        Assert.Empty(await consumer.FetchAsync(1, Short, None));
    }

    [Theory]
    [InlineData("com.github.*", new[] { "com.github.push", "com.github.a b*>é" })]
    [InlineData("com.>", new[] { "com.github.push", "com.github.pull_request.opened", "com.github.a b*>é" })]
    [InlineData("org.*.x", new[] { "org..x" })]
    [InlineData("com.github.push", new[] { "com.github.push" })]
    [InlineData(">", new[] { "com.github.push", "com.github.pull_request.opened", "com.github.a b*>é", "org..x", "com" })]
    public async Task A_consumer_gets_what_fits_its_pattern(string pattern, string[] expected)
    {
        string[] types = ["com.github.push", "com.github.pull_request.opened", "com.github.a b*>é", "org..x", "com"];
        await Log.AppendAsync([.. types.Select(type => EventSamples.Event(type, type, subject: type))], None);
        var consumer = await Log.ConsumeAsync(new("mine") { Pattern = pattern }, None);
        var seen = new List<string>();
        while (seen.Count < expected.Length)
        {
            var delivery = await OneAsync(consumer);
            seen.Add(delivery.Logged.Event.Type);
            await consumer.AckAsync(delivery, None);
        }
        Assert.Equal(expected.Order(), seen.Order());
        Assert.Empty(await consumer.FetchAsync(1, Short, None));
    }

    [Fact]
    public async Task A_consumer_starts_where_it_is_told_and_can_be_moved()
    {
        var appended = await Log.AppendAsync(EventSamples.Events(5), None);
        var consumer = await Log.ConsumeAsync(new("mine") { Start = ConsumerStart.Latest }, None);
        await Log.AppendAsync([EventSamples.Event("new")], None);
        var delivery = await OneAsync(consumer);
        Assert.Equal("new", delivery.Logged.Event.Id);
        await consumer.AckAsync(delivery, None);

        Assert.False(await Log.SeekAsync("nobody", 1, None));
        Assert.True(await Log.SeekAsync("mine", appended[2].Offset, None));
        await consumer.DisposeAsync();
        consumer = await Log.ConsumeAsync(new("mine"), None);
        foreach (var id in (string[])["e3", "e4", "e5", "new"])
        {
            delivery = await OneAsync(consumer);
            Assert.Equal((id, 1), (delivery.Logged.Event.Id, delivery.Attempt));
            await consumer.AckAsync(delivery, None);
        }
    }

    [Fact]
    public async Task A_place_is_found_by_time()
    {
        var events = new List<LoggedEvent>();
        for (var number = 1; number <= 9; number++)
        {
            var offset = (await Log.AppendAsync(EventSamples.Events(1, from: number), None))[0].Offset;
            events.Add((await Log.ReadAsync(offset, 1, false, None))[0]);
        }
        foreach (var logged in events)
        {
            Assert.Equal(events.First(other => other.At >= logged.At).Offset, await Log.FindOffsetAsync(logged.At, None));
        }
        Assert.Equal(events[0].Offset, await Log.FindOffsetAsync(events[0].At.AddDays(-1), None));
        Assert.Equal(events[^1].Offset + 1, await Log.FindOffsetAsync(events[^1].At.AddDays(1), None));
    }

    [Fact]
    public async Task Consumers_are_listed_changed_and_deleted()
    {
        await Log.ConsumeAsync(new("a"), None);
        var consumer = await Log.ConsumeAsync(new("b") { Pattern = "x.y", AckWait = TimeSpan.FromSeconds(1) }, None);
        var appended = await Log.AppendAsync([EventSamples.Event("1", "x.y"), EventSamples.Event("2", "x.z"), EventSamples.Event("3", "x.y", subject: "other")], None);
        await consumer.AckAsync(await OneAsync(consumer), None);
        await ReopenAsync();

        Assert.Equal(["a", "b"], (await Log.ConsumersAsync(None)).Select(c => c.Settings.Name).Order());
        var status = (await Log.ConsumersAsync(None)).Single(c => c.Settings.Name == "b");
        Assert.Equal("x.y", status.Settings.Pattern);
        Assert.InRange(status.Position, 1, appended[2].Offset);
        consumer = await Log.ConsumeAsync(status.Settings with { MaxDeliveries = 2, Backoff = [] }, None);
        for (var attempt = 0; attempt < 2; attempt = (await Log.DeadLettersAsync("b", 0, 10, None)).Count > 0 ? 2 : 1)
        {
            await consumer.NakAsync(await OneAsync(consumer), "no", null, None);
        }
        Assert.Single(await Log.DeadLettersAsync("b", 0, 10, None));

        Assert.True(await Log.DeleteConsumerAsync("b", None));
        Assert.False(await Log.DeleteConsumerAsync("b", None));
        Assert.Empty(await Log.DeadLettersAsync("b", 0, 10, None));
        await Assert.ThrowsAsync<EventLogException>(() => UntilAsync(async () => (await consumer.FetchAsync(1, Short, None)).Count > 0));
        Assert.Equal("a", Assert.Single(await Log.ConsumersAsync(None)).Settings.Name);
    }

    [Fact]
    public async Task Retention_spares_what_a_consumer_has_yet_to_settle()
    {
        await ReopenAsync(new EventLogOptions { RetainFor = TimeSpan.Zero });
        var consumer = await Log.ConsumeAsync(new("mine"), None);
        var appended = await Log.AppendAsync(EventSamples.Events(20), None);
        for (var i = 0; i < 5; i++)
        {
            await consumer.AckAsync(await OneAsync(consumer), None);
        }
        Assert.Equal(5, await Log.TrimAsync(None));
        Assert.Equal(appended[5].Offset, (await Log.StatsAsync(None)).First);
        Assert.Equal("e6", (await Log.ReadAsync(0, 1, false, None))[0].Event.Id);
        Assert.True(await Log.DeleteConsumerAsync("mine", None));
        Assert.Equal(15, await Log.TrimAsync(None));
        var stats = await Log.StatsAsync(None);
        Assert.Equal((0, appended[^1].Offset + 1), (stats.Events, stats.First));
        await ReopenAsync();
        Assert.True((await Log.AppendAsync([EventSamples.Event("next")], None))[0].Offset > appended[^1].Offset);
    }

    [Fact]
    public async Task Retention_by_size_keeps_the_newest()
    {
        await ReopenAsync(new EventLogOptions { RetainBytes = 50_000 });
        await Log.AppendAsync([.. Enumerable.Range(0, 40).Select(number => EventSamples.Event($"{number}", more: json => json["data"] = new string('x', 5_000)))], None);
        Assert.InRange(await Log.TrimAsync(None), 25, 35);
        Assert.Equal("39", Assert.Single(await Log.ReadAsync(long.MaxValue, 1, backwards: true, None)).Event.Id);
        Assert.Equal(0, await Log.TrimAsync(None));
    }

    [Fact]
    public async Task A_full_log_refuses_and_takes_events_again_when_there_is_room()
    {
        await ReopenAsync(new EventLogOptions { MaxBytes = 100_000, RetainFor = TimeSpan.Zero });
        var consumer = await Log.ConsumeAsync(new("slow"), None);
        var stored = 0;
        await Assert.ThrowsAsync<EventLogFullException>(async () =>
        {
            while (stored < 100)
            {
                await Log.AppendAsync([Big(stored)], None);
                stored++;
            }
        });
        Assert.InRange(stored, 5, 20);
        Assert.Equal(0, await Log.TrimAsync(None));
        Assert.Equal(stored, (await Log.StatsAsync(None)).Events);
        for (var i = 0; i < stored; i++)
        {
            await consumer.AckAsync(await OneAsync(consumer), None);
        }
        Assert.Equal(stored, await Log.TrimAsync(None));
        await Log.AppendAsync([Big(1000)], None);

        static CloudEvent Big(int number) => EventSamples.Event($"{number}", more: json => json["data"] = new string('x', 9_000));
    }

    [Fact]
    public async Task Whoever_waits_is_told_of_an_event()
    {
        var first = (await Log.AppendAsync([EventSamples.Event("1")], None))[0].Offset;
        await Log.WaitAsync(first, None).WaitAsync(Long);
        var waiting = Log.WaitAsync(first + 1, None);
        Assert.Empty(await Log.ReadAsync(first + 1, 1, false, None));
        await Log.AppendAsync([EventSamples.Event("2")], None);
        await waiting.WaitAsync(Long);
        Assert.Equal("2", Assert.Single(await Log.ReadAsync(first + 1, 1, false, None)).Event.Id);
    }

    [Fact]
    public async Task Many_writers_and_a_consumer_at_once_lose_and_double_nothing()
    {
        var consumer = await Log.ConsumeAsync(new("mine"), None);
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var batch = 0; batch < 10; batch++)
            {
                await Log.AppendAsync([.. Enumerable.Range(0, 10).Select(n => EventSamples.Event($"{writer}-{batch * 10 + n:000}", subject: $"w{writer}"))], None);
            }
        })).ToList();
        var seen = new List<string>();
        while (seen.Count < 800)
        {
            var deliveries = await FetchAsync(consumer, 50);
            seen.AddRange(deliveries.Select(delivery => delivery.Logged.Event.Id));
            await Task.WhenAll(deliveries.Select(delivery => consumer.AckAsync(delivery, None)));
        }
        await Task.WhenAll(writers);
        Assert.Equal(800, seen.Distinct().Count());
        Assert.All(seen.GroupBy(id => id[0]), writer => Assert.Equal(writer.Order(StringComparer.Ordinal), writer));
    }

    private protected static async Task<IReadOnlyList<Delivery>> FetchAsync(IEventConsumer consumer, int max)
    {
        var deliveries = await consumer.FetchAsync(max, Long, None);
        Assert.NotEmpty(deliveries);
        return deliveries;
    }

    private protected static async Task<Delivery> OneAsync(IEventConsumer consumer) => (await FetchAsync(consumer, 1))[0];

    private protected static async Task UntilAsync(Func<Task<bool>> happened)
    {
        var limit = TimeProvider.System.GetTimestamp();
        while (!await happened())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(limit) < Long, "it did not happen");
        }
    }

    private static void AssertInOrder(IReadOnlyList<string> seen, IReadOnlyList<CloudEvent> events) => Assert.All(
        events.GroupBy(cloudEvent => cloudEvent.Subject),
        line => Assert.Equal(line.Select(cloudEvent => cloudEvent.Id), seen.Where(id => line.Any(cloudEvent => cloudEvent.Id == id))));
}
