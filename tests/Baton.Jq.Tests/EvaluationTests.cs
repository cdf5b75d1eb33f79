using System.Globalization;
using System.Text.Json.Nodes;
using Xunit;

namespace Baton.Jq.Tests;

public class EvaluationTests
{
    private static readonly JqOptions WithVariables = new() { Variables = ["$context", "name"] };

    /// <summary>Outputs joined by spaces, an uncaught error at the end.</summary>
    internal static string Run(string filter, string input = "null", JqOptions? options = null, JqLimits? limits = null)
    {
        var outputs = new List<string>();
        try
        {
            foreach (var value in JqProgram.Parse(filter, options).Evaluate(JqValue.Parse(input), limits: limits))
            {
                outputs.Add(value.ToJson());
            }
        }
        catch (JqRuntimeException e)
        {
            outputs.Add($"error: {e.Message}");
        }

        return string.Join(' ', outputs);
    }

    [Theory]
    [InlineData("[pow(2,3;1,2)]", "[2,3,4,9]")]
    [InlineData("""[{"a":(1,2), "b":(3,4)}] | map([.a,.b])""", "[[1,3],[1,4],[2,3],[2,4]]")]
    [InlineData("""["\(1,2) \(3,4)"]""", """["1 3","2 3","1 4","2 4"]""")]
    [InlineData("[[1,2],[3,4]] | [.[0,1][0,1]]", "[1,3,2,4]")]
    [InlineData("[[1,2,3,4] | .[(0,1):(2,3)]]", "[[1,2],[1,2,3],[2],[2,3]]")]
    [InlineData("[(1,2) < (2,0)]", "[true,false,false,false]")]
    [InlineData("[range(0,1;3,4)]", "[0,1,2,0,1,2,3,1,2,1,2,3]")]
    [InlineData("[(true,false) and (true,false)]", "[true,false,false]")]
    [InlineData("[foreach (1,2) as $x (0; (.+$x, 10))]", "[1,10,12,10]")]
    public void Varies_operands_in_the_order_of_jq(string filter, string expected) => Assert.Equal(expected, Run(filter));

    [Theory]
    [InlineData("1 + try 2 catch 3 + 4", "7")]
    [InlineData(".a?//1", "1")]
    [InlineData("[.[]?, ..?]", "[null]")]
    [InlineData("reduce range(3) as $x (0; empty)", "null")]
    [InlineData("[limit(3; repeat(1))]", "[1,1,1]")]
    [InlineData("try error(null) catch .", "null")]
    [InlineData("[0, null, [], {}, \"\" | reverse]", """[[],[],[],[],""]""")]
    [InlineData("[label $a | 1, (label $b | 2, break $a), 3]", "[1,2]")]
    [InlineData("def f(g): [g, g]; f(1, 2)", "[1,2,1,2]")]
    [InlineData("def f($a; $b): $a - $b; [f(10, 20; 1, 2)]", "[9,8,19,18]")]
    [InlineData("def r: if . > 2 then . else . + 1 | r end; 0 | r", "3")]
    [InlineData("def outer(f): def inner: if . < 3 then f | inner else . end; inner; 0 | outer(. + 1)", "3")]
    [InlineData("[1 as [$a] ?// $a | $a]", "[1]")]
    [InlineData("""{"k": {"a": [1, {"b": 2}]}} | [paths | map(tostring) | join(".")]""", """["k","k.a","k.a.0","k.a.1","k.a.1.b"]""")]
    [InlineData("[1,2,3] | first, last, nth(1), first(.[]), last(.[])", "1 3 2 1 3")]
    [InlineData("[[1,[2]],3] | tostream", "[[0,0],1] [[0,1,0],2] [[0,1,0]] [[0,1]] [[1],3] [[1]]")]
    [InlineData("fromstream([[1,2],[{\"a\":3}]] | tostream)", "[[1,2],[{\"a\":3}]]")]
    [InlineData("[splits(\"a+\"; null)]", "error: null (null) cannot be matched, as it is not a string")]
    [InlineData("\"xaayaz\" | [splits(\"a+\")]", """["x","y","z"]""")]
    [InlineData("\"p\" | [gsub(\"p\"; \"a\", \"b\")]", """["a","b"]""")]
    [InlineData("[.[]]", "error: Cannot iterate over null")]
    [InlineData("{a:1} | .b.c |= 3 | del(.a)", """{"b":{"c":3}}""")]
    [InlineData("[1,2,3,4] | (.[] | select(. % 2 == 0)) |= empty", "[1,3]")]
    [InlineData("{} | .a += 1, .a //= 2, (.a -= 1)?", """{"a":1} {"a":2}""")]
    [InlineData("[3,1,2] | sort, (sort_by(-.)), group_by(. > 1), unique_by(. % 2), min_by(-.), max_by(-.)", "[1,2,3] [3,2,1] [[1],[3,2]] [2,3] 3 1")]
    [InlineData("\"\\u00e9\\ud83d\\ude00x\" | length, utf8bytelength, explode, .[1:2], (explode | implode)", "3 7 [233,128512,120] \"😀\" \"é😀x\"")]
    [InlineData("[1,null,\"a\",[1],{\"b\":1},true] | map(type)", """["number","null","string","array","object","boolean"]""")]
    [InlineData("[5,6] | to_entries", """[{"key":0,"value":5},{"key":1,"value":6}]""")]
    [InlineData("[{\"name\":\"a\",\"value\":1},{\"k\":\"b\",\"v\":2},{\"key\":null},{\"key\":false},{\"key\":1}] | from_entries", """{"a":1,"b":2,"null":null,"false":null,"1":null}""")]
    [InlineData("try @what catch .", "\"what is not a valid format\"")]
    [InlineData("\"abc\" | [match(\"\"; \"g\").offset], gsub(\"\"; \"-\"), gsub(\"$\"; \"<\")", """[0,1,2,3] "-a-b-c-" "abc<" """)]
    [InlineData("\"test\" | [match(\"( )*\"; \"g\").captures[0].offset], [match(\"( )*\"; \"gn\")]", "[-1,-1,-1,-1,-1] []")]
    [InlineData("\"aXbxc\" | ascii_downcase, [splits(\"x\"; \"i\")], [scan(\"[a-c]\")], sub(\"(?<l>[a-z])\"; \"<\\(.l)>\"; \"g\")", "\"axbxc\" [\"a\",\"b\",\"c\"] [\"a\",\"b\",\"c\"] \"<a>X<b><x><c>\"")]
    [InlineData("\"\\ud83d\\ude00é\" | [match(\".\"; \"g\").string], [match(\"[^a]\"; \"g\").offset], test(\"[\\ud83d\\ude00-\\ud83d\\ude02]\")", """["😀","é"] [0,1] true""")]
    [InlineData("\"aaa\" | test(\"a++a\"), test(\"\\\\h{3}\"), [match(\"(?<x>a)(?<x>a)\").captures[].name]", """false true ["x","x"]""")]
    [InlineData("\"x1 y\" | [scan(\"[[:alpha:]]\\\\d?\")], test(\"\\\\Q1 y\\\\E$\"), sub(\"(?<a>.)(?<b>.)\"; \"\\(.b)\\(.a)\")", """["x1","y"] true "1x y" """)]
    [InlineData("try ([1,2,3][] | if . > 1 then error else empty end) catch [[.]] | ..", "[[2]] [2] 2")]
    [InlineData("\"foobar xbar\" | [match(\"[a-z]\\\\Kbar\"; \"g\") | .offset, .length, .string], gsub(\"o\\\\Kbar\"; \"\"), [match(\"(o)\\\\K(b)\").captures[].string]", """[3,3,"bar",8,3,"bar"] "foo xbar" ["o","b"]""")]
    [InlineData("\"e\\u0301a\\r\\n\\ud83d\\udc4d\\ud83c\\udffd\\ud83c\\udde9\\ud83c\\uddea\" | [match(\"\\\\X\"; \"g\").length]", "[2,1,2,2,2]")]
    [InlineData("[0, 1, 10, 24.9, 25.1, 1000, -1] | map([j0, j1] | map(. * 1e9 | round))", "[[1000000000,0],[765197687,440050586],[-245935764,43472746],[83245968,-134855700],[108275671,-114634784],[24786686,4728312],[765197687,-440050586]]")]
    [InlineData("[0.001, 1, 10, 24.9, 25.1, 1000] | map([y0, y1] | map(. * 1e9 | round))", "[[-4471416611,-636622167231],[88256964,-781212821],[55671167,249015424],[-136499184,-86002558],[-116767708,-110622233],[4715918,-24784331]]")]
    [InlineData("[0, -1] | map([y0, y1])", "[[-1.7976931348623157e+308,-1.7976931348623157e+308],[null,null]]")]
    [InlineData("[0.5, 8, 3.25] | map(gamma * 1e12 | round), (65 | ascii)", "[572364942925,8525161361065,935801931109] \"A\"")]
    [InlineData("input", "error: break")]
    public void Evaluates(string filter, string expected) => Assert.Equal(expected.TrimEnd(), Run(filter));

    [Theory]
    [InlineData("1.000", "1.000")]
    [InlineData("100e-2", "1.00")]
    [InlineData("1e1000", "1E+1000")]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890")]
    [InlineData("0.00001", "0.00001")]
    [InlineData("-0", "-0")]
    [InlineData("3.14", "3.14")]
    [InlineData("1e2", "1E+2")]
    public void A_number_that_is_only_passed_on_keeps_its_canonical_text(string number, string expected) =>
        Assert.Equal(expected, JqValue.Parse(number).ToJson());

    [Theory]
    [InlineData(1e17, "1e+17")]
    [InlineData(1e-5, "1e-05")]
    [InlineData(0.0001, "0.0001")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e+308")]
    [InlineData(double.PositiveInfinity, "1.7976931348623157e+308")]
    [InlineData(double.NaN, "null")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(123456789012345680, "123456789012345680")]
    [InlineData(-1.5, "-1.5")]
    public void A_computed_number_prints_its_shortest_digits(double number, string expected) =>
        Assert.Equal(expected, JqValue.From(number).ToJson());

    [Fact]
    public void Variables_of_the_host_are_given_with_or_without_a_dollar()
    {
        var program = JqProgram.Parse("[$context.x, $name, .y]", WithVariables);
        var variables = new Dictionary<string, JqValue>
        {
            ["context"] = JqValue.Parse("""{"x": 1}"""),
            ["$name"] = "n",
        };
        Assert.Equal("""[1,"n",2]""", program.Evaluate(JqValue.Parse("""{"y": 2}"""), variables).Single().ToJson());
        Assert.Equal("[null,null,null]", program.Evaluate(JqValue.Null).Single().ToJson());
        Assert.Equal("$other is not defined", Assert.Throws<JqSyntaxException>(() => JqProgram.Parse("$other", WithVariables)).Problems[0].Message);
    }

    [Fact]
    public void Outputs_are_computed_as_they_are_asked_for()
    {
        var outputs = JqProgram.Parse("1, error(\"late\")").Evaluate(JqValue.Null);
        Assert.Equal(1, outputs.First().GetDouble());
        Assert.Equal("late", Assert.Throws<JqRuntimeException>(() => outputs.Last()).Value.GetString());
    }

    [Fact]
    public void One_program_serves_many_threads()
    {
        var program = JqProgram.Parse("[range(.)] | reduce .[] as $x ({}; .[$x | tostring] = $x) | [.[]] | add");
        Parallel.For(1, 64, i => Assert.Equal(i * (i - 1) / 2, program.Evaluate(JqValue.From((double)i)).Single().GetDouble()));
    }

    [Fact]
    public void Host_functions_reach_the_host_only()
    {
        var inputs = new Queue<JqValue>([JqValue.From(1.0), JqValue.From(2.0)]);
        var seen = new List<string>();
        var host = new JqHost
        {
            Environment = JqValue.Parse("""{"HOME": "/x"}"""),
            NextInput = () => inputs.TryDequeue(out var next) ? next : default(JqValue?),
            Debug = value => seen.Add(value.ToJson()),
        };
        var program = JqProgram.Parse("[inputs], env.HOME, $ENV.HOME, (3 | debug)");
        Assert.Equal(["[1,2]", "\"/x\"", "\"/x\"", "3"], program.Evaluate(JqValue.Null, host: host).Select(v => v.ToJson()));
        Assert.Equal(["3"], seen);
        Assert.Equal("{}", Run("env"));
    }

    [Fact]
    public void Halting_ends_the_outputs()
    {
        var outputs = new List<JqValue>();
        var halt = Assert.Throws<JqHaltException>(() => outputs.AddRange(JqProgram.Parse("\"bye\" | halt_error").Evaluate(JqValue.Null)));
        Assert.Equal(5, halt.ExitCode);
        Assert.Equal("bye", halt.Value!.Value.GetString());
    }

    [Fact]
    public void Nodes_and_elements_convert_both_ways()
    {
        var node = JsonNode.Parse("""{"a":[1,2.5,"x",null,true,{"b":"é\n"}]}""")!;
        Assert.True(JsonNode.DeepEquals(node, JqValue.From(node).ToJsonNode()));
        Assert.Null(JqValue.Null.ToJsonNode());
        Assert.Equal("2.5", JqValue.From(JqValue.From(node).ToJsonElement().GetProperty("a")[1]).ToJson());
        Assert.Equal("9007199254740993", JqValue.From(9007199254740993).ToJson());
    }

    [Fact]
    public void Values_order_and_equal_as_in_jq()
    {
        var sorted = JqValue.Parse("""[null,false,true,-1,2,"a","é","😀",[],[1],{},{"a":1},{"b":0}]""").EnumerateArray().ToList();
        Assert.Equal(sorted, sorted.AsEnumerable().Reverse().Order());
        Assert.Equal(JqValue.Parse("""{"a":1,"b":[2]}"""), JqValue.Parse("""{"b":[2.0],"a":1}"""));
        Assert.Equal(JqValue.Parse("1").GetHashCode(), JqValue.Parse("1.0").GetHashCode());
        Assert.Equal("12", string.Create(CultureInfo.InvariantCulture, $"{JqValue.From(12.0)}"));
    }
}
