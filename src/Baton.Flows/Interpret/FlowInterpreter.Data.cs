using System.Collections.Immutable;
using System.Globalization;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Schemas;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>Data flow: what expressions see, and schemas.</content>
internal sealed partial class FlowInterpreter
{
    private static readonly JqValue RuntimeDescriptor = JqValue.FromObject(
    [
        new("name", "Baton"),
        new("version", typeof(FlowInterpreter).Assembly.GetName().Version!.ToString(3)),
        new("metadata", JqValue.FromObject([])),
    ]);

    private static readonly ImmutableDictionary<FlowExpression, JqValue> NoAnswers = ImmutableDictionary<FlowExpression, JqValue>.Empty;

    private readonly Dictionary<FlowSchema, (JsonSchema Schema, JqValue Document)> _schemas = [];

    private ImmutableDictionary<FlowExpression, JqValue> _answers = NoAnswers;

    private ExpressionScope Scope(JqValue value, Locals locals, TaskState? task)
    {
        var variables = locals.Values.ToBuilder();
        variables["context"] = _carry.Context;
        variables["secrets"] = _carry.Secrets;
        variables["workflow"] = _workflowDescriptor;
        variables["runtime"] = RuntimeDescriptor;
        variables["input"] = task?.Input ?? JqValue.Null;
        variables["output"] = task?.Output ?? JqValue.Null;
        variables["task"] = locals.Values.TryGetValue(Locals.Extended, out var extended) ? extended : task?.Describe() ?? JqValue.Null;
        variables["authorization"] = task?.Authorization ?? JqValue.Null;
        return new ExpressionScope(value, variables.ToImmutable()) { Answers = _carry.Large ? _answers : null };
    }

    /// <summary>Evaluates, turning a failure into the language's expression error.</summary>
    private static T Evaluated<T>(string instance, Func<T> evaluate)
    {
        try
        {
            return evaluate();
        }
        catch (ExpressionException error)
        {
            throw new FlowFaultException(FlowErrors.Expression(error.Message) with { Instance = instance });
        }
    }

    /// <summary>Evaluates as <see cref="Evaluated"/> does, and lets activities evaluate what looks into large values.</summary>
    /// <param name="evaluate">Makes its scope anew each time; called again with the answers of the activities.</param>
    private async ValueTask<T> EvaluatedAsync<T>(string instance, Func<T> evaluate, CancellationToken cancellationToken)
    {
        var answers = NoAnswers;
        while (true)
        {
            LargeValueException large;
            _answers = answers;
            try
            {
                return evaluate();
            }
            catch (LargeValueException error)
            {
                large = error;
            }
            catch (ExpressionException error)
            {
                throw new FlowFaultException(FlowErrors.Expression(error.Message) with { Instance = instance });
            }
            finally
            {
                _answers = NoAnswers;
            }
            var call = new FlowCall("evaluate", JqValue.FromObject(
            [
                new("expression", large.Expression.Text),
                new("language", large.Expression.Language.ToString()),
                new("value", large.Seen.Value),
                new("variables", JqValue.FromObject(large.Seen.Variables)),
            ]));
            answers = answers.SetItem(large.Expression, await CallAsync(call, instance, $"evaluate:{large.Expression.Pointer}", null, cancellationToken));
        }
    }

    /// <summary>The value with its large parts put back: only for what must have them in the history.</summary>
    private async ValueTask<JqValue> LoadAsync(JqValue value, string instance, CancellationToken cancellationToken) =>
        _carry.Large && LargeValues.HasReference(value) ? await CallAsync(new FlowCall("load", value), instance, $"load:{instance}", null, cancellationToken) : value;

    /// <summary>Takes notice of large values in what comes in.</summary>
    private JqValue Met(JqValue value)
    {
        _carry.Large = _carry.Large || LargeValues.HasReference(value);
        return value;
    }

    private async Task ValidateAsync(FlowSchema? definition, JqValue value, string what, string instance, CancellationToken cancellationToken)
    {
        if (definition is null)
        {
            return;
        }
        if (!_schemas.TryGetValue(definition, out var schema))
        {
            try
            {
                schema.Document = definition.Document is { } inline
                    ? JqValue.Parse(inline.ToUtf8Json())
                    : ParseResource(await FetchAsync(definition.Resource!, JqValue.Null, Locals.None, instance, cancellationToken));
                schema.Schema = JsonSchema.Parse(schema.Document);
            }
            catch (JsonSchemaException error)
            {
                throw new FlowFaultException(FlowErrors.Configuration($"The schema is not valid: {error.Message}") with { Instance = instance });
            }
            _schemas[definition] = schema;
        }
        var problems = _carry.Large && LargeValues.HasReference(value)
            ? (await CallAsync(new FlowCall("validate", JqValue.FromObject([new("schema", schema.Document), new("value", value)])), instance, $"validate:{instance}", null, cancellationToken)).EnumerateArray().Select(p => p.GetString()).ToList()
            : schema.Schema.Validate(value).Select(p => p.ToString()).ToList();
        if (problems.Count > 0)
        {
            throw new FlowFaultException(FlowErrors.Validation($"{what} does not match its schema: {string.Join("; ", problems)}.") with { Instance = instance });
        }
    }

    private static JqValue ParseResource(string text)
    {
        var problems = new Validate.DiagnosticBag();
        var node = Parse.SourceReader.Read(text, Parse.SourceLimits.Default, problems);
        return node is not null ? JqValue.Parse(node.ToUtf8Json())
            : throw new FlowFaultException(FlowErrors.Configuration($"The resource is neither YAML nor JSON: {problems.Sorted()[0].Cause}"));
    }

    /// <summary>The text of an external resource; read once per run, and then recorded in its history.</summary>
    private async Task<string> FetchAsync(FlowEndpoint resource, JqValue data, Locals locals, string instance, CancellationToken cancellationToken)
    {
        var (uri, authentication) = await EvaluatedAsync(instance, () => Endpoint(resource, Scope(data, locals, null)), cancellationToken);
        if (!_fetched.TryGetValue(uri, out var text))
        {
            var call = new FlowCall("fetch", JqValue.FromObject([new("uri", uri)])) { Authentication = authentication };
            text = (await CallAsync(call, instance, $"fetch:{uri}", null, cancellationToken)).GetString();
            _fetched[uri] = text;
        }
        return text;
    }

    private (string Uri, JqValue Authentication) Endpoint(FlowEndpoint endpoint, ExpressionScope scope)
    {
        var value = endpoint.Uri.Evaluate(scope);
        if (!value.TryGetString(out var uri))
        {
            throw new ExpressionException($"The endpoint is {value.ToJson()}, which is not a URI.");
        }
        return (endpoint.Uri.IsLiteral ? UriTemplate.Expand(uri, scope.Value) : uri, Authentication(endpoint.Authentication, scope));
    }

    /// <summary>The authentication with its expressions evaluated; secrets stay references.</summary>
    private JqValue Authentication(FlowAuthentication? authentication, in ExpressionScope scope)
    {
        if (authentication?.Reference is { } name)
        {
            authentication = _flow.Use.Authentications.GetValueOrDefault(name)
                ?? throw new FlowFaultException(FlowErrors.Configuration($"use.authentications has no '{name}'."));
        }
        return authentication switch
        {
            null => JqValue.Null,
            { Secret: { } secret } => JqValue.FromObject([new("scheme", authentication.Scheme), new("secret", secret)]),
            _ => JqValue.FromObject([new("scheme", authentication.Scheme), new("properties", authentication.Properties!.Evaluate(scope))]),
        };
    }

    private static JqValue Instant(DateTimeOffset instant) => JqValue.FromObject(
    [
        new("iso8601", instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)),
        new("epoch", JqValue.FromObject([new("seconds", JqValue.From(instant.ToUnixTimeSeconds())), new("milliseconds", JqValue.From(instant.ToUnixTimeMilliseconds()))])),
    ]);

    /// <summary>One execution of a task: what <c>$task</c>, <c>$input</c>, <c>$output</c> and <c>$authorization</c> show.</summary>
    private sealed class TaskState(FlowTask task, JqValue rawInput, DateTimeOffset startedAt)
    {
        public JqValue Input { get; set; }

        public JqValue RawOutput { get; set; }

        public JqValue Output { get; set; }

        public JqValue Authorization { get; set; }

        /// <summary>The descriptor, with the definition's own members beside it, as the specification's examples use them.</summary>
        public JqValue Describe()
        {
            var members = task.Definition.EnumerateObject().ToDictionary(p => p.Key, p => p.Value);
            members["name"] = task.Name;
            members["reference"] = task.Pointer;
            members["definition"] = task.Definition;
            members["input"] = rawInput;
            members["output"] = RawOutput;
            members["startedAt"] = Instant(startedAt);
            return JqValue.FromObject(members);
        }
    }
}
