using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Baton.Server.Events;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Baton.Server.Http;

/// <summary>What types alone do not say of the JSON that the API takes and gives.</summary>
internal static class ApiSchemas
{
    public const string ProblemName = "Problem";

    /// <summary>Types that stand for any JSON: a name for each would make generated clients ask for a class of it.</summary>
    public static bool IsAnyJson(Type type) => type == typeof(JsonElement) || type == typeof(JsonElement?) || typeof(JsonNode).IsAssignableFrom(type);

    /// <summary>Texts and enumerations have converters, of which the schema exporter knows nothing; and it asks for all properties that a constructor names.</summary>
    public static Task DescribeAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancel)
    {
        var type = context.JsonTypeInfo.Type;
        if (type == typeof(string))
        {
            schema.Type = JsonSchemaType.String | (context.JsonPropertyInfo is { IsGetNullable: true } ? JsonSchemaType.Null : 0);
        }
        else if (type.IsEnum)
        {
            schema.Type = JsonSchemaType.String;
        }
        else if (context.JsonTypeInfo.ElementType == typeof(string) && schema.Items is not { Type: not null })
        {
            schema.Items = new OpenApiSchema { Type = JsonSchemaType.String };
        }
        else if (context.JsonTypeInfo.Kind == JsonTypeInfoKind.Object && schema.Required is not null)
        {
            schema.Required = context.JsonTypeInfo.Properties.Where(property => property.IsRequired).Select(property => property.Name).ToHashSet();
        }
        if (type == typeof(CloudEvent))
        {
            schema.Description = "An event of CloudEvents 1.0, with any extension attributes.";
            schema.Type = JsonSchemaType.Object;
            schema.Required = new HashSet<string> { "specversion", "id", "source", "type" };
            schema.Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["specversion"] = Text("1.0."),
                ["id"] = Text("Unique in its source."),
                ["source"] = Text("URI reference."),
                ["type"] = Text("Words with dots between them."),
                ["subject"] = Text("What of the source it is about; events of one source and subject are delivered in order."),
                ["time"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
                ["datacontenttype"] = Text("Media type of the data; default JSON."),
                ["dataschema"] = Text("URI of the data's schema."),
                ["data"] = new OpenApiSchema { Description = "Any JSON." },
                ["data_base64"] = Text("Data that is no text, in place of `data`."),
            };
            schema.AdditionalPropertiesAllowed = true;
        }
        return Task.CompletedTask;
    }

    /// <summary>An answer always has all its properties, also those that are null; a request may leave out what has a default.</summary>
    public static void RequireWhatAnswersHave(OpenApiDocument document)
    {
        var operations = document.Paths.Values.SelectMany(path => path.Operations?.Values ?? Enumerable.Empty<OpenApiOperation>()).ToList();
        var sent = Reach(document, operations.SelectMany(operation => operation.RequestBody?.Content?.Values ?? []));
        var given = Reach(document, operations.SelectMany(operation => operation.Responses?.Values ?? Enumerable.Empty<IOpenApiResponse>()).SelectMany(response => response.Content?.Values ?? []));
        foreach (var name in given.Except(sent).Where(name => name != ProblemName))
        {
            if (document.Components!.Schemas![name] is OpenApiSchema { Properties: { Count: > 0 } properties } schema)
            {
                schema.Required = properties.Keys.ToHashSet();
            }
        }
    }

    /// <summary>A body that may be left out is one thing, or none; not null.</summary>
    public static IOpenApiSchema? WithoutNull(IOpenApiSchema? body) =>
        body is OpenApiSchema { OneOf: [OpenApiSchema { Type: JsonSchemaType.Null }, var given] } ? given : body;

    /// <summary>Members of RFC 9457 and Baton's own; some failures have more.</summary>
    public static OpenApiSchema Problem() => new()
    {
        Description = "A failure (RFC 9457).",
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "status", "title" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = Text("A name for the kind of failure."),
            ["title"] = Text("What went wrong."),
            ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Description = "The status of HTTP." },
            ["detail"] = Text("Why, where that is known."),
            ["code"] = Text("BTnnnn; `baton explain` has a page for each."),
            ["remedy"] = Text("What to do about it."),
            ["traceId"] = Text("Trace that the request belongs to; the server's log has it too."),
        },
        Examples =
        [
            new JsonObject
            {
                ["type"] = "urn:baton:error:BT1003",
                ["title"] = "there is no such run",
                ["status"] = 404,
                ["code"] = "BT1003",
                ["remedy"] = "`baton run list` shows those there are",
            },
        ],
    };

    private static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };

    /// <summary>Names of the schemas that these contents are made of.</summary>
    private static HashSet<string> Reach(OpenApiDocument document, IEnumerable<OpenApiMediaType> contents)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<IOpenApiSchema?>(contents.Select(content => content.Schema));
        while (open.TryPop(out var schema))
        {
            if (schema is OpenApiSchemaReference { Reference.Id: { } id })
            {
                if (reached.Add(id) && document.Components!.Schemas!.TryGetValue(id, out var named))
                {
                    open.Push(named);
                }
                continue;
            }
            foreach (var part in new[] { schema?.Items, schema?.AdditionalProperties }.Concat(schema?.Properties?.Values ?? []).Concat(schema?.OneOf ?? []).Concat(schema?.AnyOf ?? []).Concat(schema?.AllOf ?? []))
            {
                if (part is not null)
                {
                    open.Push(part);
                }
            }
        }
        return reached;
    }
}
