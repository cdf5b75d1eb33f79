namespace Baton.Jq.Syntax;

/// <summary>Where a node stands in its source: offsets in UTF-16 units, the end exclusive.</summary>
internal readonly record struct Span(int Start, int End)
{
    public Span To(Span end) => new(Start, end.End);
}

/// <summary>A parsed expression, before names are resolved.</summary>
internal abstract record Ast(Span Span);

internal sealed record IdentityAst(Span Span) : Ast(Span);

internal sealed record LiteralAst(Span Span, JqValue Value) : Ast(Span);

/// <summary>A string with interpolations; each part is a <see cref="LiteralAst"/> or an expression to format.</summary>
internal sealed record TemplateAst(Span Span, string? Format, IReadOnlyList<(Ast Part, bool IsText)> Parts) : Ast(Span);

internal sealed record FormatAst(Span Span, string Name) : Ast(Span);

internal sealed record IndexAst(Span Span, Ast Target, Ast Key, bool Optional) : Ast(Span);

internal sealed record SliceAst(Span Span, Ast Target, Ast? From, Ast? To, bool Optional) : Ast(Span);

internal sealed record IterateAst(Span Span, Ast Target, bool Optional) : Ast(Span);

internal sealed record PipeAst(Span Span, Ast Left, Ast Right) : Ast(Span);

internal sealed record CommaAst(Span Span, Ast Left, Ast Right) : Ast(Span);

internal sealed record NegateAst(Span Span, Ast Operand) : Ast(Span);

internal sealed record BinaryAst(Span Span, BinaryOperator Operator, Ast Left, Ast Right) : Ast(Span);

internal sealed record AndAst(Span Span, Ast Left, Ast Right) : Ast(Span);

internal sealed record OrAst(Span Span, Ast Left, Ast Right) : Ast(Span);

internal sealed record AlternativeAst(Span Span, Ast Left, Ast Right) : Ast(Span);

/// <summary><c>=</c>.</summary>
internal sealed record AssignAst(Span Span, Ast Target, Ast Value) : Ast(Span);

/// <summary><c>|=</c>.</summary>
internal sealed record ModifyAst(Span Span, Ast Target, Ast Update) : Ast(Span);

/// <summary><c>+=</c> and its like; without an operator, <c>//=</c>.</summary>
internal sealed record UpdateAst(Span Span, BinaryOperator? Operator, Ast Target, Ast Value) : Ast(Span);

internal sealed record IfAst(Span Span, Ast Condition, Ast Then, Ast? Else) : Ast(Span);

internal sealed record TryAst(Span Span, Ast Body, Ast? Handler) : Ast(Span);

internal sealed record ReduceAst(Span Span, Ast Source, IReadOnlyList<Pattern> Patterns, Ast Init, Ast Update) : Ast(Span);

internal sealed record ForeachAst(Span Span, Ast Source, IReadOnlyList<Pattern> Patterns, Ast Init, Ast Update, Ast? Extract) : Ast(Span);

internal sealed record BindAst(Span Span, Ast Source, IReadOnlyList<Pattern> Patterns, Ast Body) : Ast(Span);

internal sealed record DefineAst(Span Span, FunctionAst Function, Ast Rest) : Ast(Span);

internal sealed record LabelAst(Span Span, string Name, Ast Body) : Ast(Span);

internal sealed record BreakAst(Span Span, string Name) : Ast(Span);

internal sealed record CallAst(Span Span, string Name, IReadOnlyList<Ast> Arguments) : Ast(Span);

internal sealed record VariableAst(Span Span, string Name) : Ast(Span);

/// <summary><c>$__loc__</c>.</summary>
internal sealed record LocationAst(Span Span, JqValue Value) : Ast(Span);

internal sealed record ArrayAst(Span Span, Ast? Body) : Ast(Span);

internal sealed record ObjectAst(Span Span, IReadOnlyList<(Ast Key, Ast Value)> Fields) : Ast(Span);

/// <param name="Parameters">A name with a leading <c>$</c> takes values, one without takes a filter.</param>
internal sealed record FunctionAst(Span Span, string Name, IReadOnlyList<string> Parameters, Ast Body)
{
    public string Signature => $"{Name}/{Parameters.Count}";
}

/// <summary>The left side of <c>as</c>.</summary>
internal abstract record Pattern;

internal sealed record VariablePattern(string Name) : Pattern;

internal sealed record ArrayPattern(IReadOnlyList<Pattern> Items) : Pattern;

/// <param name="Fields">Variable to bind to the field itself, its key, and what to match the field with.</param>
internal sealed record ObjectPattern(IReadOnlyList<(string? Variable, Ast Key, Pattern? Value)> Fields) : Pattern;

internal enum BinaryOperator
{
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <param name="Alias">Name after <c>as</c>, with <c>$</c> for data; null for <c>include</c>.</param>
internal sealed record ImportAst(Span Span, string Path, string? Alias, JqValue Metadata)
{
    public bool IsData => Alias is ['$', ..];
}

/// <summary>A whole source: a program has a body, a library only functions.</summary>
internal sealed record ModuleAst(JqValue? Metadata, IReadOnlyList<ImportAst> Imports, IReadOnlyList<FunctionAst> Functions, Ast? Body);
