using System.Collections.Immutable;
using Baton.Flows.Parse;
using Baton.Jq;

namespace Baton.Flows.Expressions;

public enum ExpressionLanguage { Jq, JavaScript }

/// <summary>Names of the variables that an expression may use, known from where it stands in the document.</summary>
internal sealed record VariableScope(ImmutableSortedSet<string> Names)
{
    public static VariableScope Standard { get; } = new(ImmutableSortedSet.Create(StringComparer.Ordinal,
        "context", "input", "output", "secrets", "authorization", "task", "workflow", "runtime"));

    public VariableScope With(params ReadOnlySpan<string> names) => new(Names.Union(names.ToArray()));
}

/// <summary>What an expression sees: the value that jq calls <c>.</c>, and the variables without their '$'.</summary>
public readonly record struct ExpressionScope(JqValue Value, ImmutableDictionary<string, JqValue> Variables)
{
    public ExpressionScope Of(JqValue value) => this with { Value = value };

    public ExpressionScope With(string name, JqValue value) => this with { Variables = Variables.SetItem(name, value) };
}

/// <summary>A runtime expression, compiled when the flow is read.</summary>
public sealed class FlowExpression
{
    private readonly IExpressionProgram? _program;

    internal FlowExpression(string text, SourcePosition position, string pointer, IExpressionProgram? program)
    {
        Text = text;
        Position = position;
        Pointer = pointer;
        _program = program;
    }

    /// <summary>The expression without <c>${ }</c>.</summary>
    public string Text { get; }

    public SourcePosition Position { get; }

    public string Pointer { get; }

    /// <exception cref="ExpressionException">It failed, or gave more than one result. No result is null.</exception>
    internal JqValue Evaluate(in ExpressionScope scope) =>
        (_program ?? throw new ExpressionException("The expression did not compile.")).Evaluate(scope);
}

/// <summary>A compiled expression of one of the languages.</summary>
internal interface IExpressionProgram
{
    JqValue Evaluate(in ExpressionScope scope);
}

/// <summary>An expression failed while it was evaluated.</summary>
internal sealed class ExpressionException(string message) : Exception(message);
