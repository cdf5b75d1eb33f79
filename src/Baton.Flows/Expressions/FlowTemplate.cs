using System.Collections.Immutable;
using Baton.Jq;

namespace Baton.Flows.Expressions;

/// <summary>A JSON value with expressions in it: a literal, an expression, or a list or object of templates.</summary>
public abstract class FlowTemplate
{
    public static FlowTemplate EmptyObject { get; } = new Mapped([]);

    /// <summary>True if no expression is inside.</summary>
    public virtual bool IsLiteral => false;

    /// <summary>All expressions inside.</summary>
    public virtual IEnumerable<FlowExpression> Expressions => [];

    internal abstract JqValue Evaluate(in ExpressionScope scope);

    internal static FlowTemplate Of(FlowExpression expression) => new Computed(expression);

    internal sealed class Literal(JqValue value) : FlowTemplate
    {
        public override bool IsLiteral => true;

        internal override JqValue Evaluate(in ExpressionScope scope) => value;
    }

    internal sealed class Computed(FlowExpression expression) : FlowTemplate
    {
        public override IEnumerable<FlowExpression> Expressions => [expression];

        internal override JqValue Evaluate(in ExpressionScope scope) => expression.Evaluate(scope);
    }

    /// <summary>A string in loose mode: what it evaluates to, or itself where evaluation fails.</summary>
    internal sealed class Loose(string text, FlowExpression expression) : FlowTemplate
    {
        public override IEnumerable<FlowExpression> Expressions => [expression];

        internal override JqValue Evaluate(in ExpressionScope scope)
        {
            try
            {
                return expression.Evaluate(scope);
            }
            catch (ExpressionException)
            {
                return text;
            }
        }
    }

    internal sealed class Listed(ImmutableArray<FlowTemplate> items) : FlowTemplate
    {
        public override bool IsLiteral => items.All(i => i.IsLiteral);

        public override IEnumerable<FlowExpression> Expressions => items.SelectMany(i => i.Expressions);

        internal override JqValue Evaluate(in ExpressionScope scope)
        {
            var values = new JqValue[items.Length];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = items[i].Evaluate(scope);
            }
            return JqValue.FromArray(values);
        }
    }

    internal sealed class Mapped(ImmutableArray<KeyValuePair<string, FlowTemplate>> entries) : FlowTemplate
    {
        public override bool IsLiteral => entries.All(e => e.Value.IsLiteral);

        public override IEnumerable<FlowExpression> Expressions => entries.SelectMany(e => e.Value.Expressions);

        internal override JqValue Evaluate(in ExpressionScope scope)
        {
            var values = new KeyValuePair<string, JqValue>[entries.Length];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = new(entries[i].Key, entries[i].Value.Evaluate(scope));
            }
            return JqValue.FromObject(values);
        }
    }
}
