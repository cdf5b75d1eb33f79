using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Cli.Verbs.Traces;

namespace Baton.Cli.Tests;

public sealed class WaterfallTests
{
    private static readonly JsonNode Trace = JsonNode.Parse("""
        {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","startedAt":"2026-01-01T00:00:00.000000Z","durationMs":2000,"services":["baton","shop"],"spans":[
          {"spanId":"01","parentId":null,"name":"POST /api/v1/events","service":"baton","startedAt":"2026-01-01T00:00:00.000000Z","durationMs":12.4,"status":"unset","message":null,"attributes":{}},
          {"spanId":"03","parentId":"02","name":"call reserve","service":"baton","startedAt":"2026-01-01T00:00:00.100000Z","durationMs":900,"status":"unset","message":null,"attributes":{}},
          {"spanId":"02","parentId":"01","name":"RunWorkflow:BatonFlow","service":"baton","startedAt":"2026-01-01T00:00:00.010000Z","durationMs":1990,"status":"error","message":"the shelf\nis empty","attributes":{"baton.flow":"shop/restock:1.0.0"}},
          {"spanId":"04","parentId":"03","name":"RunActivity:flow.http","service":"baton","startedAt":"2026-01-01T00:00:00.110000Z","durationMs":null,"status":"unset","message":null,"attributes":{"temporal.attempt":1}},
          {"spanId":"05","parentId":"03","name":"RunActivity:flow.http","service":"baton","startedAt":"2026-01-01T00:00:00.500000Z","durationMs":480,"status":"unset","message":null,"attributes":{"temporal.attempt":2}},
          {"spanId":"06","parentId":"05","name":"POST /reserve","service":"shop","startedAt":"2026-01-01T00:00:00.510000Z","durationMs":1.2,"status":"unset","message":null,"attributes":{}},
          {"spanId":"07","parentId":"02","name":"raise out","service":"baton","startedAt":"2026-01-01T00:00:01.990000Z","durationMs":0,"status":"error","message":null,"attributes":{}},
          {"spanId":"09","parentId":"08","name":"below what is not kept","service":"mail","startedAt":"2026-01-01T00:00:01.000000Z","durationMs":1000,"status":"unset","message":null,"attributes":{}},
          {"spanId":"0a","parentId":"0b","name":"round","service":"mail","startedAt":"2026-01-01T00:00:01.500000Z","durationMs":1,"status":"unset","message":null,"attributes":{}},
          {"spanId":"0b","parentId":"0a","name":"and round","service":"mail","startedAt":"2026-01-01T00:00:01.600000Z","durationMs":1,"status":"unset","message":null,"attributes":{}}]}
        """)!;

    [Fact]
    public void A_trace_is_drawn_as_a_tree_with_the_place_of_each_span_in_time() => Assert.Equal(
        """
        POST /api/v1/events · baton    █                                            12ms
        └ ✗ flow shop/restock:1.0.0    ███████████████████████████████████████     1.99s
            ! the shelf is empty
          ├ call reserve                ██████████████████                         900ms
          │ ├ RunActivity:flow.http      ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░    no end
          │ └ RunActivity:flow.http #2          █████████                          480ms
          │   └ POST /reserve · shop            █                                  1.2ms
          └ ✗ raise out                                                      █     0.0ms
        below what is not kept · mail                     ████████████████████     1.00s
        round · mail                                                █              1.0ms
        └ and round                                                   █            1.0ms
        """, Draw(80));

    [Fact]
    public void A_narrow_terminal_gets_no_bars_and_nothing_wider_than_itself()
    {
        var lines = Draw(38).Split('\n');

        Assert.Equal("└ ✗ flow shop/resto…     1.99s", lines[1]);
        Assert.All(lines, line => Assert.True(line.Length <= 38, line));
    }

    [Fact]
    public void Failed_spans_and_spans_without_an_end_stand_out() => Assert.Equal(
        [Tone.Neutral, Tone.Bad, Tone.Bad, Tone.Neutral, Tone.Running, Tone.Neutral],
        Waterfall.Draw(Trace, 80).Take(6).Select(line => line.Tone));

    private static string Draw(int width) => string.Join('\n', Waterfall.Draw(Trace, width).Select(line => line.Text.TrimEnd()));
}
