using System.Diagnostics;

namespace Baton.Jq.Bench;

/// <summary>Random programs on random input: each must end with outputs, an error, or a limit, and soon.</summary>
internal static class Fuzz
{
    private static readonly string[] Fragments =
    [
        ".", "..", ".a", ".[]", ".[0]", ".[1:]", "[", "]", "{", "}", "(", ")", "|", ",", "//", "?", "+", "-", "*", "/", "%", "==", "<", "=", "|=",
        "+=", "//=", " and ", " or ", " not ", " as ", "$x", "$y", "as [$x]|", "as {a:$x}|", "?//", "reduce ", "foreach ", "if ", " then ", " else ", " elif ",
        " end", "try ", " catch ", "label $x|", "break $x", "def f: ", "def f(g): ", ";", "f", "g", "f(.)", "1", "0", "-1", "1e1000", "nan", "infinite",
        "\"a\"", "\"\\(", "\"", "@csv", "@base64 ", "null", "true", "empty", "error", "map(", "select(", "path(", "range(3)", "limit(2;", "first(", "recurse",
        "recurse(", "test(\"a\")", "gsub(\"a*\";\"b\")", "split(\"a\")", "sort", "keys", "length", "add", "tojson", "fromjson", "tostring", "tonumber",
        "[$x]", "{a:$x}", "#", "\n", "walk(", "getpath([0])", "paths", "to_entries", "with_entries(", "group_by(", "del(", "splits(\"a\")", "ascii", "implode",
        "explode", "todate", "mktime", "gmtime", "strptime(\"%Y\")", "input", "$__loc__", "until(", "while(", "repeat(", "isempty(", "tostream", "flatten",
    ];

    private static readonly string[] Inputs = ["null", "0", "-1.5", "\"a\"", "[]", "[1,[2,{\"a\":3}]]", "{\"a\":{\"b\":[1,2]},\"c\":null}", "[\"a\",\"b\"]", "1e999"];

    // "@" takes a program, "%" an atom.
    private static readonly string[] Shapes =
    [
        "@|@", "@,@", "@//@", "@+@", "@-@", "@*@", "@/@", "(@)==(@)", "[@]", "{a:(@)}", "(@)?", "(@)[]?", "(@)[@]", "(@)[1:]", "-(@)", "(@)|=(@)", "(@)=(@)", "(@)+=(@)",
        "try (@) catch (@)", "if @ then @ else @ end", "reduce (@) as $x (@;@)", "foreach (@) as [$x] (@;@;@)", "(@) as $x|@", "(@) as [$x] ?// $x|@", "label $x|@",
        "def f: @; f|f", "def f(g): @|g; f(@)", "def r: if (@) then . else (@)|r end; r", "map(@)", "select(@)", "path(@)", "[paths(@)]", "del(@)", "first(@)", "last(@)",
        "limit(2;@)", "isempty(@)", "any(@)", "all(@;@)", "recurse(@)", "until(@;@)", "[while(@;@)]", "walk(@)", "with_entries(@)", "sort_by(@)", "group_by(@)", "to_entries|@",
        "(@)|test(@)", "(@)|sub(\"a\";@)", "splits(@)", "tojson|@", "getpath(@)", "setpath(@;@)", "delpaths(@)", "add(@)", "range(@)", "@|strftime(@)", "pick(@)", "%", "%", "%", "%", "%", "%",
    ];

    private static readonly string[] Atoms =
    [
        ".", "..", ".a", ".[]", ".[0]", "1", "0", "-1", "nan", "infinite", "1e999", "null", "true", "\"a\"", "\"x\\(.)y\"", "[]", "{}", "empty", "error", "@csv", "@base64", "length",
        "keys", "add", "sort", "type", "not", "tojson", "fromjson", "tostring", "tonumber", "explode", "implode", "reverse", "flatten", "unique", "min", "transpose", "tostream", "gmtime",
        "todate", "paths", "[\"a\",0]", "range(3)", "recurse", "first", "input", "$__loc__", "ascii_upcase", "to_entries", "from_entries", "indices(1)", "repeat(.)", "env",
    ];

    public static int Run(int inputs, int seed)
    {
        var random = new Random(seed);
        var limits = new JqLimits { MaxSteps = 5_000, MaxDepth = 500, MaxOutputBytes = 20_000, RegexTimeout = TimeSpan.FromMilliseconds(200) };
        var (refused, failed, limited, slowest) = (0, 0, 0, 0.0);
        var slowestProgram = "";
        for (var i = 0; i < inputs; i++)
        {
            var filter = i % 2 == 0
                ? Program(random, 4)
                : string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => Fragments[random.Next(Fragments.Length)]));
            var started = Stopwatch.GetTimestamp();
            try
            {
                JqProgram.Parse(filter).Evaluate(JqValue.Parse(Inputs[random.Next(Inputs.Length)]), limits: limits).Count();
            }
            catch (JqSyntaxException)
            {
                refused++;
            }
            catch (JqRuntimeException)
            {
                failed++;
            }
            catch (JqLimitException)
            {
                limited++;
            }
            catch (Exception e)
            {
                Console.Error.WriteLine($"seed {seed}, input {i}: {filter}\n{e}");
                return 1;
            }

            var took = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (took > slowest)
            {
                (slowest, slowestProgram) = (took, filter);
            }
        }

        Console.WriteLine($"{inputs} programs: {refused} refused, {failed} ended in an error, {limited} at a limit; none crashed. Slowest {slowest:0} ms: {slowestProgram}");
        return 0;
    }

    private static string Program(Random random, int depth)
    {
        var shape = depth == 0 ? "%" : Shapes[random.Next(Shapes.Length)];
        return string.Concat(shape.Select(c => c switch
        {
            '@' => Program(random, depth - 1),
            '%' => Atoms[random.Next(Atoms.Length)],
            _ => c.ToString(),
        }));
    }
}
