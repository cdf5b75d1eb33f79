using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Baton.Server.Secrets;

/// <summary>
/// Takes the values of secrets out of what leaves the server or is kept: logs, spans, answers, errors, histories. It knows
/// every value that this process has had in clear, as it is, as JSON and addresses write it, and in base64. Values of
/// less than 6 characters are left: taking them out would garble everything and hide nothing.
/// </summary>
internal sealed class Redactor
{
    public const string Mark = "[redacted]";

    private const int MinLength = 6;

    private readonly Lock adding = new();
    private readonly HashSet<string> known = new(StringComparer.Ordinal);
    private volatile Forms? forms;

    public void Add(string value)
    {
        if (value.Length < MinLength)
        {
            return;
        }
        lock (adding)
        {
            if (!known.Add(value))
            {
                return;
            }
            var all = known.SelectMany(FormsOf).Distinct().OrderByDescending(form => form.Length).ToArray();
            forms = new(SearchValues.Create(all, StringComparison.Ordinal), all);
        }
    }

    /// <summary>No secret is known: nothing is ever found.</summary>
    public bool IsEmpty => forms is null;

    public bool Finds([NotNullWhen(true)] string? text) => text is not null && forms is { } all && text.AsSpan().ContainsAny(all.Search);

    [return: NotNullIfNotNull(nameof(text))]
    public string? Redact(string? text)
    {
        if (!Finds(text))
        {
            return text;
        }
        // From the longest to the shortest: one that contains another leaves no rest.
        return forms!.All.Aggregate(text, (rest, form) => rest.Replace(form, Mark, StringComparison.Ordinal));
    }

    /// <summary>The same for bytes that are UTF-8.</summary>
    /// <returns>The bytes themselves where there is nothing to take out.</returns>
    public byte[] Redact(byte[] utf8) => forms is not null && Encoding.UTF8.GetString(utf8) is var text && Finds(text) ? Encoding.UTF8.GetBytes(Redact(text)) : utf8;

    private static IEnumerable<string> FormsOf(string value)
    {
        yield return value;
        yield return Quoted(value, JavaScriptEncoder.Default);
        yield return Quoted(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        yield return WebUtility.UrlEncode(value);
        yield return Uri.EscapeDataString(value);
        var bytes = Encoding.UTF8.GetBytes(value);
        yield return Convert.ToBase64String(bytes);
        yield return Convert.ToHexStringLower(bytes);
    }

    private static string Quoted(string value, JavaScriptEncoder encoder) => JsonSerializer.Serialize(value, new JsonSerializerOptions { Encoder = encoder })[1..^1];

    private sealed record Forms(SearchValues<string> Search, string[] All);
}
