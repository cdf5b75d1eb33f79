using Xunit;

namespace Baton.Jq.Tests;

/// <summary>Whatever a program does, it ends: with its outputs, an error, or a limit.</summary>
public class LimitTests
{
    private static readonly JqLimits Small = new() { MaxSteps = 1_000_000, MaxDepth = 50_000, MaxOutputBytes = 1 << 20 };

    [Theory]
    [InlineData("range(infinite)", "MaxOutputBytes")]
    [InlineData("[range(infinite)]", "MaxSteps")]
    [InlineData("last(range(infinite))", "MaxSteps")]
    [InlineData("def f: f; f", "MaxSteps")]
    [InlineData("def f: 1 + f; f", "MaxDepth")]
    [InlineData("def f: [f]; f", "MaxDepth")]
    [InlineData("def f: try f catch .; f", "MaxDepth")]
    [InlineData("def f: (f | .), 1; f", "MaxDepth")]
    [InlineData("def f(g): f(g | g); f(.)", "MaxSteps")]
    [InlineData("[repeat(1)]", "MaxSteps")]
    [InlineData("until(false; .)", "MaxSteps")]
    [InlineData("reduce range(100) as $i (\"aaaaaaaa\"; . + .) | length", "MaxOutputBytes")]
    [InlineData("reduce range(100) as $i ([1]; . + .) | length", "MaxSteps")]
    [InlineData("reduce range(100) as $i (1; [., .])", "MaxOutputBytes")]
    [InlineData("reduce range(100) as $i (1; [., .]) | tojson | length", "MaxOutputBytes")]
    [InlineData("reduce range(100) as $i (1; [., .]) | flatten | length", "MaxSteps")]
    [InlineData("reduce range(100) as $i (1; [., .]) | [..] | length", "MaxSteps")]
    [InlineData("[reduce range(100) as $i (1; [., .]) , reduce range(100) as $i (1; [., .])] | .[0] == .[1]", "MaxSteps")]
    [InlineData("reduce range(100) as $i (1; [., .]) | .[1] < (reduce range(99) as $i (1; [., .]))", "MaxSteps")]
    [InlineData("\"a\" * 100000000", "MaxOutputBytes")]
    [InlineData("[limit(100000000; repeat(1))]", "MaxSteps")]
    [InlineData("null | .[100000000] = 1", "MaxSteps")]
    [InlineData("[range(100000)] | combinations(3)", "MaxSteps")]
    [InlineData("try range(infinite) catch 1 | empty", "MaxSteps")]
    [InlineData("(\"a\" * 40) + \"b\" | test(\"^(a+)+(?!x)$\")", "RegexTimeout")]
    [InlineData("first(range(infinite) | select(. < 0))", "MaxSteps")]
    [InlineData("[recurse(.)]", "MaxSteps")]
    [InlineData("path(recurse(.))", "MaxSteps")]
    [InlineData("label $x | def f: ., f; f | select(. == 1)", "MaxSteps")]
    public void An_endless_program_reaches_a_limit(string filter, string limit)
    {
        var limits = Small with { RegexTimeout = TimeSpan.FromMilliseconds(100) };
        var reached = Assert.Throws<JqLimitException>(() => JqProgram.Parse(filter).Evaluate(JqValue.Null, limits: limits).Count());
        Assert.Equal(limit, reached.Limit);
    }

    [Theory]
    [InlineData("def f: if . >= 300000 then . else . + 1 | f end; 0 | f", "300000")]
    [InlineData("[limit(5; def f: ., (. + 1 | f); 0 | f)]", "[0,1,2,3,4]")]
    [InlineData("last(limit(300000; repeat(1)))", "1")]
    [InlineData("0 | until(. >= 300000; . + 1)", "300000")]
    [InlineData("def s: if . == 0 then 0 else . + (. - 1 | s) end; 10000 | s", "50005000")]
    [InlineData("reduce range(100000) as $i ([]; . + [$i]) | length", "100000")]
    [InlineData("reduce range(100000) as $i ([]; .[$i] = $i) | length", "100000")]
    [InlineData("[range(100000)] | def f: if length < 2 then . else .[1:] | f end; f", "[99999]")]
    public void Long_loops_and_deep_recursion_are_no_trouble(string filter, string expected) =>
        Assert.Equal(expected, EvaluationTests.Run(filter));

    [Fact]
    public void Deep_values_are_read_and_written_up_to_the_depth_of_jq()
    {
        var text = new string('[', 10_000) + new string(']', 10_000);
        Assert.Equal(text, JqValue.Parse(text).ToJson());
        var tooDeep = Assert.Throws<JqJsonException>(() => JqValue.Parse("[" + text + "]"));
        Assert.StartsWith("Exceeds depth limit for parsing", tooDeep.Message, StringComparison.Ordinal);
        Assert.Equal(JqValue.Parse(text), JqValue.Parse(text));
        Assert.Equal("true", EvaluationTests.Run(". == (tojson | fromjson)", text));
        Assert.Equal("10000", EvaluationTests.Run("[..] | length", text));
        Assert.Equal("[]", EvaluationTests.Run("flatten", text));
    }

    [Theory]
    [InlineData("[", "]")]
    [InlineData("(", ")")]
    [InlineData("{a:", "}")]
    [InlineData("-", "")]
    [InlineData("1 as $x | ", "")]
    [InlineData("def f: ", "; f")]
    [InlineData("try ", "")]
    [InlineData("reduce ", " as $x (0; .)")]
    [InlineData("\"\\(", ")\"")]
    [InlineData("if . then ", " else . end")]
    [InlineData("label $x | ", "")]
    [InlineData(". as [$y] ?// $y | ", "")]
    public void A_deeply_nested_program_is_run_or_refused(string open, string close)
    {
        foreach (var depth in new[] { 2_000, 30_000 })
        {
            var filter = string.Concat(Enumerable.Repeat(open, depth)) + "1" + string.Concat(Enumerable.Repeat(close, depth));
            try
            {
                JqProgram.Parse(filter).Evaluate(JqValue.Null, limits: Small).Take(1).Count();
            }
            catch (Exception e) when (e is JqSyntaxException or JqRuntimeException or JqLimitException)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Theory]
    [InlineData("1", " + 1", "20000")]
    [InlineData(".", " | .", "null")]
    [InlineData("null", " | .a", "null")]
    [InlineData("first(1", ", 1", "1")]
    [InlineData("null", ".a", "null")]
    [InlineData("[]", "[0]?", "null")]
    public void A_long_program_is_run(string start, string more, string expected)
    {
        var filter = start + string.Concat(Enumerable.Repeat(more, 19_999)) + (start.Contains('(', StringComparison.Ordinal) ? ")" : "");
        Assert.Equal(expected, EvaluationTests.Run(filter));
    }

    [Fact]
    public void A_program_that_is_too_long_is_refused() =>
        Assert.Throws<JqSyntaxException>(() => JqProgram.Parse(new string(' ', (1 << 20) + 1)));

    [Fact]
    public void The_same_evaluation_takes_the_same_steps()
    {
        static bool Fits(long steps)
        {
            try
            {
                return JqProgram.Parse("[range(100)] | map(. * 2) | add").Evaluate(JqValue.Null, limits: new() { MaxSteps = steps }).Count() == 1;
            }
            catch (JqLimitException)
            {
                return false;
            }
        }

        var needed = Enumerable.Range(1, 5_000).First(n => Fits(n));
        Assert.True(Fits(needed));
        Assert.False(Fits(needed - 1));
    }
}
