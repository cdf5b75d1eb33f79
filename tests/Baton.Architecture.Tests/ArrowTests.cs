using System.Xml.Linq;

namespace Baton.Architecture.Tests;

/// <summary>Which project may know which (ARCHITECTURE.md, "The house").</summary>
public sealed class ArrowTests
{
    // Reading right to left: whoever stands left may reference any that it lists.
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Baton.Durable"] = [],
        ["Baton.Jq"] = [],
        ["Baton.Detect"] = [],
        ["Baton.Flows"] = ["Baton.Jq"],
        ["Baton.Connectors"] = ["Baton.Flows", "Baton.Jq"],
        ["Baton.Server"] = ["Baton.Connectors", "Baton.Flows", "Baton.Jq", "Baton.Detect", "Baton.Durable"],
        ["Baton.Cli"] = ["Baton.Server", "Baton.Connectors", "Baton.Flows", "Baton.Jq", "Baton.Detect", "Baton.Durable"],
    };

    private static readonly string[] BclOnly = ["Baton.Jq", "Baton.Detect"];

    public static TheoryData<string> Projects => [.. Repository.Projects.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void References_follow_the_arrows(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"{project} is not in the house: add it to the design first");
        Assert.Empty(References(project, "ProjectReference").Select(Path.GetFileNameWithoutExtension).Except(Allowed[project]));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Internals_are_open_to_tests_and_benches_only(string project) => Assert.All(
        References(project, "InternalsVisibleTo"),
        friend => Assert.Matches(@"^Baton\.\w+(\.Tests|\.Bench)$|^Baton\.(Testing|Conformance|Bench|KillTests)$", friend));

    [Fact]
    public void Libraries_of_pure_functions_take_no_package() => Assert.All(
        BclOnly.Where(Repository.Projects.ContainsKey),
        project =>
        {
            Assert.Empty(References(project, "PackageReference"));
            Assert.Empty(References(project, "FrameworkReference"));
        });

    [Fact]
    public void Durable_execution_is_reached_by_its_public_server_only()
    {
        // Types that hosts may name; everything else goes through the SDK's client.
        var offenders = Repository.Sources
            .Where(source => !source.Key.StartsWith(Path.Combine("src", "Baton.Durable"), StringComparison.Ordinal))
            .Where(source => System.Text.RegularExpressions.Regex.IsMatch(source.Value, @"using Baton\.Durable\.\w+"))
            .Select(source => source.Key);
        Assert.Empty(offenders);
    }

    [Fact]
    public void The_example_knows_no_type_of_ours() => Assert.All(
        Repository.Files("examples", "*.csproj").Where(file => file.Contains("deploy", StringComparison.Ordinal)),
        file => Assert.DoesNotContain("src/Baton", File.ReadAllText(file), StringComparison.Ordinal));

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = XDocument.Load(Path.Combine(Repository.Root, "Baton.slnx")).Descendants("Project").Select(project => project.Attribute("Path")!.Value).ToHashSet();
        var projects = new[] { "src", "tests", "bench" }
            .SelectMany(folder => Repository.Files(folder, "*.csproj"))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'));
        Assert.Empty(projects.Except(solution));
    }

    private static IEnumerable<string> References(string project, string kind) =>
        Repository.Projects[project].Descendants(kind).Select(reference => reference.Attribute("Include")!.Value);
}
