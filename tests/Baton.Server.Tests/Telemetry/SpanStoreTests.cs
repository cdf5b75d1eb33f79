using System.Diagnostics;
using Baton.Server.Settings;
using Baton.Server.Telemetry;
using Baton.Server.Telemetry.Spans;

namespace Baton.Server.Tests.Telemetry;

/// <summary>The span store, the same on both databases.</summary>
public sealed class SpanStoreTests(PostgresServer postgres) : IDisposable
{
    private const string Trace = "4bf92f3577b34da6a3ce929d0e0e4736";

    private readonly TemporaryFolder folder = new();
    private readonly ShiftedTime time = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_span_is_read_as_it_was_written(bool onPostgres)
    {
        using var store = await OpenAsync(onPostgres);
        var span = Span("00f067aa0ba902b7") with
        {
            ParentId = "00f067aa0ba902b6",
            Kind = ActivityKind.Consumer,
            Scope = "scope",
            Status = ActivityStatusCode.Error,
            StatusText = "it broke",
            Attributes = """{"a":"ü","n":1}""",
            Events = """[{"name":"exception","time":"2026-01-01T00:00:00.000000Z","attributes":{}}]""",
            Links = $$"""[{"traceId":"{{Trace}}","spanId":"00f067aa0ba902b1"}]""",
            Run = "order-1",
        };

        await store.WriteAsync([span], default);

        Assert.Equal([span], await store.ReadAsync(Trace, default));
        Assert.Equal(Trace, await store.TraceOfRunAsync("order-1", default));
        Assert.Null(await store.TraceOfRunAsync("order-2", default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_open_span_is_replaced_by_its_end_and_never_the_other_way_round(bool onPostgres)
    {
        using var store = await OpenAsync(onPostgres);
        var ended = Span("00f067aa0ba902b7");
        var open = ended with { EndedNs = null, Attributes = """{"state":"open"}""" };

        await store.WriteAsync([open], default);
        Assert.Equal([open], await store.ReadAsync(Trace, default));
        await store.WriteAsync([ended], default);
        await store.WriteAsync([open], default);

        Assert.Equal([ended], await store.ReadAsync(Trace, default));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Traces_are_listed_by_their_first_span_newest_first_in_pages(bool onPostgres)
    {
        using var store = await OpenAsync(onPostgres);
        var traces = Enumerable.Range(1, 5).Select(n => $"{n:x32}").ToList();
        foreach (var (trace, n) in traces.Select((trace, n) => (trace, n)))
        {
            var root = Span("00000000000000a1") with { TraceId = trace, IsEntry = true, Name = $"root {n}", StartedNs = 1_000 * (n + 1), EndedNs = 1_000 * (n + 1) + 500 };
            await store.WriteAsync(
                [
                    root,
                    root with { SpanId = "00000000000000a2", Name = "later entry", StartedNs = root.StartedNs + 1 },
                    root with { SpanId = "00000000000000a3", IsEntry = false, Name = "inner", StartedNs = root.StartedNs + 2, EndedNs = root.EndedNs + 7, Status = ActivityStatusCode.Error, Run = $"run {n}" },
                ], default);
        }

        var first = await store.ListAsync(2, long.MaxValue, default);
        var second = await store.ListAsync(10, first[^1].StartedNs, default);

        Assert.Equal(["root 4", "root 3"], first.Select(trace => trace.Name));
        Assert.Equal(["root 2", "root 1", "root 0"], second.Select(trace => trace.Name));
        Assert.Equal(new TraceSummary(traces[4], "root 4", "shop", "run 4", 5_000, 5_507, 3, 1), first[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_over_age_or_number_is_deleted(bool onPostgres)
    {
        using var store = await OpenAsync(onPostgres);
        var now = StoredSpan.Nanoseconds(time.GetUtcNow().UtcDateTime);
        var hour = 3_600_000_000_000;
        await store.WriteAsync([.. Enumerable.Range(1, 1_500).Select(n => Span($"{n:x16}") with { StartedNs = now - (n * 1_000), EndedNs = now })], default);
        await store.WriteAsync([Span("00f067aa0ba902b7") with { StartedNs = now - (25 * hour), EndedNs = now }], default);

        Assert.Equal(501, await store.TrimAsync(default));
        Assert.Equal(0, await store.TrimAsync(default));

        var kept = await store.ReadAsync(Trace, default);
        Assert.Equal(1_000, kept.Count);
        Assert.Contains(kept, span => span.SpanId == $"{1:x16}");
        time.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1_000, await store.TrimAsync(default));
    }

    private static StoredSpan Span(string id) => new() { TraceId = Trace, SpanId = id, Name = "work", Service = "shop", StartedNs = 1_000, EndedNs = 2_000 };

    private async Task<SpanStore> OpenAsync(bool onPostgres)
    {
        var store = new SpanStore(
            new DatabaseSettings { Postgres = onPostgres ? await postgres.CreateDatabaseAsync() : null },
            new TraceSettings { Retention = TimeSpan.FromDays(1), MaxSpans = 1_000 }, folder.Path, time);
        await store.PrepareAsync(default);
        await store.PrepareAsync(default);
        return store;
    }
}
