using Baton.Durable.Storage;

namespace Baton.Durable.Visibility;

/// <summary>Type of a search attribute. Numbers are those of <c>temporal.api.enums.v1.IndexedValueType</c>.</summary>
internal enum AttributeType
{
    Text = 1,
    Keyword = 2,
    Int = 3,
    Double = 4,
    Bool = 5,
    Datetime = 6,
    KeywordList = 7,
}

/// <summary>A typed search attribute value: string, long, double, bool, <see cref="DateTimeOffset"/> or a list of strings, by its type.</summary>
internal readonly record struct AttributeValue(AttributeType Type, object Value);

/// <summary>
/// A parsed query of Temporal's visibility language: a filter over attributes, optionally ORDER BY or GROUP BY.
/// Parsing checks attribute names and value types; a broken query is an <see cref="VisibilityQueryException"/> that names the place.
/// </summary>
internal sealed record VisibilityQuery(VisibilityFilter? Filter, IReadOnlyList<VisibilityOrder> OrderBy, IReadOnlyList<VisibilityAttribute> GroupBy)
{
    public static readonly VisibilityQuery All = new(null, [], []);

    /// <param name="text">The query; empty or blank for all records.</param>
    /// <param name="customAttributes">Search attributes of the namespace by name.</param>
    /// <param name="kind">What is listed: it decides the names of the id, the type and the statuses.</param>
    /// <exception cref="VisibilityQueryException">The query is broken.</exception>
    public static VisibilityQuery Parse(string text, IReadOnlyDictionary<string, AttributeType> customAttributes, EntityKind kind) =>
        string.IsNullOrWhiteSpace(text) ? All : new VisibilityParser(text, customAttributes, kind).Parse();

    /// <summary>Text as a literal of the language.</summary>
    public static string Quote(string text) => "'" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal) + "'";
}

internal sealed record VisibilityOrder(VisibilityAttribute Attribute, bool Descending);

/// <summary>Why a query was refused, in words for the caller (INVALID_ARGUMENT).</summary>
internal sealed class VisibilityQueryException(string message) : Exception(message);
