using System.Text.RegularExpressions;
using Baton.Jq;

namespace Baton.Flows;

/// <summary>An error as RFC 7807 describes it. <see cref="Instance"/> is the JSON pointer of the task that raised it.</summary>
public sealed record FlowError(string Type, int Status, string? Title = null, string? Detail = null, string? Instance = null)
{
    /// <summary>Absent members are left out, as the RFC asks.</summary>
    public JqValue ToValue()
    {
        var members = new List<KeyValuePair<string, JqValue>> { new("type", Type), new("status", Status) };
        Add("title", Title);
        Add("detail", Detail);
        Add("instance", Instance);
        return JqValue.FromObject(members);

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                members.Add(new(name, value));
            }
        }
    }

    public static FlowError? FromValue(JqValue value) =>
        value.Kind == JqKind.Object && value["type"].TryGetString(out var type) && value["status"].Kind == JqKind.Number
            ? new FlowError(type, (int)value["status"].GetDouble(), Text(value, "title"), Text(value, "detail"), Text(value, "instance"))
            : null;

    private static string? Text(JqValue value, string key) => value[key].TryGetString(out var text) ? text : null;
}

/// <summary>
/// The language's standard errors. Their types are written in the specification's present home,
/// <c>https://open-workflow-specification.org/spec/1.0.0/errors/NAME</c>; a filter matches in any of the families of
/// URIs that the specification, its examples and its conformance kit have used for the same eight names.
/// </summary>
public static partial class FlowErrors
{
    private const string Base = "https://open-workflow-specification.org/spec/1.0.0/errors/";

    public static FlowError Configuration(string detail) => new(Base + "configuration", 400, "Configuration error", detail);

    public static FlowError Validation(string detail) => new(Base + "validation", 400, "Validation error", detail);

    public static FlowError Expression(string detail) => new(Base + "expression", 400, "Expression error", detail);

    public static FlowError Authentication(string detail) => new(Base + "authentication", 401, "Authentication error", detail);

    public static FlowError Authorization(string detail) => new(Base + "authorization", 403, "Authorization error", detail);

    public static FlowError Timeout(string detail) => new(Base + "timeout", 408, "Timeout", detail);

    public static FlowError Communication(string detail, int status = 500, string title = "Communication error") => new(Base + "communication", status, title, detail);

    public static FlowError Runtime(string detail) => new(Base + "runtime", 500, "Runtime error", detail);

    /// <summary>The same URI for the same standard error of any family; other types as they are.</summary>
    public static string Canonical(string type) => Standard().Match(type) is { Success: true } match ? Base + match.Groups["name"].Value : type;

    [GeneratedRegex(@"^https?://(www\.)?(serverlessworkflow\.io|open-workflow-specification\.org)/(spec/\d+\.\d+\.\d+/errors|dsl/errors/types|errors/types|errors)/(?<name>configuration|validation|expression|authentication|authorization|timeout|communication|runtime)$")]
    private static partial Regex Standard();
}

/// <summary>A task faulted.</summary>
public sealed class FlowFaultException(FlowError error) : Exception(error.Detail ?? error.Title ?? error.Type)
{
    public FlowError Error { get; } = error;
}
