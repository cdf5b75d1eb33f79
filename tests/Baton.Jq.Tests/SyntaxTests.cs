using Xunit;

namespace Baton.Jq.Tests;

public class SyntaxTests
{
    private static readonly JqOptions Deterministic = new() { Deterministic = true };

    [Theory]
    [InlineData(". as [] | null", "syntax error, unexpected ']', expecting BINDING or '[' or '{'", 1, 7)]
    [InlineData("1 +", "syntax error, unexpected end of file", 1, 3)]
    [InlineData("1 2", "syntax error, unexpected LITERAL, expecting end of file", 1, 3)]
    [InlineData("def f: 1", "syntax error, unexpected end of file", 1, 8)]
    [InlineData("{a b}", "syntax error, unexpected IDENT, expecting '}'", 1, 4)]
    [InlineData("{(1):2}", "Cannot use number (1) as object key", 1, 3)]
    [InlineData("\n  foo(1)", "foo/1 is not defined", 2, 3)]
    [InlineData("break", "break requires a label to break to", 1, 1)]
    [InlineData("import \"m\" as m; 1", "module not found: m", 1, 1)]
    [InlineData("\"\\x\"", "Invalid escape at line 1, column 4 (while parsing '\"\\x\"')", 1, 2)]
    [InlineData("1 == 2 == 3", "syntax error, unexpected ==", 1, 8)]
    [InlineData("_match_impl_missing", "_match_impl_missing/0 is not defined", 1, 1)]
    public void A_fault_is_named_with_its_place(string filter, string message, int line, int column)
    {
        var failure = Assert.Throws<JqSyntaxException>(() => JqProgram.Parse(filter));
        Assert.Equal((message, line, column), (failure.Problems[0].Message, failure.Line, failure.Column));
    }

    [Fact]
    public void All_undefined_names_are_told_at_once()
    {
        var failure = Assert.Throws<JqSyntaxException>(() => JqProgram.Parse("def unused: $x; foo | $y | break $z"));
        Assert.Equal(
            ["$x is not defined", "foo/0 is not defined", "$y is not defined", "$*label-z is not defined"],
            failure.Problems.Select(p => p.Message));
    }

    [Theory]
    [InlineData("now")]
    [InlineData("env")]
    [InlineData("$ENV")]
    [InlineData("$__loc__")]
    [InlineData("{$__loc__}")]
    [InlineData("input")]
    [InlineData("inputs")]
    [InlineData("debug")]
    [InlineData("debug(1)")]
    [InlineData("stderr")]
    [InlineData("localtime")]
    [InlineData("strflocaltime(\"%Y\")")]
    [InlineData("input_filename")]
    [InlineData("input_line_number")]
    [InlineData("get_search_list")]
    [InlineData("halt")]
    [InlineData("halt_error")]
    [InlineData("halt_error(1)")]
    public void A_deterministic_program_may_not_call(string call)
    {
        var failure = Assert.Throws<JqSyntaxException>(() => JqProgram.Parse($".a |\n  map(.b | def f: [{call}]; f)", Deterministic));
        var problem = Assert.Single(failure.Problems);
        Assert.EndsWith("is not allowed in a deterministic program", problem.Message, StringComparison.Ordinal);
        Assert.Equal(2, problem.Line);
        JqProgram.Parse(call);
    }

    [Theory]
    [InlineData("[.[] | todate | fromdate]")]
    [InlineData("gmtime | mktime | strftime(\"%F\")")]
    [InlineData("def now: 1; now")]
    [InlineData("{now: 1, env: .input} | .debug")]
    [InlineData("[limit(3; .[])] | first | test(\"a\")")]
    public void A_deterministic_program_may_call(string filter) => JqProgram.Parse(filter, Deterministic);

    [Fact]
    public void Modules_come_from_the_host()
    {
        var asked = new List<JqModuleRequest>();
        var options = new JqOptions
        {
            Modules = request =>
            {
                asked.Add(request);
                return request.Path switch
                {
                    "lib" => new("/x/lib.jq", "import \"deep\" as d; def twice(f): f | f; def three: d::two + 1; def broken: now;"),
                    "deep" => new("/x/deep.jq", "def two: 2;"),
                    "self" => new("/x/self.jq", "import \"self\" as s; def a: 1;"),
                    "bad" => new("/x/bad.jq", "def a: nowhere;"),
                    _ => null,
                };
            },
        };
        Assert.Equal("[4,3]", EvaluationTests.Run("import \"lib\" as l {search: \"./\"}; [(2 | l::twice(. + 1)), l::three]", options: options));
        Assert.Equal(["./"], asked[0].Search);
        Assert.Equal("/x/lib.jq", asked.Single(r => r.Path == "deep").Importer);
        Assert.Equal("3", EvaluationTests.Run("include \"lib\"; three", options: options));
        Assert.Contains("imports itself", Assert.Throws<JqSyntaxException>(() => JqProgram.Parse("include \"self\"; a", options)).Message, StringComparison.Ordinal);
        Assert.Equal("/x/bad.jq", Assert.Throws<JqSyntaxException>(() => JqProgram.Parse("include \"bad\"; 1", options)).Problems[0].Source);
        Assert.Equal("/x/lib.jq", Assert.Throws<JqSyntaxException>(() => JqProgram.Parse("include \"lib\"; 1", options with { Deterministic = true })).Problems[0].Source);
    }
}
