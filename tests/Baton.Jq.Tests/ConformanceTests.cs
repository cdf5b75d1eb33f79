using Xunit;

namespace Baton.Jq.Tests;

/// <summary>jq's own suite, read from beside the repository; skipped, and so named, where it is not there.</summary>
public class ConformanceTests
{
    private const string Suite = "data/jq/jq.test";

    // Ours, and enough for what the suite asks of its own module files.
    private static readonly Dictionary<string, string> Modules = new()
    {
        ["a"] = """module {version: 1}; def a: "a";""",
        ["b"] = """def a: "b"; def b: "c";""",
        ["c"] = """
            module {whatever: null};
            import "a" as foo;
            import "d" as d {search: "./"};
            import "d" as d2 {search: "./"};
            import "e" as e {search: "./../lib/jq"};
            import "f" as f {search: "./../lib/jq"};
            import "data" as $d;
            def a: 0;
            def c: foo::a + "c" + d::meh + e::bah;
            """,
        ["d"] = """def meh: "meh";""",
        ["e"] = """def bah: "bah";""",
        ["f"] = """def f: "f";""",
        ["data"] = """{"this": "is a test", "that": "is too"}""",
        ["shadow1"] = "def e: 2;",
        ["shadow2"] = "def e: 3;",
        ["syntaxerror"] = "wat;",
        ["test_bind_order"] = """
            import "shadow1" as one; import "shadow2" as two;
            def sanity: one::e == 2 and two::e == 3;
            def check: sanity;
            """,
    };

    /// <summary>Cases that need files or the environment of the process: none, since modules come from the host.</summary>
    private static readonly HashSet<string> Excluded = [];

    public static TheoryData<int, string> Cases()
    {
        var data = new TheoryData<int, string>();
        if (JqTestFile.Find(Suite) is not { } path)
        {
            data.Add(0, Suite);
            return data;
        }

        foreach (var test in JqTestFile.Read(path))
        {
            data.Add(test.Line, test.Program);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gives_what_jq_gives(int line, string program)
    {
        var path = JqTestFile.Find(Suite);
        Assert.SkipWhen(path is null, $"{Suite} is not beside this repository.");
        Assert.SkipWhen(Excluded.Contains(program), "Needs files or the environment of the process.");
        var test = JqTestFile.Read(path!).Single(c => c.Line == line);
        var options = new JqOptions
        {
            Modules = request => Modules.TryGetValue(request.Path, out var text) ? new(request.Path, text) : null,
        };

        if (test.MustFail)
        {
            var failure = Assert.Throws<JqSyntaxException>(() => JqProgram.Parse(program, options));
            if (!test.IgnoreMessage)
            {
                Assert.Equal(string.Join('\n', test.Outputs), failure.Problems[0].ToString());
            }

            return;
        }

        var outputs = new List<JqValue>();
        try
        {
            var limits = new JqLimits { MaxSteps = 100_000_000 };
            outputs.AddRange(JqProgram.Parse(program, options).Evaluate(JqValue.Parse(test.Input), limits: limits));
        }
        catch (JqRuntimeException) when (outputs.Count == test.Outputs.Count)
        {
            // An error behind the last output is how some of the cases end.
        }

        Assert.Equal(test.Outputs.Select(JqValue.Parse), outputs);
    }
}
