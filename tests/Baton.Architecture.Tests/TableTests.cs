using System.Globalization;
using System.Text.RegularExpressions;

namespace Baton.Architecture.Tests;

/// <summary>What stands in one table, and in one place: error codes with their pages, log events with their ids.</summary>
public sealed partial class TableTests
{
    private static readonly string Pages = Path.Combine(Repository.Root, "src", "Baton.Server", "Errors", "Pages");

    [Fact]
    public void Every_error_code_has_a_page_and_every_page_a_code()
    {
        var used = Repository.Sources.Values.SelectMany(text => CodeLiteral().Matches(text)).Select(match => match.Groups["code"].Value).ToHashSet();
        var paged = Directory.EnumerateFiles(Pages, "*.md").Select(file => Path.GetFileNameWithoutExtension(file)!).ToHashSet();
        Assert.NotEmpty(used);
        Assert.Empty(used.Except(paged));
        Assert.Empty(paged.Except(used));
    }

    [Fact]
    public void Every_page_says_the_cause_and_the_remedy() => Assert.All(
        Directory.EnumerateFiles(Pages, "*.md"),
        file =>
        {
            var page = File.ReadAllText(file);
            Assert.StartsWith($"# {Path.GetFileNameWithoutExtension(file)}: ", page, StringComparison.Ordinal);
            Assert.Contains("**Cause.**", page, StringComparison.Ordinal);
            Assert.Contains("**Remedy.**", page, StringComparison.Ordinal);
        });

    [Fact]
    public void Every_log_event_takes_its_id_from_a_table_and_no_other_takes_it()
    {
        var events = Repository.Sources.SelectMany(source => LogEvent().Matches(source.Value).Select(match => (source.Key, Id: match.Groups["id"].Value))).ToList();
        Assert.NotEmpty(events);
        Assert.All(events, logged => Assert.True(logged.Id.StartsWith("EventIds.", StringComparison.Ordinal), $"{logged.Key}: {logged.Id} is not from the table"));
        var twice = events.GroupBy(logged => (Project: logged.Key.Split(Path.DirectorySeparatorChar)[1], logged.Id)).Where(group => group.Count() > 1).Select(group => group.Key);
        Assert.Empty(twice);
    }

    [Fact]
    public void No_two_log_events_share_an_id()
    {
        var ids = Repository.Sources
            .Where(source => Path.GetFileName(source.Key) == "EventIds.cs")
            .SelectMany(source => EventId().Matches(source.Value).Select(match => (
                Name: $"{source.Key}: {match.Groups["name"].Value}",
                Id: int.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture))))
            .ToList();
        Assert.NotEmpty(ids);
        Assert.Empty(ids.GroupBy(entry => entry.Id).Where(group => group.Count() > 1).Select(group => string.Join(" = ", group.Select(entry => entry.Name))));
    }

    [GeneratedRegex("\"(?<code>BT[0-9]{4})\"")]
    private static partial Regex CodeLiteral();

    [GeneratedRegex(@"\[LoggerMessage\((?:EventId\s*=\s*)?(?<id>[^,)]+)")]
    private static partial Regex LogEvent();

    [GeneratedRegex(@"const int (?<name>\w+) = (?<id>\d+);")]
    private static partial Regex EventId();
}
