using System.Text;
using CsCheck;
using Xunit;

namespace Baton.Jq.Tests;

public class PropertyTests
{
    private static readonly Gen<JqValue> Scalar = Gen.OneOf(
        Gen.Const(JqValue.Null),
        Gen.Bool.Select(b => JqValue.From(b)),
        Gen.Double[-1e6, 1e6].Select(d => JqValue.From(d)),
        Gen.Int[-100, 100].Select(i => JqValue.From((double)i)),
        Gen.String[Gen.Char.AlphaNumeric, 0, 6].Select(s => JqValue.From(s)),
        Gen.String[OneOf('\u00e9', '"', '\\', '\n', '\u2028', '\u007f', '\u6b63'), 0, 4].Select(s => JqValue.From(s)));

    private static readonly Gen<JqValue> Value = Gen.Recursive<JqValue>((depth, inner) => depth >= 4
        ? Scalar
        : Gen.Frequency(
            (3, Scalar),
            (1, inner.Array[0, 4].Select(JqValue.FromArray)),
            (1, Gen.Select(Gen.String[Gen.Char['a', 'e'], 0, 2], inner, (k, v) => KeyValuePair.Create(k, v)).Array[0, 4].Select(JqValue.FromObject))));

    private static readonly Gen<string> Fragment = OneOf(
        ".", "..", ".a", ".[]", ".[0]", "[", "]", "{", "}", "(", ")", "|", ",", "//", "?", "+", "-", "*", "/", "%", "==", "<", "=", "|=", "+=",
        " as ", "$x", "$__loc__", "reduce ", "foreach ", "if ", " then ", " else ", " end", "try ", " catch ", "label $x|", "break $x", "def f: ", "def f(g): ",
        ";", "f", "g", "f(.)", "1", "0", "-1", "\"a\"", "\"\\(", "\"", "@csv", "@base64 ", "null", "true", "empty", "error", "map(", "select(", "path(",
        "range(3)", "limit(2;", "first(", "recurse", "test(\"a\")", "sort", "keys", "length", "add", "tojson", "fromjson", "?//", "[$x]", "{a:$x}", "#", "\n", "import \"a\" as b;");

    private static readonly JqLimits Small = new() { MaxSteps = 20_000, MaxDepth = 2_000, MaxOutputBytes = 100_000 };

    [Fact]
    public void Random_fragments_are_run_or_refused() => Gen.Select(Fragment.Array[1, 12], Value).Sample((parts, input) => Survives(string.Concat(parts), input));

    [Fact]
    public void Random_text_is_run_or_refused() => Gen.String[Gen.Char[' ', '~'], 0, 30].Sample(text => Survives(text, JqValue.Null));

    [Fact]
    public void Random_bytes_are_json_or_refused() => Gen.Byte.Array[0, 40].Sample(bytes =>
    {
        try
        {
            var value = JqValue.Parse(bytes);
            Assert.Equal(value.ToJson(), JqValue.Parse(value.ToUtf8Json()).ToJson());
        }
        catch (JqJsonException e)
        {
            Assert.Contains("while parsing", e.Message, StringComparison.Ordinal);
        }
    });

    [Fact]
    public void Almost_json_is_read_or_its_fault_is_described() =>
        OneOf("[", "]", "{", "}", ",", ":", "\"a\"", "\"", "\\", "1", "-", "nan", "true", "nul", " ", "1e", ".5", "\\u12").Array[0, 10]
            .Select(string.Concat).Sample(text =>
            {
                try
                {
                    JqValue.Parse(text);
                }
                catch (JqJsonException e)
                {
                    // The reader that decides and the one that describes agree on what is wrong.
                    Assert.DoesNotContain("Invalid JSON text", e.Message, StringComparison.Ordinal);
                }
            });

    [Fact]
    public void Values_survive_text_and_back() => Value.Sample(value =>
    {
        Assert.Equal(value, JqValue.Parse(value.ToJson()));
        Assert.Equal(value, JqValue.From(value.ToJsonNode()));
        Assert.Equal(value.ToJson(), Encoding.UTF8.GetString(value.ToUtf8Json()));
    });

    [Fact]
    public void Order_agrees_with_equality() => Gen.Select(Value, Value).Sample((a, b) =>
    {
        Assert.Equal(a == b, a.CompareTo(b) == 0);
        Assert.Equal(Math.Sign(a.CompareTo(b)), -Math.Sign(b.CompareTo(a)));
        Assert.True(a != b || a.GetHashCode() == b.GetHashCode());
    });

    [Theory]
    [InlineData(". as $v | [paths] | all(.[]; . as $p | $v | getpath($p) == getpath($p))")]
    [InlineData(". as $v | all(paths; . as $p | $v | setpath($p; getpath($p)) == $v)")]
    [InlineData(". as $v | all(paths; . as $p | $v | setpath($p; 1) | getpath($p) == 1)")]
    [InlineData("[paths] == [path(..)][1:]")]
    [InlineData("[..] == ([.] + [paths as $p | getpath($p)])")]
    [InlineData("(.. |= .) == .")]
    [InlineData(". == fromstream(tostream)")]
    [InlineData("tojson | fromjson | tojson | . == (fromjson | tojson)")]
    [InlineData("[.] | sort | . == (sort | sort)")]
    [InlineData("[..] | (sort | map([.])) == (map([.]) | sort)")]
    [InlineData("[..] | (group_by(.) | add) == sort")]
    [InlineData("[..] | unique == (group_by(.) | map(.[0]))")]
    [InlineData("(if type == \"object\" then with_entries(.) else . end) == .")]
    [InlineData("[..] | (reverse | reverse) == .")]
    [InlineData("walk(.) == .")]
    [InlineData("[..|strings] | all(.[]; explode | implode | . == .)")]
    [InlineData("[.. | strings] | map(@base64 | @base64d) == .")]
    [InlineData("[.. | strings] | map(@uri | @urid) == .")]
    [InlineData("delpaths([paths]) | . == {} or . == [] or (type | . != \"array\" and . != \"object\")")]
    public void Laws_hold_for_any_value(string law)
    {
        var program = JqProgram.Parse(law);
        Value.Sample(value => Assert.True(program.Evaluate(value).Last().IsTruthy, value.ToJson()));
    }

    [Fact]
    public void A_deterministic_program_answers_the_same_twice() => Gen.Select(Fragment.Array[1, 10], Value).Sample((parts, input) =>
    {
        JqProgram program;
        try
        {
            program = JqProgram.Parse(string.Concat(parts), new() { Deterministic = true });
        }
        catch (JqSyntaxException)
        {
            return;
        }

        Assert.Equal(Outcome(program, input), Outcome(program, input));
    });

    private static Gen<T> OneOf<T>(params T[] choices) => Gen.Int[0, choices.Length - 1].Select(i => choices[i]);

    private static string Outcome(JqProgram program, JqValue input)
    {
        var outcome = new StringBuilder();
        try
        {
            foreach (var value in program.Evaluate(input, limits: Small))
            {
                outcome.Append(value.ToJson());
            }
        }
        catch (Exception e) when (e is JqRuntimeException or JqLimitException)
        {
            outcome.Append(e.Message);
        }

        return outcome.ToString();
    }

    private static void Survives(string filter, JqValue input)
    {
        try
        {
            Outcome(JqProgram.Parse(filter), input);
        }
        catch (JqSyntaxException e)
        {
            Assert.True(e.Line >= 1 && e.Column >= 1);
        }
    }
}
