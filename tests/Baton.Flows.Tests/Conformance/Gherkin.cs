using System.Text;
using System.Text.RegularExpressions;

namespace Baton.Flows.Tests.Conformance;

/// <summary>A step of a scenario: its text without the keyword, and the text block under it.</summary>
internal sealed record GherkinStep(string Text, string? Block);

internal sealed record GherkinScenario(string Feature, string Name, IReadOnlyList<GherkinStep> Steps)
{
    public override string ToString() => $"{Feature}: {Name}";
}

/// <summary>Reads the part of Gherkin that the conformance kit uses: features, scenarios, steps, text blocks, comments.</summary>
internal static partial class Gherkin
{
    public static IEnumerable<GherkinScenario> Read(string path)
    {
        string? name = null;
        var steps = new List<GherkinStep>();
        var feature = Path.GetFileNameWithoutExtension(path);
        var lines = File.ReadAllLines(path);
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.StartsWith("Scenario:", StringComparison.Ordinal))
            {
                if (name is not null)
                {
                    yield return new GherkinScenario(feature, name, steps);
                }
                name = line["Scenario:".Length..].Trim();
                steps = [];
            }
            else if (Keyword().Match(line) is { Success: true } match && name is not null)
            {
                string? block = null;
                if (i + 1 < lines.Length && lines[i + 1].TrimStart().StartsWith("\"\"\"", StringComparison.Ordinal))
                {
                    (block, i) = ReadBlock(lines, i + 1);
                }
                steps.Add(new GherkinStep(match.Groups["text"].Value.TrimEnd(':').Trim(), block));
            }
        }
        if (name is not null)
        {
            yield return new GherkinScenario(feature, name, steps);
        }
    }

    private static (string Block, int Last) ReadBlock(string[] lines, int open)
    {
        var indent = lines[open].Length - lines[open].TrimStart().Length;
        var text = new StringBuilder();
        var i = open + 1;
        for (; !lines[i].TrimStart().StartsWith("\"\"\"", StringComparison.Ordinal); i++)
        {
            text.AppendLine(lines[i].Length >= indent ? lines[i][indent..] : lines[i].TrimStart());
        }
        return (text.ToString(), i);
    }

    [GeneratedRegex("^(Given|When|Then|And|But)\\s+(given\\s+)?(?<text>.+)$")]
    private static partial Regex Keyword();
}
