using Baton.Flows.Durable;
using Baton.Flows.Hosting;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Tests.Support;
using Baton.Jq;

namespace Baton.Flows.Tests.Durable;

/// <summary>Values of more than 256 KiB: outside of the history, and as good as inside for flows.</summary>
public sealed class LargeValueTests(DurableFixture durable) : IClassFixture<DurableFixture>
{
    private const string Head = "document: { dsl: 1.0.3, namespace: tests, name: large, version: 1.0.0 }\n";
    private const string Get = "get: { call: http, with: { method: get, endpoint: 'https://api.example.com/large/600' } }";

    private readonly CountingBlobs _blobs = new();

    private FlowHost Host() => new()
    {
        Http = durable.StandIns.Redirect,
        Policy = FlowPolicy.Default with { MaxResponseBytes = 4 * 1024 * 1024, AllowShell = true },
        Blobs = _blobs,
        Definitions = new OneFlow(Head.Replace("large", "child", StringComparison.Ordinal) + "do: [ { first: { set: { line: '${ .data.lines[0][0:3] }', data: '${ .data }' } } } ]"),
    };

    /// <summary>Runs a flow, replays it, and gives the bytes of its history.</summary>
    private async Task<(FlowResult Result, int History)> RunAsync(string body, JqValue input = default, bool isWhole = false)
    {
        FlowDefinition flow = FlowReader.Read(Head + body).Definition!;
        var result = await LocalFlows.RunAsync(durable.Client, flow, input.IsNull ? JqValue.FromObject([]) : input, Host());
        Assert.True(result.Status == "completed" || isWhole, result.Error?.Detail);
        var history = await durable.Client.GetWorkflowHandle(result.RunId).FetchHistoryAsync();
        await durable.ReplayAsync(result.RunId);
        return (result, history.ToJson().Length);
    }

    [Fact]
    public async Task A_value_that_is_only_passed_on_is_never_loaded_by_the_flow()
    {
        var (result, history) = await RunAsync(
            $$"""
            do:
            - {{Get}}
            - keep: { set: { copy: { inner: "${ .lines }" }, count: "${ .count }" }, export: { as: "${ { kept: .copy } }" } }
            - again: { set: { a: "${ $context.kept.inner }", b: "${ [.copy.inner, .count] }", n: "${ .count }" } }
            """);
        Assert.Equal(600, result.Output["a"].Count);
        Assert.Equal(600, result.Output["b"][0].Count);
        Assert.Equal(600, result.Output["n"].GetDouble());
        Assert.Equal((1, 2), (_blobs.Contents, _blobs.Gets));
        Assert.True(history < 20_000, $"{history} bytes");
    }

    [Fact]
    public async Task Expressions_schemas_conditions_and_calls_see_the_value_itself()
    {
        var (result, history) = await RunAsync(
            $$"""
            do:
            - {{Get}}
            - check: { set: { data: "${ . }" }, input: { schema: { document: { type: object, properties: { lines: { type: array, minItems: 600 } } } } } }
            - choose: { switch: [ { few: { when: "${ (.data.lines | length) < 10 }", then: end } }, { many: { when: "${ .data.lines[599] | startswith(\"b\") }", then: continue } } ] }
            - send: { call: http, with: { method: post, endpoint: 'https://api.example.com/measure', body: "${ .data }" }, output: { as: "${ { sent: .length, data: $input.data } }" } }
            - changed: { set: { sent: "${ .sent }", lines: "${ .data.lines | length }", more: "${ .data + { added: true } }", first: "${ .data.lines[0][0:2] }" } }
            """);
        Assert.Equal(600, result.Output["lines"].GetDouble());
        Assert.Equal("aa", result.Output["first"].GetString());
        Assert.True(result.Output["sent"].GetDouble() > 600_000);
        Assert.True(result.Output["more"]["added"].GetBoolean());
        Assert.Equal(600, result.Output["more"]["lines"].Count);
        // The same list is the same value, whatever object it is in.
        Assert.Equal(1, _blobs.Contents);
        Assert.True(history < 40_000, $"{history} bytes");
    }

    [Fact]
    public async Task What_an_expression_makes_of_it_is_kept_outside_too()
    {
        var (result, history) = await RunAsync($$"""do: [ {{{Get}}}, { upper: { set: "${ { lines: (.lines | map(ascii_upcase)) } }" } } ]""");
        Assert.StartsWith("AAA", result.Output["lines"][0].GetString(), StringComparison.Ordinal);
        Assert.Equal(2, _blobs.Contents);
        Assert.True(history < 20_000, $"{history} bytes");
    }

    [Fact]
    public async Task Subflows_get_and_give_references()
    {
        var (result, history) = await RunAsync($$"""do: [ {{{Get}}}, { child: { run: { workflow: { namespace: tests, name: child, version: 1.0.0, input: { data: "${ . }" } } } } }, { last: { set: { line: "${ .line }", lines: "${ .data.lines | length }" } } } ]""");
        Assert.Equal("""{"line":"aaa","lines":600}""", result.Output.ToJson());
        Assert.True(history < 20_000, $"{history} bytes");
    }

    [Fact]
    public async Task A_large_input_of_a_run_is_kept_outside_and_loops_see_its_items()
    {
        var input = JqValue.FromObject([new("items", JqValue.FromArray(Enumerable.Range(0, 3).Select(n => (JqValue)new string((char)('a' + n), 300_000)))), new("n", 1)]);
        var (result, _) = await RunAsync("do: [ { each: { for: { in: '${ .items }' }, do: [ { x: { set: { seen: '${ (.seen // \"\") + $item[0:1] }' } } } ] } } ]", input);
        Assert.Equal("""{"seen":"abc"}""", result.Output.ToJson());
    }

    [Fact]
    public async Task Processes_and_JavaScript_see_it_as_well()
    {
        var (result, _) = await RunAsync(
            $$"""
            evaluate: { language: js }
            do:
            - {{Get}}
            - count: { run: { shell: { command: "wc -c", stdin: "${ $data.lines }" }, return: stdout }, output: { as: "${ ({ bytes: Number($data), lines: $input.lines.length }) }" } }
            """);
        Assert.Equal(600, result.Output["lines"].GetDouble());
        Assert.True(result.Output["bytes"].GetDouble() > 600_000);
    }

    [Fact]
    public async Task Continued_as_new_it_is_still_a_reference()
    {
        var result = await durable.RunAsync(
            new RunRequest(Head + $$"""do: [ {{{Get}}}, { a: { wait: PT0.01S } }, { b: { wait: PT0.01S } }, { c: { wait: PT0.01S } }, { n: { set: "${ .lines | length }" } } ]""", JqValue.FromObject([])),
            new FlowStart { Definition = "", ContinueAfterEvents = 8 }, Host());
        Assert.True(result.Output == 600, result.Error?.Detail);
    }

    [Fact]
    public async Task A_value_that_the_store_has_lost_faults_the_task_that_needs_it()
    {
        _blobs.Forgets = true;
        var (result, _) = await RunAsync($$"""do: [ {{{Get}}}, { look: { set: "${ .lines | length }" } } ]""", isWhole: true);
        Assert.Contains("no longer stored", result.Error!.Detail, StringComparison.Ordinal);
        Assert.Equal(("faulted", "/do/1/look"), (result.Status, result.Error.Instance));
    }

    [Fact]
    public async Task A_place_that_cannot_wait_says_so()
    {
        var (result, _) = await RunAsync($$"""do: [ {{{Get}}}, { pause: { wait: '${ .lines | length | "PT\(.)S" }' } } ]""", isWhole: true);
        Assert.Contains("take what is needed out of it in a task before", result.Error!.Detail, StringComparison.Ordinal);
    }

    private sealed class CountingBlobs : IFlowBlobs
    {
        private readonly MemoryBlobs _inner = new();
        private readonly HashSet<string> _hashes = [];
        private int _gets;

        public bool Forgets { get; set; }

        public int Contents => _hashes.Count;

        public int Gets => _gets;

        public async ValueTask<string> PutAsync(ReadOnlyMemory<byte> content, string run, CancellationToken cancellationToken)
        {
            var hash = await _inner.PutAsync(content, run, cancellationToken);
            lock (_hashes)
            {
                _hashes.Add(hash);
            }
            return hash;
        }

        public ValueTask<byte[]?> GetAsync(string hash, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _gets);
            return Forgets ? default : _inner.GetAsync(hash, cancellationToken);
        }
    }

    private sealed class OneFlow(string definition) : IFlowDefinitions
    {
        public ValueTask<string?> FindAsync(string ns, string name, string version, CancellationToken cancellationToken) => new(definition);
    }
}
