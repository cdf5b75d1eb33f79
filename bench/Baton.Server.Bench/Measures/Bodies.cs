using System.Text;

namespace Baton.Server.Bench.Measures;

/// <summary>What is sent. Every event has an id of its own, since one that is known is not taken again.</summary>
internal static class Bodies
{
    public const string OneEvent = "application/cloudevents+json";
    public const string ManyEvents = "application/cloudevents-batch+json";

    private static long last;

    public static byte[] Event(string type, string? subject = null) => Encoding.UTF8.GetBytes(Text(type, subject));

    public static byte[] Events(string type, int count) => Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Range(0, count).Select(_ => Text(type, null)))}]");

    private static string Text(string type, string? subject)
    {
        var id = Interlocked.Increment(ref last);
        return $$$"""{"specversion":"1.0","id":"bench-{{{id}}}","source":"/bench","type":"{{{type}}}","subject":"{{{subject ?? $"order/{id % 1000}"}}}","data":{"total":99.5,"items":[{"sku":"A-17","count":2}]}}""";
    }
}

/// <summary>Flows that are measured.</summary>
internal static class BenchFlows
{
    /// <summary>Three steps with an HTTP call in the middle, which an activity makes.</summary>
    public static string Call(Uri target) => $$"""
        document: { dsl: 1.0.3, namespace: bench, name: call, version: 1.0.0 }
        do:
        - one: { set: { n: "${ .n + 1 }" } }
        - two: { call: http, with: { method: get, endpoint: "{{target}}api/v1/nothing" } }
        - three: { set: { n: "${ $workflow.input.n + 3 }" } }
        """;

    /// <summary>Started by each event of its type.</summary>
    public const string Started = """
        document: { dsl: 1.0.3, namespace: bench, name: started, version: 1.0.0 }
        schedule: { on: { one: { with: { type: bench.started } } } }
        do:
        - one: { set: { id: "${ $workflow.input[0].id }" } }
        """;

    /// <summary>Waits for one event.</summary>
    public const string Listening = """
        document: { dsl: 1.0.3, namespace: bench, name: listening, version: 1.0.0 }
        do:
        - wait:
            listen:
              to:
                one: { with: { type: bench.awaited, subject: "${ $workflow.input.subject }" } }
        """;

    /// <summary>What the soak does again and again: an event, a run, a question to a person, an answer, an event.</summary>
    public const string Order = """
        document: { dsl: 1.0.3, namespace: bench, name: order, version: 1.0.0 }
        schedule: { on: { one: { with: { type: bench.order } } } }
        do:
        - order: { set: { id: "${ $workflow.input[0].id }", total: "${ $workflow.input[0].data.total }" } }
        - ask:
            call: approval:1.0.0@default
            with: { title: "${ \"Ship \\(.id)?\" }", data: "${ . }" }
            output: { as: "${ { outcome: .outcome } }" }
        - tell: { emit: { event: { with: { source: /bench/shipping, type: bench.shipped, data: "${ . }" } } } }
        """;
}
