using Baton.Flows.Parse;
using Baton.Flows.Schemas;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Tests;

public sealed class ExamplesTests
{
    public static TheoryData<string> Files()
    {
        var files = new TheoryData<string>();
        if (SharedData.Ows is { } ows)
        {
            files.AddRange(Directory.GetFiles(Path.Combine(ows, "examples")).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).ToArray());
        }
        return files;
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Files))]
    public void Every_example_reads(string file)
    {
        var text = File.ReadAllText(Path.Combine(SharedData.RequireOws(), "examples", file));
        var validation = FlowValidator.Validate(text);
        Assert.DoesNotContain(validation.Problems, p => p.Severity == FlowSeverity.Error);
    }

    /// <summary>The public schema refuses none of the examples; neither does this implementation of JSON Schema with it.</summary>
    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Files))]
    public void The_public_schema_accepts_every_example(string file)
    {
        var ows = SharedData.RequireOws();
        var schema = JsonSchema.Parse(ReadYaml(Path.Combine(ows, "workflow-1.0.3.schema.yaml")));
        Assert.Empty(schema.Validate(ReadYaml(Path.Combine(ows, "examples", file))));
    }

    internal static JqValue ReadYaml(string path)
    {
        var problems = new DiagnosticBag();
        var node = SourceReader.Read(File.ReadAllText(path), SourceLimits.Default, problems);
        Assert.Empty(problems.Sorted());
        return JqValue.Parse(node!.ToUtf8Json());
    }
}
