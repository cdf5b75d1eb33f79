using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Validate;

namespace Baton.Flows.Parse;

/// <summary>
/// Turns a document into a <see cref="FlowDefinition"/>. Checks structure and compiles every expression; what needs
/// the whole flow at hand (targets of <c>then</c>, references, functions) is <see cref="FlowValidator"/>'s.
/// The reader follows the public schema with four leniencies, each reported as a warning: a subflow without namespace
/// (the flow's own is meant), header and query values that are not strings, inline arrays of <c>for.in</c> with items
/// other than objects, and an <c>emit</c> without source.
/// </summary>
public sealed partial class FlowReader
{
    private readonly DiagnosticBag _problems;
    private ExpressionCompiler _expressions;

    private FlowReader(DiagnosticBag problems)
    {
        _problems = problems;
        _expressions = new ExpressionCompiler(problems, ExpressionLanguage.Jq, loose: false);
    }

    /// <summary>Reads a flow from YAML or JSON text.</summary>
    /// <returns>The definition, or null if it has errors; and all problems found, in document order.</returns>
    public static (FlowDefinition? Definition, IReadOnlyList<FlowDiagnostic> Problems) Read(string text, SourceLimits? limits = null)
    {
        var problems = new DiagnosticBag();
        var definition = Read(text, limits ?? SourceLimits.Default, problems);
        return (problems.HasErrors ? null : definition, problems.Sorted());
    }

    /// <returns>The definition as far as it could be read, null only if there is none at all.</returns>
    internal static FlowDefinition? Read(string text, SourceLimits limits, DiagnosticBag problems)
    {
        var source = SourceReader.Read(text, limits, problems);
        return source is null ? null : new FlowReader(problems).ReadFlow(source);
    }

    /// <summary>Reads the definition of a function: one task without a name.</summary>
    internal static FlowTask? ReadFunction(string text, string pointer, DiagnosticBag problems)
    {
        var source = SourceReader.Read(text, SourceLimits.Default, problems);
        return source is null ? null : new FlowReader(problems).ReadTask(pointer.Split('/')[^1], source, pointer, VariableScope.Standard);
    }

    private FlowDefinition ReadFlow(SourceNode source)
    {
        var map = new MapReader(source, "", "A flow", _problems);
        if (map.Optional("evaluate") is { } evaluate)
        {
            ReadEvaluate(evaluate);
        }
        var scope = VariableScope.Standard;
        var json = source.ToUtf8Json();
        var flow = new FlowDefinition
        {
            Document = ReadDocument(map),
            Input = map.Optional("input") is { } input ? ReadInput(input, "/input", scope) : null,
            Use = map.Optional("use") is { } use ? ReadUse(use) : FlowUse.Empty,
            Do = ReadTasks(map.Required("do"), "/do", scope),
            Timeout = ReadTimeout(map, scope),
            Output = map.Optional("output") is { } output ? ReadOutput(output, "/output", scope) : null,
            Schedule = map.Optional("schedule") is { } schedule ? ReadSchedule(schedule) : null,
            Source = source,
            Json = System.Text.Encoding.UTF8.GetString(json),
            Hash = Convert.ToHexStringLower(SHA256.HashData(json)),
        };
        map.End();
        return flow;
    }

    private void ReadEvaluate(SourceNode node)
    {
        var map = new MapReader(node, "/evaluate", "evaluate", _problems);
        var language = map.Choice("language", "jq", "jq", "js", "javascript");
        var mode = map.Choice("mode", "strict", "strict", "loose");
        map.End();
        _expressions = new ExpressionCompiler(_problems, language == "jq" ? ExpressionLanguage.Jq : ExpressionLanguage.JavaScript, mode == "loose");
    }

    private FlowDocument ReadDocument(MapReader flow)
    {
        var node = flow.Required("document");
        if (node is null)
        {
            return new FlowDocument("", "", "", "", null, null);
        }
        var map = new MapReader(node, "/document", "document", _problems);
        var dsl = map.Text("dsl", required: true);
        var ns = map.Text("namespace", required: true);
        var name = map.Text("name", required: true);
        var version = map.Text("version", required: true);
        Match(map, "dsl", dsl, SemanticVersion(), "a semantic version such as 1.0.3");
        Match(map, "namespace", ns, LabelName(), "1 to 63 letters, digits and hyphens, not starting or ending with a hyphen");
        Match(map, "name", name, LabelName(), "1 to 63 letters, digits and hyphens, not starting or ending with a hyphen");
        Match(map, "version", version, SemanticVersion(), "a semantic version such as 0.1.0");
        if (dsl is not null && SemanticVersion().IsMatch(dsl) && !dsl.StartsWith("1.0.", StringComparison.Ordinal))
        {
            _problems.Error(FlowCodes.WrongValue, node.Find("dsl")!.Position, "/document/dsl", $"The flow is written for DSL {dsl}.", "This runtime carries out 1.0.x (up to 1.0.3).");
        }
        var title = map.Text("title");
        var summary = map.Text("summary");
        map.Names("tags");
        map.Names("metadata");
        map.End();
        return new FlowDocument(dsl ?? "", ns ?? "", name ?? "", version ?? "", title, summary);
    }

    private void Match(MapReader map, string key, string? value, Regex pattern, string form)
    {
        if (value is not null && !pattern.IsMatch(value))
        {
            _problems.Error(FlowCodes.WrongValue, map.Node.Find(key)!.Position, map.At(key), $"'{value}' is not a valid {key}.", $"Use {form}.");
        }
    }

    private FlowUse ReadUse(SourceNode node)
    {
        var map = new MapReader(node, "/use", "use", _problems);
        var scope = VariableScope.Standard;
        var use = new FlowUse
        {
            Authentications = Named(map, "authentications", (value, at) => ReadAuthentication(value, at, scope, referenceable: false)),
            Errors = Named(map, "errors", (value, at) => ReadError(value, at, scope)),
            Functions = Named(map, "functions", (value, at) => ReadTask(at.Split('/')[^1], value, at, scope)),
            Retries = Named(map, "retries", (value, at) => ReadRetry(value, at, scope.With("error"))),
            Timeouts = Named(map, "timeouts", (value, at) => new FlowTimeout(ReadTimeoutAfter(value, at, scope), null, value.Position)),
            Catalogs = Named(map, "catalogs", (value, at) =>
            {
                var catalog = new MapReader(value, at, "A catalog", _problems);
                var endpoint = ReadEndpoint(catalog.Required("endpoint"), catalog.At("endpoint"), scope);
                catalog.End();
                return endpoint;
            }),
            Extensions = ReadExtensions(map),
            Secrets = [.. map.List("secrets").Select((secret, i) => Text(secret, $"/use/secrets/{i}", "A secret")).OfType<string>()],
        };
        map.End();
        return use;
    }

    private static FrozenDictionary<string, T> Named<T>(MapReader map, string key, Func<SourceNode, string, T?> read) where T : class
    {
        var found = new Dictionary<string, T>();
        foreach (var entry in map.Names(key))
        {
            if (read(entry.Value, $"{map.At(key)}/{JsonPointer.Escape(entry.Key)}") is { } value)
            {
                found[entry.Key] = value;
            }
        }
        return found.ToFrozenDictionary();
    }

    private ImmutableArray<FlowExtension> ReadExtensions(MapReader use)
    {
        var found = ImmutableArray.CreateBuilder<FlowExtension>();
        var items = use.List("extensions");
        for (var i = 0; i < items.Length; i++)
        {
            if (SingleEntry(items[i], $"/use/extensions/{i}", "An extension") is not { } entry)
            {
                continue;
            }
            var pointer = $"/use/extensions/{i}/{JsonPointer.Escape(entry.Key)}";
            var map = new MapReader(entry.Value, pointer, "An extension", _problems);
            map.Required("extend");
            var extend = map.Choice("extend", "all", "call", "composite", "emit", "for", "listen", "raise", "run", "set", "switch", "try", "wait", "all");
            var when = ReadCondition(map, "when", VariableScope.Standard);
            var before = ReadTasks(map.Optional("before"), map.At("before"), VariableScope.Standard);
            var after = ReadTasks(map.Optional("after"), map.At("after"), VariableScope.Standard);
            map.End();
            found.Add(new FlowExtension(entry.Key, extend!, when, before, after, pointer));
        }
        return found.ToImmutable();
    }

    private FlowSchedule ReadSchedule(SourceNode node)
    {
        var map = new MapReader(node, "/schedule", "schedule", _problems);
        var scope = VariableScope.Standard;
        var schedule = new FlowSchedule(
            ReadDuration(map.Optional("every"), "/schedule/every", scope),
            map.Text("cron"),
            ReadDuration(map.Optional("after"), "/schedule/after", scope),
            map.Optional("on") is { } on ? ReadStrategy(on, "/schedule/on", scope) : null,
            ReadAs(map));
        if (map.Has("read") && !map.Has("on"))
        {
            _problems.Error(FlowCodes.WrongChoice, node.Position, "/schedule", "'read' of schedule needs 'on'.", "Add 'on', or remove 'read'.");
        }
        if (schedule is { Every: null, Cron: null, After: null, On: null })
        {
            _problems.Error(FlowCodes.WrongChoice, node.Position, "/schedule", "The schedule says nothing.", "Add one of: every, cron, after, on.");
        }
        map.End();
        return schedule;
    }

    private SourceEntry? SingleEntry(SourceNode node, string pointer, string what)
    {
        if (node.Kind == SourceKind.Mapping && node.Entries.Length == 1)
        {
            return node.Entries[0];
        }
        _problems.Error(FlowCodes.WrongTask, node.Position, pointer, $"{what} must be an object with one key, its name; this is {(node.Kind == SourceKind.Mapping ? $"an object with {node.Entries.Length} keys" : node.Describe())}.",
            "Write '- name:' and indent its properties below.");
        return null;
    }

    private string? Text(SourceNode node, string pointer, string what)
    {
        if (node.Kind == SourceKind.String)
        {
            return node.Text;
        }
        _problems.Error(FlowCodes.WrongType, node.Position, pointer, $"{what} must be a string, not {node.Describe()}.", "Put the value in quotes.");
        return null;
    }

    [GeneratedRegex(@"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$")]
    private static partial Regex SemanticVersion();

    [GeneratedRegex("^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$")]
    private static partial Regex LabelName();
}
