using System.Text;
using System.Text.RegularExpressions;
using Baton.Flows.Validate;
using Baton.Jq;
using Baton.Server.Events;

namespace Baton.Flows.Bench.Fuzzing;

/// <summary>A reader of what comes from outside.</summary>
/// <param name="Samples">Sound inputs, from the folder of the examples.</param>
/// <param name="Fragments">What is put into them.</param>
/// <param name="Read">Reads one input, and tells in a few words what came of it; an exception is a find.</param>
internal sealed record FuzzTarget(string Name, Func<string, IEnumerable<string>> Samples, IReadOnlyList<string> Fragments, Func<string, string> Read);

internal static partial class FuzzTargets
{
    private static readonly JqLimits Limits = new() { MaxSteps = 20_000, MaxDepth = 5_000, MaxOutputBytes = 1 << 20, RegexTimeout = TimeSpan.FromMilliseconds(100) };

    private static readonly JqValue[] Inputs = [.. new[] { "null", "[1,[2,{\"a\":3}],\"x\"]", "{\"a\":{\"b\":[1,2]},\"c\":null,\"name\":\"Ann\"}" }.Select(JqValue.Parse)];

    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("flow", FlowTexts,
        [
            "do:", "- a:", "set:", "call: http", "with:", "{", "}", "[", "]", "\"", "'", "|", ">", "&a", "*a", "!!str ", "!x ", "<<: *a", "? ", ": ", "- ", "\n", "\n  ", "\n      ", "\t", "#", "---", "...", "%YAML 1.2",
            "${ . }", "${ .a[", "${", "}", "~", "0x1F", "0o17", "1e400", ".nan", "-.inf", "null", "true", "PT1S", "P1Y", "then: end", "then: a", "for: { in: . }", "fork: { branches: [] }", "try: []", "catch: {}",
            "listen: { to: { any: [] } }", "switch: []", "raise: { error: x }", "wait: PT1S", "run: { shell: { command: x } }", "timeout: x", "schedule: { cron: '* * * * *' }", "use: { functions: { f: { call: f } } }",
            "\\u0000", "\uFEFF", "\u2028", "😀", "\"\\ud800\"", "[[[[[[[[", "{a: {a: {a: {a: ", "document: { dsl: 1.0.3 }",
        ], ReadFlow),
        new("jq", Expressions,
        [
            ".", "..", ".a", ".[]", ".[0]", ".[1:]", "[", "]", "{", "}", "(", ")", "|", ",", "//", "?", "+", "-", "*", "/", "%", "==", "<", "=", "|=", "+=", "//=", " and ", " or ", " not ", " as ", "$x", " as [$x]|",
            "?//", "reduce ", "foreach ", "if ", " then ", " else ", " end", "try ", " catch ", "label $x|", "break $x", "def f: ", "def f(g): ", ";", "f", "1", "0", "-1", "1e1000", "nan", "infinite", "\"\\(", "\"", "@csv",
            "@base64 ", "null", "true", "empty", "error", "map(", "select(", "path(", "range(3)", "limit(2;", "first(", "recurse", "test(\"a\")", "gsub(\"a*\";\"b\")", "sort", "add", "tojson", "fromjson", "walk(", "getpath([0])",
            "to_entries", "group_by(", "del(", "ltrimstr(\"a\")", "splits(\"a\")", "implode", "strptime(\"%Y\")", "until(", "repeat(", "tostream", "#", "\n", "\u0000", "😀", "\\ud800",
        ], ReadExpression),
        new("events", Events,
        [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "null", "true", "0", "-1", "1e999", "\"id\"", "\"source\"", "\"type\"", "\"specversion\"", "\"data\"", "\"data_base64\"", "\"datacontenttype\"", "\"time\"",
            "\"dataschema\"", "\"subject\"", "\"\"", "\"1.0\"", "\"2026-01-01T00:00:00Z\"", "\"application/xml\"", "/", "://", " ", "\n", "\uFEFF", "😀", "\t", "[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":",
        ], ReadEvent),
    ];

    private static IEnumerable<string> FlowTexts(string examples) =>
        Directory.EnumerateFiles(examples, "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllText).Where(text => text.Contains("dsl:", StringComparison.Ordinal));

    private static IEnumerable<string> Expressions(string examples) =>
        FlowTexts(examples).SelectMany(text => Expression().Matches(text).Select(match => match.Groups[1].Value.Trim())).Distinct();

    private static IEnumerable<string> Events(string examples) =>
    [
        """{"specversion":"1.0","id":"1","source":"/shop","type":"com.example.order","time":"2026-01-02T03:04:05Z","subject":"a/b","datacontenttype":"application/json","data":{"n":[1,2,{"a":null}]}}""",
        """{"specversion":"1.0","id":"A234-1234-1234","source":"https://example.com/x?y=z","type":"t","dataschema":"https://example.com/s","data_base64":"AQID","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","extra1":5,"extra2":true}""",
        """{"specversion":"1.0","id":"3","source":"urn:x","type":"t","datacontenttype":"application/xml","data":"<a/>"}""",
    ];

    private static string ReadFlow(string text)
    {
        var validation = FlowValidator.Validate(text);
        if (!validation.IsValid && !validation.Problems.Any(problem => problem.Severity == FlowSeverity.Error))
        {
            throw new InvalidOperationException("It is refused without an error.");
        }
        return $"{(validation.IsValid ? "sound" : "refused")} {string.Join(' ', validation.Problems.Select(problem => problem.Code).Distinct())}";
    }

    private static string ReadExpression(string text)
    {
        JqProgram program;
        try
        {
            program = JqProgram.Parse(text, new JqOptions { Deterministic = true });
        }
        catch (JqSyntaxException refused)
        {
            return $"refused {Shape(refused.Message)}";
        }
        var outcome = new StringBuilder("sound");
        foreach (var input in Inputs)
        {
            try
            {
                outcome.Append(' ').Append(program.Evaluate(input, limits: Limits).Take(100).Count());
            }
            catch (Exception expected) when (expected is JqRuntimeException or JqLimitException or JqHaltException)
            {
                outcome.Append(' ').Append(expected.GetType().Name);
            }
        }
        return outcome.ToString();
    }

    private static string ReadEvent(string text)
    {
        var json = Encoding.UTF8.GetBytes(text);
        if (!CloudEvent.TryParse(json, out var cloudEvent, out var problems))
        {
            return problems.Count > 0 ? $"refused {string.Join(' ', problems.Select(problem => Shape(problem.ToString())).Distinct())}" : throw new InvalidOperationException("It is refused without a problem.");
        }
        // What was taken is given a trace, as the server does, and read again by whom it is delivered to.
        return CloudEvent.TryParse(cloudEvent.With("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").Json, out _, out _) ? "sound" : throw new InvalidOperationException("What was read cannot be read again.");
    }

    /// <summary>A message without what is quoted in it.</summary>
    private static string Shape(string message) => Quoted().Replace(message, "");

    [GeneratedRegex(@"\$\{(.*?)\}['""\n]", RegexOptions.Singleline)]
    private static partial Regex Expression();

    [GeneratedRegex("""['"`].*?['"`]|[0-9]+|[^ -~]""")]
    private static partial Regex Quoted();
}
