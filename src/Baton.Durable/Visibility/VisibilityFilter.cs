namespace Baton.Durable.Visibility;

/// <summary>
/// Node of the filter tree. There is no node for NOT: the parser pushes it down to the leaves, each of which has its own negation.
/// </summary>
/// <remarks>
/// A leaf over an attribute that a record is without is false, negated or not, as a comparison with NULL is in SQL; only IS NULL sees
/// it. Text and KeywordList are sets: a record without one has the empty set, and "not in it" is true. Leaf values are in stored form
/// (see <see cref="VisibilityAttribute"/>).
/// </remarks>
internal abstract record VisibilityFilter;

internal sealed record AndFilter(IReadOnlyList<VisibilityFilter> Operands) : VisibilityFilter;

internal sealed record OrFilter(IReadOnlyList<VisibilityFilter> Operands) : VisibilityFilter;

/// <summary>An order comparison of a scalar attribute.</summary>
internal sealed record CompareFilter(VisibilityAttribute Attribute, CompareOperator Operator, object Value) : VisibilityFilter;

/// <summary>Bounds included. A node of its own and not two comparisons, so that one look into an index answers it.</summary>
internal sealed record BetweenFilter(VisibilityAttribute Attribute, object Low, object High, bool Negated) : VisibilityFilter;

/// <summary>
/// The scalar attribute is one of the values, or the set holds at least one of them. <c>=</c> and <c>!=</c> are the case of one value;
/// the value of a Text has become its words. There is at least one value.
/// </summary>
internal sealed record InFilter(VisibilityAttribute Attribute, IReadOnlyList<object> Values, bool Negated) : VisibilityFilter;

/// <summary>The keyword begins with <paramref name="Prefix"/>, which is not empty.</summary>
internal sealed record PrefixFilter(VisibilityAttribute Attribute, string Prefix, bool Negated) : VisibilityFilter;

internal sealed record NullFilter(VisibilityAttribute Attribute, bool Negated) : VisibilityFilter;

internal enum CompareOperator
{
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
