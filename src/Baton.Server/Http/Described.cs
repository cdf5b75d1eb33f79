using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Http;

/// <summary>JSON that a request may have as its body, for readers of the description.</summary>
internal sealed record RequestExample(string Json);

/// <summary>The body of an endpoint that reads it itself, and takes other media types too.</summary>
/// <param name="Schema">Name of one that answers have; null for any JSON.</param>
internal sealed record RequestBody(string? Schema, string ContentType);

/// <summary>What the API's description says of an endpoint: a test asks each one for it.</summary>
internal static class Described
{
    /// <param name="endpoint">Endpoint under /api/v1.</param>
    /// <param name="id">Name of the operation, verb first: generated clients call their methods so, hence it never changes.</param>
    /// <param name="summary">One sentence.</param>
    /// <param name="description">What the summary leaves open; the permission is added by itself.</param>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string id, string summary, string? description = null)
    {
        endpoint.WithName(id).WithSummary(summary);
        return description is null ? endpoint : endpoint.WithDescription(description);
    }

    /// <summary>Describes the body without refusing others, as `Accepts` does.</summary>
    public static RouteHandlerBuilder Body(this RouteHandlerBuilder endpoint, string? schema, string contentType) => endpoint.WithMetadata(new RequestBody(schema, contentType));

    /// <param name="endpoint">Endpoint that takes JSON.</param>
    /// <param name="json">A body that it accepts.</param>
    public static RouteHandlerBuilder Example(this RouteHandlerBuilder endpoint, string json) => endpoint.WithMetadata(new RequestExample(json));
}
