using Baton.Jq;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Converters;

namespace Baton.Flows.Durable;

/// <summary>JSON payloads as values, without a detour over .NET objects; a data converter's codec still applies.</summary>
internal static class RawValues
{
    private static readonly ByteString JsonPlain = ByteString.CopyFromUtf8("json/plain");

    public static RawValue Raw(JqValue value) => new(new Payload { Metadata = { ["encoding"] = JsonPlain }, Data = ByteString.CopyFrom(value.ToUtf8Json()) });

    public static JqValue Value(IRawValue raw)
    {
        var payload = raw.Payload;
        return payload.Metadata.TryGetValue("encoding", out var encoding) ? encoding.ToStringUtf8() switch
        {
            "binary/null" => JqValue.Null,
            "json/plain" or "json/protobuf" => JqValue.Parse(payload.Data.Span),
            "binary/plain" => Convert.ToBase64String(payload.Data.Span),
            var other => throw new FlowFaultException(FlowErrors.Runtime($"A payload of the encoding '{other}' is no JSON.")),
        } : JqValue.Null;
    }
}
