using System.Text;
using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>
/// Translates a query to SQL over the tables <c>visibility</c> and <c>visibility_values</c>. Values travel as parameters only, so that
/// queries of one shape share one prepared statement and no text of a caller is ever read as SQL.
/// </summary>
internal sealed class VisibilitySql
{
    private readonly StringBuilder text = new();
    private readonly Func<string, long?> attributeNumber;

    /// <param name="attributeNumber">Number of an attribute's stored name in <c>visibility_values</c>, null when no record has it.</param>
    public VisibilitySql(Func<string, long?> attributeNumber) => this.attributeNumber = attributeNumber;

    public string Text => text.ToString();

    /// <summary>Values in stored form, in the order of the question marks.</summary>
    public List<object> Parameters { get; } = [];

    public static VisibilitySql List(string columns, long ns, EntityKind kind, VisibilityQuery query, VisibilityOrdering ordering, VisibilityOrdering.Position? after, int limit, Func<string, long?> attributeNumber)
    {
        var sql = new VisibilitySql(attributeNumber);
        sql.Append($"SELECT {columns}").AppendWhere(ns, kind, query.Filter);
        if (after is not null)
        {
            sql.Append(" AND ").AppendAfter(ordering, after);
        }

        sql.Append(" ORDER BY ").AppendOrder(ordering).Append(" LIMIT ").Parameter((long)limit);
        return sql;
    }

    public static VisibilitySql Count(long ns, EntityKind kind, VisibilityQuery query, Func<string, long?> attributeNumber) =>
        new VisibilitySql(attributeNumber).Append("SELECT count(*)").AppendWhere(ns, kind, query.Filter);

    public static VisibilitySql CountGroups(long ns, EntityKind kind, VisibilityQuery query, Func<string, long?> attributeNumber)
    {
        var sql = new VisibilitySql(attributeNumber);
        sql.Append("SELECT count(*)");
        foreach (var attribute in query.GroupBy)
        {
            sql.Append(", ").AppendValue(attribute);
        }

        sql.AppendWhere(ns, kind, query.Filter).Append(" GROUP BY ");
        // By the number of the column: the expression of a search attribute has parameters, and two of the same text are two expressions.
        return sql.Append(string.Join(", ", Enumerable.Range(2, query.GroupBy.Count)));
    }

    private VisibilitySql Append(string sql)
    {
        text.Append(sql);
        return this;
    }

    private VisibilitySql Parameter(object value)
    {
        Parameters.Add(value);
        return Append("?");
    }

    private VisibilitySql AppendWhere(long ns, EntityKind kind, VisibilityFilter? filter)
    {
        Append(" FROM visibility v WHERE namespace = ").Parameter(ns).Append(" AND kind = ").Parameter((long)kind);
        return filter is null ? this : Append(" AND ").AppendFilter(filter);
    }

    private VisibilitySql AppendFilter(VisibilityFilter filter) => filter switch
    {
        AndFilter and => AppendJoined(and.Operands, " AND "),
        OrFilter or => AppendJoined(or.Operands, " OR "),
        CompareFilter compare => AppendOrdered(compare.Attribute, () => Append(SymbolOf(compare.Operator)).Parameter(compare.Value)),
        BetweenFilter between => AppendOrdered(between.Attribute, () => Append(between.Negated ? " NOT BETWEEN " : " BETWEEN ").Parameter(between.Low).Append(" AND ").Parameter(between.High)),
        InFilter { Attribute.IsScalar: true } scalar => AppendTest(scalar.Attribute, () => AppendMember(scalar.Values, scalar.Negated)),
        InFilter set => Append(set.Negated ? "NOT " : "").AppendTest(set.Attribute, () => AppendMember(set.Values, negated: false)),
        PrefixFilter prefix => AppendPrefix(prefix),
        NullFilter isNull => AppendNull(isNull),
        _ => throw new ArgumentException($"{filter.GetType().Name} is no known filter.", nameof(filter)),
    };

    private VisibilitySql AppendJoined(IReadOnlyList<VisibilityFilter> operands, string joint)
    {
        Append("(");
        for (var i = 0; i < operands.Count; i++)
        {
            Append(i > 0 ? joint : "").AppendFilter(operands[i]);
        }

        return Append(")");
    }

    /// <summary>A test of one attribute's value; of any of its values when it is a set.</summary>
    private VisibilitySql AppendTest(VisibilityAttribute attribute, Action test)
    {
        if (attribute.Column is { } column)
        {
            Append(column);
            test();
            return this;
        }
        Append("v.run_key IN (SELECT run_key FROM visibility_values WHERE attribute = ").AppendNumber(attribute).Append(" AND value");
        test();
        return Append(")");
    }

    /// <summary>A test by order: of the order column where there is one, because it has the index, without the records that have no value.</summary>
    private VisibilitySql AppendOrdered(VisibilityAttribute attribute, Action test)
    {
        if (attribute.OrderColumn is not { } column)
        {
            return AppendTest(attribute, test);
        }

        Append("(").Append(column);
        test();
        return Append(" AND ").Append(attribute.Column!).Append(" IS NOT NULL)");
    }

    private void AppendMember(IReadOnlyList<object> values, bool negated)
    {
        if (values.Count == 1)
        {
            Append(negated ? " <> " : " = ").Parameter(values[0]);
            return;
        }
        Append(negated ? " NOT IN (" : " IN (");
        for (var i = 0; i < values.Count; i++)
        {
            Append(i > 0 ? ", " : "").Parameter(values[i]);
        }

        Append(")");
    }

    // As a range, so that an index can serve it.
    private VisibilitySql AppendPrefix(PrefixFilter prefix)
    {
        var after = StoredOrder.AfterPrefix(prefix.Prefix);
        Append("(").AppendTest(prefix.Attribute, () => Append(prefix.Negated ? " < " : " >= ").Parameter(prefix.Prefix));
        if (after is not null)
        {
            Append(prefix.Negated ? " OR " : " AND ").AppendTest(prefix.Attribute, () => Append(prefix.Negated ? " >= " : " < ").Parameter(after));
        }

        return Append(")");
    }

    private VisibilitySql AppendNull(NullFilter isNull)
    {
        if (isNull.Attribute.Column is { } column)
        {
            return Append(column).Append(isNull.Negated ? " IS NOT NULL" : " IS NULL");
        }

        return Append(isNull.Negated ? "v.run_key IN " : "v.run_key NOT IN ")
            .Append("(SELECT run_key FROM visibility_values WHERE attribute = ").AppendNumber(isNull.Attribute).Append(")");
    }

    private VisibilitySql AppendNumber(VisibilityAttribute attribute) => Parameter(attributeNumber(attribute.StoredName) ?? -1L);

    private VisibilitySql AppendValue(VisibilityAttribute attribute) => attribute.Column is { } column
        ? Append(column)
        : Append("(SELECT value FROM visibility_values vv WHERE vv.run_key = v.run_key AND vv.attribute = ").AppendNumber(attribute).Append(")");

    // A record without a value sorts as the highest: one term tells whether there is a value, the next orders the values. An order column
    // does both.
    private IEnumerable<(Action Expression, bool Descending, object Value)> SortTerms(VisibilityOrdering ordering, VisibilityOrdering.Position? position)
    {
        for (var i = 0; i < ordering.Terms.Count; i++)
        {
            (var attribute, var descending) = ordering.Terms[i];
            var value = position?.Values[i];
            if (attribute.OrderColumn is { } column)
            {
                yield return (() => Append(column), descending, value ?? long.MaxValue);
                continue;
            }
            if (attribute.Nullable)
            {
                yield return (() => Append("(").AppendValue(attribute).Append(" IS NULL)"), descending, value is null ? 1L : 0L);
            }

            yield return (attribute.Nullable ? () => Append("coalesce(").AppendValue(attribute).Append(", 0)") : () => AppendValue(attribute), descending, value ?? 0L);
        }
        yield return (() => Append("run_key"), ordering.RunKeyDescending, position?.RunKey ?? 0L);
    }

    private VisibilitySql AppendOrder(VisibilityOrdering ordering)
    {
        var comma = "";
        foreach ((var expression, var descending, _) in SortTerms(ordering, null))
        {
            Append(comma);
            expression();
            Append(descending ? " DESC" : " ASC");
            comma = ", ";
        }
        return this;
    }

    /// <summary>The records after a position. With one direction for all terms it is a row comparison, which an index serves.</summary>
    private VisibilitySql AppendAfter(VisibilityOrdering ordering, VisibilityOrdering.Position position)
    {
        (Action Expression, bool Descending, object Value)[] terms = [.. SortTerms(ordering, position)];
        if (terms.All(term => term.Descending == terms[0].Descending))
        {
            Append("(");
            for (var i = 0; i < terms.Length; i++)
            {
                Append(i > 0 ? ", " : "");
                terms[i].Expression();
            }
            Append(terms[0].Descending ? ") < (" : ") > (");
            for (var i = 0; i < terms.Length; i++)
            {
                Append(i > 0 ? ", " : "").Parameter(terms[i].Value);
            }

            return Append(")");
        }
        // a past it, or a equal and (b past it, or b equal and (...)).
        for (var i = 0; i < terms.Length; i++)
        {
            Append("(");
            terms[i].Expression();
            Append(terms[i].Descending ? " < " : " > ").Parameter(terms[i].Value);
            if (i == terms.Length - 1)
            {
                break;
            }

            Append(" OR (");
            terms[i].Expression();
            Append(" = ").Parameter(terms[i].Value).Append(" AND ");
        }
        return Append(new string(')', 2 * terms.Length - 1));
    }

    private static string SymbolOf(CompareOperator comparison) => comparison switch
    {
        CompareOperator.Less => " < ",
        CompareOperator.LessOrEqual => " <= ",
        CompareOperator.Greater => " > ",
        _ => " >= ",
    };
}
