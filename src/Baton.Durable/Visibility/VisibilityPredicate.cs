using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>Evaluates a filter on one record. Agrees with <see cref="VisibilitySql"/>; a property test holds them together.</summary>
internal static class VisibilityPredicate
{
    public static bool Matches(VisibilityFilter? filter, VisibilityRecord record) => filter switch
    {
        null => true,
        AndFilter and => and.Operands.All(operand => Matches(operand, record)),
        OrFilter or => or.Operands.Any(operand => Matches(operand, record)),
        CompareFilter compare => compare.Attribute.Read(record) is { } value && Holds(compare.Operator, StoredOrder.Compare(value, compare.Value)),
        BetweenFilter between => between.Attribute.Read(record) is { } value && (StoredOrder.Compare(value, between.Low) >= 0 && StoredOrder.Compare(value, between.High) <= 0) != between.Negated,
        InFilter { Attribute.IsScalar: true } scalar => scalar.Attribute.Read(record) is { } value && scalar.Values.Contains(value) != scalar.Negated,
        InFilter set => set.Attribute.ReadMany(record).Any(set.Values.Contains) != set.Negated,
        PrefixFilter prefix => prefix.Attribute.Read(record) is string text && text.StartsWith(prefix.Prefix, StringComparison.Ordinal) != prefix.Negated,
        NullFilter isNull => IsNull(isNull.Attribute, record) != isNull.Negated,
        _ => throw new ArgumentException($"{filter.GetType().Name} is no known filter.", nameof(filter)),
    };

    private static bool IsNull(VisibilityAttribute attribute, VisibilityRecord record) =>
        attribute.IsScalar ? attribute.Read(record) is null : !attribute.ReadMany(record).Any();

    private static bool Holds(CompareOperator comparison, int order) => comparison switch
    {
        CompareOperator.Less => order < 0,
        CompareOperator.LessOrEqual => order <= 0,
        CompareOperator.Greater => order > 0,
        _ => order >= 0,
    };
}
