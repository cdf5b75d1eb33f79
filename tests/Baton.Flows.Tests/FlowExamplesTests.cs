using Baton.Flows.Model;
using Baton.Flows.Testing;
using Baton.Flows.Validate;

namespace Baton.Flows.Tests;

/// <summary>examples/flows: each is valid without a warning, draws, and passes its own flow test.</summary>
public sealed class FlowExamplesTests
{
    private static readonly string Folder = Path.Combine(Root(), "examples", "flows");

    public static TheoryData<string> Flows() => [.. Directory.GetFiles(Folder, "*.yaml").Where(f => !f.Contains(".test.", StringComparison.Ordinal)).Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Flows))]
    public void Is_valid_and_draws(string flow)
    {
        var validation = FlowValidator.Validate(File.ReadAllText(Path.Combine(Folder, flow + ".yaml")));
        Assert.Empty(validation.Problems);
        Assert.StartsWith("flowchart TD\n", FlowDiagram.Mermaid(validation.Definition!), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Flows))]
    public void Passes_its_test(string flow)
    {
        var results = FlowTest.Load(Path.Combine(Folder, flow + ".test.yaml")).Run().ToList();
        Assert.NotEmpty(results);
        Assert.All(results, result => Assert.True(result.Passed, $"{result.Name}: {string.Join("; ", result.Failures)}"));
    }

    [Fact]
    public void A_test_that_expects_something_else_fails()
    {
        var folder = Directory.CreateTempSubdirectory("baton-flow-test-").FullName;
        File.Copy(Path.Combine(Folder, "greet.yaml"), Path.Combine(folder, "greet.yaml"));
        File.WriteAllText(Path.Combine(folder, "greet.test.yaml"), "tests: [ { input: { name: Ann }, expect: { output: { greeting: Bye }, order: [nothing], emitted: [ { type: t } ], elapsed: PT1S } } ]");
        var result = Assert.Single(FlowTest.Load(Path.Combine(folder, "greet.test.yaml")).Run());
        Assert.Equal(["output", "order", "emitted", "elapsed"], result.Failures.Select(f => f.Split(':')[0]));
        Directory.Delete(folder, recursive: true);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Baton.slnx")))
        {
            folder = folder.Parent!;
        }
        return folder.FullName;
    }
}
