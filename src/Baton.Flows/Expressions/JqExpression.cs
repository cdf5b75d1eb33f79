using System.Collections.Immutable;
using Baton.Jq;

namespace Baton.Flows.Expressions;

/// <summary>jq in deterministic mode: replay after a crash gives the same result.</summary>
internal sealed class JqExpression(string text, ImmutableArray<string> variables, JqLimits? limits = null) : IExpressionProgram
{
    /// <summary>One evaluation: a million steps take some 50 ms, below the two seconds after which a worker counts as stuck.</summary>
    private static readonly JqLimits Limits = JqLimits.Default with { MaxSteps = 1_000_000, MaxDepth = 20_000, MaxOutputBytes = 2 * 1024 * 1024 };

    /// <summary>One evaluation in an activity, which may take its time.</summary>
    internal static JqLimits LargeLimits { get; } = Limits with { MaxSteps = 100_000_000, MaxOutputBytes = 64 * 1024 * 1024 };

    private readonly JqProgram _program = JqProgram.Parse(text, new JqOptions { Deterministic = true, Variables = variables });

    public bool IsSelection => _program.IsSelection;

    public bool ReadsInput => _program.ReadsInput;

    public JqValue Evaluate(in ExpressionScope scope)
    {
        try
        {
            var result = JqValue.Null;
            var count = 0;
            foreach (var value in _program.Evaluate(scope.Value, scope.Variables, limits ?? Limits))
            {
                if (++count > 1)
                {
                    throw new ExpressionException($"The expression '{text.Trim()}' gives more than one result; put it in [ ] to have a list.");
                }
                result = value;
            }
            return result;
        }
        catch (Exception error) when (error is JqRuntimeException or JqLimitException or JqHaltException)
        {
            throw new ExpressionException($"The expression '{text.Trim()}' failed: {error.Message}");
        }
    }
}
