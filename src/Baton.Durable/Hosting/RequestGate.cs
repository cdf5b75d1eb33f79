using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Baton.Durable.Hosting;

/// <summary>
/// Stands before every gRPC endpoint and refuses, before the body is read, who shows no valid key and what is too large.
/// Both get a gRPC status without a body ("Trailers-Only"), as HTTP status codes mean nothing to gRPC clients.
/// </summary>
internal sealed partial class RequestGate(ApiKeyRing keys, DurableLimits limits, ILogger<RequestGate> log)
{
    // Each gRPC message begins with a byte that tells whether it is compressed, and its length in 4 bytes.
    private const int PrefixBytes = 5;

    /// <summary>SDKs know an oversized message by how this text begins, and fail the task instead of sending it again.</summary>
    public static ServiceException TooLarge(long bytes, int maxBytes) =>
        new(StatusCode.ResourceExhausted, $"grpc: received message larger than max ({bytes} vs. {maxBytes})");

    public async Task InvokeAsync(HttpContext context, RequestDelegate next, bool needsKey)
    {
        if (needsKey && !keys.IsOpen)
        {
            if (await keys.IdentifyAsync(context.Request.Headers.Authorization, context.RequestAborted) is not { } caller)
            {
                LogRefused(context.Request.Path, context.Connection.RemoteIpAddress);
                Refuse(context, ServiceErrors.Unauthenticated("Request unauthorized: send a valid API key as 'authorization: Bearer KEY'."));
                return;
            }
            context.Features.Set(caller);
        }
        var start = await context.Request.BodyReader.ReadAtLeastAsync(PrefixBytes, context.RequestAborted);
        var length = DeclaredLength(start);
        context.Request.BodyReader.AdvanceTo(start.Buffer.Start);
        if (length > limits.RequestBytes)
        {
            LogTooLarge(context.Request.Path, length, limits.RequestBytes);
            Refuse(context, TooLarge(length, limits.RequestBytes));
            return;
        }
        await next(context);
    }

    private static long DeclaredLength(ReadResult start)
    {
        if (start.Buffer.Length < PrefixBytes)
        {
            return 0;
        }
        Span<byte> prefix = stackalloc byte[PrefixBytes];
        System.Buffers.BuffersExtensions.CopyTo(start.Buffer.Slice(0, PrefixBytes), prefix);
        return BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
    }

    private static void Refuse(HttpContext context, ServiceException error)
    {
        var headers = context.Response.Headers;
        context.Response.ContentType = "application/grpc";
        headers["grpc-status"] = ((int)error.StatusCode).ToString(CultureInfo.InvariantCulture);
        headers["grpc-message"] = Uri.EscapeDataString(error.Status.Detail).Replace("%20", " ", StringComparison.Ordinal);
    }

    [LoggerMessage(EventIds.ApiKeyRefused, LogLevel.Warning, "Refused {Path} from {Peer}: no valid API key")]
    private partial void LogRefused(string path, System.Net.IPAddress? peer);

    [LoggerMessage(EventIds.OversizedRequest, LogLevel.Warning, "Refused {Path}: {Bytes} bytes where {Limit} are allowed")]
    private partial void LogTooLarge(string path, long bytes, int limit);
}
