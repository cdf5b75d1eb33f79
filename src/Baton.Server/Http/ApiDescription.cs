using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Baton.Server.Http;

/// <summary>The API's own description: OpenAPI 3.1 at /openapi/v1.json, and a page to read and try it at /docs, all of it served from here.</summary>
internal static class ApiDescription
{
    private const string Token = "token";
    private const string Session = "session";

    private static readonly (string Status, string Meaning)[] Failures =
    [
        ("400", "The request is not valid."), ("401", "The caller is not known."), ("403", "The caller may not do this."), ("404", "There is no such thing."),
        ("409", "It cannot be done to the thing as it is."), ("429", "Too many requests; `Retry-After` says how many seconds to wait."), ("503", "A part that this needs does not answer."),
    ];

    private static readonly (string Status, string Meaning)[] FailuresOfBodies =
        [("413", "The body is larger than `Http:MaxRequestBytes`."), ("422", "The `Idempotency-Key` was sent with another request.")];

    private static readonly (string Name, string Description)[] Tags =
    [
        ("Flows", "Definitions in the flow language, their versions, and starting runs of them."), ("Runs", "What happens and happened, of flows and of workflows in code."),
        ("Tasks", "What people are asked: approvals, and tasks to be done."), ("Events", "The log of CloudEvents, its consumers, and where events are sent to."),
        ("Webhooks", "Signed messages of other systems, each of which becomes an event."), ("Live", "What happens as it happens."),
        ("Traces", "Spans, as a trace shows them."), ("Audit", "Who did what."), ("Secrets", "What flows may use and nobody sees."),
        ("Identity", "Accounts, roles, sessions and access tokens."), ("Processes", "What the server supervises."), ("Storage", "What takes room."),
    ];

    /// <summary>Of parameters that mean the same wherever they stand; others say it themselves.</summary>
    private static readonly Dictionary<string, string> Parameters = new(StringComparer.OrdinalIgnoreCase)
    {
        ["namespace"] = "Namespace of the flow.",
        ["ns"] = "Of this namespace only.",
        ["name"] = "Name, as the list tells it.",
        ["id"] = "Id, as the list tells it.",
        ["user"] = "Name of the account.",
        ["role"] = "Name of the role.",
        ["secret"] = "Name of the secret.",
        ["number"] = "Number of the step, from 0.",
        ["offset"] = "Offset in the log.",
        ["traceId"] = "32 hexadecimal digits.",
        ["skip"] = "How many to leave out at the beginning.",
        ["limit"] = "How many at most.",
        ["If-Match"] = "Only if the thing's ETag is still this.",
        ["If-None-Match"] = "`*`: only if there is none yet.",
        ["Last-Event-ID"] = "Id of the last message that was received.",
        ["type"] = "Pattern of types: words between dots, * for any one, > at the end for all that follows.",
        ["source"] = "Whole source.",
        ["subject"] = "Whole subject.",
        ["actor"] = "Name of who acted.",
        ["action"] = "NOUN.VERB, or NOUN.* for each verb.",
        ["target"] = "The beginning of what was acted upon.",
        ["run"] = "Id of a run.",
        ["outcome"] = "How it ended.",
        ["from"] = "At or after.",
        ["to"] = "Before.",
    };

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = description => description.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) == true;
        options.CreateSchemaReferenceId = static type => ApiSchemas.IsAnyJson(type.Type) ? null : OpenApiOptions.CreateDefaultSchemaReferenceId(type);
        options.AddSchemaTransformer(ApiSchemas.DescribeAsync);
        options.AddOperationTransformer(DescribeAsync);
        options.AddDocumentTransformer(DescribeAsync);
    });

    public static void MapApiDescription(this WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        app.MapScalarApiReference("/docs", options =>
        {
            options.Title = "Baton API";
            options.OpenApiRoutePattern = "/openapi/v1.json";
            options.DefaultFonts = false;
            options.Telemetry = false;
        }).AllowAnonymous();
    }

    private static Task DescribeAsync(OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancel)
    {
        document.Info = new()
        {
            Title = "Baton",
            Version = "v1",
            Description = "Flows, runs, tasks and events. Failures are problem details (RFC 9457) with a code that `baton explain` knows.",
            License = new() { Name = "Apache-2.0", Identifier = "Apache-2.0" },
        };
        document.Servers = [];
        document.Tags = Tags.Select(tag => new OpenApiTag { Name = tag.Name, Description = tag.Description }).ToHashSet();
        document.Components ??= new();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Token] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An access token (`baton token create`), or a JWT of the provider that `Identity:Jwt` names." },
            [Session] = new OpenApiSecurityScheme { Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Cookie, Name = Sessions.CookieName, Description = $"A browser's session. What is no GET also carries the header `{CsrfProtection.Header}`." },
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        document.Components.Schemas[ApiSchemas.ProblemName] = ApiSchemas.Problem();
        ApiSchemas.RequireWhatAnswersHave(document);
        return Task.CompletedTask;
    }

    private static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var isOpen = metadata.OfType<IAllowAnonymous>().Any();
        AddFailures(operation, context.Document!, Failures);
        foreach (var parameter in (operation.Parameters ?? []).OfType<OpenApiParameter>())
        {
            parameter.Name = parameter.In == ParameterLocation.Query ? JsonNamingPolicy.CamelCase.ConvertName(parameter.Name!) : parameter.Name;
            parameter.Description ??= Parameters.GetValueOrDefault(parameter.Name!);
        }
        if (metadata.OfType<PermissionRequirement>().FirstOrDefault() is { } permission)
        {
            operation.Description = $"{operation.Description} Takes the permission `{permission.Permission}`{(permission.OnFlow ? ", everywhere or on the flow" : "")}.".TrimStart();
        }
        operation.Security = isOpen ? [] : [Requirement(Token, context.Document!), Requirement(Session, context.Document!)];
        if (context.Description.HttpMethod is "POST" or "PUT")
        {
            AddFailures(operation, context.Document!, FailuresOfBodies);
        }
        if (operation.Parameters?.Any(parameter => parameter.Name == "If-Match") == true)
        {
            AddFailures(operation, context.Document!, [("412", "The thing is not, or not any more, what `If-Match` or `If-None-Match` names.")]);
        }
        if (context.Description.HttpMethod == "POST" && !isOpen)
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = Idempotency.Header,
                In = ParameterLocation.Header,
                Description = "Makes it safe to send the request again: the same key gives the answer of the first time.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = Idempotency.MaxKey },
            });
        }
        foreach (var (_, media) in operation.RequestBody?.Content ?? new Dictionary<string, OpenApiMediaType>())
        {
            media.Schema = ApiSchemas.WithoutNull(media.Schema);
        }
        if (metadata.OfType<RequestBody>().FirstOrDefault() is { } body)
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { [body.ContentType] = new() { Schema = body.Schema is null ? new OpenApiSchema() : new OpenApiSchemaReference(body.Schema, context.Document) } },
            };
        }
        if (metadata.OfType<RequestExample>().FirstOrDefault() is { } example)
        {
            foreach (var (_, media) in operation.RequestBody?.Content ?? new Dictionary<string, OpenApiMediaType>())
            {
                media.Example = JsonNode.Parse(example.Json);
            }
        }
        return Task.CompletedTask;
    }

    private static OpenApiSecurityRequirement Requirement(string scheme, OpenApiDocument document) => new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };

    private static void AddFailures(OpenApiOperation operation, OpenApiDocument document, (string Status, string Meaning)[] failures)
    {
        operation.Responses ??= [];
        foreach (var (status, meaning) in failures)
        {
            operation.Responses.TryAdd(status, new OpenApiResponse
            {
                Description = meaning,
                Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference(ApiSchemas.ProblemName, document) } },
            });
        }
    }
}
