using Baton.Flows.Hosting;
using Baton.Flows.Tests.Support;
using Baton.Jq;
using CsCheck;

namespace Baton.Flows.Tests.Conformance;

/// <summary>Random flows of pure tasks: whole in memory, cut and continued in memory, and durable, all give the same.</summary>
public sealed class RandomFlowTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private static readonly Gen<string> Leaf = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 4]).Select((n, kind) => Leaves(n)[kind]);

    private static string[] Leaves(int n) =>
    [
        $$"""set: { n: "${ (.n // 0) + {{n}} }", seen: "${ (.seen // []) + [{{n}}] }" }""",
        $$"""{ if: (.n // 0) > {{n}}, set: { n: {{n}}, cut: true } }""",
        $$"""{ set: { n: "${ (.n // 0) * 2 % 97 }" }, export: { as: "${ { last: .n } }" } }""",
        $$"""{ switch: [ { big: { when: (.n // 0) > {{n}}, then: exit } } ] }""",
        $$"""{ raise: { error: { type: "https://x.example/e{{n}}", status: {{400 + n}} } } }""",
    ];

    private static Gen<string> Task(int depth) => depth == 0 ? Leaf.Select(Braced) : Gen.Frequency(
        (3, Leaf.Select(Braced)),
        (1, List(depth - 1).Select(list => $"{{ do: {list} }}")),
        (1, Gen.Select(List(depth - 1), Gen.Int[0, 3]).Select((list, count) => $"{{ for: {{ in: '${{ [range({count})] }}' }}, do: {list} }}")),
        (1, List(depth - 1).Select(list => $"{{ fork: {{ branches: {list} }}, output: {{ as: '${{ {{ n: ([.[] | .n? // 0] | add // 0), all: . }} }}' }} }}")),
        (1, Gen.Select(List(depth - 1), List(depth - 1)).Select((body, handler) => $"{{ try: {body}, catch: {{ do: {handler} }} }}")));

    private static Gen<string> List(int depth) => Task(depth).List[1, 4].Select(tasks => $"[ {string.Join(", ", tasks.Select((task, i) => $"{{ t{i}: {task} }}"))} ]");

    private static string Braced(string task) => task.StartsWith('{') ? task : $"{{ {task} }}";

    private static RunRequest Request(string tasks) => new($"document: {{ dsl: 1.0.3, namespace: tests, name: random, version: 1.0.0 }}\ndo: {tasks}\n", JqValue.FromObject([new("n", 1)]));

    private static string Describe(RunResult result) => $"{result.Status} {result.Output.ToJson()} {result.Error?.ToValue().ToJson()}";

    [Fact]
    public void Cut_and_continued_they_give_the_same() => Gen.Select(List(3), Gen.Int[0, 1000]).Sample((tasks, seed) =>
    {
        var random = new Random(seed);
        var whole = Simulated.Run(Request(tasks), new FlowHost());
        var cut = Simulated.Run(Request(tasks), new FlowHost(), () => random.Next(3) == 0);
        Assert.Equal(Describe(whole), Describe(cut));
    }, iter: 300, threads: 1);

    [Fact]
    public async Task Durably_they_give_the_same()
    {
        var flows = new List<string>();
        List(2).Sample(flows.Add, iter: 25, threads: 1, seed: "0000000000000");
        foreach (var tasks in flows)
        {
            Assert.Equal(Describe(Simulated.Run(Request(tasks), new FlowHost())), Describe(await durable.RunAsync(Request(tasks), host: new FlowHost())));
        }
    }
}
