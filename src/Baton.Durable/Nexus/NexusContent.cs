using System.Net.Http.Headers;
using System.Text.Json;
using Google.Protobuf;
using Temporalio.Api.Common.V1;
using NexusFailure = Temporalio.Api.Nexus.V1.Failure;

namespace Baton.Durable.Nexus;

/// <summary>
/// Payloads and failures as bodies of HTTP messages. A payload of a known encoding becomes plain content of the fitting type, so that
/// handlers outside of Temporal can read it; any other travels whole as <c>application/x-temporal-payload</c>.
/// </summary>
internal static class NexusContent
{
    private const string WholePayload = "application/x-temporal-payload";

    public static HttpContent Of(Payload? payload)
    {
        if (payload is null || Encoding(payload) == "binary/null" || payload is { Data.IsEmpty: true, Metadata.Count: 0 })
        {
            return new ByteArrayContent([]);
        }

        var messageType = payload.Metadata.TryGetValue("messageType", out var name) ? name.ToStringUtf8() : "";
        return (Encoding(payload), payload.Metadata.Count) switch
        {
            ("json/plain", 1) => Bytes(payload.Data, "application/json"),
            ("binary/plain", 1) => Bytes(payload.Data, "application/octet-stream"),
            ("json/protobuf", 2) when messageType.Length > 0 => Bytes(payload.Data, $"application/json; format=protobuf; message-type=\"{messageType}\""),
            ("binary/protobuf", 2) when messageType.Length > 0 => Bytes(payload.Data, $"application/x-protobuf; message-type=\"{messageType}\""),
            _ => Bytes(payload.ToByteString(), WholePayload),
        };
    }

    public static Payload ToPayload(MediaTypeHeaderValue? type, byte[] body)
    {
        if (type?.MediaType == WholePayload)
        {
            return Payload.Parser.ParseFrom(body);
        }

        var messageType = type?.Parameters.FirstOrDefault(static parameter => parameter.Name == "message-type")?.Value?.Trim('"') ?? "";
        var encoding = type?.MediaType switch
        {
            null when body.Length == 0 => "binary/null",
            "application/json" => messageType.Length > 0 ? "json/protobuf" : "json/plain",
            "application/x-protobuf" when messageType.Length > 0 => "binary/protobuf",
            _ => body.Length == 0 ? "binary/null" : "binary/plain",
        };
        var payload = new Payload { Data = ByteString.CopyFrom(body), Metadata = { ["encoding"] = ByteString.CopyFromUtf8(encoding) } };
        if (messageType.Length > 0)
        {
            payload.Metadata["messageType"] = ByteString.CopyFromUtf8(messageType);
        }

        return payload;
    }

    /// <summary>In Nexus's JSON, details are any JSON value.</summary>
    public static HttpContent Of(NexusFailure failure) => Json(writer => Write(writer, failure));

    /// <summary>An operation that goes on after its start was answered.</summary>
    public static HttpContent OfStarted(string token) => Json(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("id", token);
        writer.WriteString("token", token);
        writer.WriteString("state", "running");
        writer.WriteEndObject();
    });

    /// <summary>A body that is no failure is its message.</summary>
    public static NexusFailure ToFailure(byte[] body)
    {
        var text = System.Text.Encoding.UTF8.GetString(body);
        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.ValueKind == JsonValueKind.Object ? Read(json.RootElement) : new NexusFailure { Message = text };
        }
        catch (JsonException)
        {
            return new NexusFailure { Message = text.Length > 1000 ? text[..1000] : text };
        }
    }

    private static string Encoding(Payload payload) => payload.Metadata.TryGetValue("encoding", out var encoding) ? encoding.ToStringUtf8() : "";

    private static ByteArrayContent Bytes(ByteString bytes, string type) => new(bytes.ToByteArray()) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };

    private static ByteArrayContent Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            write(writer);
        }

        return Bytes(ByteString.CopyFrom(stream.ToArray()), "application/json");
    }

    private static void Write(Utf8JsonWriter writer, NexusFailure failure)
    {
        writer.WriteStartObject();
        writer.WriteString("message", failure.Message);
        if (failure.StackTrace.Length > 0)
        {
            writer.WriteString("stackTrace", failure.StackTrace);
        }

        if (failure.Metadata.Count > 0)
        {
            writer.WriteStartObject("metadata");
            foreach (var (key, value) in failure.Metadata)
            {
                writer.WriteString(key, value);
            }

            writer.WriteEndObject();
        }

        if (!failure.Details.IsEmpty)
        {
            writer.WritePropertyName("details");
            writer.WriteRawValue(failure.Details.Span);
        }

        if (failure.Cause is { } cause)
        {
            writer.WritePropertyName("cause");
            Write(writer, cause);
        }

        writer.WriteEndObject();
    }

    private static NexusFailure Read(JsonElement json)
    {
        var failure = new NexusFailure { Message = Text(json, "message"), StackTrace = Text(json, "stackTrace") };
        if (json.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object)
        {
            foreach (var item in metadata.EnumerateObject())
            {
                failure.Metadata[item.Name] = item.Value.ToString();
            }
        }

        if (json.TryGetProperty("details", out var details))
        {
            failure.Details = ByteString.CopyFromUtf8(details.GetRawText());
        }

        if (json.TryGetProperty("cause", out var cause) && cause.ValueKind == JsonValueKind.Object)
        {
            failure.Cause = Read(cause);
        }

        return failure;
    }

    private static string Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
