using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Baton.Flows.Expressions;
using Baton.Flows.Model;
using Baton.Flows.Validate;

namespace Baton.Flows.Parse;

/// <content>The parts that tasks and flows share: data flow, time, endpoints, authentication, errors, events.</content>
public sealed partial class FlowReader
{
    private FlowExpression? ReadCondition(MapReader map, string key, VariableScope scope) =>
        map.Text(key) is { } text ? _expressions.Compile(text, map.Node.Find(key)!.Position, map.At(key), scope) : null;

    private FlowTemplate? ReadTransform(MapReader map, string key, VariableScope scope)
    {
        var node = map.Optional(key);
        switch (node?.Kind)
        {
            case null:
                return null;
            case SourceKind.String:
                return FlowTemplate.Of(_expressions.Compile(node.Text!, node.Position, map.At(key), scope));
            case SourceKind.Mapping:
                return _expressions.Template(node, map.At(key), scope);
            default:
                map.WrongType(node, key, "an expression (a string) or an object");
                return null;
        }
    }

    private FlowInput ReadInput(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "input", _problems);
        var input = new FlowInput(ReadSchema(map), ReadTransform(map, "from", scope));
        map.End();
        return input;
    }

    private FlowOutput ReadOutput(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "output", _problems);
        var output = new FlowOutput(ReadSchema(map), ReadTransform(map, "as", scope));
        map.End();
        return output;
    }

    private FlowExport ReadExport(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "export", _problems);
        var export = new FlowExport(ReadSchema(map), ReadTransform(map, "as", scope));
        map.End();
        return export;
    }

    private FlowSchema? ReadSchema(MapReader owner)
    {
        if (owner.Optional("schema") is not { } node)
        {
            return null;
        }
        var map = new MapReader(node, owner.At("schema"), "A schema", _problems);
        var format = map.Text("format") ?? "json";
        if (format.Split(':')[0] != "json")
        {
            _problems.Error(FlowCodes.Unsupported, node.Find("format")!.Position, map.At("format"), $"The schema format '{format}' is not known.", "Use 'json' (JSON Schema, draft 2020-12).");
        }
        var document = map.Optional("document");
        var resource = map.Optional("resource");
        if (document is null == resource is null)
        {
            _problems.Error(FlowCodes.WrongChoice, node.Position, map.Pointer, "A schema needs either 'document' or 'resource'.", "Give exactly one of them.");
        }
        map.End();
        return new FlowSchema(format, document, ReadResource(resource, map.At("resource"), VariableScope.Standard), node.Position);
    }

    private FlowEndpoint? ReadResource(SourceNode? node, string pointer, VariableScope scope)
    {
        if (node is null)
        {
            return null;
        }
        var map = new MapReader(node, pointer, "An external resource", _problems);
        map.Text("name");
        var endpoint = ReadEndpoint(map.Required("endpoint"), map.At("endpoint"), scope);
        map.End();
        return endpoint;
    }

    private FlowEndpoint? ReadEndpoint(SourceNode? node, string pointer, VariableScope scope)
    {
        switch (node?.Kind)
        {
            case null:
                return null;
            case SourceKind.String:
                return new FlowEndpoint(ReadUri(node, pointer, scope), null, node.Position);
            case SourceKind.Mapping:
                var map = new MapReader(node, pointer, "An endpoint", _problems);
                var uri = map.Required("uri");
                var authentication = map.Optional("authentication") is { } found ? ReadAuthentication(found, map.At("authentication"), scope, referenceable: true) : null;
                map.End();
                if (uri is null || Text(uri, map.At("uri"), "'uri'") is null)
                {
                    return null;
                }
                return new FlowEndpoint(ReadUri(uri, map.At("uri"), scope), authentication, node.Position);
            default:
                _problems.Error(FlowCodes.WrongType, node.Position, pointer, $"An endpoint must be a URI or an object, not {node.Describe()}.", "Write a URI, or an object with 'uri'.");
                return null;
        }
    }

    private FlowTemplate ReadUri(SourceNode node, string pointer, VariableScope scope)
    {
        var text = node.Text!;
        if (!ExpressionCompiler.IsExpression(text) && (text.Length == 0 || text.Any(char.IsWhiteSpace)))
        {
            _problems.Error(FlowCodes.WrongValue, node.Position, pointer, $"'{text}' is not a URI.", "Write a URI such as https://host/path/{variable}, or an expression ${ ... }.");
        }
        return _expressions.Template(node, pointer, scope);
    }

    private FlowTimeout? ReadTimeout(MapReader owner, VariableScope scope)
    {
        var node = owner.Optional("timeout");
        return node?.Kind switch
        {
            null => null,
            SourceKind.String => new FlowTimeout(null, node.Text, node.Position),
            _ => new FlowTimeout(ReadTimeoutAfter(node, owner.At("timeout"), scope), null, node.Position),
        };
    }

    private FlowDuration? ReadTimeoutAfter(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "A timeout", _problems);
        var after = ReadDuration(map.Required("after"), map.At("after"), scope);
        map.End();
        return after;
    }

    private FlowDuration? ReadDuration(SourceNode? node, string pointer, VariableScope scope)
    {
        switch (node?.Kind)
        {
            case null:
                return null;
            case SourceKind.String when ExpressionCompiler.IsExpression(node.Text!):
                return new FlowDuration(null, _expressions.Template(node, pointer, scope), node.Position);
            case SourceKind.String:
                if (FlowDurations.TryParse(node.Text!, out var duration))
                {
                    return new FlowDuration(duration, null, node.Position);
                }
                _problems.Error(FlowCodes.WrongDuration, node.Position, pointer, $"'{node.Text}' is not a duration.", "Use ISO 8601 such as PT30S or P1DT12H, or an object such as { seconds: 30 }.");
                return null;
            case SourceKind.Mapping:
                return ReadInlineDuration(node, pointer, scope);
            default:
                _problems.Error(FlowCodes.WrongDuration, node.Position, pointer, $"A duration must be a string or an object, not {node.Describe()}.", "Use ISO 8601 such as PT30S, or an object such as { seconds: 30 }.");
                return null;
        }
    }

    private FlowDuration? ReadInlineDuration(SourceNode node, string pointer, VariableScope scope)
    {
        var total = TimeSpan.Zero;
        var computed = false;
        var sound = node.Entries.Length > 0;
        if (!sound)
        {
            _problems.Error(FlowCodes.WrongDuration, node.Position, pointer, "The duration is empty.", "Give at least one of: days, hours, minutes, seconds, milliseconds.");
        }
        foreach (var entry in node.Entries)
        {
            if (FlowDurations.Unit(entry.Key) is not { } unit)
            {
                _problems.Error(FlowCodes.WrongDuration, entry.KeyPosition, pointer, $"A duration has no '{entry.Key}'.", $"Use days, hours, minutes, seconds, milliseconds.{MapReader.Suggest(entry.Key, ["days", "hours", "minutes", "seconds", "milliseconds"])}");
                sound = false;
            }
            else if (entry.Value.Kind == SourceKind.Number && long.TryParse(entry.Value.Text, System.Globalization.CultureInfo.InvariantCulture, out var count) && count >= 0 && count <= FlowDurations.Max / unit)
            {
                total += unit * count;
            }
            else if (entry.Value.Kind == SourceKind.String && ExpressionCompiler.IsExpression(entry.Value.Text!))
            {
                computed = true;
            }
            else
            {
                _problems.Error(FlowCodes.WrongDuration, entry.Value.Position, $"{pointer}/{entry.Key}", $"'{entry.Key}' must be a whole number, not negative.", "Write a whole number such as 30.");
                sound = false;
            }
        }
        return !sound ? null
            : computed ? new FlowDuration(null, _expressions.Template(node, pointer, scope), node.Position)
            : new FlowDuration(total, null, node.Position);
    }

    private FlowAuthentication? ReadAuthentication(SourceNode node, string pointer, VariableScope scope, bool referenceable)
    {
        if (referenceable && node.Kind == SourceKind.String)
        {
            return new FlowAuthentication(node.Text, "", null, null, node.Position);
        }
        var map = new MapReader(node, pointer, "An authentication", _problems);
        if (referenceable && map.Text("use") is { } reference)
        {
            map.End();
            return new FlowAuthentication(reference, "", null, null, node.Position);
        }
        string[] schemes = ["basic", "bearer", "digest", "oauth2", "oidc"];
        var given = schemes.Where(map.Has).ToList();
        map.Ignore(schemes).End();
        if (given.Count != 1)
        {
            if (node.Kind == SourceKind.Mapping)
            {
                _problems.Error(FlowCodes.WrongChoice, node.Position, pointer, $"An authentication needs exactly one scheme, this has {given.Count}.", $"Give one of: {string.Join(", ", schemes)}{(referenceable ? ", or 'use'" : "")}.");
            }
            return null;
        }
        var scheme = given[0];
        var properties = new MapReader(node.Find(scheme)!, map.At(scheme), $"'{scheme}'", _problems);
        if (properties.Text("use") is { } secret)
        {
            properties.End();
            return new FlowAuthentication(null, scheme, secret, null, node.Position);
        }
        CheckAuthenticationProperties(scheme, properties);
        return new FlowAuthentication(null, scheme, null, _expressions.Template(properties.Node, properties.Pointer, scope), node.Position);
    }

    private void CheckAuthenticationProperties(string scheme, MapReader map)
    {
        switch (scheme)
        {
            case "basic" or "digest":
                map.Text("username", required: true);
                map.Text("password", required: true);
                break;
            case "bearer":
                map.Text("token", required: true);
                break;
            default:
                map.Text("authority", required: true);
                map.Required("grant");
                map.Choice("grant", "", "authorization_code", "client_credentials", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange");
                if (map.Optional("client") is { } client)
                {
                    var part = new MapReader(client, map.At("client"), "A client", _problems);
                    part.Text("id");
                    part.Text("secret");
                    part.Text("assertion");
                    part.Choice("authentication", "", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none");
                    part.End();
                }
                if (map.Optional("request") is { } request)
                {
                    new MapReader(request, map.At("request"), "A token request", _problems).Choice("encoding", "", "application/x-www-form-urlencoded", "application/json");
                }
                foreach (var token in (ReadOnlySpan<string>)["subject", "actor"])
                {
                    if (map.Optional(token) is { } found)
                    {
                        var part = new MapReader(found, map.At(token), "A token", _problems);
                        part.Text("token", required: true);
                        part.Text("type", required: true);
                        part.End();
                    }
                }
                if (scheme == "oauth2" && map.Optional("endpoints") is { } endpoints)
                {
                    new MapReader(endpoints, map.At("endpoints"), "endpoints", _problems).Ignore("token", "revocation", "introspection").End();
                }
                map.Ignore("issuers", "scopes", "audiences", "username", "password");
                break;
        }
        map.End();
    }

    private FlowErrorDefinition? ReadError(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "An error", _problems);
        var type = map.Required("type");
        var status = map.Required("status");
        if (type is not null)
        {
            Text(type, map.At("type"), "'type' of an error");
        }
        if (status is not null && status.Kind != SourceKind.Number && !(status.Kind == SourceKind.String && ExpressionCompiler.IsExpression(status.Text!)))
        {
            map.WrongType(status, "status", "a whole number");
        }
        FlowTemplate? Part(string key) => map.Text(key) is null ? null : _expressions.Template(node.Find(key)!, map.At(key), scope);
        var (instance, title, detail) = (Part("instance"), Part("title"), Part("detail"));
        map.End();
        return type is null || status is null ? null
            : new FlowErrorDefinition(_expressions.Template(type, map.At("type"), scope), _expressions.Template(status, map.At("status"), scope), instance, title, detail, node.Position);
    }

    private FlowRetryPolicy ReadRetry(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "A retry policy", _problems);
        var backoff = FlowBackoff.Constant;
        if (map.Optional("backoff") is { } found)
        {
            var kinds = new MapReader(found, map.At("backoff"), "backoff", _problems);
            string[] names = ["constant", "linear", "exponential"];
            var given = names.Where(kinds.Has).ToList();
            kinds.Ignore(names).End();
            if (given.Count != 1)
            {
                _problems.Error(FlowCodes.WrongChoice, found.Position, kinds.Pointer, "A backoff is exactly one of: constant, linear, exponential.", "Give one of them, such as 'exponential: {}'.");
            }
            else
            {
                backoff = Enum.Parse<FlowBackoff>(given[0], ignoreCase: true);
            }
        }
        int? count = null;
        FlowDuration? attemptDuration = null;
        FlowDuration? duration = null;
        if (map.Optional("limit") is { } limit)
        {
            var limits = new MapReader(limit, map.At("limit"), "A retry limit", _problems);
            if (limits.Optional("attempt") is { } attempt)
            {
                var attempts = new MapReader(attempt, limits.At("attempt"), "An attempt limit", _problems);
                count = attempts.Integer("count", 0, int.MaxValue);
                attemptDuration = ReadDuration(attempts.Optional("duration"), attempts.At("duration"), scope);
                attempts.End();
            }
            duration = ReadDuration(limits.Optional("duration"), limits.At("duration"), scope);
            limits.End();
        }
        FlowDuration? from = null;
        FlowDuration? to = null;
        if (map.Optional("jitter") is { } jitter)
        {
            var range = new MapReader(jitter, map.At("jitter"), "A jitter", _problems);
            from = ReadDuration(range.Required("from"), range.At("from"), scope);
            to = ReadDuration(range.Required("to"), range.At("to"), scope);
            range.End();
        }
        var policy = new FlowRetryPolicy
        {
            When = ReadCondition(map, "when", scope),
            ExceptWhen = ReadCondition(map, "exceptWhen", scope),
            Delay = ReadDuration(map.Optional("delay"), map.At("delay"), scope),
            Backoff = backoff,
            AttemptCount = count,
            AttemptDuration = attemptDuration,
            Duration = duration,
            JitterFrom = from,
            JitterTo = to,
        };
        map.End();
        return policy;
    }

    private FlowEventStrategy? ReadStrategy(SourceNode node, string pointer, VariableScope scope, bool untilAllowed = true)
    {
        var map = new MapReader(node, pointer, "An event strategy", _problems);
        string[] modes = ["all", "any", "one"];
        var given = modes.Where(map.Has).ToList();
        if (given.Count != 1)
        {
            if (node.Kind == SourceKind.Mapping)
            {
                _problems.Error(FlowCodes.WrongChoice, node.Position, pointer, "An event strategy is exactly one of: all, any, one.", "Give one of them.");
            }
            return null;
        }
        map.Ignore(modes);
        var mode = Enum.Parse<FlowConsume>(given[0], ignoreCase: true);
        var filters = mode == FlowConsume.One
            ? ReadFilter(node.Find("one")!, map.At("one"), scope) is { } one ? [one] : ImmutableArray<FlowEventFilter>.Empty
            : [.. map.List(given[0]).Select((filter, i) => ReadFilter(filter, $"{map.At(given[0])}/{i}", scope)).OfType<FlowEventFilter>()];
        FlowExpression? until = null;
        FlowEventStrategy? untilEvents = null;
        if (mode == FlowConsume.Any && untilAllowed && map.Optional("until") is { } end)
        {
            if (end.Kind == SourceKind.String)
            {
                until = _expressions.Compile(end.Text!, end.Position, map.At("until"), scope);
            }
            else
            {
                untilEvents = ReadStrategy(end, map.At("until"), scope, untilAllowed: false);
            }
        }
        map.End();
        return new FlowEventStrategy(mode, filters, until, untilEvents);
    }

    private FlowEventFilter? ReadFilter(SourceNode node, string pointer, VariableScope scope)
    {
        var map = new MapReader(node, pointer, "An event filter", _problems);
        var with = map.Required("with");
        var conditions = ImmutableArray.CreateBuilder<FlowEventCondition>();
        if (with is not null)
        {
            var attributes = new MapReader(with, map.At("with"), "'with' of an event filter", _problems);
            if (with.Kind == SourceKind.Mapping && with.Entries.Length == 0)
            {
                _problems.Error(FlowCodes.Missing, with.Position, attributes.Pointer, "An event filter needs at least one attribute.", "Add for example 'type'.");
            }
            foreach (var entry in with.Entries)
            {
                conditions.Add(new FlowEventCondition(entry.Key, _expressions.Template(entry.Value, attributes.At(entry.Key), scope)));
                CheckPattern(entry, attributes);
            }
        }
        var correlations = ImmutableArray.CreateBuilder<FlowCorrelation>();
        foreach (var entry in map.Names("correlate"))
        {
            var correlation = new MapReader(entry.Value, $"{map.At("correlate")}/{JsonPointer.Escape(entry.Key)}", "A correlation", _problems);
            correlation.Required("from");
            var from = ReadCondition(correlation, "from", scope);
            var expect = correlation.Optional("expect");
            correlation.End();
            if (from is not null)
            {
                correlations.Add(new FlowCorrelation(entry.Key, from, expect is null ? null : _expressions.Template(expect, correlation.At("expect"), scope)));
            }
        }
        map.End();
        return with is null ? null : new FlowEventFilter(conditions.ToImmutable(), correlations.ToImmutable());
    }

    private void CheckPattern(SourceEntry entry, MapReader map)
    {
        if (entry.Key == "data" || entry.Value.Kind != SourceKind.String || ExpressionCompiler.IsExpression(entry.Value.Text!) || EventPatterns.TryCompile(entry.Value.Text!, out _))
        {
            return;
        }
        _problems.Warning(FlowCodes.WrongValue, entry.Value.Position, map.At(entry.Key), $"'{entry.Value.Text}' is not a valid regular expression, so that only the same text matches.", "Escape special characters if a pattern was meant.");
    }

    private FlowIterator? ReadIterator(SourceNode? node, string pointer, VariableScope scope)
    {
        if (node is null)
        {
            return null;
        }
        var map = new MapReader(node, pointer, "foreach", _problems);
        var item = ReadVariable(map, "item", "item");
        var at = ReadVariable(map, "at", "index");
        var inner = scope.With(item, at);
        var iterator = new FlowIterator(item, at,
            map.Optional("do") is { } tasks ? ReadTasks(tasks, map.At("do"), inner) : [],
            map.Optional("output") is { } output ? ReadOutput(output, map.At("output"), inner) : null,
            map.Optional("export") is { } export ? ReadExport(export, map.At("export"), inner) : null,
            pointer);
        map.End();
        return iterator;
    }

    private string ReadVariable(MapReader map, string key, string fallback)
    {
        var name = map.Text(key) ?? fallback;
        if (VariableName().IsMatch(name))
        {
            return name;
        }
        _problems.Error(FlowCodes.WrongValue, map.Node.Find(key)!.Position, map.At(key), $"'{name}' cannot be the name of a variable.", "Use letters, digits and underscores, without '$'.");
        return fallback;
    }

    private static FlowReadAs ReadAs(MapReader map) => Enum.Parse<FlowReadAs>(map.Choice("read", "data", "data", "envelope", "raw")!, ignoreCase: true);

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex VariableName();
}
