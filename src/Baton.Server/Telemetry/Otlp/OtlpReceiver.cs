using System.Buffers.Binary;
using System.IO.Compression;
using System.Text.Json;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Baton.Server.Settings;
using Baton.Server.Telemetry.Spans;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Telemetry.Otlp;

/// <summary>
/// Takes the spans of other services by OTLP, so that the waterfall of a run shows them too: over HTTP as protobuf or
/// JSON, and over gRPC, whose one unary call is a length before the message and a status in the trailers.
/// </summary>
internal static class OtlpReceiver
{
    public const string WhyRejected = "spans need a trace id, a span id, a name, and an end not before their start";

    private const string Json = "application/json";
    private const string Protobuf = "application/x-protobuf";

    public static void MapOtlp(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/traces", TakeAsync).RequirePermission(Permissions.TracesWrite).NotAudited("spans tell of acts and are none").ExcludeFromDescription();
        app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", TakeGrpcAsync).RequirePermission(Permissions.TracesWrite).NotAudited("spans tell of acts and are none").ExcludeFromDescription();
    }

    private static async Task TakeAsync(HttpContext context, SpanWriter writer, BatonSettings settings)
    {
        var isJson = context.Request.ContentType?.StartsWith(Json, StringComparison.OrdinalIgnoreCase) == true;
        if (!isJson && context.Request.ContentType?.StartsWith(Protobuf, StringComparison.OrdinalIgnoreCase) != true)
        {
            throw Invalid($"the content type must be {Protobuf} or {Json}", null);
        }
        var body = await ReadAsync(context.Request.Body, context.Request.Headers.ContentEncoding == "gzip", settings.Http.MaxRequestBytes, context.RequestAborted);
        var rejected = Take(body, isJson, writer);
        context.Response.ContentType = isJson ? Json : Protobuf;
        await context.Response.Body.WriteAsync(
            isJson
                ? JsonSerializer.SerializeToUtf8Bytes(rejected == 0 ? new Dictionary<string, object>() : new() { ["partialSuccess"] = new { rejectedSpans = $"{rejected}", errorMessage = WhyRejected } })
                : OtlpProtobuf.Response(rejected),
            context.RequestAborted);
    }

    private static async Task TakeGrpcAsync(HttpContext context, SpanWriter writer, BatonSettings settings)
    {
        const int HeaderLength = 5;
        if (!context.Response.SupportsTrailers())
        {
            throw Invalid("gRPC needs HTTP/2", null);
        }
        context.Response.ContentType = "application/grpc";
        try
        {
            var header = new byte[HeaderLength];
            await context.Request.Body.ReadExactlyAsync(header, context.RequestAborted);
            var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(1));
            if (length > settings.Http.MaxRequestBytes)
            {
                throw TooLarge(settings.Http.MaxRequestBytes);
            }
            var message = new byte[length];
            await context.Request.Body.ReadExactlyAsync(message, context.RequestAborted);
            if (header[0] == 1)
            {
                message = await ReadAsync(new MemoryStream(message), isGzip: true, settings.Http.MaxRequestBytes, context.RequestAborted);
            }
            var response = OtlpProtobuf.Response(Take(message, isJson: false, writer));
            var answer = new byte[HeaderLength + response.Length];
            BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(1), (uint)response.Length);
            response.CopyTo(answer, HeaderLength);
            await context.Response.Body.WriteAsync(answer, context.RequestAborted);
            context.Response.AppendTrailer("grpc-status", "0");
        }
        catch (Exception error) when (error is BatonException or EndOfStreamException)
        {
            // 3 is INVALID_ARGUMENT: the sender does not try again.
            context.Response.AppendTrailer("grpc-status", "3");
            context.Response.AppendTrailer("grpc-message", Uri.EscapeDataString(error.Message));
        }
    }

    private static int Take(byte[] body, bool isJson, SpanWriter writer)
    {
        OtlpTraces traces;
        try
        {
            traces = isJson ? OtlpJson.Read(body) : OtlpProtobuf.Read(body);
        }
        catch (Exception error) when (error is InvalidProtocolBufferException or JsonException or InvalidOperationException or FormatException)
        {
            throw Invalid("the body is no OTLP ExportTraceServiceRequest", error);
        }
        foreach (var span in traces.Spans)
        {
            writer.Add(span);
        }
        return traces.Rejected;
    }

    /// <summary>Reads a body to its end; what a compressed one unpacks to has the limit too.</summary>
    private static async Task<byte[]> ReadAsync(Stream body, bool isGzip, long limit, CancellationToken cancel)
    {
        await using var source = isGzip ? new GZipStream(body, CompressionMode.Decompress) : body;
        using var memory = new MemoryStream();
        var buffer = new byte[16 * 1024];
        try
        {
            while (await source.ReadAsync(buffer, cancel) is > 0 and var read)
            {
                if (memory.Length + read > limit)
                {
                    throw TooLarge(limit);
                }
                memory.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException error)
        {
            throw Invalid("the body is not compressed as its header says", error);
        }
        return memory.ToArray();
    }

    private static BatonException Invalid(string what, Exception? error) =>
        new(ErrorCodes.InvalidInput, what, error?.Message, "let an OpenTelemetry SDK or collector send to it", error);

    private static BatonException TooLarge(long limit) =>
        new(ErrorCodes.TooLarge, $"the spans take more than {limit} bytes", null, "send smaller batches, or raise Http:MaxRequestBytes");
}
