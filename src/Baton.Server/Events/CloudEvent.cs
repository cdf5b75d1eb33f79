using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Baton.Server.Events;

/// <summary>
/// An event of CloudEvents 1.0. It is its own JSON: what a producer sent is stored and handed on byte by byte, extension attributes
/// (`traceparent` among them) included; the properties are what Baton itself needs to know.
/// </summary>
[JsonConverter(typeof(CloudEventConverter))]
internal sealed class CloudEvent
{
    private CloudEvent(ReadOnlyMemory<byte> json, string id, string source, string type, string? subject)
    {
        Json = json;
        Id = id;
        Source = source;
        Type = type;
        Subject = subject;
    }

    /// <summary>The event in CloudEvents' JSON format, UTF-8.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    public string Id { get; }

    public string Source { get; }

    public string Type { get; }

    public string? Subject { get; }

    /// <summary>What makes two events the same: 16 bytes of SHA-256 over source and id.</summary>
    internal UInt128 Identity => BinaryPrimitives.ReadUInt128BigEndian(Digest(Source, Id));

    /// <summary>What must be delivered in order: events of one source and subject.</summary>
    internal long Key => BinaryPrimitives.ReadInt64BigEndian(Digest(Source, Subject));

    /// <summary>Reads one event and names all that is wrong with it.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> json, [NotNullWhen(true)] out CloudEvent? cloudEvent, out IReadOnlyList<EventProblem> problems)
    {
        var found = new List<EventProblem>();
        cloudEvent = CloudEventRules.Check(json, "", found) is { } attributes ? Create(json, attributes) : null;
        problems = found;
        return cloudEvent is not null;
    }

    /// <summary>Reads an event that was checked before.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static CloudEvent Parse(ReadOnlyMemory<byte> json) =>
        TryParse(json, out var cloudEvent, out var problems) ? cloudEvent : throw new FormatException(string.Join("; ", problems));

    /// <summary>The text of an attribute; null when the event has none of this name, or one that is no text.</summary>
    public string? Attribute(string name)
    {
        using var document = JsonDocument.Parse(Json);
        return document.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    /// <summary>This event with an attribute of the server's own, in place of what a producer called so. The rest stays byte by byte as it was sent.</summary>
    public CloudEvent With(string name, string value)
    {
        var body = Json.Span[(Json.Span.IndexOf((byte)'{') + 1)..].ToArray();
        if (Attribute(name) is not null)
        {
            var others = (JsonObject)JsonNode.Parse(Json.Span)!;
            others.Remove(name);
            body = JsonSerializer.SerializeToUtf8Bytes(others)[1..];
        }
        byte[] json = [(byte)'{', .. JsonSerializer.SerializeToUtf8Bytes(name), (byte)':', .. JsonSerializer.SerializeToUtf8Bytes(value), (byte)',', .. body];
        return new(json, Id, Source, Type, Subject);
    }

    public override string ToString() => $"{Type} {Source} {Id}";

    internal static CloudEvent Create(ReadOnlyMemory<byte> json, CloudEventAttributes attributes) =>
        new(json, attributes.Id, attributes.Source, attributes.Type, attributes.Subject);

    private static byte[] Digest(string first, string? second) => SHA256.HashData(Encoding.UTF8.GetBytes($"{first}\0{second}"));
}

/// <param name="Path">JSON pointer, or the name of an HTTP header.</param>
internal sealed record EventProblem(string Path, string Problem)
{
    public override string ToString() => $"{Path}: {Problem}";
}

internal sealed record CloudEventAttributes(string Id, string Source, string Type, string? Subject);
