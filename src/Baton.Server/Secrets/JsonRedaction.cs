using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Baton.Jq;

namespace Baton.Server.Secrets;

/// <summary>
/// Takes the values of secrets out of JSON, so that it stays JSON: also where an escape hides them, or a number is one. What holds none
/// stays byte by byte as it is.
/// </summary>
internal static class JsonRedaction
{
    /// <param name="json">UTF-8.</param>
    /// <param name="base64">Name of a member of the outermost object whose value is base64 of what is to be cleaned as well.</param>
    /// <returns>Null where there is nothing to take out.</returns>
    public static byte[]? Clean(this Redactor redactor, ReadOnlyMemory<byte> json, string? base64 = null)
    {
        // Escapes can hide a value from a look at the bytes, and base64 does.
        var isVeiled = json.Span.Contains((byte)'\\') || (base64 is not null && json.Span.IndexOf(Encoding.UTF8.GetBytes(base64)) >= 0);
        if (redactor.IsEmpty || (!isVeiled && !redactor.Finds(Encoding.UTF8.GetString(json.Span))))
        {
            return null;
        }
        using var document = JsonDocument.Parse(json, new() { MaxDepth = 1000 });
        using var buffer = new MemoryStream();
        var cleaner = new Cleaner(redactor);
        using (var writer = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1000 }))
        {
            cleaner.Write(writer, document.RootElement, base64);
        }
        return cleaner.HasFound ? buffer.ToArray() : null;
    }

    public static string Clean(this Redactor redactor, string json) => redactor.Clean(Encoding.UTF8.GetBytes(json)) is { } cleaned ? Encoding.UTF8.GetString(cleaned) : json;

    public static JqValue Clean(this Redactor redactor, JqValue value) => redactor.IsEmpty ? value : JqValue.Parse(redactor.Clean(value.ToJson()));

    private sealed class Cleaner(Redactor redactor)
    {
        public bool HasFound { get; private set; }

        public void Write(Utf8JsonWriter writer, JsonElement element, string? base64 = null)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    writer.WriteStartObject();
                    foreach (var member in element.EnumerateObject())
                    {
                        writer.WritePropertyName(Clean(member.Name));
                        if (member.Name == base64 && member.Value.TryGetBytesFromBase64(out var bytes))
                        {
                            writer.WriteBase64StringValue(Clean(bytes));
                        }
                        else
                        {
                            Write(writer, member.Value);
                        }
                    }
                    writer.WriteEndObject();
                    break;
                case JsonValueKind.Array:
                    writer.WriteStartArray();
                    foreach (var item in element.EnumerateArray())
                    {
                        Write(writer, item);
                    }
                    writer.WriteEndArray();
                    break;
                case JsonValueKind.String:
                    writer.WriteStringValue(Clean(element.GetString()!));
                    break;
                case JsonValueKind.Number when redactor.Finds(element.GetRawText()):
                    writer.WriteStringValue(Clean(element.GetRawText()));
                    break;
                default:
                    writer.WriteRawValue(element.GetRawText());
                    break;
            }
        }

        private string Clean(string text)
        {
            var cleaned = redactor.Redact(text);
            HasFound |= !ReferenceEquals(cleaned, text);
            return cleaned;
        }

        private byte[] Clean(byte[] bytes)
        {
            var cleaned = redactor.Redact(bytes);
            HasFound |= !ReferenceEquals(cleaned, bytes);
            return cleaned;
        }
    }
}
