using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>
/// Parses Temporal's list filters (https://docs.temporal.io/list-filter):
/// <code>
/// query     = [ or ] { ORDER BY order { "," order } | GROUP BY name { "," name } }
/// or        = and { OR and }
/// and       = not { AND not }
/// not       = NOT not | "(" or ")" | predicate
/// predicate = name ( "=" | "!=" | "&lt;" | "&lt;=" | ">" | ">=" ) value
///           | name [ NOT ] ( BETWEEN value AND value | IN "(" value { "," value } ")" | STARTS_WITH value )
///           | name IS [ NOT ] NULL
/// order     = name [ ASC | DESC ]
/// </code>
/// Keywords in any case; names as they are registered, in backticks where they would read as something else.
/// </summary>
internal sealed class VisibilityParser
{
    /// <summary>Characters of a query.</summary>
    public const int MaxLength = 64 * 1024;

    /// <summary>Parentheses and NOTs inside each other.</summary>
    public const int MaxDepth = 100;

    /// <summary>Predicates in a query. SQLite takes expressions 1,000 deep, and a chain of ANDs is as deep as it is long.</summary>
    public const int MaxPredicates = 400;

    /// <summary>Values in a query, those in lists included. SQLite takes 32,766 parameters.</summary>
    public const int MaxValues = 10_000;

    private readonly List<QueryToken> _tokens;
    private readonly IReadOnlyDictionary<string, AttributeType> _customAttributes;
    private readonly EntityKind _kind;
    private int _at;
    private int _depth;
    private int _predicates;
    private int _values;

    public VisibilityParser(string text, IReadOnlyDictionary<string, AttributeType> customAttributes, EntityKind kind)
    {
        if (text.Length > MaxLength)
            throw new VisibilityQueryException($"invalid query: it has {text.Length} characters, more than the {MaxLength} allowed");
        _tokens = new VisibilityLexer(text).ReadAll();
        _customAttributes = customAttributes;
        _kind = kind;
    }

    private QueryToken Current => _tokens[_at];

    public VisibilityQuery Parse()
    {
        VisibilityFilter? filter = IsClause() || Current.Kind == QueryTokenKind.End ? null : ParseOr();
        List<VisibilityOrder> orderBy = [];
        List<VisibilityAttribute> groupBy = [];
        while (IsClause())
        {
            bool order = Take("ORDER");
            if (!order)
                Expect("GROUP");
            Expect("BY");
            if (order ? orderBy.Count > 0 : groupBy.Count > 0)
                throw Error(_tokens[_at - 2], "there is a clause like this already");
            do
            {
                VisibilityAttribute attribute = ParseSortable(order ? "ORDER BY" : "GROUP BY");
                if (order)
                    orderBy.Add(new VisibilityOrder(attribute, ParseDescending()));
                else
                    groupBy.Add(attribute);
            }
            while (Take(","));
        }
        if (Current.Kind != QueryTokenKind.End)
            throw Error(Current, "expected AND, OR, ORDER BY, GROUP BY or the end of the query");
        return new VisibilityQuery(filter, orderBy, groupBy);
    }

    private bool ParseDescending()
    {
        bool descending = Take("DESC");
        if (!descending)
            Take("ASC");
        return descending;
    }

    private bool IsClause() => (Current.Is("ORDER") || Current.Is("GROUP")) && _tokens[_at + 1].Is("BY");

    private VisibilityFilter ParseOr()
    {
        List<VisibilityFilter> operands = [ParseAnd()];
        while (Take("OR"))
            operands.Add(ParseAnd());
        return operands.Count == 1 ? operands[0] : new OrFilter(operands);
    }

    private VisibilityFilter ParseAnd()
    {
        List<VisibilityFilter> operands = [ParseNot()];
        while (Take("AND"))
            operands.Add(ParseNot());
        return operands.Count == 1 ? operands[0] : new AndFilter(operands);
    }

    private VisibilityFilter ParseNot()
    {
        if (++_depth > MaxDepth)
            throw Error(Current, $"more than {MaxDepth} levels of nesting");
        VisibilityFilter filter;
        if (Take("NOT"))
        {
            filter = Negate(ParseNot());
        }
        else if (Take("("))
        {
            filter = ParseOr();
            Expect(")");
        }
        else
        {
            filter = ParsePredicate();
        }
        _depth--;
        return filter;
    }

    private VisibilityFilter ParsePredicate()
    {
        if (++_predicates > MaxPredicates)
            throw Error(Current, $"more than {MaxPredicates} conditions");
        VisibilityAttribute attribute = ParseAttribute();
        QueryToken operation = Current;
        if (Take("IS"))
        {
            bool isNot = Take("NOT");
            Expect("NULL");
            return new NullFilter(attribute, isNot);
        }
        if (Take("=") || Take("!=") || Take("<>"))
            return Member(attribute, [ParseValue(attribute)], negated: operation.Text != "=");
        if (CompareOperatorOf(operation) is { } comparison)
        {
            _at++;
            CheckOrdered(attribute, operation);
            return new CompareFilter(attribute, comparison, ParseValue(attribute));
        }
        bool negated = Take("NOT");
        operation = Current;
        if (Take("IN"))
            return ParseIn(attribute, negated);
        if (Take("BETWEEN"))
        {
            CheckOrdered(attribute, operation);
            var low = new CompareFilter(attribute, CompareOperator.GreaterOrEqual, ParseValue(attribute));
            Expect("AND");
            var between = new AndFilter([low, new CompareFilter(attribute, CompareOperator.LessOrEqual, ParseValue(attribute))]);
            return negated ? Negate(between) : between;
        }
        if (Take("STARTS_WITH"))
            return ParsePrefix(attribute, operation, negated);
        throw Error(operation, $"expected an operator after {attribute.Name}: =, !=, <, <=, >, >=, [NOT] IN, [NOT] BETWEEN, [NOT] STARTS_WITH, IS [NOT] NULL");
    }

    private VisibilityFilter ParseIn(VisibilityAttribute attribute, bool negated)
    {
        Expect("(");
        List<object> values = [];
        do
        {
            values.Add(ParseValue(attribute));
        }
        while (Take(","));
        Expect(")");
        return Member(attribute, values, negated);
    }

    private VisibilityFilter ParsePrefix(VisibilityAttribute attribute, QueryToken operation, bool negated)
    {
        if (attribute.Type != AttributeType.Keyword || attribute.Name == VisibilityAttribute.ExecutionStatus)
            throw Error(operation, $"operator STARTS_WITH is not supported for {Describe(attribute)}, only for Keyword");
        var prefix = (string)ParseValue(attribute);
        if (prefix.Length > 0)
            return new PrefixFilter(attribute, prefix, negated);
        return negated ? new InFilter(attribute, [], Negated: false) : new NullFilter(attribute, Negated: true);
    }

    private static InFilter Member(VisibilityAttribute attribute, IReadOnlyList<object> values, bool negated) =>
        new(attribute, attribute.Type == AttributeType.Text ? [.. values.SelectMany(text => TextWords.Of((string)text))] : values, negated);

    private object ParseValue(VisibilityAttribute attribute)
    {
        if (++_values > MaxValues)
            throw Error(Current, $"more than {MaxValues} values");
        QueryToken token = Current;
        if (token.Kind is QueryTokenKind.QuotedName or QueryTokenKind.End or QueryTokenKind.Symbol
            || (token.Kind == QueryTokenKind.Name && !token.Is("true") && !token.Is("false")))
            throw Error(token, token.Is("NULL") ? "write IS NULL or IS NOT NULL" : "expected a value: a number, true, false, or text in quotes");
        _at++;
        return VisibilityLiteral.ToStored(token, attribute, _kind)
            ?? throw Error(token, $"not a value for {Describe(attribute)}: expected {VisibilityLiteral.Expected(attribute, _kind)}");
    }

    private VisibilityAttribute ParseAttribute()
    {
        QueryToken token = Current;
        if (token.Kind is not (QueryTokenKind.Name or QueryTokenKind.QuotedName or QueryTokenKind.String))
            throw Error(token, "expected the name of a search attribute");
        _at++;
        return VisibilityAttribute.Find(token.Text, _kind, _customAttributes)
            ?? throw new VisibilityQueryException($"invalid query: column name '{token.Text}' at position {token.Position} is not a valid search attribute");
    }

    private VisibilityAttribute ParseSortable(string clause)
    {
        QueryToken token = Current;
        VisibilityAttribute attribute = ParseAttribute();
        return attribute.IsScalar ? attribute : throw Error(token, $"unable to {clause} {Describe(attribute)}: it has many values");
    }

    private static void CheckOrdered(VisibilityAttribute attribute, QueryToken operation)
    {
        if (!attribute.IsScalar || attribute.Type == AttributeType.Bool || attribute.Name == VisibilityAttribute.ExecutionStatus)
            throw Error(operation, $"operator {operation.Text.ToUpperInvariant()} is not supported for {Describe(attribute)}");
    }

    private static VisibilityFilter Negate(VisibilityFilter filter) => filter switch
    {
        AndFilter and => new OrFilter([.. and.Operands.Select(Negate)]),
        OrFilter or => new AndFilter([.. or.Operands.Select(Negate)]),
        CompareFilter compare => compare with { Operator = Opposite(compare.Operator) },
        InFilter member => member with { Negated = !member.Negated },
        PrefixFilter prefix => prefix with { Negated = !prefix.Negated },
        NullFilter isNull => isNull with { Negated = !isNull.Negated },
        _ => throw new ArgumentException($"{filter.GetType().Name} is no known filter.", nameof(filter)),
    };

    private static CompareOperator Opposite(CompareOperator comparison) => comparison switch
    {
        CompareOperator.Less => CompareOperator.GreaterOrEqual,
        CompareOperator.LessOrEqual => CompareOperator.Greater,
        CompareOperator.Greater => CompareOperator.LessOrEqual,
        _ => CompareOperator.Less,
    };

    private static CompareOperator? CompareOperatorOf(QueryToken token) => token switch
    {
        { Kind: QueryTokenKind.Symbol, Text: "<" } => CompareOperator.Less,
        { Kind: QueryTokenKind.Symbol, Text: "<=" } => CompareOperator.LessOrEqual,
        { Kind: QueryTokenKind.Symbol, Text: ">" } => CompareOperator.Greater,
        { Kind: QueryTokenKind.Symbol, Text: ">=" } => CompareOperator.GreaterOrEqual,
        _ => null,
    };

    private bool Take(string word)
    {
        if (!Current.Is(word))
            return false;
        _at++;
        return true;
    }

    private void Expect(string word)
    {
        if (!Take(word))
            throw Error(Current, $"expected {word}");
    }

    private static string Describe(VisibilityAttribute attribute) => $"search attribute '{attribute.Name}' of type {attribute.Type}";

    private static VisibilityQueryException Error(QueryToken at, string message) => new(at.Kind == QueryTokenKind.End
        ? $"invalid query: {message}, but the query ends at position {at.Position}"
        : $"invalid query: syntax error at position {at.Position} near '{Shorten(at.Text)}': {message}");

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
