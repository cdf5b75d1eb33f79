using System.Text;

namespace Baton.Jq.Tests;

/// <summary>jq's own test format: groups of lines, a program, its input, the outputs; or %%FAIL, a program, the message.</summary>
internal static class JqTestFile
{
    /// <param name="Outputs">Expected outputs, or the lines of the expected message.</param>
    public sealed record Case(int Line, string Program, string Input, IReadOnlyList<string> Outputs, bool MustFail, bool IgnoreMessage);

    /// <summary>Null where the suites of others are not beside this repository.</summary>
    public static string? Find(string relative)
    {
        if (Environment.GetEnvironmentVariable("BATON_SHARED") is { Length: > 0 } given)
        {
            return Existing(Path.Combine(given, relative));
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Existing(Path.Combine(folder.FullName, "shared", relative)) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    public static IReadOnlyList<Case> Read(string path)
    {
        var lines = File.ReadAllLines(path, Encoding.UTF8);
        var cases = new List<Case>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (IsSkipped(lines[i]))
            {
                continue;
            }

            if (lines[i].StartsWith("%%FAIL", StringComparison.Ordinal))
            {
                var ignore = lines[i].Contains("IGNORE MSG", StringComparison.Ordinal);
                var program = lines[++i];
                cases.Add(new(i + 1, program, "null", Group(lines, ref i), MustFail: true, ignore));
            }
            else
            {
                var start = i;
                var input = lines[++i];
                cases.Add(new(start + 1, lines[start], input, Group(lines, ref i), MustFail: false, IgnoreMessage: false));
            }
        }

        return cases;
    }

    private static List<string> Group(string[] lines, ref int i)
    {
        var group = new List<string>();
        while (i + 1 < lines.Length && !IsSkipped(lines[i + 1]))
        {
            group.Add(lines[++i]);
        }

        return group;
    }

    private static bool IsSkipped(string line) => string.IsNullOrWhiteSpace(line) || line.TrimStart().StartsWith('#');

    private static string? Existing(string path) => File.Exists(path) ? path : null;
}
