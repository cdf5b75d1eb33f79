namespace Baton.Jq.Syntax;

/// <summary>A named text, and how a place in it is told to a person.</summary>
internal sealed class SourceText(string name, string text)
{
    public string Name { get; } = name;

    public string Text { get; } = text;

    public int LineOf(int offset) => Text.AsSpan(0, Math.Min(offset, Text.Length)).Count('\n') + 1;

    public JqSyntaxProblem Problem(string message, Span span)
    {
        var start = Math.Clamp(span.Start, 0, Text.Length);
        var lineStart = start == 0 ? 0 : Text.LastIndexOf('\n', start - 1) + 1;
        var lineEnd = Text.IndexOf('\n', start);
        lineEnd = lineEnd < 0 ? Text.Length : lineEnd;
        var length = Math.Max(1, Math.Min(span.End, lineEnd) - start);
        return new(message, LineOf(start), start - lineStart + 1, length, Name, Text[lineStart..lineEnd]);
    }

    public JqSyntaxException Failure(string message, Span span) => new([Problem(message, span)]);
}
