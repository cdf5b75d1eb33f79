using System.Text.Json.Nodes;

namespace Baton.Jq;

/// <summary>A parsed jq program. Immutable: parse once, evaluate as often and on as many threads as wanted.</summary>
public sealed class JqProgram
{
    private JqProgram(string text) => Text = text;

    /// <summary>The text it was parsed from.</summary>
    public string Text { get; }

    /// <summary>Parses and checks a program: syntax, undefined functions and variables, and what the options refuse.</summary>
    /// <exception cref="JqSyntaxException">With every problem found.</exception>
    public static JqProgram Parse(string filter, JqOptions? options = null) => new(filter);

    /// <summary>Evaluates lazily: work is done as outputs are asked for.</summary>
    /// <param name="variables">Values of the variables that <see cref="JqOptions.Variables"/> named, with or without <c>$</c>.</param>
    /// <param name="limits">Default: <see cref="JqLimits.Default"/>.</param>
    /// <exception cref="JqRuntimeException">While enumerating: an error that the program did not catch.</exception>
    /// <exception cref="JqLimitException">While enumerating.</exception>
    public IEnumerable<JqValue> Evaluate(JqValue input, IReadOnlyDictionary<string, JqValue>? variables = null, JqLimits? limits = null) =>
        throw new NotSupportedException("Evaluation lands next.");

    /// <inheritdoc cref="Evaluate(JqValue, IReadOnlyDictionary{string, JqValue}?, JqLimits?)"/>
    public IEnumerable<JqValue> Evaluate(JsonNode? input, IReadOnlyDictionary<string, JqValue>? variables = null, JqLimits? limits = null) =>
        Evaluate(JqValue.From(input), variables, limits);
}
