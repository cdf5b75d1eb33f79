using System.Globalization;
using System.Text.RegularExpressions;
using Baton.Jq;

namespace Baton.Flows.Schemas;

/// <summary>One way in which a value does not match its schema.</summary>
/// <param name="Instance">JSON pointer into the value.</param>
/// <param name="Message">What the value should be.</param>
public sealed record SchemaProblem(string Instance, string Message)
{
    public override string ToString() => $"{(Instance.Length == 0 ? "the value" : Instance)} {Message}";
}

/// <summary>The schema itself is not valid.</summary>
public sealed class JsonSchemaException(string message) : Exception(message);

/// <summary>
/// JSON Schema, draft 2020-12: all keywords of the core, applicator, unevaluated and validation vocabularies with
/// references inside the document ($ref, $dynamicRef, $anchor, $id, $defs); <c>format</c> is asserted for the formats of
/// <see cref="SchemaFormats"/> and otherwise an annotation. Draft 7's spellings <c>definitions</c>, <c>dependencies</c>
/// and an array under <c>items</c> are understood too. Nothing is ever fetched: a reference to another document is an error.
/// Validation is bounded by depth and steps, so that recursive schemas end.
/// </summary>
public sealed class JsonSchema
{
    private const int MaxDepth = 500;
    private const int MaxSteps = 2_000_000;
    private const int MaxProblems = 20;

    private readonly JqValue _root;
    private readonly Dictionary<string, JqValue> _anchors = [];
    private readonly Dictionary<string, Regex> _patterns = [];

    private JsonSchema(JqValue root) => _root = root;

    /// <summary>Reads a schema and checks the shape of its keywords, its patterns and its references.</summary>
    /// <exception cref="JsonSchemaException">It is not a valid schema.</exception>
    public static JsonSchema Parse(JqValue root)
    {
        var schema = new JsonSchema(root);
        schema.Prepare(root, "#", 0);
        schema.CheckReferences(root);
        return schema;
    }

    /// <summary>Validates a value; empty if it matches. At most 20 problems are reported.</summary>
    public IReadOnlyList<SchemaProblem> Validate(JqValue value)
    {
        var run = new Run(this);
        run.Check(_root, value, "", 0);
        return run.Problems;
    }

    private void Prepare(JqValue schema, string at, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new JsonSchemaException($"{at} nests deeper than {MaxDepth} levels.");
        }
        if (schema.Kind == JqKind.Boolean)
        {
            return;
        }
        if (schema.Kind != JqKind.Object)
        {
            throw new JsonSchemaException($"{at} must be an object or a boolean.");
        }
        foreach (var (key, value) in schema.EnumerateObject())
        {
            PrepareKeyword(schema, key, value, $"{at}/{key}", depth);
        }
    }

    private void PrepareKeyword(JqValue schema, string key, JqValue value, string at, int depth)
    {
        switch (key)
        {
            case "type" when !IsType(value):
                throw new JsonSchemaException($"{at} must be one of null, boolean, object, array, number, integer, string, or a list of these.");
            case "pattern":
                AddPattern(Text(value, at), at);
                break;
            case "$anchor" or "$dynamicAnchor":
                _anchors.TryAdd("#" + Text(value, at), schema);
                break;
            case "$id":
                _anchors.TryAdd(Text(value, at), schema);
                break;
            case "required" when value.Kind != JqKind.Array || value.EnumerateArray().Any(v => v.Kind != JqKind.String):
                throw new JsonSchemaException($"{at} must be a list of strings.");
            case "enum" when value.Kind != JqKind.Array:
                throw new JsonSchemaException($"{at} must be a list.");
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" or "multipleOf" or "minLength" or "maxLength" or "minItems" or "maxItems"
                or "minProperties" or "maxProperties" or "minContains" or "maxContains" when value.Kind != JqKind.Number:
                throw new JsonSchemaException($"{at} must be a number.");
            case "properties" or "$defs" or "definitions" or "dependentSchemas" or "patternProperties":
                foreach (var (name, inner) in Object(value, at).EnumerateObject())
                {
                    if (key == "patternProperties")
                    {
                        AddPattern(name, at);
                    }
                    Prepare(inner, $"{at}/{name}", depth + 1);
                }
                break;
            case "allOf" or "anyOf" or "oneOf" or "prefixItems":
                PrepareList(value, at, depth);
                break;
            case "items" when value.Kind == JqKind.Array:
                PrepareList(value, at, depth);
                break;
            case "items" or "additionalItems" or "contains" or "additionalProperties" or "propertyNames" or "not" or "if" or "then" or "else" or "unevaluatedProperties" or "unevaluatedItems":
                Prepare(value, at, depth + 1);
                break;
        }
    }

    private void PrepareList(JqValue value, string at, int depth)
    {
        if (value.Kind != JqKind.Array || value.Count == 0)
        {
            throw new JsonSchemaException($"{at} must be a list of schemas, not empty.");
        }
        var i = 0;
        foreach (var inner in value.EnumerateArray())
        {
            Prepare(inner, $"{at}/{i++}", depth + 1);
        }
    }

    private void CheckReferences(JqValue value)
    {
        switch (value.Kind)
        {
            case JqKind.Object:
                foreach (var (key, inner) in value.EnumerateObject())
                {
                    if (key is "$ref" or "$dynamicRef" && inner.TryGetString(out var reference))
                    {
                        Resolve(reference);
                    }
                    else if (key is not ("const" or "enum" or "default" or "examples"))
                    {
                        CheckReferences(inner);
                    }
                }
                break;
            case JqKind.Array:
                foreach (var inner in value.EnumerateArray())
                {
                    CheckReferences(inner);
                }
                break;
        }
    }

    private JqValue Resolve(string reference)
    {
        if (reference == "#")
        {
            return _root;
        }
        if (_anchors.TryGetValue(reference, out var anchored))
        {
            return anchored;
        }
        if (reference.StartsWith("#/", StringComparison.Ordinal))
        {
            var found = _root;
            var exists = true;
            foreach (var token in reference[2..].Split('/'))
            {
                var key = Uri.UnescapeDataString(token).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
                if (found.Kind == JqKind.Object && found.TryGetField(key, out var field))
                {
                    found = field;
                }
                else if (found.Kind == JqKind.Array && int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < found.Count)
                {
                    found = found[index];
                }
                else
                {
                    exists = false;
                    break;
                }
            }
            if (exists && found.Kind is JqKind.Object or JqKind.Boolean)
            {
                return found;
            }
        }
        throw new JsonSchemaException($"The reference '{reference}' leads to no schema in this document.");
    }

    private void AddPattern(string pattern, string at)
    {
        try
        {
            _patterns.TryAdd(pattern, new Regex(pattern, RegexOptions.ECMAScript | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)));
        }
        catch (ArgumentException)
        {
            try
            {
                // ECMAScript mode of .NET knows neither look-behind nor Unicode classes; the plain mode does.
                _patterns.TryAdd(pattern, new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1)));
            }
            catch (ArgumentException error)
            {
                throw new JsonSchemaException($"{at}: '{pattern}' is not a regular expression: {error.Message}");
            }
        }
    }

    private static bool IsType(JqValue value) => value.Kind switch
    {
        JqKind.String => value.GetString() is "null" or "boolean" or "object" or "array" or "number" or "integer" or "string",
        JqKind.Array => value.Count > 0 && value.EnumerateArray().All(v => v.Kind == JqKind.String && IsType(v)),
        _ => false,
    };

    private static string Text(JqValue value, string at) =>
        value.TryGetString(out var text) ? text : throw new JsonSchemaException($"{at} must be a string.");

    private static JqValue Object(JqValue value, string at) =>
        value.Kind == JqKind.Object ? value : throw new JsonSchemaException($"{at} must be an object.");

    /// <summary>What a subschema has evaluated of an object or array: needed by the unevaluated keywords alone.</summary>
    private sealed class Evaluated
    {
        public HashSet<string> Properties { get; } = [];

        public HashSet<int> Items { get; } = [];

        public void Add(Evaluated other)
        {
            Properties.UnionWith(other.Properties);
            Items.UnionWith(other.Items);
        }
    }

    private sealed class Run(JsonSchema owner)
    {
        private int _steps;
        private int _quiet;

        public List<SchemaProblem> Problems { get; } = [];

        /// <summary>Checks a value; collects problems unless inside a trial (anyOf, not, if ...).</summary>
        public bool Check(JqValue schema, JqValue value, string at, int depth, Evaluated? evaluated = null)
        {
            if (++_steps > MaxSteps || depth > MaxDepth)
            {
                Problems.Add(new SchemaProblem(at, "could not be validated: the schema recurses too deep or takes too long"));
                return false;
            }
            if (schema.Kind == JqKind.Boolean)
            {
                return schema.IsTruthy || Fail(at, "is not allowed");
            }
            var mine = new Evaluated();
            var ok = true;
            foreach (var (key, keyword) in schema.EnumerateObject())
            {
                ok &= Keyword(schema, key, keyword, value, at, depth, mine);
            }
            // The unevaluated keywords look at what all the others have covered.
            if (schema.TryGetField("unevaluatedProperties", out var rest) && value.Kind == JqKind.Object)
            {
                foreach (var (name, inner) in value.EnumerateObject().Where(p => !mine.Properties.Contains(p.Key)))
                {
                    ok &= rest is { Kind: JqKind.Boolean, IsTruthy: false } ? Fail(at, $"has the unknown property '{name}'") : Check(rest, inner, $"{at}/{name}", depth + 1);
                    mine.Properties.Add(name);
                }
            }
            if (schema.TryGetField("unevaluatedItems", out rest) && value.Kind == JqKind.Array)
            {
                for (var i = 0; i < value.Count; i++)
                {
                    if (mine.Items.Add(i))
                    {
                        ok &= Check(rest, value[i], $"{at}/{i}", depth + 1);
                    }
                }
            }
            if (ok)
            {
                evaluated?.Add(mine);
            }
            return ok;
        }

        private bool Keyword(JqValue schema, string key, JqValue keyword, JqValue value, string at, int depth, Evaluated mine) => key switch
        {
            "$ref" or "$dynamicRef" => Check(owner.Resolve(keyword.GetString()), value, at, depth + 1, mine),
            "type" => TypeMatches(keyword, value) || Fail(at, $"must be {Types(keyword)}, not {Name(value)}"),
            "const" => keyword == value || Fail(at, $"must be {keyword.ToJson()}"),
            "enum" => keyword.EnumerateArray().Contains(value) || Fail(at, $"must be one of {keyword.ToJson()}"),
            "allOf" => All(keyword, value, at, depth, mine),
            "anyOf" => AnyOf(keyword, value, at, depth, mine),
            "oneOf" => OneOf(keyword, value, at, depth, mine),
            "not" => !Try(keyword, value, at, depth, null) || Fail(at, "matches a schema that it must not match"),
            "if" => If(schema, keyword, value, at, depth, mine),
            _ => value.Kind switch
            {
                JqKind.Number => Number(key, keyword, value.GetDouble(), at),
                JqKind.String => String(key, keyword, value.GetString(), at),
                JqKind.Array => Array(schema, key, keyword, value, at, depth, mine),
                JqKind.Object => Object(schema, key, keyword, value, at, depth, mine),
                _ => true,
            },
        };

        private bool All(JqValue schemas, JqValue value, string at, int depth, Evaluated mine)
        {
            var ok = true;
            foreach (var schema in schemas.EnumerateArray())
            {
                ok &= Check(schema, value, at, depth + 1, mine);
            }
            return ok;
        }

        private bool AnyOf(JqValue schemas, JqValue value, string at, int depth, Evaluated mine)
        {
            var any = false;
            foreach (var schema in schemas.EnumerateArray())
            {
                any |= Try(schema, value, at, depth, mine);
            }
            return any || Fail(at, "matches none of the allowed forms (anyOf)");
        }

        private bool OneOf(JqValue schemas, JqValue value, string at, int depth, Evaluated mine)
        {
            var matches = schemas.EnumerateArray().Count(schema => Try(schema, value, at, depth, mine));
            return matches == 1 || Fail(at, matches == 0 ? "matches none of the allowed forms (oneOf)" : $"matches {matches} of the forms of which it must match one (oneOf)");
        }

        private bool If(JqValue schema, JqValue condition, JqValue value, string at, int depth, Evaluated mine) =>
            Try(condition, value, at, depth, mine)
                ? !schema.TryGetField("then", out var then) || Check(then, value, at, depth + 1, mine)
                : !schema.TryGetField("else", out var otherwise) || Check(otherwise, value, at, depth + 1, mine);

        private bool Try(JqValue schema, JqValue value, string at, int depth, Evaluated? mine)
        {
            _quiet++;
            var ok = Check(schema, value, at, depth + 1, mine);
            _quiet--;
            return ok;
        }

        private bool Number(string key, JqValue keyword, double number, string at) => key switch
        {
            "minimum" => number >= keyword.GetDouble() || Fail(at, $"must be at least {keyword.ToJson()}"),
            "maximum" => number <= keyword.GetDouble() || Fail(at, $"must be at most {keyword.ToJson()}"),
            "exclusiveMinimum" => number > keyword.GetDouble() || Fail(at, $"must be more than {keyword.ToJson()}"),
            "exclusiveMaximum" => number < keyword.GetDouble() || Fail(at, $"must be less than {keyword.ToJson()}"),
            "multipleOf" => IsMultiple(number, keyword.GetDouble()) || Fail(at, $"must be a multiple of {keyword.ToJson()}"),
            _ => true,
        };

        private static bool IsMultiple(double number, double factor)
        {
            var quotient = number / factor;
            return Math.Abs(quotient - Math.Round(quotient)) <= Math.Abs(quotient) * 1e-12 + 1e-12;
        }

        private bool String(string key, JqValue keyword, string text, string at) => key switch
        {
            "minLength" => Length(text) >= keyword.GetDouble() || Fail(at, $"must have at least {keyword.ToJson()} characters"),
            "maxLength" => Length(text) <= keyword.GetDouble() || Fail(at, $"must have at most {keyword.ToJson()} characters"),
            "pattern" => Matches(keyword.GetString(), text) || Fail(at, $"must match the pattern {keyword.GetString()}"),
            "format" => !keyword.TryGetString(out var format) || SchemaFormats.Matches(format, text) || Fail(at, $"must have the format '{keyword.GetString()}'"),
            _ => true,
        };

        private static int Length(string text) => text.EnumerateRunes().Count();

        private bool Matches(string pattern, string text)
        {
            try
            {
                return owner._patterns[pattern].IsMatch(text);
            }
            catch (RegexMatchTimeoutException)
            {
                return false;
            }
        }

        private bool Array(JqValue schema, string key, JqValue keyword, JqValue value, string at, int depth, Evaluated mine)
        {
            switch (key)
            {
                case "minItems":
                    return value.Count >= keyword.GetDouble() || Fail(at, $"must have at least {keyword.ToJson()} items");
                case "maxItems":
                    return value.Count <= keyword.GetDouble() || Fail(at, $"must have at most {keyword.ToJson()} items");
                case "uniqueItems":
                    return !keyword.IsTruthy || value.EnumerateArray().Distinct().Count() == value.Count || Fail(at, "must not have equal items");
                case "prefixItems":
                    return Items(keyword, 0, value, at, depth, mine);
                case "items" when keyword.Kind == JqKind.Array:
                    return Items(keyword, 0, value, at, depth, mine);
                case "items":
                    return Rest(keyword, schema.TryGetField("prefixItems", out var prefix) ? prefix.Count : 0, value, at, depth, mine);
                case "additionalItems" when schema["items"].Kind == JqKind.Array:
                    return Rest(keyword, schema["items"].Count, value, at, depth, mine);
                case "contains":
                    return Contains(schema, keyword, value, at, depth, mine);
                default:
                    return true;
            }
        }

        private bool Items(JqValue schemas, int from, JqValue value, string at, int depth, Evaluated mine)
        {
            var ok = true;
            for (var i = from; i < value.Count && i < schemas.Count; i++)
            {
                ok &= Check(schemas[i], value[i], $"{at}/{i}", depth + 1);
                mine.Items.Add(i);
            }
            return ok;
        }

        private bool Rest(JqValue schema, int from, JqValue value, string at, int depth, Evaluated mine)
        {
            var ok = true;
            for (var i = from; i < value.Count; i++)
            {
                ok &= Check(schema, value[i], $"{at}/{i}", depth + 1);
                mine.Items.Add(i);
            }
            return ok;
        }

        private bool Contains(JqValue schema, JqValue keyword, JqValue value, string at, int depth, Evaluated mine)
        {
            var count = 0;
            for (var i = 0; i < value.Count; i++)
            {
                if (Try(keyword, value[i], $"{at}/{i}", depth, null))
                {
                    count++;
                    mine.Items.Add(i);
                }
            }
            var min = schema.TryGetField("minContains", out var least) ? least.GetDouble() : 1;
            var max = schema.TryGetField("maxContains", out var most) ? most.GetDouble() : double.MaxValue;
            return (count >= min && count <= max) || Fail(at, $"has {count} items of the form that 'contains' asks for");
        }

        private bool Object(JqValue schema, string key, JqValue keyword, JqValue value, string at, int depth, Evaluated mine)
        {
            switch (key)
            {
                case "required":
                    var ok = true;
                    foreach (var name in keyword.EnumerateArray().Where(name => !value.TryGetField(name.GetString(), out _)))
                    {
                        ok = Fail(at, $"has no property '{name.GetString()}'");
                    }
                    return ok;
                case "minProperties":
                    return value.Count >= keyword.GetDouble() || Fail(at, $"must have at least {keyword.ToJson()} properties");
                case "maxProperties":
                    return value.Count <= keyword.GetDouble() || Fail(at, $"must have at most {keyword.ToJson()} properties");
                case "properties":
                    return Properties(value, at, depth, mine, name => keyword.TryGetField(name, out var inner) ? inner : (JqValue?)null);
                case "patternProperties":
                    return keyword.EnumerateObject().ToList().TrueForAll(p => Properties(value, at, depth, mine, name => Matches(p.Key, name) ? p.Value : (JqValue?)null));
                case "additionalProperties":
                    return Additional(schema, keyword, value, at, depth, mine);
                case "propertyNames":
                    return value.EnumerateObject().ToList().TrueForAll(p => Check(keyword, p.Key, $"{at}/{p.Key}", depth + 1));
                case "dependentRequired":
                    return keyword.EnumerateObject().Where(d => value.TryGetField(d.Key, out _)).ToList().TrueForAll(d =>
                        d.Value.EnumerateArray().ToList().TrueForAll(name => value.TryGetField(name.GetString(), out _) || Fail(at, $"has '{d.Key}' and therefore needs '{name.GetString()}'")));
                case "dependentSchemas":
                    return keyword.EnumerateObject().Where(d => value.TryGetField(d.Key, out _)).ToList().TrueForAll(d => Check(d.Value, value, at, depth + 1, mine));
                default:
                    return true;
            }
        }

        private bool Properties(JqValue value, string at, int depth, Evaluated mine, Func<string, JqValue?> schemaOf)
        {
            var ok = true;
            foreach (var (name, inner) in value.EnumerateObject())
            {
                if (schemaOf(name) is { } schema)
                {
                    ok &= Check(schema, inner, $"{at}/{name}", depth + 1);
                    mine.Properties.Add(name);
                }
            }
            return ok;
        }

        private bool Additional(JqValue schema, JqValue keyword, JqValue value, string at, int depth, Evaluated mine)
        {
            var known = schema["properties"];
            var patterns = schema["patternProperties"];
            var ok = true;
            foreach (var (name, inner) in value.EnumerateObject())
            {
                if ((known.Kind == JqKind.Object && known.TryGetField(name, out _))
                    || (patterns.Kind == JqKind.Object && patterns.EnumerateObject().Any(p => Matches(p.Key, name))))
                {
                    continue;
                }
                ok &= keyword is { Kind: JqKind.Boolean, IsTruthy: false } ? Fail(at, $"has the unknown property '{name}'") : Check(keyword, inner, $"{at}/{name}", depth + 1);
                mine.Properties.Add(name);
            }
            return ok;
        }

        private bool Fail(string at, string message)
        {
            if (_quiet == 0 && Problems.Count < MaxProblems)
            {
                Problems.Add(new SchemaProblem(at, message));
            }
            return false;
        }

        private static bool TypeMatches(JqValue type, JqValue value) => type.Kind == JqKind.Array
            ? type.EnumerateArray().Any(one => TypeMatches(one, value))
            : type.GetString() switch
            {
                "integer" => value.Kind == JqKind.Number && Math.Floor(value.GetDouble()) == value.GetDouble(),
                var name => name == Name(value),
            };

        private static string Types(JqValue type) => type.Kind == JqKind.Array ? string.Join(" or ", type.EnumerateArray().Select(t => t.GetString())) : type.GetString();

        private static string Name(JqValue value) => value.Kind switch
        {
            JqKind.Null => "null",
            JqKind.Boolean => "boolean",
            JqKind.Number => "number",
            JqKind.String => "string",
            JqKind.Array => "array",
            _ => "object",
        };
    }
}
