namespace Baton.Jq.Syntax;

internal enum TokenKind
{
    EndOfFile,
    Invalid,
    Identifier,
    Keyword,
    Field,
    Binding,
    Number,
    Format,

    /// <summary>An operator or a bracket; <see cref="Token.Text"/> tells which.</summary>
    Symbol,

    StringStart,
    StringText,
    InterpolationStart,
    InterpolationEnd,
    StringEnd,
}

/// <param name="Text">The name without its prefix, the decoded text of a string, or the symbol.</param>
internal readonly record struct Token(TokenKind Kind, string Text, Span Span)
{
    public bool Is(string symbol) => Kind == TokenKind.Symbol && Text == symbol;

    public bool IsKeyword(string word) => Kind == TokenKind.Keyword && Text == word;

    /// <summary>As jq's own parser calls it in messages.</summary>
    public string Description => Kind switch
    {
        TokenKind.EndOfFile => "end of file",
        TokenKind.Invalid => "INVALID_CHARACTER",
        TokenKind.Identifier => "IDENT",
        TokenKind.Keyword => Text,
        TokenKind.Field => "FIELD",
        TokenKind.Binding => Text == "__loc__" ? "$__loc__" : "BINDING",
        TokenKind.Number => "LITERAL",
        TokenKind.Format => "FORMAT",
        TokenKind.StringStart => "QQSTRING_START",
        TokenKind.StringText => "QQSTRING_TEXT",
        TokenKind.InterpolationStart => "QQSTRING_INTERP_START",
        TokenKind.InterpolationEnd => "QQSTRING_INTERP_END",
        TokenKind.StringEnd => "QQSTRING_END",
        _ => Text.Length == 1 ? $"'{Text}'" : Text,
    };
}
