using Baton.Jq;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Converters;

namespace Baton.Flows.Durable;

/// <summary>JSON payloads as values, without a detour over .NET objects; a data converter's codec still applies.</summary>
internal static class RawValues
{
    private const string TokenKey = "baton-answer-token";

    private static readonly ByteString JsonPlain = ByteString.CopyFromUtf8("json/plain");

    public static RawValue Raw(JqValue value) => new(new Payload { Metadata = { ["encoding"] = JsonPlain }, Data = ByteString.CopyFrom(value.ToUtf8Json()) });

    /// <summary>A promise of an answer: no value, and its token beside it, where no value of a flow can be taken for one.</summary>
    public static RawValue Promise(string token) =>
        new(new Payload { Metadata = { ["encoding"] = ByteString.CopyFromUtf8("binary/null"), [TokenKey] = ByteString.CopyFromUtf8(token) } });

    /// <summary>The token of a promise, or null for a value.</summary>
    public static string? Token(IRawValue raw) => raw.Payload.Metadata.TryGetValue(TokenKey, out var token) ? token.ToStringUtf8() : null;

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
