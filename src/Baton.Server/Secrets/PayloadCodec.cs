using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Converters;

namespace Baton.Server.Secrets;

/// <summary>
/// What the server's own client and worker do to payloads on their way to a history. Always: the values of secrets are taken
/// out. By setting: the whole payload, its metadata included, is encrypted (AES-256-GCM, a key id in each), so that the
/// durable store, or a cluster of somebody else, holds nothing that it could read.
/// </summary>
internal sealed class PayloadCodec(Redactor redactor, Sealer? sealer) : IPayloadCodec
{
    public const string Encoding = "binary/baton-aes-gcm";

    private const string EncodingKey = "encoding";
    private const string Place = "payload";

    private static readonly ByteString[] Json = [ByteString.CopyFromUtf8("json/plain"), ByteString.CopyFromUtf8("json/protobuf")];
    private static readonly ByteString EncodingValue = ByteString.CopyFromUtf8(Encoding);

    public Task<IReadOnlyCollection<Payload>> EncodeAsync(IReadOnlyCollection<Payload> payloads) =>
        Task.FromResult<IReadOnlyCollection<Payload>>([.. payloads.Select(Encode)]);

    public Task<IReadOnlyCollection<Payload>> DecodeAsync(IReadOnlyCollection<Payload> payloads) =>
        Task.FromResult<IReadOnlyCollection<Payload>>([.. payloads.Select(Decode)]);

    private Payload Encode(Payload payload)
    {
        if (Clean(payload) is { } cleaned)
        {
            payload = new(payload) { Data = ByteString.CopyFrom(cleaned) };
        }
        return sealer is null ? payload : new() { Metadata = { [EncodingKey] = EncodingValue }, Data = ByteString.CopyFrom(sealer.Seal(payload.ToByteArray(), Place)) };
    }

    /// <returns>Null where there is nothing to take out.</returns>
    private byte[]? Clean(Payload payload)
    {
        if (payload.Metadata.TryGetValue(EncodingKey, out var encoding) && Json.Contains(encoding))
        {
            return redactor.Clean(payload.Data.Memory);
        }
        var content = payload.Data.ToByteArray();
        return redactor.Redact(content) is var cleaned && ReferenceEquals(content, cleaned) ? null : cleaned;
    }

    // What was written before the setting was made, or by a worker without it, is read as it is.
    private Payload Decode(Payload payload) =>
        sealer is not null && payload.Metadata.TryGetValue(EncodingKey, out var encoding) && encoding == EncodingValue
            ? Payload.Parser.ParseFrom(sealer.Open(payload.Data.Span, Place))
            : payload;
}
