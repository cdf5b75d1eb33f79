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
    private const string Scheme = "bearer";

    private static readonly (string Status, string Meaning)[] Failures =
    [
        ("400", "The request is not valid."), ("401", "The caller is not known."), ("403", "The caller may not do this."), ("404", "There is no such thing."),
        ("409", "It cannot be done to the thing as it is."), ("429", "Too many requests."),
    ];

    public static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
        options.ShouldInclude = description => description.RelativePath?.StartsWith("api/v1/", StringComparison.Ordinal) == true;
        options.AddDocumentTransformer(static (document, _, _) =>
        {
            document.Info = new() { Title = "Baton", Version = "v1", Description = "Flows, runs, tasks and events. Failures are problem details (RFC 9457) with a code that `baton explain` knows." };
            document.Servers = [];
            document.Components ??= new();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", Description = "An access token." };
            document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
            document.Components.Schemas["Problem"] = Problem();
            return Task.CompletedTask;
        });
        options.AddOperationTransformer(Describe);
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

    private static Task Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<IAllowAnonymous>().Any())
        {
            return Task.CompletedTask;
        }
        operation.Responses ??= [];
        foreach (var (status, meaning) in Failures)
        {
            operation.Responses.TryAdd(status, new OpenApiResponse
            {
                Description = meaning,
                Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = new OpenApiSchemaReference("Problem", context.Document) } },
            });
        }
        operation.Security = [new() { [new OpenApiSecuritySchemeReference(Scheme, context.Document)] = [] }];
        if (metadata.OfType<PermissionRequirement>().FirstOrDefault() is { } permission)
        {
            operation.Description = $"{operation.Description} Takes the permission `{permission.Permission}`.".TrimStart();
        }
        if (context.Description.HttpMethod == "POST")
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = Idempotency.Header,
                In = ParameterLocation.Header,
                Description = "Makes it safe to send the request again: the same key gives the answer of the first time.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 200 },
            });
        }
        return Task.CompletedTask;
    }

    private static OpenApiSchema Problem()
    {
        static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };
        return new()
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "status", "title", "code" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = Text("A name for the kind of failure."),
                ["title"] = Text("What went wrong."),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" },
                ["detail"] = Text("Why, where that is known."),
                ["code"] = Text("BTnnnn; `baton explain` has a page for each."),
                ["remedy"] = Text("What to do about it."),
            },
        };
    }
}
