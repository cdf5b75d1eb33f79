using System.Text;

namespace Baton.Jq;

/// <summary>Finds the fault in a JSON text and words it as jq does, place included.</summary>
/// <remarks>
/// jq's parser is pushed one byte at a time and finds faults late: a literal is judged when the byte behind it
/// arrives, and the place named is that byte's. To give the same words, this follows the same steps; it keeps kinds
/// and counts instead of values. Lines count from 1, columns are bytes since the last line feed.
/// </remarks>
internal ref struct JsonDiagnostics
{
    private readonly ReadOnlySpan<byte> _utf8;
    private readonly Stack<Open> _stack;
    private readonly List<byte> _token;
    private Pending _next;
    private int _line;
    private int _column;
    private int _completed;

    private JsonDiagnostics(ReadOnlySpan<byte> utf8, int line, int column)
    {
        _utf8 = utf8.StartsWith("\uFEFF"u8) ? utf8[3..] : utf8;
        _stack = new();
        _token = [];
        _line = line;
        _column = column;
    }

    private enum Pending
    {
        Nothing,
        Text,
        Other,
    }

    /// <summary>The first fault in a run of texts that begins behind the place given; null where there is none.</summary>
    public static string? Describe(ReadOnlySpan<byte> utf8, int line = 1, int column = 0) => new JsonDiagnostics(utf8, line, column).Run();

    /// <summary>The fault in what should be one text: a fault inside, none at all, or more than one.</summary>
    public static string DescribeOne(ReadOnlySpan<byte> utf8)
    {
        var scan = new JsonDiagnostics(utf8, 1, 0);
        return scan.Run() ?? (scan._completed == 0 ? "Expected JSON value" : "Unexpected extra JSON values");
    }

    private string? Run()
    {
        var inString = false;
        var escaped = false;
        foreach (var c in _utf8)
        {
            _column++;
            if (c == '\n')
            {
                _line++;
                _column = 0;
            }

            string? fault = null;
            if (inString)
            {
                if (c == '"' && !escaped)
                {
                    fault = EndString();
                    inString = false;
                }
                else
                {
                    _token.Add(c);
                    escaped = c == '\\' && !escaped;
                }
            }
            else if (" \t\r\n[,]{:}\""u8.Contains(c))
            {
                fault = EndLiteral() ?? ("[,]{:}"u8.Contains(c) ? Structure((char)c) : null);
                inString = c == '"';
                CompleteIfDone();
            }
            else
            {
                _token.Add(c);
            }

            if (fault is not null)
            {
                return $"{fault} at line {_line}, column {_column}";
            }
        }

        var last = inString ? "Unfinished string" : EndLiteral() ?? (_stack.Count > 0 ? "Unfinished JSON term" : null);
        CompleteIfDone();
        return last is null ? null : $"{last} at EOF at line {_line}, column {_column}";
    }

    private void CompleteIfDone()
    {
        if (_stack.Count == 0 && _next != Pending.Nothing)
        {
            _completed++;
            _next = Pending.Nothing;
        }
    }

    private string? Value(Pending kind)
    {
        if (_next != Pending.Nothing)
        {
            return "Expected separator between values";
        }

        _next = kind;
        return null;
    }

    private string? EndString()
    {
        var bytes = _token.ToArray();
        _token.Clear();
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] < 32)
            {
                return "Invalid string: control characters from U+0000 through U+001F must be escaped";
            }

            if (bytes[i] == '\\')
            {
                if (JsonEscapes.Fault(bytes.AsSpan(i + 1)) is { } fault)
                {
                    return fault;
                }

                i++;
            }
        }

        return Value(Pending.Text);
    }

    private string? EndLiteral()
    {
        if (_token.Count == 0)
        {
            return null;
        }

        var token = Encoding.UTF8.GetString([.. _token]);
        _token.Clear();
        if (token[0] == '\'')
        {
            return "Invalid string literal; expected \", but got '";
        }

        if (token[0] is 't' or 'f' || token.StartsWith("nu", StringComparison.Ordinal))
        {
            return token is "true" or "false" or "null" ? Value(Pending.Other) : "Invalid literal";
        }

        return JsonReader.TryParseNumber(token, out _) ? Value(Pending.Other) : "Invalid numeric literal";
    }

    private string? Structure(char c)
    {
        switch (c)
        {
            case '[' or '{':
                if (_stack.Count >= JsonReader.MaxDepth)
                {
                    return "Exceeds depth limit for parsing";
                }

                if (_next != Pending.Nothing)
                {
                    return "Expected separator between values";
                }

                _stack.Push(new Open(c, 0));
                return null;

            case ':':
                return Colon();

            case ',':
                return Comma();

            default:
                return Close(c);
        }
    }

    private string? Colon()
    {
        if (_next == Pending.Nothing)
        {
            return "Expected string key before ':'";
        }

        if (!_stack.TryPeek(out var top) || top.Kind != '{')
        {
            return "':' not as part of an object";
        }

        if (_next != Pending.Text)
        {
            return "Object keys must be strings";
        }

        _stack.Push(new Open('k', 0));
        _next = Pending.Nothing;
        return null;
    }

    private string? Comma()
    {
        if (_next == Pending.Nothing)
        {
            return "Expected value before ','";
        }

        if (_stack.Count == 0)
        {
            return "',' not as part of an object or array";
        }

        return TakeElement() ? null : "Objects must consist of key:value pairs";
    }

    private string? Close(char c)
    {
        var wanted = c == ']' ? '[' : '{';
        if (_stack.Count == 0 || (c == ']' && _stack.Peek().Kind != '['))
        {
            return $"Unmatched '{c}'";
        }

        if (_next != Pending.Nothing)
        {
            if (c == '}' && _stack.Peek().Kind != 'k')
            {
                return "Objects must consist of key:value pairs";
            }

            TakeElement();
        }
        else if (_stack.Peek().Kind != wanted)
        {
            return $"Unmatched '{c}'";
        }
        else if (_stack.Peek().Count > 0)
        {
            return c == ']' ? "Expected another array element" : "Expected another key-value pair";
        }

        _stack.Pop();
        _next = Pending.Other;
        return null;
    }

    private bool TakeElement()
    {
        if (_stack.Peek().Kind == 'k')
        {
            _stack.Pop();
        }
        else if (_stack.Peek().Kind == '{')
        {
            return false;
        }

        var top = _stack.Pop();
        _stack.Push(top with { Count = top.Count + 1 });
        _next = Pending.Nothing;
        return true;
    }

    private readonly record struct Open(char Kind, int Count);
}
