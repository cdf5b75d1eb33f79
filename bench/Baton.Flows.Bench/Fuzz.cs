using System.Diagnostics;
using Baton.Flows.Validate;

namespace Baton.Flows.Bench;

/// <summary>Broken documents for the reader and the validator: each must end with a definition or with problems, and soon.</summary>
internal static class Fuzz
{
    private static readonly string[] Fragments =
    [
        "do:", "- a:", "set:", "call: http", "with:", "{", "}", "[", "]", "\"", "'", "|", ">", "&a", "*a", "!!str ", "!x ", "<<: *a", "? ", ": ", "- ", "\n", "\n  ", "\n      ", "\t", "#", "---", "...", "%YAML 1.2",
        "${ . }", "${ .a[", "${", "}", "~", "0x1F", "0o17", "1e400", ".nan", "-.inf", "null", "true", "PT1S", "P1Y", "then: end", "then: a", "for: { in: . }", "fork: { branches: [] }", "try: []", "catch: {}",
        "listen: { to: { any: [] } }", "switch: []", "raise: { error: x }", "wait: PT1S", "run: { shell: { command: x } }", "timeout: x", "schedule: { cron: '* * * * *' }", "use: { functions: { f: { call: f } } }",
        "\\u0000", "\uFEFF", "\u2028", "😀", "\"\\ud800\"", "[[[[[[[[", "{a: {a: {a: {a: ", "document: { dsl: 1.0.3 }",
    ];

    /// <param name="samples">Sound documents to break.</param>
    /// <returns>Exit code.</returns>
    public static int Run(IReadOnlyList<string> samples, int inputs, int seed)
    {
        var random = new Random(seed);
        var (sound, slowest) = (0, 0.0);
        var slowestText = "";
        for (var i = 0; i < inputs; i++)
        {
            var text = i % 5 == 0
                ? string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => Fragments[random.Next(Fragments.Length)]))
                : Broken(samples[random.Next(samples.Count)], random);
            var started = Stopwatch.GetTimestamp();
            try
            {
                var validation = FlowValidator.Validate(text);
                if (!validation.IsValid && !validation.Problems.Any(p => p.Severity == FlowSeverity.Error))
                {
                    throw new InvalidOperationException("It is refused without an error.");
                }
                sound += validation.IsValid ? 1 : 0;
            }
            catch (Exception e)
            {
                Console.Error.WriteLine($"seed {seed}, input {i}:\n{text}\n{e}");
                return 1;
            }
            var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (took > slowest)
            {
                (slowest, slowestText) = (took, text);
            }
        }
        Console.WriteLine($"{inputs} documents: {sound} sound, {inputs - sound} with problems; none crashed. Slowest {slowest:0} ms, {slowestText.Length} characters.");
        return 0;
    }

    /// <summary>A document with up to four changes: something cut, repeated, moved, replaced or put in.</summary>
    private static string Broken(string text, Random random)
    {
        for (var change = random.Next(1, 5); change > 0 && text.Length > 0; change--)
        {
            var at = random.Next(text.Length);
            var length = Math.Min(random.Next(1, 40), text.Length - at);
            var part = text.Substring(at, length);
            text = random.Next(5) switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, part),
                2 => text.Remove(at, length).Insert(random.Next(text.Length - length + 1), part),
                3 => text.Remove(at, 1).Insert(at, ((char)random.Next(1, 0x2100)).ToString()),
                _ => text.Insert(at, Fragments[random.Next(Fragments.Length)]),
            };
        }
        return text;
    }
}
