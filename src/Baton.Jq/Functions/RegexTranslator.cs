using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Baton.Jq;

/// <summary>Rewrites an expression of Oniguruma's Perl syntax into one that means the same to .NET.</summary>
/// <remarks>
/// - Every capturing group gets its number from its place, named or not, and names may repeat; so each becomes
///   <c>(?&lt;N&gt;...)</c> and the names are kept aside.
/// - <c>$</c> ends at the end of the text or before its last line feed in both; <c>\Z \z \A \G \b</c> agree.
/// - Possessive quantifiers, <c>\h</c>, <c>\R</c>, <c>\x{...}</c>, <c>\Q...\E</c>, POSIX brackets and script names are
///   spelled out; <c>[</c> and <c>-[</c> inside a class are escaped, since .NET would subtract.
/// - Where a text has characters beyond the basic plane, <c>.</c> and negated classes must take both halves of one.
/// </remarks>
internal ref struct RegexTranslator
{
    private const string Pair = "[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]";

    private readonly ReadOnlySpan<char> _pattern;
    private readonly RegexMode _mode;
    private readonly bool _isFlat;
    private readonly StringBuilder _out;
    private readonly List<string?> _names;
    private readonly Stack<int> _groups;
    private int _at;
    private int _atomStart;

    private RegexTranslator(ReadOnlySpan<char> pattern, RegexMode mode, bool isFlat)
    {
        _pattern = pattern;
        _mode = mode;
        _isFlat = isFlat;
        _out = new(pattern.Length + 16);
        _names = [];
        _groups = new();
    }

    public static (string Pattern, RegexOptions Options, string?[] Names) Translate(string pattern, RegexMode mode, bool isFlat)
    {
        var translator = new RegexTranslator(pattern, mode, isFlat);
        translator.Run();
        var options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
            | (mode.IgnoreCase ? RegexOptions.IgnoreCase : 0)
            | (mode.Extended ? RegexOptions.IgnorePatternWhitespace : 0)
            | (mode.DotAll ? RegexOptions.Singleline : 0);
        return (translator._out.ToString(), options, [.. translator._names]);
    }

    /// <summary>Oniguruma's words for what is wrong.</summary>
    public static string Describe(RegexParseException e) => e.Error switch
    {
        RegexParseError.InsufficientClosingParentheses => "end pattern with unmatched parenthesis",
        RegexParseError.InsufficientOpeningParentheses => "unmatched close parenthesis",
        RegexParseError.UnterminatedBracket => "premature end of char-class",
        RegexParseError.QuantifierAfterNothing => "target of repeat operator is not specified",
        RegexParseError.NestedQuantifiersNotParenthesized => "target of repeat operator is invalid",
        RegexParseError.UnescapedEndingBackslash => "end pattern at escape",
        RegexParseError.ReversedCharacterRange => "empty range in char class",
        RegexParseError.ReversedQuantifierRange => "upper is smaller than lower in interval repeat",
        RegexParseError.UndefinedNumberedReference or RegexParseError.UndefinedNamedReference => "invalid backref number/name",
        RegexParseError.InvalidUnicodePropertyEscape or RegexParseError.MalformedUnicodePropertyEscape => "invalid character property name",
        RegexParseError.InsufficientOrInvalidHexDigits => "too short escape sequence",
        RegexParseError.InvalidGroupingConstruct => "undefined group option",
        RegexParseError.CaptureGroupNameInvalid => "invalid group name <>",
        _ => e.Message,
    };

    private void Run()
    {
        while (_at < _pattern.Length)
        {
            var c = _pattern[_at];
            switch (c)
            {
                case '\\':
                    _atomStart = _out.Length;
                    Escape();
                    break;

                case '[':
                    _atomStart = _out.Length;
                    Class();
                    break;

                case '(':
                    Open();
                    break;

                case ')':
                    _atomStart = _groups.TryPop(out var start) ? start : _out.Length;
                    Copy();
                    break;

                case '*' or '+' or '?' or '{':
                    Quantifier();
                    break;

                case '.' when !_isFlat:
                    _atomStart = _out.Length;
                    _out.Append("(?:").Append(Pair).Append("|.)");
                    _at++;
                    break;

                case '#' when _mode.Extended:
                    while (_at < _pattern.Length && _pattern[_at] != '\n')
                    {
                        Copy();
                    }

                    break;

                default:
                    _atomStart = _out.Length;
                    if (char.IsHighSurrogate(c) && char.IsLowSurrogate(Peek(1)))
                    {
                        _out.Append("(?:").Append(c).Append(Peek(1)).Append(')');
                        _at += 2;
                    }
                    else
                    {
                        Copy();
                    }

                    break;
            }
        }
    }

    private void Copy() => _out.Append(_pattern[_at++]);

    private readonly char Peek(int ahead) => _at + ahead < _pattern.Length ? _pattern[_at + ahead] : '\0';

    private void Open()
    {
        _groups.Push(_out.Length);
        var rest = _pattern[_at..];
        if (rest.StartsWith("(?#"))
        {
            var end = rest.IndexOf(')');
            _at = end < 0 ? _pattern.Length : _at + end + 1;
            _groups.Pop();
        }
        else if (rest.StartsWith("(?<") && Peek(3) is not ('=' or '!'))
        {
            var end = rest.IndexOf('>');
            Name(end < 0 ? "" : rest[3..end].ToString());
            _at += end < 0 ? 3 : end + 1;
        }
        else if (rest.StartsWith("(?P<"))
        {
            var end = rest.IndexOf('>');
            Name(end < 0 ? "" : rest[4..end].ToString());
            _at += end < 0 ? 4 : end + 1;
        }
        else if (rest.StartsWith("(?"))
        {
            Copy();
            Copy();
        }
        else
        {
            _at++;
            Name(null);
        }
    }

    private void Name(string? name)
    {
        _names.Add(name);
        _out.Append(CultureInfo.InvariantCulture, $"(?<{_names.Count}>");
    }

    /// <summary>A quantifier with its suffix; a possessive one makes its atom a group that does not give back.</summary>
    private void Quantifier()
    {
        if (_pattern[_at] == '{' && !IsInterval())
        {
            _atomStart = _out.Length;
            _out.Append("\\{");
            _at++;
            return;
        }

        var isInterval = _pattern[_at] == '{';
        if (isInterval)
        {
            // ",n" counts from nothing.
            if (Peek(1) == ',')
            {
                _out.Append("{0");
                _at++;
            }

            while (_pattern[_at] != '}')
            {
                Copy();
            }
        }

        Copy();
        if (Peek(0) == '?')
        {
            Copy();
        }
        else if (Peek(0) == '+' && !isInterval)
        {
            _at++;
            _out.Insert(_atomStart, "(?>").Append(')');
        }
    }

    private readonly bool IsInterval()
    {
        var i = _at + 1;
        var digits = 0;
        while (i < _pattern.Length && (char.IsAsciiDigit(_pattern[i]) || _pattern[i] == ','))
        {
            digits += _pattern[i] == ',' ? 0 : 1;
            i++;
        }

        return digits > 0 && i < _pattern.Length && _pattern[i] == '}';
    }

    /// <summary>Name of the group that stands where the pattern has <c>\K</c>. Groups of the pattern itself have numbers.</summary>
    public const string KeepGroup = "K";

    /// <summary>
    /// What a reader takes for one character: a line break, a flag, Hangul of parts, or a character with its marks, its skin tone,
    /// and what a zero-width joiner adds to it.
    /// </summary>
    private const string Cluster = @"(?>\r\n|(?:\uD83C[\uDDE6-\uDDFF]){2}|[\u1100-\u115F]+[\u1160-\u11A7]*[\u11A8-\u11FF]*|(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^\uD800-\uDFFF])"
        + @"(?:\p{M}|\uD83C[\uDFFB-\uDFFF]|\u200D(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[^\uD800-\uDFFF])?)*)";

    private void Escape()
    {
        var c = Peek(1);
        switch (c)
        {
            case 'h' or 'H':
                _out.Append(c == 'h' ? "[0-9a-fA-F]" : "[^0-9a-fA-F]");
                _at += 2;
                break;

            case 'R':
                _out.Append("(?>\\r\\n|[\\n\\v\\f\\r\\u0085\\u2028\\u2029])");
                _at += 2;
                break;

            case 'X':
                _out.Append(Cluster);
                _at += 2;
                break;

            case 'K':
                // What is matched before it is not part of the match: its place tells where the match begins.
                _out.Append("(?<").Append(KeepGroup).Append(">)");
                _at += 2;
                break;

            case 'Q':
                Quote();
                break;

            case 'x' when Peek(2) == '{':
                _out.Append(Literal(TakeCodePoint()));
                break;

            case 'k' when Peek(2) == '<':
                Reference();
                break;

            case >= '1' and <= '9':
                var end = _at + 1;
                while (end < _pattern.Length && char.IsAsciiDigit(_pattern[end]))
                {
                    end++;
                }

                _out.Append(CultureInfo.InvariantCulture, $"\\k<{_pattern[(_at + 1)..end]}>");
                _at = end;
                break;

            case 'p' or 'P' when Peek(2) == '{':
                _out.Append(c == 'P' ? "[^" : "[").Append(TakeProperty()).Append(']');
                break;

            case '\0':
                Copy();
                break;

            default:
                Copy();
                Copy();
                break;
        }
    }

    private void Quote()
    {
        var rest = _pattern[(_at + 2)..];
        var end = rest.IndexOf("\\E");
        var text = end < 0 ? rest : rest[..end];
        _out.Append(Regex.Escape(text.ToString()));
        _at += 2 + text.Length + (end < 0 ? 0 : 2);
    }

    private void Reference()
    {
        var rest = _pattern[_at..];
        var end = rest.IndexOf('>');
        var name = end < 0 ? "" : rest[3..end].ToString();
        var number = int.TryParse(name, out var given) ? given < 0 ? _names.Count + 1 + given : given : _names.LastIndexOf(name) + 1;
        _out.Append(CultureInfo.InvariantCulture, $"\\k<{number}>");
        _at += end < 0 ? rest.Length : end + 1;
    }

    private int TakeCodePoint()
    {
        var rest = _pattern[_at..];
        var end = rest.IndexOf('}');
        var isHex = int.TryParse(end < 0 ? "" : rest[3..end], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var point);
        _at += end < 0 ? rest.Length : end + 1;
        return isHex && Rune.IsValid(point) ? point : 0xFFFD;
    }

    private static string Literal(int codePoint)
    {
        var text = new Rune(codePoint).ToString();
        return text.Length == 1 ? $"\\u{(int)text[0]:X4}" : $"(?:{text})";
    }

    /// <summary>What a property stands for inside a class.</summary>
    private string TakeProperty()
    {
        var rest = _pattern[_at..];
        var end = rest.IndexOf('}');
        var name = end < 0 ? "" : rest[3..end].ToString();
        _at += end < 0 ? rest.Length : end + 1;
        var isNegated = name.StartsWith('^');
        var set = PropertySet(name.TrimStart('^'));
        return isNegated ? set.Replace("\\p{", "\\P{", StringComparison.Ordinal) : set;
    }

    private static string PropertySet(string name) => name.ToLowerInvariant() switch
    {
        "alnum" => "\\p{L}\\p{M}\\p{Nd}",
        "alpha" => "\\p{L}\\p{M}",
        "ascii" => "\\u0000-\\u007F",
        "blank" => " \\t\\p{Zs}",
        "cntrl" => "\\p{Cc}",
        "digit" => "\\p{Nd}",
        "graph" => "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}",
        "lower" => "\\p{Ll}",
        "print" => "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Zs}",
        "punct" => "\\p{P}$+<=>^`|~",
        "space" => "\\s",
        "upper" => "\\p{Lu}",
        "word" => "\\w",
        "xdigit" => "0-9a-fA-F",
        "any" => "\\s\\S",
        "han" => "\\u2E80-\\u2FDF\\u3005\\u3007\\u3021-\\u3029\\u3038-\\u303B\\u3400-\\u4DBF\\u4E00-\\u9FFF\\uF900-\\uFAFF",
        "hiragana" => "\\u3041-\\u3096\\u309D-\\u309F",
        "katakana" => "\\u30A1-\\u30FA\\u30FD-\\u30FF\\u31F0-\\u31FF\\uFF66-\\uFF9D",
        "hangul" => "\\u1100-\\u11FF\\u3131-\\u318E\\uAC00-\\uD7A3",
        "latin" => "A-Za-z\\u00AA\\u00BA\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u02B8\\u1E00-\\u1EFF",
        "greek" => "\\u0370-\\u03FF\\u1F00-\\u1FFF",
        "cyrillic" => "\\u0400-\\u052F\\u1C80-\\u1C8F\\u2DE0-\\u2DFF\\uA640-\\uA69F",
        "arabic" => "\\u0600-\\u06FF\\u0750-\\u077F\\u08A0-\\u08FF",
        "hebrew" => "\\u0591-\\u05F4",
        "thai" => "\\u0E01-\\u0E3A\\u0E40-\\u0E5B",
        "letter" => "\\p{L}",
        "number" => "\\p{N}",
        "punctuation" => "\\p{P}",
        "symbol" => "\\p{S}",
        "separator" => "\\p{Z}",
        _ => $"\\p{{{name}}}",
    };

    /// <summary>A bracket class. Characters beyond the basic plane become alternatives beside it.</summary>
    private void Class()
    {
        _at++;
        var isNegated = Peek(0) == '^';
        _at += isNegated ? 1 : 0;
        var set = new StringBuilder();
        var pairs = new List<string>();
        var isFirst = true;
        while (_at < _pattern.Length && (isFirst || _pattern[_at] != ']'))
        {
            isFirst = false;
            ClassItem(set, pairs);
        }

        if (_at >= _pattern.Length)
        {
            // Left open, for the engine to refuse.
            _out.Append('[').Append(set);
            return;
        }

        _at++;
        if (_isFlat)
        {
            _out.Append(isNegated ? "[^" : "[").Append(set).Append(']');
        }
        else if (isNegated)
        {
            var not = pairs.Count > 0 ? $"(?!{string.Join('|', pairs)})" : "";
            _out.Append($"(?:{not}{Pair}|[^{set}\\uD800-\\uDFFF])");
        }
        else
        {
            _out.Append("(?:").AppendJoin('|', set.Length > 0 ? pairs.Append($"[{set}]") : pairs).Append(')');
        }
    }

    private void ClassItem(StringBuilder set, List<string> pairs)
    {
        var c = _pattern[_at];
        if (c == '[' && Peek(1) == ':' && _pattern[_at..].IndexOf(":]") is var end and > 2)
        {
            var name = _pattern[(_at + 2)..(_at + end)].ToString();
            var items = PropertySet(name.TrimStart('^'));
            set.Append(name.StartsWith('^') ? items.Replace("\\p{", "\\P{", StringComparison.Ordinal) : items);
            _at += end + 2;
        }
        else if (c == '[')
        {
            set.Append("\\[");
            _at++;
        }
        else if (c == '\\')
        {
            ClassEscape(set, pairs);
        }
        else if (char.IsHighSurrogate(c) && char.IsLowSurrogate(Peek(1)))
        {
            pairs.Add(ClassPair(new(c, Peek(1))));
        }
        else
        {
            set.Append(c);
            _at++;
        }
    }

    private void ClassEscape(StringBuilder set, List<string> pairs)
    {
        switch (Peek(1))
        {
            case 'h':
                set.Append("0-9a-fA-F");
                _at += 2;
                break;

            case 'p' or 'P' when Peek(2) == '{':
                var isNegated = Peek(1) == 'P';
                var items = TakeProperty();
                set.Append(isNegated ? items.Replace("\\p{", "\\P{", StringComparison.Ordinal) : items);
                break;

            case 'x' when Peek(2) == '{':
                var literal = Literal(TakeCodePoint());
                if (literal[0] == '(')
                {
                    pairs.Add(literal);
                }
                else
                {
                    set.Append(literal);
                }

                break;

            default:
                set.Append(_pattern[_at++]);
                if (_at < _pattern.Length)
                {
                    set.Append(_pattern[_at++]);
                }

                break;
        }
    }

    /// <summary>A pair, or a range of them, as halves.</summary>
    private string ClassPair(Rune first)
    {
        _at += 2;
        if (Peek(0) != '-' || !char.IsHighSurrogate(Peek(1)) || !char.IsLowSurrogate(Peek(2)))
        {
            return first.ToString();
        }

        var (low, high) = (first.ToString(), new Rune(Peek(1), Peek(2)).ToString());
        _at += 3;
        if (low[0] == high[0])
        {
            return $"{low[0]}[{low[1]}-{high[1]}]";
        }

        var between = high[0] - low[0] > 1 ? $"|[{(char)(low[0] + 1)}-{(char)(high[0] - 1)}][\\uDC00-\\uDFFF]" : "";
        return $"{low[0]}[{low[1]}-\\uDFFF]{between}|{high[0]}[\\uDC00-{high[1]}]";
    }
}
