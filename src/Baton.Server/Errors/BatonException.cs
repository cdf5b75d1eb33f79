namespace Baton.Server.Errors;

/// <summary>A failure that a person can act on: what happened, why, and what to do about it.</summary>
/// <param name="code">One of <see cref="ErrorCodes"/>; `baton explain CODE` prints its page.</param>
/// <param name="message">What went wrong, naming the thing it went wrong with; no full stop.</param>
/// <param name="cause">Why, as far as it is known; null when the message says it all.</param>
/// <param name="remedy">What to do next.</param>
public sealed class BatonException(string code, string message, string? cause, string remedy, Exception? inner = null)
    : Exception(message, inner)
{
    public string Code { get; } = code;

    public string? Cause { get; } = cause;

    public string Remedy { get; } = remedy;

    /// <summary>All of it in one line, for callers that take text only.</summary>
    public string Text => $"{Code}: {Message}{(Cause is null ? "" : $" ({Cause})")}. Remedy: {Remedy}.";

    /// <summary>Further members of the problem that HTTP answers.</summary>
    public IDictionary<string, object?> Details { get; } = new Dictionary<string, object?>(StringComparer.Ordinal);
}
