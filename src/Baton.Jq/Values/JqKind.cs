namespace Baton.Jq;

/// <summary>The six kinds of JSON, in jq's sorting order (false sorts before true).</summary>
public enum JqKind
{
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}
