using System.Net.Http.Headers;
using System.Text;
using Baton.Jq;

namespace Baton.Flows.Calls;

/// <summary>Between bodies and values.</summary>
internal static class HttpContents
{
    private const int MaxExcerpt = 300;

    /// <summary>A body: strings as they are, other values as JSON, or as a form where the content type says so.</summary>
    public static HttpContent Body(JqValue body, string? contentType)
    {
        if (contentType is not null && !MediaTypeHeaderValue.TryParse(contentType, out _))
        {
            throw new FlowFaultException(FlowErrors.Configuration($"'{contentType}' is not a content type."));
        }
        if (contentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) == true && body.Kind == JqKind.Object)
        {
            return new FormUrlEncodedContent(body.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, p.Value.TryGetString(out var text) ? text : p.Value.ToJson())));
        }
        var isText = body.TryGetString(out var raw) && contentType is not null && !IsJson(contentType.Split(';')[0].Trim());
        var content = new ByteArrayContent(isText ? Encoding.UTF8.GetBytes(raw!) : body.ToUtf8Json());
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType ?? "application/json");
        return content;
    }

    /// <summary>JSON as its value, text as a string, anything else as Base64, nothing as null.</summary>
    public static JqValue Content(HttpReply reply)
    {
        if (reply.Body.Length == 0)
        {
            return JqValue.Null;
        }
        if (IsJson(reply.MediaType))
        {
            return ParseJson(reply.Body, $"The response of {reply.Uri}");
        }
        return reply.MediaType is null || reply.MediaType.StartsWith("text/", StringComparison.OrdinalIgnoreCase)
            || reply.MediaType.Contains("xml", StringComparison.OrdinalIgnoreCase) || reply.MediaType.Contains("yaml", StringComparison.OrdinalIgnoreCase)
            ? Text(reply) : Convert.ToBase64String(reply.Body);
    }

    public static JqValue Response(HttpReply reply) => JqValue.FromObject(
    [
        new("request", JqValue.FromObject([new("method", reply.Method.ToLowerInvariant()), new("uri", reply.Uri), new("headers", Headers(reply.RequestHeaders))])),
        new("statusCode", reply.Status),
        new("headers", Headers(reply.Headers)),
        new("content", Content(reply)),
    ]);

    public static string Text(HttpReply reply) =>
        (reply.Charset?.Trim('"').Equals("iso-8859-1", StringComparison.OrdinalIgnoreCase) == true ? Encoding.Latin1 : Encoding.UTF8).GetString(reply.Body);

    /// <summary>The beginning of a text body, for an error message.</summary>
    public static string Excerpt(HttpReply reply)
    {
        if (reply.Body.Length == 0 || !(IsJson(reply.MediaType) || reply.MediaType == "text/plain"))
        {
            return "";
        }
        var text = Text(reply);
        return text.Length <= MaxExcerpt ? text : text[..MaxExcerpt] + "…";
    }

    /// <exception cref="FlowFaultException">Not JSON: a communication error, as the other side sent it.</exception>
    public static JqValue ParseJson(byte[] body, string what)
    {
        try
        {
            return JqValue.Parse(body);
        }
        catch (JqJsonException error)
        {
            throw new FlowFaultException(FlowErrors.Communication($"{what} is not JSON: {error.Message}", 502, "Bad Gateway"));
        }
    }

    public static bool IsJson(string? mediaType) =>
        mediaType is not null && (mediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || mediaType.EndsWith("+json", StringComparison.OrdinalIgnoreCase));

    private static JqValue Headers(IEnumerable<KeyValuePair<string, string>> headers) =>
        JqValue.FromObject(headers.Select(h => KeyValuePair.Create(h.Key, JqValue.From(h.Value))));
}
