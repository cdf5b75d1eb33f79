using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Unicode;

namespace Baton.Server.Events;

/// <summary>
/// What CloudEvents 1.0 asks of an event in its JSON format, and Baton's limits: 1 MiB an event, 1,024 characters for what identifies
/// and sorts it. An attribute of the value null is absent.
/// </summary>
internal static class CloudEventRules
{
    public const int MaxBytes = 1 << 20;
    public const int MaxLength = 1024;
    public const int MaxDepth = 64;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <returns>Null if there are problems, which are then in <paramref name="problems"/>.</returns>
    public static CloudEventAttributes? Check(ReadOnlyMemory<byte> json, string path, List<EventProblem> problems)
    {
        if (json.Length > MaxBytes)
        {
            problems.Add(new(path, $"an event is at most {MaxBytes} bytes long, this one is {json.Length}"));
            return null;
        }
        // Parsing looks at the structure alone.
        if (!Utf8.IsValid(json.Span))
        {
            problems.Add(new(path, "is no valid UTF-8"));
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            ReadStrings(json.Span);
            return Check(document.RootElement, path, problems);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            problems.Add(new(path, $"is no valid JSON: {error.Message}"));
            return null;
        }
    }

    /// <summary>JSON lets half of a surrogate pair stand where it is escaped; CloudEvents does not, and nobody could read it later.</summary>
    /// <exception cref="InvalidOperationException">There is one.</exception>
    private static void ReadStrings(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                reader.GetString();
            }
        }
    }

    private static CloudEventAttributes? Check(JsonElement cloudEvent, string path, List<EventProblem> problems)
    {
        if (cloudEvent.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new(path, "an event is a JSON object"));
            return null;
        }
        var before = problems.Count;
        var version = Text("specversion", required: true);
        if (version is not null && version != "1.0")
        {
            problems.Add(new($"{path}/specversion", $"is '{version}'; Baton takes 1.0"));
        }
        var id = Text("id", required: true, MaxLength);
        var source = Text("source", required: true, MaxLength);
        if (source is not null && !Uri.TryCreate(source, UriKind.RelativeOrAbsolute, out _))
        {
            problems.Add(new($"{path}/source", "is no URI reference"));
        }
        var type = Text("type", required: true, MaxLength);
        var subject = Text("subject", required: false, MaxLength);
        if (Text("dataschema", required: false) is { } schema && !Uri.TryCreate(schema, UriKind.Absolute, out _))
        {
            problems.Add(new($"{path}/dataschema", "is no absolute URI"));
        }
        if (Text("datacontenttype", required: false) is { } media && !MediaTypeHeaderValue.TryParse(media, out _))
        {
            problems.Add(new($"{path}/datacontenttype", "is no media type"));
        }
        if (Text("time", required: false) is { } time && !IsTimestamp(time))
        {
            problems.Add(new($"{path}/time", "is no timestamp of RFC 3339"));
        }
        CheckData();
        CheckExtensions();
        return problems.Count == before ? new CloudEventAttributes(id!, source!, type!, subject) : null;

        string? Text(string name, bool required, int maxLength = int.MaxValue)
        {
            if (!cloudEvent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            {
                if (required)
                {
                    problems.Add(new($"{path}/{name}", "is missing"));
                }
                return null;
            }
            var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : null;
            var problem = text switch
            {
                null => "must be a string",
                "" => "must not be empty",
                _ when text.Length > maxLength => $"is longer than {maxLength} characters",
                _ when text.Any(char.IsControl) => "must not hold control characters",
                _ => null,
            };
            if (problem is not null)
            {
                problems.Add(new($"{path}/{name}", problem));
            }
            return problem is null ? text : null;
        }

        void CheckData()
        {
            if (!cloudEvent.TryGetProperty("data_base64", out var encoded) || encoded.ValueKind == JsonValueKind.Null)
            {
                return;
            }
            if (cloudEvent.TryGetProperty("data", out _))
            {
                problems.Add(new($"{path}/data_base64", "excludes data"));
            }
            if (encoded.ValueKind != JsonValueKind.String || !encoded.TryGetBytesFromBase64(out _))
            {
                problems.Add(new($"{path}/data_base64", "must be a string in base64"));
            }
        }

        void CheckExtensions()
        {
            foreach (var attribute in cloudEvent.EnumerateObject())
            {
                if (attribute.Name is "data" or "data_base64" or "specversion" or "id" or "source" or "type" or "subject" or "time" or "dataschema" or "datacontenttype")
                {
                    continue;
                }
                if (!IsName(attribute.Name))
                {
                    problems.Add(new($"{path}/{attribute.Name}", "the name of an attribute holds only a-z and 0-9"));
                }
                else if (attribute.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array
                    || (attribute.Value.ValueKind == JsonValueKind.Number && !attribute.Value.TryGetInt32(out _)))
                {
                    problems.Add(new($"{path}/{attribute.Name}", "an attribute is a string, a boolean or a 32-bit integer"));
                }
            }
        }
    }

    public static bool IsName(string name) => name.Length > 0 && name.All(letter => letter is (>= 'a' and <= 'z') or (>= '0' and <= '9'));

    private static bool IsTimestamp(string text) =>
        text.Length >= 20 && text[10] is 'T' or 't' && (text[^1] is 'Z' or 'z' || text[^6] is '+' or '-')
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out _);
}
