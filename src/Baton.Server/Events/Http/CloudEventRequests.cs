using System.Text;
using System.Text.Json;
using Baton.Server.Errors;
using Microsoft.AspNetCore.Http;

namespace Baton.Server.Events.Http;

/// <summary>
/// CloudEvents' HTTP binding, inwards. By `Content-Type`: application/cloudevents+json is one event (structured),
/// application/cloudevents-batch+json an array of them; anything else is the data of one event whose attributes are `ce-` headers
/// (binary). Plain application/json without such headers is read as structured, as people send it with curl.
/// </summary>
internal static class CloudEventRequests
{
    public const int MaxBatch = 1_000;

    private const string Prefix = "ce-";
    private const int ShownProblems = 20;

    /// <exception cref="BatonException">It is no event; all problems are named.</exception>
    public static async Task<IReadOnlyList<CloudEvent>> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var body = await ReadBodyAsync(request, cancel);
        var media = request.ContentType?.Split(';')[0].Trim().ToLowerInvariant();
        var isBinary = request.Headers.Keys.Any(name => name.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase));
        var problems = new List<EventProblem>();
        List<CloudEvent> events = media switch
        {
            "application/cloudevents-batch+json" => ReadBatch(body, problems),
            "application/cloudevents+json" => ReadOne(body, "", problems),
            "application/json" when !isBinary => IsArray(body) ? ReadBatch(body, problems) : ReadOne(body, "", problems),
            _ when media?.StartsWith("application/cloudevents", StringComparison.Ordinal) == true => throw new BatonException(
                ErrorCodes.InvalidInput, $"events of the form {media} are not read", null, "send them as application/cloudevents+json, application/cloudevents-batch+json, or with ce- headers"),
            _ => ReadBinary(request, body, problems),
        };
        if (problems.Count > 0)
        {
            var shown = string.Join("; ", problems.Take(ShownProblems));
            throw new BatonException(
                ErrorCodes.InvalidEvent, $"the request holds no valid CloudEvent: {problems.Count} problem{(problems.Count == 1 ? "" : "s")}",
                problems.Count > ShownProblems ? $"{shown}; and {problems.Count - ShownProblems} more" : shown, "correct what is named; no event of the request was taken");
        }
        return events;
    }

    public static async Task<byte[]> ReadBodyAsync(HttpRequest request, CancellationToken cancel)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancel);
        return body.ToArray();
    }

    private static bool IsArray(ReadOnlyMemory<byte> body) => body.Span.TrimStart(" \t\r\n"u8) is [(byte)'[', ..];

    private static List<CloudEvent> ReadOne(ReadOnlyMemory<byte> json, string path, List<EventProblem> problems) =>
        CloudEventRules.Check(json, path, problems) is { } attributes ? [CloudEvent.Create(json, attributes)] : [];

    private static List<CloudEvent> ReadBatch(byte[] body, List<EventProblem> problems)
    {
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = CloudEventRules.MaxDepth + 1 });
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                problems.Add(new("", "a batch is a JSON array"));
                return [];
            }
            if (document.RootElement.GetArrayLength() > MaxBatch)
            {
                problems.Add(new("", $"a batch holds at most {MaxBatch} events"));
                return [];
            }
            return [.. document.RootElement.EnumerateArray().Index().SelectMany(item => ReadOne(Encoding.UTF8.GetBytes(item.Item.GetRawText()), $"/{item.Index}", problems))];
        }
        catch (JsonException error)
        {
            problems.Add(new("", $"is no valid JSON: {error.Message}"));
            return [];
        }
    }

    private static List<CloudEvent> ReadBinary(HttpRequest request, byte[] body, List<EventProblem> problems)
    {
        var attributes = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var (name, values) in request.Headers.Where(header => header.Key.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)))
        {
            var attribute = name[Prefix.Length..].ToLowerInvariant();
            if (!CloudEventRules.IsName(attribute) || attribute is "data" or "datacontenttype")
            {
                problems.Add(new(name, "is no attribute that a header can give"));
            }
            else if (values.Count > 1)
            {
                problems.Add(new(name, "is given more than once"));
            }
            else
            {
                attributes[attribute] = Unescape(values.ToString());
            }
        }
        if (attributes.Remove("specversion", out var version) && version != "1.0")
        {
            problems.Add(new("ce-specversion", $"is '{version}'; Baton takes 1.0"));
        }
        else if (version is null)
        {
            problems.Add(new("ce-specversion", "is missing"));
        }
        // The distributed trace may stand in headers of its own.
        foreach (var name in (string[])["traceparent", "tracestate"])
        {
            if (!attributes.ContainsKey(name) && request.Headers[name] is [{ Length: > 0 } value])
            {
                attributes[name] = value;
            }
        }
        var found = new List<EventProblem>();
        var events = ReadOne(CloudEventWriter.Write(attributes, request.ContentType, body.Length == 0 ? null : body), "", found);
        problems.AddRange(found.Select(problem => problem.Path.Length > 1 && problem.Path != "/datacontenttype" ? problem with { Path = Prefix + problem.Path[1..] } : problem));
        return events;
    }

    /// <summary>Percent-encoding, and quotes around, as the binding asks for.</summary>
    private static string Unescape(string value) =>
        Uri.UnescapeDataString(value is ['"', .. var inner, '"'] ? inner.Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal) : value);
}
