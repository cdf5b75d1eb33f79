namespace Baton.Jq;

/// <summary>The native functions, by name and number of arguments.</summary>
internal static partial class Builtins
{
    private static readonly Dictionary<string, Func<Node[], Node>> All = Build();

    /// <summary>Makes a node of the function from those of its arguments; null where there is none.</summary>
    public static Func<Node[], Node>? Find(string signature) => All.GetValueOrDefault(signature);

    /// <summary>Those that a program may call by name.</summary>
    public static IEnumerable<string> Signatures => All.Keys;

    private static Dictionary<string, Func<Node[], Node>> Build()
    {
        var all = new Dictionary<string, Func<Node[], Node>>(StringComparer.Ordinal);
        void Add0(string name, Func<Machine, JqValue, JqValue> f) => all.Add(name + "/0", _ => new Native0Node(f));
        void Add1(string name, Func<Machine, JqValue, JqValue, JqValue> f) => all.Add(name + "/1", a => new Native1Node(f, a[0]));
        void AddN(string name, int arity, Func<Machine, JqValue, JqValue[], JqValue> f) => all.Add($"{name}/{arity}", a => new NativeNode(f, a));

        AddValues(Add0, Add1, AddN);
        AddCollections(Add0, Add1, AddN);
        AddStrings(Add0, Add1, AddN);
        AddHost(Add0, Add1);
        foreach (var (name, function) in MathFunctions.Unary)
        {
            Add0(name, (_, value) => value.IsNumber ? JqValue.From(function(value.RawNumber)) : Errors.Type(value, "number required"));
        }

        foreach (var (name, function) in MathFunctions.Binary)
        {
            AddN(name, 2, (_, _, a) => Numbers(a) ?? JqValue.From(function(a[0].RawNumber, a[1].RawNumber)));
        }

        AddN("fma", 3, (_, _, a) => Numbers(a) ?? JqValue.From(Math.FusedMultiplyAdd(a[0].RawNumber, a[1].RawNumber, a[2].RawNumber)));
        Add0("frexp", (_, value) => MathFunctions.Pair(value, MathFunctions.Frexp));
        Add0("modf", (_, value) => MathFunctions.Pair(value, MathFunctions.Modf));
        Add0("lgamma_r", (_, value) => MathFunctions.Pair(value, MathFunctions.LogGammaAndSign));
        return all;
    }

    private static JqValue? Numbers(JqValue[] values)
    {
        foreach (var value in values)
        {
            if (!value.IsNumber)
            {
                return Errors.Type(value, "number required");
            }
        }

        return null;
    }

    private static void AddValues(
        Action<string, Func<Machine, JqValue, JqValue>> add0,
        Action<string, Func<Machine, JqValue, JqValue, JqValue>> add1,
        Action<string, int, Func<Machine, JqValue, JqValue[], JqValue>> addN)
    {
        add0("not", (_, v) => JqValue.From(!v.IsTruthy));
        add0("type", (_, v) => Errors.KindName(v));
        add0("length", Text.Length);
        add0("error", (_, v) => JqValue.Error(v));
        add1("error", (_, _, v) => JqValue.Error(v));
        add0("tojson", Text.ToJson);
        add0("fromjson", Text.FromJson);
        add0("tostring", Text.ToText);
        add0("tonumber", Text.ToNumber);
        add0("toboolean", Text.ToBoolean);
        add0("infinite", (_, _) => JqValue.From(double.PositiveInfinity));
        add0("nan", (_, _) => JqValue.From(double.NaN));
        add0("isinfinite", (_, v) => v.IsNumber
            ? JqValue.From(double.IsInfinity(v.RawNumber) || v.Ref is NumberLiteral { IsInfinite: true })
            : Errors.Type(v, "number required"));
        add0("isnan", (_, v) => v.IsNumber ? JqValue.From(double.IsNaN(v.RawNumber)) : Errors.Type(v, "number required"));
        add0("isnormal", (_, v) => v.IsNumber ? JqValue.From(double.IsNormal(v.RawNumber)) : Errors.Type(v, "number required"));
        add0("abs", (_, v) => v.IsNumber && v.RawNumber < 0 ? Arithmetic.Absolute(v) : v);
        add0("toarray", (_, v) => v.Ref is JqArray ? v : JqValue.From(JqArray.Of(v)));
        add0("have_literal_numbers", (_, _) => JqValue.True);
        add0("have_decnum", (_, _) => JqValue.True);
        add1("contains", Text.Contains);
        addN("setpath", 2, (m, v, a) => Access.SetPath(v, a[0], a[1], m.Meter));
        add1("delpaths", (m, v, paths) => Access.DeletePaths(v, paths, m.Meter));
        add1("has", (_, v, key) => (v.Ref, key.Ref) switch
        {
            (JqObject obj, string name) => JqValue.From(obj.Has(name)),
            (JqArray array, _) when key.IsNumber => JqValue.From(key.RawNumber > -1 && key.RawNumber < array.Count),
            (null, _) => JqValue.False,
            _ => Errors.Raise($"Cannot check whether {Errors.KindName(v)} has a {Errors.KindName(key)} key"),
        });
    }

    private static void AddCollections(
        Action<string, Func<Machine, JqValue, JqValue>> add0,
        Action<string, Func<Machine, JqValue, JqValue, JqValue>> add1,
        Action<string, int, Func<Machine, JqValue, JqValue[], JqValue>> addN)
    {
        add0("keys", (m, v) => Collections.Keys(m, v, sorted: true));
        add0("keys_unsorted", (m, v) => Collections.Keys(m, v, sorted: false));
        add0("add", Collections.Add);
        add0("to_entries", Collections.ToEntries);
        add0("from_entries", Collections.FromEntries);
        add0("reverse", Collections.Reverse);
        add0("flatten", (m, v) => Collections.Flatten(m, v, double.PositiveInfinity));
        add1("flatten", (m, v, depth) => !depth.IsNumber
            ? Errors.Raise("flatten depth must not be negative")
            : depth.RawNumber < 0 ? Errors.Raise("flatten depth must not be negative") : Collections.Flatten(m, v, depth.RawNumber));
        add0("transpose", Collections.Transpose);
        add0("sort", (m, v) => v.Ref is JqArray a
            ? JqValue.From(Sorting.Sort(a, m.Meter))
            : Errors.Type(v, "cannot be sorted, as it is not an array"));
        add0("unique", (m, v) => v.Ref is JqArray a
            ? Sorting.UniqueBy(a, a, m.Meter)
            : Errors.Type(v, "cannot be sorted, as it is not an array"));
        add0("min", (m, v) => Collections.Extreme(m, v, v, smallest: true));
        add0("max", (m, v) => Collections.Extreme(m, v, v, smallest: false));
        add1("_sort_by", (m, v, keys) => Collections.By(m, v, keys, Sorting.SortBy));
        add1("_group_by", (m, v, keys) => Collections.By(m, v, keys, Sorting.GroupBy));
        add1("_unique_by", (m, v, keys) => Collections.By(m, v, keys, Sorting.UniqueBy));
        add1("_min_by", (m, v, keys) => Collections.Extreme(m, v, keys, smallest: true));
        add1("_max_by", (m, v, keys) => Collections.Extreme(m, v, keys, smallest: false));
        add1("indices", Text.Indices);
        add1("_strindices", Text.StringIndices);
        add1("bsearch", Collections.BinarySearch);
    }

    private static void AddStrings(
        Action<string, Func<Machine, JqValue, JqValue>> add0,
        Action<string, Func<Machine, JqValue, JqValue, JqValue>> add1,
        Action<string, int, Func<Machine, JqValue, JqValue[], JqValue>> addN)
    {
        add0("utf8bytelength", Text.Utf8ByteLength);
        add1("startswith", Text.StartsWith);
        add1("endswith", Text.EndsWith);
        add1("ltrimstr", Text.TrimStart);
        add1("rtrimstr", Text.TrimEnd);
        add1("trimstr", Text.TrimBoth);
        add0("trim", Text.Trim);
        add0("ltrim", Text.TrimLeft);
        add0("rtrim", Text.TrimRight);
        add0("ascii_downcase", Text.Downcase);
        add0("ascii_upcase", Text.Upcase);
        add1("split", Text.Split);
        add1("join", Text.Join);
        add0("explode", Text.Explode);
        add0("implode", Text.Implode);
        add1("format", Formats.Format);
        addN("_match_impl", 3, Regexes.Match);
        add1("strptime", Dates.Parse);
        add1("strftime", Dates.Format);
        add1("strflocaltime", Dates.FormatLocal);
        add0("mktime", Dates.ToSeconds);
        add0("gmtime", Dates.FromSeconds);
        add0("localtime", Dates.FromSecondsLocal);
    }

    private static void AddHost(
        Action<string, Func<Machine, JqValue, JqValue>> add0,
        Action<string, Func<Machine, JqValue, JqValue, JqValue>> add1)
    {
        add0("now", (m, _) => JqValue.From((m.Host.Clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds));
        add0("env", (m, _) => m.Host.Environment);
        add0("input", (m, _) => m.Host.NextInput?.Invoke() ?? Errors.Raise("break"));
        add0("input_filename", (m, _) => JqValue.From(m.Host.InputFileName?.Invoke()));
        add0("input_line_number", (_, _) => JqValue.From(0.0));
        add0("get_search_list", (_, _) => JqValue.From(JqArray.Empty));
        add0("debug", (m, v) =>
        {
            m.Host.Debug?.Invoke(v);
            return v;
        });
        add0("stderr", (m, v) =>
        {
            m.Host.StandardError?.Invoke(v);
            return v;
        });
        add0("halt", (_, _) => throw new JqHaltException(0, null));
        add1("halt_error", (_, v, code) => code.IsNumber
            ? throw new JqHaltException((int)code.RawNumber, v)
            : Errors.Raise("halt_error/1: number required"));
    }
}
