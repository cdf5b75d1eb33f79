using System.Text;

namespace Baton.Durable.Visibility;

internal enum QueryTokenKind
{
    /// <summary>An attribute's name or a keyword.</summary>
    Name,

    /// <summary>A name in backticks: never a keyword.</summary>
    QuotedName,
    String,
    Number,
    Symbol,
    End,
}

/// <param name="Text">For strings and quoted names without the quotes, escapes resolved.</param>
/// <param name="Position">Of its first character, from 1.</param>
internal readonly record struct QueryToken(QueryTokenKind Kind, string Text, int Position)
{
    public bool Is(string word) => Kind is QueryTokenKind.Name or QueryTokenKind.Symbol && Text.Equals(word, StringComparison.OrdinalIgnoreCase);
}

/// <summary>Cuts a query into tokens. Strings are in single or double quotes; a quote in one is doubled or has a backslash before it.</summary>
internal sealed class VisibilityLexer(string text)
{
    private int at;

    public List<QueryToken> ReadAll()
    {
        var tokens = new List<QueryToken>();
        do
        {
            tokens.Add(Next());
        }
        while (tokens[^1].Kind != QueryTokenKind.End);
        return tokens;
    }

    private QueryToken Next()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
        {
            at++;
        }

        var start = at;
        if (start == text.Length)
        {
            return new QueryToken(QueryTokenKind.End, "", start + 1);
        }

        var c = text[start];
        if (c is '\'' or '"' or '`')
        {
            return new QueryToken(c == '`' ? QueryTokenKind.QuotedName : QueryTokenKind.String, ReadQuoted(c), start + 1);
        }

        if (char.IsLetter(c) || c == '_')
        {
            return ReadWhile(QueryTokenKind.Name, IsNamePart);
        }
        // A sign belongs to the number: the language has no arithmetic.
        if (char.IsAsciiDigit(c) || (c is '-' or '+' or '.' && start + 1 < text.Length && (char.IsAsciiDigit(text[start + 1]) || text[start + 1] == '.')))
        {
            return ReadWhile(QueryTokenKind.Number, IsNumberPart);
        }

        var length = text.AsSpan(start) switch
        {
            ['<', '=', ..] or ['>', '=', ..] or ['!', '=', ..] or ['<', '>', ..] => 2,
            ['=', ..] or ['<', ..] or ['>', ..] or ['(', ..] or [')', ..] or [',', ..] => 1,
            _ => throw new VisibilityQueryException($"invalid query: malformed SQL query: unexpected character '{c}' at position {start + 1}"),
        };
        at += length;
        return new QueryToken(QueryTokenKind.Symbol, text.Substring(start, length), start + 1);
    }

    private QueryToken ReadWhile(QueryTokenKind kind, Func<int, bool> isPart)
    {
        var start = at++;
        while (at < text.Length && isPart(at))
        {
            at++;
        }

        return new QueryToken(kind, text[start..at], start + 1);
    }

    private bool IsNamePart(int at) => char.IsLetterOrDigit(text[at]) || text[at] is '_' or '-' or '.' or '$';

    private bool IsNumberPart(int at) => char.IsAsciiLetterOrDigit(text[at]) || text[at] == '.' || (text[at] is '-' or '+' && text[at - 1] is 'e' or 'E');

    private string ReadQuoted(char quote)
    {
        var start = at++;
        var content = new StringBuilder();
        while (at < text.Length)
        {
            var c = text[at++];
            if (c == quote)
            {
                if (at == text.Length || text[at] != quote)
                {
                    return content.ToString();
                }

                at++;
            }
            else if (c == '\\' && quote != '`')
            {
                if (at == text.Length)
                {
                    break;
                }

                c = text[at++] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', '0' => '\0', var other => other };
            }
            content.Append(c);
        }
        throw new VisibilityQueryException($"invalid query: malformed SQL query: the quote ({quote}) opened at position {start + 1} is never closed");
    }
}
