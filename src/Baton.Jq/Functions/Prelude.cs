using Baton.Jq.Compile;
using Baton.Jq.Syntax;

namespace Baton.Jq;

/// <summary>The functions that are defined in jq itself. Parsed once, compiled into a program where it uses them.</summary>
internal static class Prelude
{
    private const string Definitions = """
        def map(f): [.[] | f];
        def map_values(f): .[] |= f;
        def select(f): if f then . else empty end;
        def values: select(. != null);
        def nulls: select(. == null);
        def booleans: select(type == "boolean");
        def numbers: select(type == "number");
        def strings: select(type == "string");
        def arrays: select(type == "array");
        def objects: select(type == "object");
        def iterables: select(type | . == "array" or . == "object");
        def scalars: select(type | . != "array" and . != "object");
        def finites: select(isfinite);
        def normals: select(isnormal);
        def isfinite: type == "number" and (isinfinite | not);
        def isvalid(f): try (f | true) catch false;

        def recurse(f): def r: ., (f | r); r;
        def recurse(f; cond): def r: ., (f | select(cond) | r); r;
        def while(cond; update): def _w: if cond then ., (update | _w) else empty end; _w;
        def until(cond; update): def _u: if cond then . else update | _u end; _u;
        def repeat(f): def _r: f, _r; _r;
        def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $rest | [$x] + $rest end;
        def combinations(n): . as $one | [range(n) | $one] | combinations;
        def walk(f): def w: if type == "object" then map_values(w) elif type == "array" then map(w) else . end | f; w;

        def first: .[0];
        def last: .[-1];
        def nth($n): .[$n];
        def nth($n; f): if $n < 0 then error("nth doesn't support negative indices") else first(skip($n; f)) end;
        def skip($n; f):
          if $n > 0 then foreach f as $item ($n + 1; . - 1; if . <= 0 then $item else empty end)
          elif $n == 0 then f
          else error("skip doesn't support negative count") end;
        def add(f): [f] | add;
        def any: any(.[]; .);
        def any(f): any(.[]; f);
        def any(generator; cond): isempty(first(generator | if cond then true else empty end)) | not;
        def all: all(.[]; .);
        def all(f): all(.[]; f);
        def all(generator; cond): isempty(first(generator | if cond then empty else true end));
        def in(xs): . as $key | xs | has($key);
        def inside(xs): . as $part | xs | contains($part);
        def index($i): indices($i) | .[0];
        def rindex($i): indices($i) | .[-1:][0];
        def IN(source): any(source == .; .);
        def IN(source; s): any(source == s; .);
        def INDEX(stream; key): reduce stream as $row ({}; .[$row | key | tostring] |= $row);
        def INDEX(key): INDEX(.[]; key);
        def JOIN($idx; key): [.[] | [., $idx[key]]];
        def JOIN($idx; stream; key): stream | [., $idx[key]];
        def JOIN($idx; stream; key; join): stream | [., $idx[key]] | join;

        def sort_by(f): _sort_by(map([f]));
        def group_by(f): _group_by(map([f]));
        def unique_by(f): _unique_by(map([f]));
        def min_by(f): _min_by(map([f]));
        def max_by(f): _max_by(map([f]));
        def with_entries(f): to_entries | map(f) | from_entries;

        def paths: path(..) | select(length > 0);
        def paths(f): path(.. | select(f)) | select(length > 0);
        def leaf_paths: paths(scalars);
        def del(f): delpaths([path(f)]);
        def pick(f): . as $in | reduce path(f) as $p (null; setpath($p; $in | getpath($p)));
        def tostream: path(def r: (.[]? | r), .; r) as $p | getpath($p) | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
        def fromstream(f):
          {x: null, e: false} as $init
          | foreach f as $i ($init;
              (if .e then $init else . end)
              | if $i | length == 2
                then setpath(["e"]; $i[0] | length == 0) | setpath(["x"] + $i[0]; $i[1])
                else setpath(["e"]; $i[0] | length == 1) end;
              if .e then .x else empty end);
        def truncate_stream(stream):
          . as $n | null | stream | . as $input
          | if (.[0] | length) > $n then setpath([0]; $input[0][$n:]) else empty end;

        def match($re; $flags): _match_impl($re; $flags; false) | .[];
        def match($val): _regex($val) as [$re, $flags] | match($re; $flags);
        def test($re; $flags): _match_impl($re; $flags; true);
        def test($val): _regex($val) as [$re, $flags] | test($re; $flags);
        def capture($re; $flags): match($re; $flags) | _captures;
        def capture($val): match($val) | _captures;
        def scan($re; $flags): match($re; "g" + $flags) | if .captures | length > 0 then [.captures[].string] else .string end;
        def scan($re): scan($re; null);
        def splits($re; $flags):
          split($re; $flags) | .[];
        def splits($re): splits($re; null);
        def split($re; $flags):
          . as $s | [foreach ((match($re; $flags + "g") | [.offset, .length]), null) as $m
            ({next: 0}; if $m == null then {out: $s[.next:]} else {out: $s[.next:$m[0]], next: ($m[0] + $m[1])} end; .out)];
        def sub($re; str; $flags):
          . as $in
          | reduce match($re; $flags) as $m ({texts: [], at: 0};
              $in[.at:$m.offset] as $gap
              | [$m | _captures | str] as $new
              | reduce range($new | length) as $i (.; .texts[$i] += $gap + $new[$i])
              | .at = $m.offset + $m.length)
          | (.texts[] + $in[.at:]) // $in;
        def sub($re; str): sub($re; str; "");
        def gsub($re; str; $flags): sub($re; str; $flags + "g");
        def gsub($re; str): sub($re; str; "g");
        def _captures: reduce (.captures[] | select(.name != null)) as $c ({}; .[$c.name] = $c.string);
        def _regex($val):
          $val | type as $t
          | if $t == "string" then [$val, null]
            elif $t == "array" and length > 1 then [.[0], .[1]]
            elif $t == "array" and length > 0 then [.[0], null]
            else error($t + " not a string or array") end;

        def ascii: [.] | implode;
        def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
        def fromdateiso8601: strptime("%Y-%m-%dT%H:%M:%SZ") | mktime;
        def todateiso8601: strftime("%Y-%m-%dT%H:%M:%SZ");
        def fromdate: fromdateiso8601;
        def date: todate;
        def dateadd(unit; n): . + n;
        def datesub(unit; n): . - n;
        def debug(message): (message | debug | empty), .;
        def halt_error: halt_error(5);
        """;

    private static readonly Lazy<IReadOnlyDictionary<string, FunctionAst>> Functions = new(Parse);

    // Compiled by the compiler itself, because their arguments are not simply values.
    private static readonly string[] SpecialForms =
    [
        "empty/0", "recurse/0", "path/1", "getpath/1", "first/1", "last/1", "isempty/1", "limit/2",
        "range/1", "range/2", "range/3", "inputs/0", "builtins/0", "modulemeta/0",
    ];

    public static Unit Unit { get; } = new(new SourceText("<builtin>", Definitions), IsPrelude: true);

    public static IEnumerable<string> PublicSignatures =>
        Functions.Value.Keys.Concat(Builtins.Signatures).Concat(SpecialForms).Where(s => s[0] != '_').Distinct().Order(StringComparer.Ordinal);

    public static FunctionAst? Find(string signature) => Functions.Value.GetValueOrDefault(signature);

    private static Dictionary<string, FunctionAst> Parse() =>
        Parser.Parse(Unit.Source).Functions.ToDictionary(f => f.Signature, StringComparer.Ordinal);
}
