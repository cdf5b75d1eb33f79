using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using CsCheck;
using Xunit;

namespace Baton.Durable.Tests.Visibility;

/// <summary>What the parser refuses, in which words; what queries find is in the stores' compliance suite.</summary>
public sealed class VisibilityQueryTests
{
    private static readonly Dictionary<string, AttributeType> Custom = new()
    {
        ["Color"] = AttributeType.Keyword,
        ["Words"] = AttributeType.Text,
        ["Tags"] = AttributeType.KeywordList,
        ["Size"] = AttributeType.Int,
        ["Done"] = AttributeType.Bool,
        ["Due"] = AttributeType.Datetime,
        ["Order"] = AttributeType.Keyword,
        ["Odd name"] = AttributeType.Keyword,
    };

    [Theory]
    [InlineData("Nope = 1", "invalid query: invalid search attribute: Nope at position 1")]
    [InlineData("color = 'red'", "invalid query: invalid search attribute: color at position 1")]
    [InlineData("Color", "invalid query: malformed SQL query: the query ends at position 6: expected an operator after Color: =, !=, <, <=, >, >=, [NOT] IN, [NOT] BETWEEN, [NOT] STARTS_WITH, IS [NOT] NULL")]
    [InlineData("Color = ", "invalid query: malformed SQL query: the query ends at position 9: expected a value: a number, true, false, or text in quotes")]
    [InlineData("Color = red", "invalid query: operation is not supported: column name 'red' at position 9 as a value (text is written in quotes)")]
    [InlineData("Color = NULL", "invalid query: operation is not supported: column name 'NULL' at position 9 as a value (write IS NULL or IS NOT NULL)")]
    [InlineData("'Color' = 'red'", "invalid query: invalid expression: 'Color' at position 1 must be a column name: names are written plain or in backticks")]
    [InlineData("Color = 'red", "invalid query: malformed SQL query: the quote (') opened at position 9 is never closed")]
    [InlineData("Color = 'red' Size = 5", "invalid query: malformed SQL query: syntax error at position 15 near 'Size': expected AND, OR, ORDER BY, GROUP BY or the end of the query")]
    [InlineData("(Color = 'red'", "invalid query: malformed SQL query: the query ends at position 15: expected )")]
    [InlineData("Color = 'red' AND", "invalid query: malformed SQL query: the query ends at position 18: expected the name of a search attribute")]
    [InlineData("Color ~ 'red'", "invalid query: malformed SQL query: unexpected character '~' at position 7")]
    [InlineData("Color IN 'red'", "invalid query: malformed SQL query: syntax error at position 10 near 'red': expected (")]
    [InlineData("Color IN ()", "invalid query: malformed SQL query: syntax error at position 11 near ')': expected a value: a number, true, false, or text in quotes")]
    [InlineData("Color IS 5", "invalid query: malformed SQL query: syntax error at position 10 near '5': expected NULL")]
    [InlineData("Color = 5", "invalid query: invalid expression: '5' at position 9 is no value for search attribute 'Color' of type Keyword: expected text in quotes")]
    [InlineData("Size = '5'", "invalid query: invalid expression: '5' at position 8 is no value for search attribute 'Size' of type Int: expected a number")]
    [InlineData("Size = 5x", "invalid query: invalid expression: '5x' at position 8 is no value for search attribute 'Size' of type Int: expected a number")]
    [InlineData("Done = 1", "invalid query: invalid expression: '1' at position 8 is no value for search attribute 'Done' of type Bool: expected true or false")]
    [InlineData("Due > 'yesterday'", "invalid query: invalid expression: 'yesterday' at position 7 is no value for search attribute 'Due' of type Datetime: expected a time such as '2026-01-31T14:30:00Z', or a number of nanoseconds since 1970")]
    [InlineData("Due > '2026-02-30T00:00:00Z'", "invalid query: invalid expression: '2026-02-30T00:00:00Z' at position 7 is no value for search attribute 'Due' of type Datetime: expected a time such as '2026-01-31T14:30:00Z', or a number of nanoseconds since 1970")]
    [InlineData("Words = '...'", "invalid query: invalid expression: '...' at position 9 is no value for search attribute 'Words' of type Text: expected text in quotes with at least one word")]
    [InlineData("ExecutionDuration > 'long'", "invalid query: invalid expression: 'long' at position 21 is no value for search attribute 'ExecutionDuration' of type Int: expected a duration such as '1h30m' or '01:30:00', or a number of nanoseconds")]
    [InlineData("Words STARTS_WITH 'a'", "invalid query: operation is not supported: operator STARTS_WITH at position 7 for search attribute 'Words' of type Text")]
    [InlineData("Tags > 'a'", "invalid query: operation is not supported: operator > at position 6 for search attribute 'Tags' of type KeywordList")]
    [InlineData("Done BETWEEN true AND false", "invalid query: operation is not supported: operator BETWEEN at position 6 for search attribute 'Done' of type Bool")]
    [InlineData("ORDER BY Words", "invalid query: operation is not supported: ORDER BY at position 10 by search attribute 'Words' of type Text")]
    [InlineData("GROUP BY Tags", "invalid query: operation is not supported: GROUP BY at position 10 by search attribute 'Tags' of type KeywordList")]
    [InlineData("ORDER BY Size ORDER BY Color", "invalid query: operation is not supported: a second ORDER BY clause at position 15")]
    [InlineData("Color = 'red' LIMIT 5", "invalid query: malformed SQL query: syntax error at position 15 near 'LIMIT': expected AND, OR, ORDER BY, GROUP BY or the end of the query")]
    public void A_broken_query_is_refused_with_the_place(string query, string message) =>
        Assert.Equal(message, Assert.Throws<VisibilityQueryException>(() => Parse(query)).Message);

    [Theory]
    [InlineData("ExecutionStatus = 'Sleeping'")]
    [InlineData("ExecutionStatus = '1'")]
    [InlineData("ExecutionStatus = 99")]
    [InlineData("ExecutionStatus = 'Running, Failed'")]
    public void An_unknown_status_is_refused_with_those_there_are(string query)
    {
        string message = Assert.Throws<VisibilityQueryException>(() => Parse(query)).Message;
        Assert.Contains("expected one of 'Running', 'Completed', 'Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_on_length_nesting_conditions_and_values_are_kept()
    {
        Refused(new string(' ', VisibilityParser.MaxLength) + "x", "characters");
        Refused(new string('(', VisibilityParser.MaxDepth + 1) + "Size = 1", "levels of nesting");
        Refused(string.Concat(Enumerable.Repeat("NOT ", 10_000)) + "Size = 1", "levels of nesting");
        Refused(string.Join(" AND ", Enumerable.Repeat("Size = 1", VisibilityParser.MaxPredicates + 1)), "conditions");
        Refused($"Size IN ({string.Join(',', Enumerable.Repeat("1", VisibilityParser.MaxValues + 1))})", "values");

        static void Refused(string query, string limit)
        {
            string message = Assert.Throws<VisibilityQueryException>(() => Parse(query)).Message;
            Assert.StartsWith("invalid query: operation is not supported: ", message, StringComparison.Ordinal);
            Assert.Contains(limit, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_of_attributes_that_read_as_keywords_or_have_spaces_are_quoted()
    {
        Assert.NotNull(Parse("`Order` = 'a' AND `Odd name` = 'b' ORDER BY `Order`").Filter);
        // ORDER is a keyword only before BY.
        Assert.NotNull(Parse("Order = 'a' ORDER BY Order DESC").Filter);
    }

    [Fact]
    public void Each_kind_has_its_own_names_for_id_and_type()
    {
        Assert.Equal("WorkflowId", Named(EntityKind.Schedule, "ScheduleId = 'a'"));
        Assert.Equal("WorkflowId", Named(EntityKind.Activity, "ActivityId = 'a'"));
        Assert.Equal("WorkflowType", Named(EntityKind.Activity, "ActivityType = 'a'"));
        Assert.Throws<VisibilityQueryException>(() => Named(EntityKind.Workflow, "ActivityId = 'a'"));
        // A name that somebody registered is theirs.
        var registered = new Dictionary<string, AttributeType> { ["ScheduleId"] = AttributeType.Keyword };
        Assert.Equal("ScheduleId", Assert.IsType<InFilter>(VisibilityQuery.Parse("ScheduleId = 'a'", registered, EntityKind.Workflow).Filter).Attribute.Name);

        static string Named(EntityKind kind, string query) =>
            Assert.IsType<InFilter>(VisibilityQuery.Parse(query, new Dictionary<string, AttributeType>(), kind).Filter).Attribute.Name;
    }

    [Fact]
    public void A_blank_query_is_all() => Assert.Same(VisibilityQuery.All, Parse(" \t\n"));

    [Fact]
    public void Whatever_the_text_the_parser_answers_or_refuses_in_its_own_words()
    {
        string[] pieces =
        [
            "AND", "OR", "NOT", "(", ")", ",", "=", "!=", "<", ">=", "BETWEEN", "IN", "STARTS_WITH", "IS", "NULL", "ORDER", "BY", "GROUP", "DESC", "true",
            "Color", "Words", "Tags", "Size", "Done", "Due", "ExecutionStatus", "ExecutionDuration", "StartTime", "Nope", "`Odd name`", "`", "'", "\"", "\\",
            "'red'", "'Running'", "'1h'", "'99999999999999d'", "'2026-01-31T14:30:00.123456789+05:30'", "'9999-12-31T23:59:59-14:00'", "5", "-5", "1e400", "9223372036854775808",
            "-9223372036854775808", "0.5", "5x", ".", "-", "😀", "\0", "\ud800", "é",
        ];
        Gen<string> sentence = Gen.OneOf(pieces).List[0, 12].Select(words => string.Join(' ', words));
        Gen.OneOf<string>(sentence, Gen.String[0, 60]).Sample(query =>
        {
            try
            {
                Parse(query);
            }
            catch (VisibilityQueryException refusal)
            {
                Assert.StartsWith("invalid query: ", refusal.Message, StringComparison.Ordinal);
            }
        }, iter: 20_000);
    }

    private static VisibilityQuery Parse(string query) => VisibilityQuery.Parse(query, Custom, EntityKind.Workflow);
}
