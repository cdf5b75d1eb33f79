using System.Text;

namespace Baton.Jq.Syntax;

/// <summary>Splits a program into tokens.</summary>
/// <remarks>
/// Strings hold expressions that hold strings, so the lexer keeps a stack of what is open: a bracket, an
/// interpolation, or a string. A closing bracket that does not match is an invalid character, as in jq.
/// </remarks>
internal sealed class Lexer(SourceText source)
{
    private static readonly HashSet<string> Keywords =
    [
        "def", "module", "import", "include", "if", "then", "else", "elif", "as", "reduce", "foreach", "end", "and", "or",
        "try", "catch", "label", "break", "__loc__",
    ];

    // Longest first.
    private static readonly string[] Symbols =
    [
        "?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..",
        ".", "?", "=", ";", ",", ":", "|", "+", "-", "*", "/", "%", "<", ">", "$",
    ];

    private readonly string _text = source.Text;
    private readonly Stack<char> _open = new();
    private readonly List<Token> _tokens = [];
    private int _at;

    public IReadOnlyList<Token> Run()
    {
        while (_at < _text.Length)
        {
            if (_open.TryPeek(out var inside) && inside == '"')
            {
                NextInString();
            }
            else
            {
                Next();
            }
        }

        _tokens.Add(new(TokenKind.EndOfFile, "", EndSpan()));
        return _tokens;
    }

    // jq places the end of the text on its last token, so that there is something to underline.
    private Span EndSpan() => _tokens.Count > 0 ? _tokens[^1].Span : new(0, 1);

    private void Next()
    {
        var c = _text[_at];
        if (c is ' ' or '\t' or '\r' or '\n')
        {
            _at++;
        }
        else if (c == '#')
        {
            SkipComment();
        }
        else if (IsNameStart(c))
        {
            var start = _at;
            var name = TakeName(qualified: true);
            Add(Keywords.Contains(name) ? TokenKind.Keyword : TokenKind.Identifier, name, start);
        }
        else if (char.IsAsciiDigit(c) || (c == '.' && char.IsAsciiDigit(Peek(1))))
        {
            TakeNumber();
        }
        else if (c == '"')
        {
            _open.Push('"');
            Add(TokenKind.StringStart, "\"", _at++);
        }
        else if (c is '(' or '[' or '{')
        {
            _open.Push(c);
            Add(TokenKind.Symbol, c.ToString(), _at++);
        }
        else if (c is ')' or ']' or '}')
        {
            Close(c);
        }
        else
        {
            TakeOther(c);
        }
    }

    private void TakeOther(char c)
    {
        var start = _at;
        if (c == '.' && IsNameStart(Peek(1)))
        {
            _at++;
            Add(TokenKind.Field, TakeName(qualified: false), start);
        }
        else if (c == '$' && IsNameStart(Peek(1)))
        {
            _at++;
            Add(TokenKind.Binding, TakeName(qualified: true), start);
        }
        else if (c == '@' && (char.IsAsciiLetterOrDigit(Peek(1)) || Peek(1) == '_'))
        {
            _at++;
            while (char.IsAsciiLetterOrDigit(Peek(0)) || Peek(0) == '_')
            {
                _at++;
            }

            Add(TokenKind.Format, _text[(start + 1).._at], start);
        }
        else if (Array.Find(Symbols, s => string.CompareOrdinal(_text, _at, s, 0, s.Length) == 0) is { } symbol)
        {
            _at += symbol.Length;
            Add(TokenKind.Symbol, symbol, start);
        }
        else
        {
            _at++;
            Add(TokenKind.Invalid, c.ToString(), start);
        }
    }

    private void Close(char c)
    {
        var start = _at++;
        var open = c switch { ')' => '(', ']' => '[', _ => '{' };
        if (_open.TryPeek(out var top) && top == open)
        {
            _open.Pop();
            Add(TokenKind.Symbol, c.ToString(), start);
        }
        else if (c == ')' && top == 'i')
        {
            _open.Pop();
            Add(TokenKind.InterpolationEnd, ")", start);
        }
        else
        {
            Add(TokenKind.Invalid, c.ToString(), start);
        }
    }

    private void NextInString()
    {
        var start = _at;
        if (_text[_at] == '"')
        {
            _open.Pop();
            Add(TokenKind.StringEnd, "\"", _at++);
        }
        else if (_text[_at] == '\\' && Peek(1) == '(')
        {
            _open.Push('i');
            _at += 2;
            Add(TokenKind.InterpolationStart, "\\(", start);
        }
        else if (_text[_at] == '\\')
        {
            TakeEscapes();
        }
        else
        {
            while (_at < _text.Length && _text[_at] is not ('"' or '\\'))
            {
                _at++;
            }

            Add(TokenKind.StringText, _text[start.._at], start);
        }
    }

    /// <summary>A run of escapes is one token, and judged by the rules of JSON.</summary>
    private void TakeEscapes()
    {
        var start = _at;
        while (Peek(0) == '\\' && Peek(1) is not ('(' or '\0'))
        {
            _at += 2;
            if (_text[_at - 1] == 'u')
            {
                for (var i = 0; i < 4 && char.IsAsciiLetterOrDigit(Peek(0)); i++)
                {
                    _at++;
                }
            }
        }

        if (_at == start)
        {
            _at++;
            Add(TokenKind.Invalid, "\\", start);
            return;
        }

        var quoted = Encoding.UTF8.GetBytes($"\"{_text[start.._at]}\"");
        if (JsonEscapes.Decode(quoted.AsSpan(1..^1)) is not { } text)
        {
            throw source.Failure(
                $"{JsonDiagnostics.DescribeOne(quoted)} (while parsing '{Encoding.UTF8.GetString(quoted)}')", new(start, _at));
        }

        Add(TokenKind.StringText, text, start);
    }

    private void TakeNumber()
    {
        var start = _at;
        TakeDigits();
        if (Peek(0) == '.')
        {
            _at++;
            TakeDigits();
        }

        if (Peek(0) is 'e' or 'E' && (char.IsAsciiDigit(Peek(1)) || (Peek(1) is '+' or '-' && char.IsAsciiDigit(Peek(2)))))
        {
            _at += 2;
            TakeDigits();
        }

        Add(TokenKind.Number, _text[start.._at], start);
    }

    private void TakeDigits()
    {
        while (char.IsAsciiDigit(Peek(0)))
        {
            _at++;
        }
    }

    private string TakeName(bool qualified)
    {
        var start = _at;
        while (true)
        {
            while (IsNameStart(Peek(0)) || char.IsAsciiDigit(Peek(0)))
            {
                _at++;
            }

            if (!qualified || Peek(0) != ':' || Peek(1) != ':' || !IsNameStart(Peek(2)))
            {
                return _text[start.._at];
            }

            _at += 2;
        }
    }

    /// <summary>A comment goes on where its line ends with an odd number of backslashes.</summary>
    private void SkipComment()
    {
        while (_at < _text.Length && _text[_at] != '\n')
        {
            if (_text[_at] == '\\' && _at + 1 < _text.Length)
            {
                _at += _text[_at + 1] == '\r' && Peek(2) == '\n' ? 3 : 2;
            }
            else
            {
                _at++;
            }
        }
    }

    private void Add(TokenKind kind, string text, int start) => _tokens.Add(new(kind, text, new(start, Math.Max(_at, start + 1))));

    private char Peek(int ahead) => _at + ahead < _text.Length ? _text[_at + ahead] : '\0';

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c == '_';
}
