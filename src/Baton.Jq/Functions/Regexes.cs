using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Baton.Jq;

/// <summary>Matching, in Oniguruma's meaning on .NET's engine.</summary>
/// <remarks>
/// A translated expression is kept; one used often is compiled. Every search has a time limit. A deterministic program
/// prefers the engine without backtracking, which needs none: it takes linear time, so no clock decides the outcome.
/// </remarks>
internal static class Regexes
{
    private const int MaxKept = 512;
    private const int UsesBeforeCompiling = 500;

    private static readonly ConcurrentDictionary<Key, Kept> Cache = new();

    /// <summary><c>_match_impl(regex; flags; test)</c>.</summary>
    public static JqValue Match(Machine m, JqValue input, JqValue[] arguments)
    {
        var (regex, flags, test) = (arguments[0], arguments[1], arguments[2].IsTrue);
        if (input.Ref is not string text)
        {
            return Errors.Type(input, "cannot be matched, as it is not a string");
        }

        if (regex.Ref is not string pattern)
        {
            return Errors.Type(regex, "cannot be matched, as it is not a string");
        }

        if (flags.Ref is not (null or string))
        {
            return Errors.Type(flags, "is not a string");
        }

        var mode = RegexMode.Parse((string?)flags.Ref ?? "");
        if (mode is null)
        {
            return Errors.Raise($"{flags.Ref} is not a valid modifier string");
        }

        m.Meter.ChargeText(text.Length);
        try
        {
            var isFlat = CodePointOrder.IsFlat(text) && CodePointOrder.IsFlat(pattern);
            var kept = Find(new(pattern, mode.Value with { Global = false, SkipEmpty = false }, isFlat, m.IsDeterministic, m.Meter.Limits.RegexTimeout));
            return test ? Test(m, kept, text, mode.Value) : AllMatches(m, kept, text, mode.Value, isFlat);
        }
        catch (RegexParseException e)
        {
            return Errors.Raise($"Regex failure: {RegexTranslator.Describe(e)}");
        }
        catch (RegexMatchTimeoutException)
        {
            throw new JqLimitException(
                nameof(JqLimits.RegexTimeout), $"The regular expression takes longer than {m.Meter.Limits.RegexTimeout.TotalSeconds} s on its input.");
        }
    }

    private static JqValue Test(Machine m, Kept kept, string text, RegexMode mode)
    {
        var match = kept.Regex.Match(text);
        while (match.Success && mode.SkipEmpty && match.Length == 0)
        {
            m.Meter.Step();
            match = match.NextMatch();
        }

        return JqValue.From(match.Success);
    }

    private static JqValue AllMatches(Machine m, Kept kept, string text, RegexMode mode, bool isFlat)
    {
        var offsets = new OffsetCounter(text, isFlat);
        var matches = new List<JqValue>();
        for (var match = kept.Regex.Match(text); match.Success; match = match.NextMatch())
        {
            m.Meter.Step();

            // Between the halves of a surrogate pair there is no place to match.
            var isInsidePair = !isFlat && match.Index > 0 && match.Index < text.Length && char.IsLowSurrogate(text[match.Index]);
            if ((match.Length > 0 || !mode.SkipEmpty) && !isInsidePair)
            {
                matches.Add(Describe(match, kept.Names, offsets));
                if (!mode.Global)
                {
                    break;
                }
            }
        }

        return JqValue.FromArray(matches);
    }

    private static JqValue Describe(Match match, string?[] names, OffsetCounter offsets)
    {
        var captures = new JqValue[names.Length];
        for (var i = 0; i < captures.Length; i++)
        {
            var group = match.Groups[i + 1];
            var capture = JqObject.NewEntries(4);
            if (group.Success)
            {
                Fill(capture, group.Index, group.Value, offsets);
            }
            else
            {
                Fill(capture, -1, null, offsets);
            }

            capture[3].Key = "name";
            capture[3].Value = JqValue.From(names[i]);
            captures[i] = JqValue.From(JqObject.OfDistinct(capture));
        }

        var result = JqObject.NewEntries(4);
        // A pattern with \K has one group more than names; the match begins where it stands.
        var start = match.Groups.Count > names.Length + 1 && match.Groups[RegexTranslator.KeepGroup] is { Success: true } keep ? keep.Index : match.Index;
        Fill(result, start, match.Value[(start - match.Index)..], offsets);
        result[3].Key = "captures";
        result[3].Value = JqValue.From(JqArray.Of(captures));
        return JqValue.From(JqObject.OfDistinct(result));
    }

    private static void Fill(JqObject.Entry[] entries, int index, string? value, OffsetCounter offsets)
    {
        entries[0].Key = "offset";
        entries[0].Value = value is null ? -1 : offsets.At(index);
        entries[1].Key = "length";
        entries[1].Value = value is null ? 0 : offsets.At(index + value.Length) - offsets.At(index);
        entries[2].Key = "string";
        entries[2].Value = JqValue.From(value);
    }

    private static Kept Find(Key key)
    {
        if (!Cache.TryGetValue(key, out var kept))
        {
            if (Cache.Count >= MaxKept)
            {
                Cache.Clear();
            }

            Cache[key] = kept = Create(key, compile: false);
        }

        // Racing here costs at most compiling twice.
        if (!key.IsDeterministic && ++kept.Uses == UsesBeforeCompiling)
        {
            Cache[key] = kept = Create(key, compile: true);
            kept.Uses = UsesBeforeCompiling;
        }

        return kept;
    }

    private static Kept Create(Key key, bool compile)
    {
        var translated = RegexTranslator.Translate(key.Pattern, key.Mode, key.IsFlat);
        var options = translated.Options | (compile ? RegexOptions.Compiled : RegexOptions.None);
        if (key.IsDeterministic)
        {
            try
            {
                return new(new(translated.Pattern, options | RegexOptions.NonBacktracking), translated.Names);
            }
            catch (NotSupportedException)
            {
                // Look-around, back references and atomic groups need to backtrack.
            }
        }

        return new(new(translated.Pattern, options, key.Timeout), translated.Names);
    }

    private readonly record struct Key(string Pattern, RegexMode Mode, bool IsFlat, bool IsDeterministic, TimeSpan Timeout);

    private sealed class Kept(Regex regex, string?[] names)
    {
        public Regex Regex { get; } = regex;

        public string?[] Names { get; } = names;

        public int Uses { get; set; }
    }

    /// <summary>Turns indices into code point offsets, counting on from the last place asked for.</summary>
    private sealed class OffsetCounter(string text, bool isFlat)
    {
        private int _index;
        private int _offset;

        public int At(int index)
        {
            if (isFlat)
            {
                return index;
            }

            if (index < _index)
            {
                (_index, _offset) = (0, 0);
            }

            _offset += CodePointOrder.Count(text[_index..index]);
            _index = index;
            return _offset;
        }
    }
}

/// <summary>The flags of a match.</summary>
internal readonly record struct RegexMode(bool Global, bool SkipEmpty, bool IgnoreCase, bool Extended, bool DotAll, bool Longest)
{
    /// <summary>Null where a flag is unknown.</summary>
    public static RegexMode? Parse(string flags)
    {
        var mode = default(RegexMode);
        foreach (var flag in flags)
        {
            switch (flag)
            {
                case 'g':
                    mode = mode with { Global = true };
                    break;
                case 'n':
                    mode = mode with { SkipEmpty = true };
                    break;
                case 'i':
                    mode = mode with { IgnoreCase = true };
                    break;
                case 'x':
                    mode = mode with { Extended = true };
                    break;
                case 'm' or 'p':
                    mode = mode with { DotAll = true };
                    break;
                case 'l':
                    mode = mode with { Longest = true };
                    break;
                case 's':
                    // "^" and "$" already mean the ends of the text.
                    break;
                default:
                    return null;
            }
        }

        return mode;
    }
}
