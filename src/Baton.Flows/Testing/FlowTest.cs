using Baton.Flows.Expressions;
using Baton.Flows.Functions;
using Baton.Flows.Interpret;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Testing;

/// <summary>What came of one case of a flow's test file.</summary>
/// <param name="Failures">What was expected and did not come; empty if the case passed.</param>
public sealed record FlowTestResult(string Name, IReadOnlyList<string> Failures, TimeSpan Simulated)
{
    public bool Passed => Failures.Count == 0;
}

/// <summary>
/// A test file stands beside its flow as <c>NAME.test.yaml</c>:
/// <code>
/// flow: order.yaml              # default: the file's own name without '.test'
/// flows: [ship.yaml]            # subflows
/// tests:
///   - name: pays and ships
///     input: { id: 7 }
///     secrets: { token: abc }
///     calls:                    # answers, tried in order; a call that none answers fails the test
///       - task: pay             # name or pointer of the task; also: kind, with (a part of the arguments)
///         times: 1              # how often this answer serves; default: always
///         fails: { type: https://.../communication, status: 503 }
///       - task: pay
///         returns: { ok: true }
///       - task: approve         # an answer that comes later, as that of a person does
///         after: PT2H
///         returns: { outcome: approved }
///     events:
///       - after: PT1H           # simulated time since the start
///         event: { type: approved, data: { by: ann } }
///     expect:
///       status: completed       # or faulted, cancelled
///       output: { state: done }
///       error: { status: 503 }  # a part of the error
///       order: [pay, ship]      # these tasks ran in this order; others may stand between
///       emitted: [ { type: shipped } ]
///       elapsed: PT1H           # at least, simulated
/// </code>
/// Time is skipped; nothing is called for real.
/// </summary>
public sealed class FlowTest
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly FlowDefinition _flow;
    private readonly List<FlowDefinition> _subflows = [];
    private readonly JqValue _file;

    private FlowTest(FlowDefinition flow, JqValue file)
    {
        _flow = flow;
        _file = file;
    }

    /// <summary>The names of the cases.</summary>
    public IEnumerable<string> Names => _file["tests"].EnumerateArray().Select((t, i) => Text(t["name"]) ?? $"#{i + 1}");

    /// <summary>Reads a test file and the flows that it names.</summary>
    /// <exception cref="FlowFaultException">A file is missing or not valid; the error's detail says which and why.</exception>
    public static FlowTest Load(string path)
    {
        var file = ReadValue(path);
        var problems = TestSchema.Validate(file);
        if (problems.Count > 0)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"{path} is no flow test: {string.Join("; ", problems)}."));
        }
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var own = Text(file["flow"]) ?? Path.GetFileName(path).Replace(".test.", ".", StringComparison.Ordinal);
        var test = new FlowTest(ReadFlow(Path.Combine(folder, own)), file);
        foreach (var subflow in file["flows"].Kind == JqKind.Array ? file["flows"].EnumerateArray() : [])
        {
            test._subflows.Add(ReadFlow(Path.Combine(folder, subflow.GetString())));
        }
        return test;
    }

    public IEnumerable<FlowTestResult> Run()
    {
        var names = Names.ToList();
        for (var i = 0; i < names.Count; i++)
        {
            yield return RunCase(names[i], _file["tests"][i]);
        }
    }

    private FlowTestResult RunCase(string name, JqValue test)
    {
        var answers = new Answers(test);
        var simulation = new FlowSimulation(Start, answers.AnswerAsync, (ns, flow, version) =>
            _subflows.Find(f => f.Document.Namespace == ns && f.Document.Name == flow && (version == "latest" || f.Document.Version == version))?.Json);
        answers.Later = (after, token, answer) => simulation.AnswerAt(simulation.UtcNow + after, token, answer);
        foreach (var planned in test["events"].Kind == JqKind.Array ? test["events"].EnumerateArray() : [])
        {
            var after = Text(planned["after"]) is { } text && FlowDurations.TryParse(text, out var length) ? length : TimeSpan.Zero;
            simulation.At(Start + after, run => run.Deliver(Complete(planned["event"])));
        }
        try
        {
            var outcome = simulation.Run(_flow, test["input"]);
            var failures = Check(test["expect"], outcome, simulation.Current!, answers, simulation.UtcNow - Start);
            return new FlowTestResult(name, failures, simulation.UtcNow - Start);
        }
        catch (InvalidOperationException error)
        {
            return new FlowTestResult(name, [error.Message], simulation.UtcNow - Start);
        }
    }

    private static List<string> Check(JqValue expect, FlowOutcome outcome, FlowInterpreter run, Answers answers, TimeSpan elapsed)
    {
        var failures = new List<string>();
        var status = outcome.Status.ToString().ToLowerInvariant();
        var wanted = Text(expect["status"]) ?? (expect["error"].IsNull ? "completed" : "faulted");
        if (status != wanted)
        {
            failures.Add($"status: {status}, expected {wanted}{(outcome.Error is { } error ? $" ({error.ToValue().ToJson()})" : "")}");
        }
        if (expect.Kind == JqKind.Object && expect.TryGetField("output", out var output) && outcome.Output != output)
        {
            failures.Add($"output: {outcome.Output.ToJson()}, expected {output.ToJson()}");
        }
        if (!expect["error"].IsNull && !Includes(outcome.Error?.ToValue() ?? JqValue.Null, expect["error"]))
        {
            failures.Add($"error: {outcome.Error?.ToValue().ToJson() ?? "none"}, expected {expect["error"].ToJson()}");
        }
        if (expect["order"].Kind == JqKind.Array)
        {
            var ran = run.Steps.Where(s => s.Status != "skipped").Select(s => s.Name).ToList();
            var order = expect["order"].EnumerateArray().Select(o => o.GetString()).ToList();
            var at = 0;
            foreach (var _ in ran.Where(task => at < order.Count && task == order[at]))
            {
                at++;
            }
            if (at < order.Count)
            {
                failures.Add($"order: '{order[at]}' did not run {(at == 0 ? "" : $"after '{order[at - 1]}' ")}(ran: {string.Join(", ", ran)})");
            }
        }
        if (expect["emitted"].Kind == JqKind.Array)
        {
            var events = answers.Emitted.ToList();
            if (events.Count != expect["emitted"].Count || !events.Zip(expect["emitted"].EnumerateArray()).All(p => Includes(p.First, p.Second)))
            {
                failures.Add($"emitted: [{string.Join(", ", events.Select(e => e.ToJson()))}], expected {expect["emitted"].ToJson()}");
            }
        }
        if (Text(expect["elapsed"]) is { } least && FlowDurations.TryParse(least, out var bound) && elapsed < bound)
        {
            failures.Add($"elapsed: {elapsed}, expected at least {bound}");
        }
        failures.AddRange(answers.Unanswered.Select(call => $"call: nothing answers {call}"));
        return failures;
    }

    /// <summary>True if the value has all that the part has.</summary>
    internal static bool Includes(JqValue value, JqValue part) => part.Kind switch
    {
        JqKind.Object => value.Kind == JqKind.Object && part.EnumerateObject().All(p => value.TryGetField(p.Key, out var inner) && Includes(inner, p.Value)),
        _ => value == part,
    };

    private static JqValue Complete(JqValue cloudEvent) => JqValue.FromObject(
        new KeyValuePair<string, JqValue>[] { new("specversion", "1.0"), new("id", "test"), new("source", "/test") }.Concat(cloudEvent.EnumerateObject()));

    private static FlowDefinition ReadFlow(string path)
    {
        var validation = FlowValidator.Validate(ReadText(path));
        return validation.Definition ?? throw new FlowFaultException(FlowErrors.Configuration($"{path} is not valid: {string.Join(Environment.NewLine, validation.Problems)}"));
    }

    private static JqValue ReadValue(string path)
    {
        var problems = new DiagnosticBag();
        var node = SourceReader.Read(ReadText(path), SourceLimits.Default, problems);
        return node is not null && !problems.HasErrors ? JqValue.Parse(node.ToUtf8Json())
            : throw new FlowFaultException(FlowErrors.Configuration($"{path}: {string.Join("; ", problems.Sorted())}"));
    }

    private static string ReadText(string path) => File.Exists(path) ? File.ReadAllText(path)
        : throw new FlowFaultException(FlowErrors.Configuration($"The file {path} does not exist."));

    private static string? Text(JqValue value) => value.TryGetString(out var text) ? text : null;

    /// <summary>The fakes of one case.</summary>
    private sealed class Answers(JqValue test)
    {
        private readonly Dictionary<int, int> _used = [];

        private int _promises;

        /// <summary>Delivers an answer that comes later.</summary>
        public Action<TimeSpan, string, LateAnswer> Later { get; set; } = static (_, _, _) => { };

        public List<JqValue> Emitted { get; } = [];

        public List<string> Unanswered { get; } = [];

        public Task<FlowAnswer> AnswerAsync(FlowCall call, CancellationToken cancellationToken)
        {
            switch (call.Kind)
            {
                case "emit":
                    Emitted.Add(call.Arguments);
                    return Task.FromResult<FlowAnswer>(default);
                case "withdraw":
                    return Task.FromResult<FlowAnswer>(default);
                case "secrets":
                    return Task.FromResult(new FlowAnswer(JqValue.FromObject(call.Arguments.EnumerateArray().Select(name => test["secrets"].Kind == JqKind.Object && test["secrets"].TryGetField(name.GetString(), out var value)
                        ? KeyValuePair.Create(name.GetString(), value)
                        : throw new FlowFaultException(FlowErrors.Authorization($"The secret '{name.GetString()}' does not exist here."))))));
                case "function" when call.Arguments["function"].GetString().StartsWith("log:", StringComparison.Ordinal):
                    return Task.FromResult<FlowAnswer>(default);
            }
            var i = -1;
            foreach (var answer in test["calls"].Kind == JqKind.Array ? test["calls"].EnumerateArray() : [])
            {
                i++;
                var used = _used.GetValueOrDefault(i);
                if (!Matches(answer, call) || (answer["times"].Kind == JqKind.Number && used >= answer["times"].GetDouble()))
                {
                    continue;
                }
                _used[i] = used + 1;
                var fault = FlowError.FromValue(answer["fails"]);
                if (Text(answer["after"]) is { } text && FlowDurations.TryParse(text, out var after))
                {
                    var token = $"promise-{++_promises}";
                    Later(after, token, new LateAnswer(answer["returns"], fault));
                    return Task.FromResult(new FlowAnswer(default, token));
                }
                return fault is null ? Task.FromResult(new FlowAnswer(answer["returns"])) : Task.FromException<FlowAnswer>(new FlowFaultException(fault));
            }
            var described = $"{call.Kind} of {call.Task} with {call.Arguments.ToJson()}";
            Unanswered.Add(described);
            return Task.FromException<FlowAnswer>(new FlowFaultException(FlowErrors.Configuration($"The test has no answer to {described}.")));
        }

        private static bool Matches(JqValue answer, FlowCall call) =>
            (Text(answer["task"]) is not { } task || call.Task == task || call.Task.EndsWith("/" + task, StringComparison.Ordinal))
            && (Text(answer["kind"]) is not { } kind || call.Kind == kind)
            && (answer["with"].IsNull || Includes(call.Arguments, answer["with"]));
    }

    private static readonly Schemas.JsonSchema TestSchema = Schemas.JsonSchema.Parse(JqValue.Parse("""
        {"type":"object","required":["tests"],"additionalProperties":false,"properties":{
          "flow":{"type":"string"},"flows":{"type":"array","items":{"type":"string"}},
          "tests":{"type":"array","minItems":1,"items":{"type":"object","additionalProperties":false,"required":["expect"],"properties":{
            "name":{"type":"string"},"input":{},"secrets":{"type":"object"},
            "calls":{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{
              "task":{"type":"string"},"kind":{"type":"string"},"with":{},"times":{"type":"integer","minimum":1},"after":{"type":"string","format":"duration"},"returns":{},
              "fails":{"type":"object","required":["type","status"]}}}},
            "events":{"type":"array","items":{"type":"object","required":["event"],"additionalProperties":false,"properties":{
              "after":{"type":"string","format":"duration"},"event":{"type":"object","required":["type"]}}}},
            "expect":{"type":"object","additionalProperties":false,"properties":{
              "status":{"enum":["completed","faulted","cancelled"]},"output":{},"error":{"type":"object"},"order":{"type":"array","items":{"type":"string"}},
              "emitted":{"type":"array","items":{"type":"object"}},"elapsed":{"type":"string","format":"duration"}}}}}}}}
        """));
}
