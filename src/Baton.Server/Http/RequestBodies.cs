using System.Text.Json;
using Baton.Server.Errors;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Http;

/// <summary>Says that an endpoint reads its body itself, with checks of its own.</summary>
internal sealed record OwnBodyMetadata;

/// <summary>
/// Refuses JSON that readers disagree about before anybody reads it: duplicate keys, more than 64 levels, bytes that are no
/// UTF-8. Each endpoint and each middleware after this sees a body that can be read again.
/// </summary>
internal sealed class RequestBodies(RequestDelegate next)
{
    public const int MaxDepth = 64;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    public async Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Path.StartsWithSegments("/api/v1", StringComparison.Ordinal) && http.Request.HasJsonContentType() && http.GetEndpoint()?.Metadata.GetMetadata<OwnBodyMetadata>() is null
            && await ReadAsync(http.Request) is { Length: > 0 } body)
        {
            try
            {
                using var document = JsonDocument.Parse(body, Strict);
            }
            catch (JsonException exception)
            {
                throw new BatonException(ErrorCodes.InvalidInput, "the body is not JSON that can be accepted", exception.Message, $"send one JSON value with unique keys, at most {MaxDepth} levels deep", exception);
            }
        }
        await next(http);
    }

    /// <summary>The whole body; it is at its beginning again afterwards.</summary>
    public static async Task<byte[]> ReadAsync(HttpRequest request)
    {
        request.EnableBuffering(bufferThreshold: 64 * 1024);
        using var copy = new MemoryStream();
        await request.Body.CopyToAsync(copy, request.HttpContext.RequestAborted);
        request.Body.Position = 0;
        return copy.ToArray();
    }
}
