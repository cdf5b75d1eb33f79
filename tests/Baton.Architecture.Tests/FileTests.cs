using System.Text.RegularExpressions;

namespace Baton.Architecture.Tests;

public sealed partial class FileTests
{
    private const int LongestFile = 600;

    [Fact]
    public void No_file_is_too_long_to_be_read_at_once()
    {
        var tooLong = Repository.Sources
            .Select(source => (source.Key, Lines: source.Value.Count(letter => letter == '\n')))
            .Where(file => file.Lines > LongestFile)
            .Select(file => $"{file.Key}: {file.Lines} lines")
            .ToList();
        Assert.True(tooLong.Count == 0, $"over {LongestFile} lines:\n{string.Join('\n', tooLong)}");
    }

    [Fact]
    public void No_file_is_dead()
    {
        var words = Repository.Sources.ToDictionary(source => source.Key, source => Word().EnumerateMatchesAsSet(source.Value));
        var dead = Repository.Sources
            .Where(source => Path.GetFileName(source.Key) != "Program.cs" && !IsForUsers(source.Key, source.Value) && !FoundByReflection().IsMatch(source.Value))
            .Where(source => Declared(source.Value) is { Count: > 0 } declared
                && !words.Any(other => other.Key != source.Key && other.Value.Overlaps(declared)))
            .Select(source => source.Key)
            .ToList();
        Assert.True(dead.Count == 0, $"nothing uses what these files declare:\n{string.Join('\n', dead)}");
    }

    [Fact]
    public void Nothing_is_left_for_later() => Assert.Empty(
        Repository.Sources
            .Where(source => Unfinished().IsMatch(source.Value))
            .Select(source => source.Key));

    /// <summary>A public type of a library that stands alone: its users are not in this repository.</summary>
    private static bool IsForUsers(string path, string text) =>
        path.Split(Path.DirectorySeparatorChar)[1] is "Baton.Durable" or "Baton.Jq" or "Baton.Detect" && PublicType().IsMatch(text);

    /// <summary>The types of a file, and the extension methods through which a static class is used.</summary>
    private static HashSet<string> Declared(string text) =>
        [.. TypeDeclaration().Matches(text).Concat(ExtensionMethod().Matches(text)).Select(match => match.Groups["name"].Value)];

    /// <summary>Entity Framework looks for these by their interface.</summary>
    [GeneratedRegex(@"IDesignTimeDbContextFactory<|IEntityTypeConfiguration<")]
    private static partial Regex FoundByReflection();

    [GeneratedRegex(@"\b(?:class|struct|interface|enum|record|delegate\s+\S+)\s+(?:class\s+|struct\s+)?(?<name>[A-Z]\w*)")]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"^public [\w ]*\b(?:class|struct|interface|enum|record|delegate)\b", RegexOptions.Multiline)]
    private static partial Regex PublicType();

    [GeneratedRegex(@"static\s+[^\n(=]*?\b(?<name>[A-Z]\w*)(?:<[^(]*>)?\(\s*this\s")]
    private static partial Regex ExtensionMethod();

    [GeneratedRegex(@"\bTODO\b|\bFIXME\b|\bHACK\b|NotImplementedException")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}

internal static class RegexExtensions
{
    public static HashSet<string> EnumerateMatchesAsSet(this Regex regex, string text) => [.. regex.Matches(text).Select(match => match.Value)];
}
