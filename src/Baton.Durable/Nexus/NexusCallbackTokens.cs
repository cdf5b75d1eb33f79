using System.Buffers.Text;
using Baton.Durable.Engine;
using Baton.Durable.State;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace Baton.Durable.Nexus;

/// <summary>
/// Callbacks to this very server: their URL, and the token that finds the operation they complete. The operation's request id in
/// it, a random UUID, is what makes it hard to guess.
/// </summary>
internal static class NexusCallbackTokens
{
    public const string Url = "temporal://system";
    public const string Header = "temporal-callback-token";
    public const string OperationTokenHeader = "nexus-operation-token";

    /// <summary>Where callbacks of a namespace arrive by HTTP.</summary>
    public static string HttpUrl(string baseUrl, string ns) => $"{baseUrl}/namespaces/{Uri.EscapeDataString(ns)}/nexus/callback";

    public static string Of(Entity caller, NexusOperationState operation) => Base64Url.EncodeToString(new NexusCallbackToken
    {
        RunKey = caller.RunKey,
        NamespaceId = caller.NamespaceId,
        WorkflowId = caller.Id,
        RunId = caller.RunId,
        ScheduledEventId = operation.ScheduledEventId,
        RequestId = operation.RequestId,
    }.ToByteArray());

    /// <summary>Null when the text is no token.</summary>
    public static NexusCallbackToken? Parse(string text)
    {
        try
        {
            return NexusCallbackToken.Parser.ParseFrom(Base64Url.DecodeFromChars(text)) is { RequestId.Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is FormatException or InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>A header whatever the case of its name; empty when there is none.</summary>
    public static string Find(MapField<string, string> headers, string name) =>
        headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value ?? "";
}
