using CsCheck;
using Xunit;

namespace Baton.Jq.Tests;

/// <summary>Values that grow step by step: what that costs, and that every version of them stays as it was.</summary>
public sealed class GrowthTests
{
    /// <summary>Ten times the elements may cost ten times the steps, and a little more for the deeper tree.</summary>
    [Theory]
    [InlineData("reduce range($n) as $i (\"\"; . + \"x\") | length")]
    [InlineData("reduce range($n) as $i (\"\"; if . == \"y\" then error else . + \"x\" end) | length")]
    [InlineData("[foreach range($n) as $i (\"\"; . + \"x\"; 1)] | length")]
    [InlineData("reduce range($n) as $i ({ text: \"\" }; .text += \"x\") | .text | length")]
    [InlineData("reduce range($n) as $i ([]; . + [$i]) | length")]
    [InlineData("reduce range($n) as $i ([]; .[$i] = $i) | length")]
    [InlineData("reduce range($n) as $i ([range($n)]; .[$n - $i - 1] += 1) | length")]
    [InlineData("reduce range($n) as $i ({}; .\"k\\($i)\" = $i) | length")]
    [InlineData("reduce range($n) as $i ({}; . + { \"k\\($i)\": $i }) | length")]
    [InlineData("reduce range(2 * $n) as $i ({}; .\"k\\($i % $n)\" += 1) | length")]
    [InlineData("def f($i): if $i == 0 then . else . + \"x\" | f($i - 1) end; \"\" | f($n) | length")]
    public void What_grows_by_one_element_at_a_time_costs_steps_for_each_and_not_for_all(string filter)
    {
        Assert.Equal(2_000, Run(filter, 2_000, 200_000));
        Assert.Equal(20_000, Run(filter, 20_000, 2_200_000));

        static double Run(string filter, int n, long steps) => JqProgram.Parse(filter, new JqOptions { Variables = ["n"] })
            .Evaluate(JqValue.Null, new Dictionary<string, JqValue> { ["n"] = n }, new JqLimits { MaxSteps = steps }).Single().GetDouble();
    }

    /// <summary>A text that is read between appends is copied each time, and that is charged.</summary>
    [Fact]
    public void What_is_copied_each_time_is_charged_each_time() => Assert.Throws<JqLimitException>(() =>
        JqProgram.Parse("reduce range(1e5) as $i (\"\"; . + \"x\" | if length < 0 then error else . end) | length").Evaluate(JqValue.Null).Single());

    /// <summary>The same elements are appended to one array, object and text over and over: each is a copy, and charged as one.</summary>
    [Theory]
    [InlineData("[range(1e5)] as $a | last(range(1e6) | $a + [.]) | length")]
    [InlineData("(reduce range(1e4) as $i ({}; .\"k\\($i)\" = $i)) as $o | last(range(1e6) | $o + { a: . }) | length")]
    [InlineData("(reduce range(1e5) as $i (\"\"; . + \"x\")) as $t | last(range(1e6) | $t + \"y\") | length")]
    public void Appending_to_what_is_kept_cannot_be_had_for_nothing(string filter) =>
        Assert.Throws<JqLimitException>(() => JqProgram.Parse(filter).Evaluate(JqValue.Null).Last());

    [Fact]
    public void Every_version_of_an_array_stays_as_it_was()
    {
        var program = JqProgram.Parse("""
            reduce $steps[] as [$from, $kind, $at, $value] ([[range($size)]]; . as $versions | . + [
              $versions[$from % length]
              | if $kind == 0 then . + [$value] elif $kind == 1 then .[$at % ([length, 1] | max)] = $value elif $kind == 2 then .[$at % (length + 1):] + [$value, $value]
                elif $kind == 3 then del(.[$at]) else . + .[0:$at] end ])
            """, new JqOptions { Variables = ["steps", "size"] });
        Steps().Sample((size, steps) =>
        {
            var versions = new List<List<int>> { Enumerable.Range(0, size).ToList() };
            foreach (var (from, kind, at, value) in steps)
            {
                var next = versions[from % versions.Count].ToList();
                switch (kind)
                {
                    case 0: next.Add(value); break;
                    case 1 when next.Count == 0: next.Add(value); break;
                    case 1: next[at % next.Count] = value; break;
                    case 2: next = [.. next.Skip(at % (next.Count + 1)), value, value]; break;
                    case 3 when at < next.Count: next.RemoveAt(at); break;
                    case 4: next.AddRange(next.Take(at).ToList()); break;
                    default: break;
                }
                versions.Add(next);
            }
            Assert.Equal($"[{string.Join(',', versions.Select(version => $"[{string.Join(',', version)}]"))}]", Evaluate(program, size, steps));
        }, iter: 300);
    }

    [Fact]
    public void Every_version_of_an_object_stays_as_it_was()
    {
        var program = JqProgram.Parse("""
            reduce $steps[] as [$from, $kind, $at, $value] ([reduce range($size) as $i ({}; .["k\($i)"] = $i)]; . as $versions | . + [
              $versions[$from % length]
              | if $kind == 0 then .["n\($at)"] = $value elif $kind == 1 then .["k\($at)"] = $value elif $kind == 2 then del(.["k\($at)"])
                elif $kind == 3 then . + { "k\($at)": $value, "m\($at)": $value } else . * { "k\($at)": $value } end ])
            """, new JqOptions { Variables = ["steps", "size"] });
        Steps().Sample((size, steps) =>
        {
            var versions = new List<OrderedDictionary<string, int>> { new(Enumerable.Range(0, size).Select(i => KeyValuePair.Create($"k{i}", i))) };
            foreach (var (from, kind, at, value) in steps)
            {
                var next = new OrderedDictionary<string, int>(versions[from % versions.Count]);
                if (kind == 2)
                {
                    next.Remove($"k{at}");
                }
                else
                {
                    next[kind == 0 ? $"n{at}" : $"k{at}"] = value;
                }
                if (kind == 3)
                {
                    next[$"m{at}"] = value;
                }
                versions.Add(next);
            }
            Assert.Equal($"[{string.Join(',', versions.Select(version => $"{{{string.Join(',', version.Select(field => $"\"{field.Key}\":{field.Value}"))}}}"))}]", Evaluate(program, size, steps));
        }, iter: 300);
    }

    [Fact]
    public void Every_version_of_a_text_stays_as_it_was()
    {
        var program = JqProgram.Parse("""
            reduce $steps[] as [$from, $kind, $at, $value] (["x" * $size]; . as $versions | . + [
              $versions[$from % length] | if $kind < 3 then . + "\($value)," elif $kind == 3 then .[$at:] + "." else "\(.)!" + . end | if length > 20000 then "" else . end ])
            """, new JqOptions { Variables = ["steps", "size"] });
        Steps().Sample((size, steps) =>
        {
            var versions = new List<string> { new('x', size) };
            foreach (var (from, kind, at, value) in steps)
            {
                var text = versions[from % versions.Count];
                var next = kind < 3 ? $"{text}{value}," : kind == 3 ? $"{text[Math.Min(at, text.Length)..]}." : $"{text}!{text}";
                versions.Add(next.Length > 20_000 ? "" : next);
            }
            Assert.Equal($"[{string.Join(',', versions.Select(version => $"\"{version}\""))}]", Evaluate(program, size, steps));
        }, iter: 300);
    }

    /// <summary>Which version a step builds upon, what it does, where, and with what.</summary>
    private static Gen<(int Size, List<(int From, int Kind, int At, int Value)> Steps)> Steps() =>
        Gen.Select(Gen.Int[1, 300], Gen.Select(Gen.Int[0, 40], Gen.Int[0, 4], Gen.Int[0, 320], Gen.Int[0, 9]).List[1, 40]);

    private static string Evaluate(JqProgram program, int size, List<(int From, int Kind, int At, int Value)> steps) => program.Evaluate(JqValue.Null, new Dictionary<string, JqValue>
    {
        ["size"] = size,
        ["steps"] = JqValue.FromArray(steps.Select(step => JqValue.FromArray([step.From, step.Kind, step.At, step.Value]))),
    }).Single().ToJson();
}
