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

    private readonly List<QueryToken> tokens;
    private readonly IReadOnlyDictionary<string, AttributeType> customAttributes;
    private readonly EntityKind kind;
    private int at;
    private int depth;
    private int predicates;
    private int values;

    public VisibilityParser(string text, IReadOnlyDictionary<string, AttributeType> customAttributes, EntityKind kind)
    {
        if (text.Length > MaxLength)
        {
            throw NotSupported($"a query of {text.Length} characters, the most is {MaxLength}");
        }

        tokens = new VisibilityLexer(text).ReadAll();
        this.customAttributes = customAttributes;
        this.kind = kind;
    }

    private QueryToken Current => tokens[at];

    public VisibilityQuery Parse()
    {
        var filter = IsClause() || Current.Kind == QueryTokenKind.End ? null : ParseOr();
        List<VisibilityOrder> orderBy = [];
        List<VisibilityAttribute> groupBy = [];
        while (IsClause())
        {
            var order = Take("ORDER");
            if (!order)
            {
                Expect("GROUP");
            }

            Expect("BY");
            if (order ? orderBy.Count > 0 : groupBy.Count > 0)
            {
                throw NotSupported($"a second {(order ? "ORDER BY" : "GROUP BY")} clause at position {tokens[at - 2].Position}");
            }

            do
            {
                var attribute = ParseSortable(order ? "ORDER BY" : "GROUP BY");
                if (order)
                {
                    orderBy.Add(new VisibilityOrder(attribute, ParseDescending()));
                }
                else
                {
                    groupBy.Add(attribute);
                }
            }
            while (Take(","));
        }
        if (Current.Kind != QueryTokenKind.End)
        {
            throw Malformed(Current, "expected AND, OR, ORDER BY, GROUP BY or the end of the query");
        }

        return new VisibilityQuery(filter, orderBy, groupBy);
    }

    private bool ParseDescending()
    {
        var descending = Take("DESC");
        if (!descending)
        {
            Take("ASC");
        }

        return descending;
    }

    private bool IsClause() => (Current.Is("ORDER") || Current.Is("GROUP")) && tokens[at + 1].Is("BY");

    private VisibilityFilter ParseOr()
    {
        List<VisibilityFilter> operands = [ParseAnd()];
        while (Take("OR"))
        {
            operands.Add(ParseAnd());
        }

        return operands.Count == 1 ? operands[0] : new OrFilter(operands);
    }

    private VisibilityFilter ParseAnd()
    {
        List<VisibilityFilter> operands = [ParseNot()];
        while (Take("AND"))
        {
            operands.Add(ParseNot());
        }

        return operands.Count == 1 ? operands[0] : new AndFilter(operands);
    }

    private VisibilityFilter ParseNot()
    {
        if (++depth > MaxDepth)
        {
            throw NotSupported($"more than {MaxDepth} levels of nesting at position {Current.Position}");
        }

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
        depth--;
        return filter;
    }

    private VisibilityFilter ParsePredicate()
    {
        if (++predicates > MaxPredicates)
        {
            throw NotSupported($"more than {MaxPredicates} conditions at position {Current.Position}");
        }

        var attribute = ParseAttribute();
        var operation = Current;
        if (Take("IS"))
        {
            var isNot = Take("NOT");
            Expect("NULL");
            return new NullFilter(attribute, isNot);
        }
        if (Take("=") || Take("!=") || Take("<>"))
        {
            return Member(attribute, [ParseValue(attribute)], negated: operation.Text != "=");
        }

        if (CompareOperatorOf(operation) is { } comparison)
        {
            at++;
            CheckOrdered(attribute, operation);
            return new CompareFilter(attribute, comparison, ParseValue(attribute));
        }
        var negated = Take("NOT");
        operation = Current;
        if (Take("IN"))
        {
            return ParseIn(attribute, negated);
        }

        if (Take("BETWEEN"))
        {
            CheckOrdered(attribute, operation);
            var low = ParseValue(attribute);
            Expect("AND");
            return new BetweenFilter(attribute, low, ParseValue(attribute), negated);
        }
        if (Take("STARTS_WITH"))
        {
            return ParsePrefix(attribute, operation, negated);
        }

        throw Malformed(operation, $"expected an operator after {attribute.Name}: =, !=, <, <=, >, >=, [NOT] IN, [NOT] BETWEEN, [NOT] STARTS_WITH, IS [NOT] NULL");
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
        {
            throw NotSupported($"operator STARTS_WITH at position {operation.Position} for {Describe(attribute)}");
        }

        var prefix = (string)ParseValue(attribute);
        if (prefix.Length > 0)
        {
            return new PrefixFilter(attribute, prefix, negated);
        }
        // Each text begins with nothing, and none sorts below it.
        return new CompareFilter(attribute, negated ? CompareOperator.Less : CompareOperator.GreaterOrEqual, prefix);
    }

    private static InFilter Member(VisibilityAttribute attribute, IReadOnlyList<object> values, bool negated) =>
        new(attribute, attribute.Type == AttributeType.Text ? [.. values.SelectMany(text => TextWords.Of((string)text)).Distinct()] : values, negated);

    private object ParseValue(VisibilityAttribute attribute)
    {
        if (++values > MaxValues)
        {
            throw NotSupported($"more than {MaxValues} values at position {Current.Position}");
        }

        var token = Current;
        var isValue = token.Kind is QueryTokenKind.String or QueryTokenKind.Number || token.Is("true") || token.Is("false");
        if (!isValue && token.Kind is QueryTokenKind.Name or QueryTokenKind.QuotedName)
        {
            throw NotSupported($"column name '{Shorten(token.Text)}' at position {token.Position} as a value {(token.Is("NULL") ? "(write IS NULL or IS NOT NULL)" : "(text is written in quotes)")}");
        }

        if (!isValue)
        {
            throw Malformed(token, "expected a value: a number, true, false, or text in quotes");
        }

        at++;
        return VisibilityLiteral.ToStored(token, attribute, kind)
            ?? throw Invalid($"'{Shorten(token.Text)}' at position {token.Position} is no value for {Describe(attribute)}: expected {VisibilityLiteral.Expected(attribute, kind)}");
    }

    private VisibilityAttribute ParseAttribute()
    {
        var token = Current;
        if (token.Kind == QueryTokenKind.String)
        {
            throw Invalid($"'{Shorten(token.Text)}' at position {token.Position} must be a column name: names are written plain or in backticks");
        }

        if (token.Kind is not (QueryTokenKind.Name or QueryTokenKind.QuotedName))
        {
            throw Malformed(token, "expected the name of a search attribute");
        }

        at++;
        return VisibilityAttribute.Find(token.Text, kind, customAttributes)
            ?? throw new VisibilityQueryException($"invalid query: invalid search attribute: {Shorten(token.Text)} at position {token.Position}");
    }

    private VisibilityAttribute ParseSortable(string clause)
    {
        var token = Current;
        var attribute = ParseAttribute();
        return attribute.IsScalar ? attribute : throw NotSupported($"{clause} at position {token.Position} by {Describe(attribute)}");
    }

    private static void CheckOrdered(VisibilityAttribute attribute, QueryToken operation)
    {
        if (!attribute.IsScalar || attribute.Type == AttributeType.Bool || attribute.Name == VisibilityAttribute.ExecutionStatus)
        {
            throw NotSupported($"operator {operation.Text.ToUpperInvariant()} at position {operation.Position} for {Describe(attribute)}");
        }
    }

    private static VisibilityFilter Negate(VisibilityFilter filter) => filter switch
    {
        AndFilter and => new OrFilter([.. and.Operands.Select(Negate)]),
        OrFilter or => new AndFilter([.. or.Operands.Select(Negate)]),
        CompareFilter compare => compare with { Operator = Opposite(compare.Operator) },
        BetweenFilter between => between with { Negated = !between.Negated },
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
        {
            return false;
        }

        at++;
        return true;
    }

    private void Expect(string word)
    {
        if (!Take(word))
        {
            throw Malformed(Current, $"expected {word}");
        }
    }

    private static string Describe(VisibilityAttribute attribute) => $"search attribute '{attribute.Name}' of type {attribute.Type}";

    private static VisibilityQueryException Malformed(QueryToken at, string message) => new(at.Kind == QueryTokenKind.End
        ? $"invalid query: malformed SQL query: the query ends at position {at.Position}: {message}"
        : $"invalid query: malformed SQL query: syntax error at position {at.Position} near '{Shorten(at.Text)}': {message}");

    private static VisibilityQueryException NotSupported(string what) => new($"invalid query: operation is not supported: {what}");

    private static VisibilityQueryException Invalid(string what) => new($"invalid query: invalid expression: {what}");

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
