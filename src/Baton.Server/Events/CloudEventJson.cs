using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;

namespace Baton.Server.Events;

/// <summary>An event in an answer is its own JSON, as it came.</summary>
internal sealed class CloudEventConverter : JsonConverter<CloudEvent>
{
    public override CloudEvent Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return CloudEvent.TryParse(JsonSerializer.SerializeToUtf8Bytes(document.RootElement), out var cloudEvent, out var problems)
            ? cloudEvent : throw new JsonException(string.Join("; ", problems));
    }

    public override void Write(Utf8JsonWriter writer, CloudEvent value, JsonSerializerOptions options) => writer.WriteRawValue(value.Json.Span, skipInputValidation: true);
}

/// <summary>Makes events of data that came in another form.</summary>
internal static class CloudEventWriter
{
    /// <param name="attributes">Text attributes; those without a value are left out.</param>
    /// <param name="contentType">Of the data; null where it is not known.</param>
    /// <param name="data">Null for none. Kept as JSON where it is JSON, as text where it is text, otherwise in base64.</param>
    public static byte[] Write(IEnumerable<KeyValuePair<string, string?>> attributes, string? contentType, ReadOnlyMemory<byte>? data)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("specversion", "1.0");
            foreach (var (name, value) in attributes)
            {
                if (value is not null)
                {
                    writer.WriteString(name, value);
                }
            }
            if (contentType is not null)
            {
                writer.WriteString("datacontenttype", contentType);
            }
            if (data is { } bytes)
            {
                WriteData(writer, contentType, bytes);
            }
            writer.WriteEndObject();
        }
        return buffer.ToArray();
    }

    private static void WriteData(Utf8JsonWriter writer, string? contentType, ReadOnlyMemory<byte> data)
    {
        var media = contentType?.Split(';')[0].Trim() ?? "";
        if ((media.EndsWith("/json", StringComparison.OrdinalIgnoreCase) || media.EndsWith("+json", StringComparison.OrdinalIgnoreCase)) && IsJson(data))
        {
            writer.WritePropertyName("data");
            writer.WriteRawValue(data.Span, skipInputValidation: true);
        }
        else if (media.StartsWith("text/", StringComparison.OrdinalIgnoreCase) && Utf8.IsValid(data.Span))
        {
            writer.WriteString("data", data.Span);
        }
        else
        {
            writer.WriteBase64String("data_base64", data.Span);
        }
    }

    private static bool IsJson(ReadOnlyMemory<byte> data)
    {
        if (!Utf8.IsValid(data.Span))
        {
            return false;
        }
        try
        {
            using var document = JsonDocument.Parse(data, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
