using System.Text;
using Baton.Flows.Parse;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>
/// <c>call: openapi</c>, for OpenAPI 3.x and Swagger 2.0. A parameter goes where the document says; what the document does
/// not name becomes the request body if the operation has one, member by member, or as a whole under 'body'.
/// </summary>
internal sealed class OpenApiCalls(HttpCalls http) : ICallHandler
{
    private static readonly string[] Methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

    public IReadOnlyList<string> Kinds => ["openapi"];

    public async Task<JqValue> CallAsync(CallContext context, CancellationToken cancellationToken)
    {
        var location = context.Arguments["document"]["uri"].GetString();
        var document = Documents.Parse(await http.FetchAsync(location, context.Arguments["document"]["authentication"], cancellationToken), location);
        var operation = Find(document, context.Required("operationId"), location);
        var given = context.Arguments["parameters"].Kind == JqKind.Object ? context.Arguments["parameters"].EnumerateObject().ToDictionary(p => p.Key, p => p.Value) : [];
        var request = Build(document, operation, given, location);
        return await http.SendAsync(context, request with { Output = context.Text("output") ?? "content", Redirect = context.Flag("redirect") }, cancellationToken);
    }

    private static Operation Find(JqValue document, string id, string location)
    {
        if (document["paths"].Kind == JqKind.Object)
        {
            foreach (var (path, item) in document["paths"].EnumerateObject())
            {
                foreach (var method in Methods)
                {
                    if (item.Kind == JqKind.Object && item.TryGetField(method, out var operation) && operation["operationId"].TryGetString(out var name) && name == id)
                    {
                        return new Operation(path, method, item, operation);
                    }
                }
            }
        }
        throw new FlowFaultException(FlowErrors.Configuration($"The OpenAPI document {location} has no operation '{id}'."));
    }

    private static HttpCallRequest Build(JqValue document, Operation operation, Dictionary<string, JqValue> given, string location)
    {
        var path = new StringBuilder(operation.Path);
        var query = new List<KeyValuePair<string, JqValue>>();
        var headers = new List<KeyValuePair<string, JqValue>>();
        var form = new List<KeyValuePair<string, JqValue>>();
        var cookies = new List<string>();
        var body = JqValue.Null;
        foreach (var parameter in Parameters(document, operation))
        {
            var name = parameter["name"].GetString();
            var place = parameter["in"].GetString();
            if (!given.Remove(name, out var value))
            {
                value = parameter.TryGetField("schema", out var schema) ? schema["default"] : parameter["default"];
            }
            if (value.IsNull)
            {
                if (parameter["required"].IsTruthy && place != "body")
                {
                    throw new FlowFaultException(FlowErrors.Validation($"The operation '{operation.Definition["operationId"].GetString()}' needs the parameter '{name}' ({place})."));
                }
                continue;
            }
            switch (place)
            {
                case "path":
                    path.Replace($"{{{name}}}", Uri.EscapeDataString(Text(value)));
                    break;
                case "query":
                    query.AddRange(Query(parameter, name, value));
                    break;
                case "header":
                    headers.Add(new(name, Text(value)));
                    break;
                case "cookie":
                    cookies.Add($"{name}={Uri.EscapeDataString(Text(value))}");
                    break;
                case "formData":
                    form.Add(new(name, value));
                    break;
                default:
                    body = value;
                    break;
            }
        }
        if (cookies.Count > 0)
        {
            headers.Add(new("Cookie", string.Join("; ", cookies)));
        }
        if (form.Count > 0)
        {
            body = JqValue.FromObject(form);
            headers.Add(new("Content-Type", "application/x-www-form-urlencoded"));
        }
        else if (given.Count > 0)
        {
            body = RequestBody(document, operation, given, body, headers);
        }
        var address = Server(document, operation, location).TrimEnd('/') + path;
        return new HttpCallRequest(operation.Method, HttpCalls.Address(address, JqValue.FromObject(Merge(query))), JqValue.FromObject(headers), body, "content", false);
    }

    private static JqValue RequestBody(JqValue document, Operation operation, Dictionary<string, JqValue> given, JqValue body, List<KeyValuePair<string, JqValue>> headers)
    {
        var definition = Documents.Deref(document, operation.Definition["requestBody"]);
        var hasBodyParameter = Parameters(document, operation).Any(p => p["in"].TryGetString(out var place) && place == "body");
        if (definition.IsNull && !hasBodyParameter)
        {
            throw new FlowFaultException(FlowErrors.Validation($"The operation '{operation.Definition["operationId"].GetString()}' has no parameter '{given.Keys.First()}'."));
        }
        if (definition["content"].Kind == JqKind.Object && definition["content"].Count > 0)
        {
            var types = definition["content"].EnumerateObject().Select(c => c.Key).ToList();
            headers.Add(new("Content-Type", types.Find(HttpContents.IsJson) ?? types[0]));
        }
        return given.Count == 1 && given.TryGetValue("body", out var whole) ? whole
            : JqValue.FromObject((body.Kind == JqKind.Object ? body.EnumerateObject() : []).Concat(given));
    }

    private static IEnumerable<JqValue> Parameters(JqValue document, Operation operation)
    {
        var own = List(operation.Definition["parameters"]).Select(p => Documents.Deref(document, p)).ToList();
        return own.Concat(List(operation.Item["parameters"]).Select(p => Documents.Deref(document, p))
            .Where(shared => !own.Exists(p => p["name"] == shared["name"] && p["in"] == shared["in"])));
    }

    private static IEnumerable<JqValue> List(JqValue value) => value.Kind == JqKind.Array ? value.EnumerateArray() : [];

    /// <summary>OpenAPI 3 repeats a list's name by default; Swagger 2 joins with commas unless it says 'multi'.</summary>
    private static IEnumerable<KeyValuePair<string, JqValue>> Query(JqValue parameter, string name, JqValue value)
    {
        var isSwagger = !parameter.TryGetField("schema", out _);
        var explode = isSwagger ? parameter["collectionFormat"].TryGetString(out var format) && format == "multi" : parameter["explode"].IsNull || parameter["explode"].IsTruthy;
        return value.Kind switch
        {
            JqKind.Array when explode => value.EnumerateArray().Select(item => KeyValuePair.Create(name, (JqValue)Text(item))),
            JqKind.Array => [new(name, string.Join(',', value.EnumerateArray().Select(Text)))],
            JqKind.Object => value.EnumerateObject().Select(p => KeyValuePair.Create(parameter["style"].TryGetString(out var style) && style == "deepObject" ? $"{name}[{p.Key}]" : p.Key, (JqValue)Text(p.Value))),
            _ => [new(name, Text(value))],
        };
    }

    private static IEnumerable<KeyValuePair<string, JqValue>> Merge(List<KeyValuePair<string, JqValue>> query) =>
        query.GroupBy(q => q.Key).Select(g => KeyValuePair.Create(g.Key, g.Count() == 1 ? g.First().Value : JqValue.FromArray(g.Select(q => q.Value))));

    private static string Text(JqValue value) => value.TryGetString(out var text) ? text : value.ToJson();

    private static string Server(JqValue document, Operation operation, string location)
    {
        var origin = new Uri(location, UriKind.RelativeOrAbsolute);
        if (document["swagger"].Kind != JqKind.Null)
        {
            var schemes = List(document["schemes"]).Select(s => s.GetString()).ToList();
            var scheme = schemes.Contains("https") ? "https" : schemes.FirstOrDefault() ?? (origin.IsAbsoluteUri && origin.Scheme.StartsWith("http", StringComparison.Ordinal) ? origin.Scheme : "https");
            var host = document["host"].TryGetString(out var named) ? named : origin.IsAbsoluteUri && origin.Authority.Length > 0 ? origin.Authority
                : throw new FlowFaultException(FlowErrors.Configuration($"The OpenAPI document {location} names no host."));
            return $"{scheme}://{host}{(document["basePath"].TryGetString(out var path) ? path : "")}";
        }
        var server = List(operation.Definition["servers"]).Concat(List(operation.Item["servers"])).Concat(List(document["servers"])).FirstOrDefault();
        var url = server["url"].TryGetString(out var given) ? given : "/";
        foreach (var (name, variable) in server["variables"].Kind == JqKind.Object ? server["variables"].EnumerateObject() : [])
        {
            url = url.Replace($"{{{name}}}", variable["default"].TryGetString(out var fallback) ? fallback : "", StringComparison.Ordinal);
        }
        return Uri.TryCreate(url, UriKind.Absolute, out var absolute) && absolute.Scheme is "http" or "https" ? url
            : origin.IsAbsoluteUri ? new Uri(origin, url).ToString()
            : throw new FlowFaultException(FlowErrors.Configuration($"The OpenAPI document {location} has the relative server '{url}'."));
    }

    private sealed record Operation(string Path, string Method, JqValue Item, JqValue Definition);
}

/// <summary>YAML and JSON documents with references inside them.</summary>
internal static class Documents
{
    private const int MaxHops = 20;

    public static JqValue Parse(string text, string location)
    {
        var problems = new DiagnosticBag();
        var node = SourceReader.Read(text, new SourceLimits { MaxBytes = 8 * 1024 * 1024, MaxNodes = 1_000_000 }, problems);
        return node is not null && !problems.HasErrors
            ? JqValue.Parse(node.ToUtf8Json())
            : throw new FlowFaultException(FlowErrors.Configuration($"{location} is neither YAML nor JSON: {problems.Sorted()[0]}"));
    }

    /// <summary>Follows <c>$ref</c> within the document.</summary>
    public static JqValue Deref(JqValue document, JqValue value)
    {
        for (var hop = 0; value.Kind == JqKind.Object && value["$ref"].TryGetString(out var reference); hop++)
        {
            if (hop == MaxHops || !reference.StartsWith("#/", StringComparison.Ordinal))
            {
                throw new FlowFaultException(FlowErrors.Configuration($"The reference '{reference}' cannot be followed: only those within the document can."));
            }
            value = reference[2..].Split('/').Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
                .Aggregate(document, (at, token) => at.Kind == JqKind.Object ? at[token] : JqValue.Null);
        }
        return value;
    }
}
