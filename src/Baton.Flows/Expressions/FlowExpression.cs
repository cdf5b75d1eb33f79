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
    /// <summary>
    /// Set in runs that have large values, which stand in the scope as references (see <see cref="Interpret.LargeValues"/>):
    /// what expressions that look into them gave elsewhere.
    /// </summary>
    internal IReadOnlyDictionary<FlowExpression, JqValue>? Answers { get; init; }

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
    /// <exception cref="LargeValueException">It looks into a large value, of which the scope has a reference only.</exception>
    internal JqValue Evaluate(in ExpressionScope scope)
    {
        var program = _program ?? throw new ExpressionException("The expression did not compile.");
        if (scope.Answers is not { } answers)
        {
            return program.Evaluate(scope);
        }
        if (answers.TryGetValue(this, out var answer))
        {
            return answer;
        }
        var seen = Seen(program, scope);
        if (!program.IsSelection && HasReference(seen))
        {
            throw new LargeValueException(this, seen);
        }
        try
        {
            return program.Evaluate(scope);
        }
        catch (ExpressionException) when (HasReference(seen))
        {
            // The path leads into the reference itself.
            throw new LargeValueException(this, seen);
        }
    }

    /// <summary>The language it is written in.</summary>
    internal ExpressionLanguage Language => _program is JavaScriptExpression ? ExpressionLanguage.JavaScript : ExpressionLanguage.Jq;

    /// <summary>The part of the scope that the expression can see.</summary>
    private ExpressionScope Seen(IExpressionProgram program, in ExpressionScope scope) => new(program.ReadsInput ? scope.Value : JqValue.Null,
        scope.Variables.Where(v => Text.Contains("$" + v.Key, StringComparison.Ordinal)).ToImmutableDictionary());

    private static bool HasReference(in ExpressionScope scope) => Interpret.LargeValues.HasReference(scope.Value) || scope.Variables.Values.Any(Interpret.LargeValues.HasReference);
}

/// <summary>A compiled expression of one of the languages.</summary>
internal interface IExpressionProgram
{
    /// <summary>True if it only moves values, so that it may be given references to large ones.</summary>
    bool IsSelection { get; }

    /// <summary>False if it does not depend on the value that jq calls <c>.</c>.</summary>
    bool ReadsInput { get; }

    JqValue Evaluate(in ExpressionScope scope);
}

/// <summary>An expression failed while it was evaluated.</summary>
internal class ExpressionException(string message) : Exception(message);

/// <summary>
/// An expression looks into a large value, which takes a call to an activity. In the few places that cannot wait for one
/// (durations, conditions on events, and the members of raised errors) it is an error like any other.
/// </summary>
internal sealed class LargeValueException(FlowExpression expression, ExpressionScope seen)
    : ExpressionException($"The expression '{expression.Text.Trim()}' looks into a value of more than {Interpret.LargeValues.Limit / 1024} KiB, which cannot be done in this place: take what is needed out of it in a task before.")
{
    public FlowExpression Expression { get; } = expression;

    /// <summary>The part of the scope that the expression can see.</summary>
    public ExpressionScope Seen { get; } = seen;
}
