using CsCheck;

namespace Baton.Flows.Tests.Conformance;

/// <summary>Random flows of tasks that call nothing: whatever runs them must give the same.</summary>
internal static class RandomFlows
{
    private static readonly Gen<string> Leaf = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 5]).Select((n, kind) => Leaves(n)[kind]);

    public static string Definition(string tasks) => $"document: {{ dsl: 1.0.3, namespace: tests, name: random, version: 1.0.0 }}\ndo: {tasks}\n";

    /// <summary>Task lists, nested as deep.</summary>
    public static Gen<string> Tasks(int depth) => One(depth).List[1, 4].Select(tasks => $"[ {string.Join(", ", tasks.Select((task, i) => $"{{ t{i}: {task} }}"))} ]");

    private static string Braced(string task) => task.StartsWith('{') ? task : $"{{ {task} }}";

    private static string[] Leaves(int n) =>
    [
        $$"""set: { n: "${ (.n // 0) + {{n}} }", seen: "${ (.seen // []) + [{{n}}] }" }""",
        $$"""{ if: (.n // 0) > {{n}}, set: { n: {{n}}, cut: true } }""",
        $$"""{ set: { n: "${ (.n // 0) * 2 % 97 }" }, export: { as: "${ { last: .n } }" } }""",
        $$"""{ switch: [ { big: { when: (.n // 0) > {{n}}, then: exit } } ] }""",
        "{ wait: PT0.01S }",
        $$"""{ raise: { error: { type: "https://x.example/e{{n}}", status: {{400 + n}} } } }""",
    ];

    private static Gen<string> One(int depth) => depth == 0 ? Leaf.Select(Braced) : Gen.Frequency(
        (3, Leaf.Select(Braced)),
        (1, Tasks(depth - 1).Select(list => $"{{ do: {list} }}")),
        (1, Gen.Select(Tasks(depth - 1), Gen.Int[0, 3]).Select((list, count) => $"{{ for: {{ in: '${{ [range({count})] }}' }}, do: {list} }}")),
        (1, Tasks(depth - 1).Select(list => $"{{ fork: {{ branches: {list} }}, output: {{ as: '${{ {{ n: ([.[] | .n? // 0] | add // 0), all: . }} }}' }} }}")),
        (1, Gen.Select(Tasks(depth - 1), Tasks(depth - 1)).Select((body, handler) => $"{{ try: {body}, catch: {{ do: {handler} }} }}")));
}
