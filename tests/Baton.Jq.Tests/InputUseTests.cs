using Xunit;

namespace Baton.Jq.Tests;

/// <summary>What is told of a program without running it.</summary>
public sealed class InputUseTests
{
    [Theory]
    [InlineData(".", true)]
    [InlineData(".a.b[0].\"c d\"", true)]
    [InlineData("$x.a", true)]
    [InlineData("{ a: .x, b: [$x, 1], c }", true)]
    [InlineData(".a | .b", true)]
    [InlineData(".a?", false)]
    [InlineData(".[]", false)]
    [InlineData(".a[1:2]", false)]
    [InlineData(".a | length", false)]
    [InlineData(".a + 1", false)]
    [InlineData("{ (.k): 1 }", false)]
    [InlineData(".a // 1", false)]
    [InlineData("\"\\(.a)\"", false)]
    [InlineData("def f: .; f", false)]
    public void Programs_that_only_move_values_are_known(string program, bool expected) =>
        Assert.Equal(expected, JqProgram.Parse(program, new JqOptions { Variables = ["x"] }).IsSelection);

    [Theory]
    [InlineData("$x.status == 503", false)]
    [InlineData("1", false)]
    [InlineData("$x | length", false)]
    [InlineData("[$x, { a: $x }] | .[0].b", false)]
    [InlineData("if $x then 1 else 2 end", false)]
    [InlineData("if $x then 1 end", true)]
    [InlineData("$x == .", true)]
    [InlineData("length", true)]
    [InlineData("$x as $y | .", true)]
    [InlineData("\"\\($x)\"", false)]
    public void Programs_that_cannot_depend_on_their_input_are_known(string program, bool expected) =>
        Assert.Equal(expected, JqProgram.Parse(program, new JqOptions { Variables = ["x"] }).ReadsInput);
}
