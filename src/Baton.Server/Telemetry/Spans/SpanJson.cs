using System.Buffers;
using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Baton.Server.Telemetry.Spans;

/// <summary>The parts of a span that are kept as JSON. Whatever somebody attaches to a span, its size here has an end.</summary>
internal static class SpanJson
{
    private const int MaxAttributes = 128;
    private const int MaxItems = 32;
    private const int MaxText = 4096;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Attributes(IEnumerable<KeyValuePair<string, object?>> attributes) => Write(json => Attributes(json, attributes));

    public static string Events(IEnumerable<(string Name, long TimeNs, IEnumerable<KeyValuePair<string, object?>> Attributes)> events) => Write(json =>
    {
        json.WriteStartArray();
        foreach (var (name, time, attributes) in events.Take(MaxItems))
        {
            json.WriteStartObject();
            json.WriteString("name", Cut(name));
            json.WriteString("time", Time(time));
            json.WritePropertyName("attributes");
            Attributes(json, attributes);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public static string Links(IEnumerable<(string TraceId, string SpanId)> links) => Write(json =>
    {
        json.WriteStartArray();
        foreach (var (trace, span) in links.Take(MaxItems))
        {
            json.WriteStartObject();
            json.WriteString("traceId", trace);
            json.WriteString("spanId", span);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>RFC 3339 with microseconds.</summary>
    public static string Time(long nanoseconds) =>
        DateTime.UnixEpoch.AddTicks(nanoseconds / 100).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private static void Attributes(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, object?>> attributes)
    {
        json.WriteStartObject();
        foreach (var (name, value) in attributes.Where(attribute => attribute.Value is not null).DistinctBy(attribute => attribute.Key).Take(MaxAttributes))
        {
            json.WritePropertyName(name);
            Value(json, value!);
        }
        json.WriteEndObject();
    }

    private static void Value(Utf8JsonWriter json, object value)
    {
        switch (value)
        {
            case string text:
                json.WriteStringValue(Cut(text));
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case double or float when double.IsFinite(Convert.ToDouble(value, CultureInfo.InvariantCulture)):
                json.WriteNumberValue(Convert.ToDouble(value, CultureInfo.InvariantCulture));
                break;
            case sbyte or byte or short or ushort or int or uint or long:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case IEnumerable list and not byte[]:
                json.WriteStartArray();
                foreach (var item in list.Cast<object?>().Where(item => item is not null).Take(MaxItems))
                {
                    Value(json, item is IEnumerable and not string ? $"{item}" : item!);
                }
                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(Cut(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
                break;
        }
    }

    private static string Cut(string text) => text.Length <= MaxText ? text : text[..MaxText] + "…";

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            write(json);
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
