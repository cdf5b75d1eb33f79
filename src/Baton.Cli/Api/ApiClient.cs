using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Server.Errors;

namespace Baton.Cli.Api;

/// <summary>Baton's HTTP API as verbs use it: JSON in, JSON out, and problem details as <see cref="BatonException"/>.</summary>
internal sealed class ApiClient : IDisposable
{
    private readonly HttpClient http;

    /// <param name="token">Null asks as nobody.</param>
    public ApiClient(Uri server, string? token)
    {
        http = new HttpClient { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>Goes on with the cookie that a sign-in left.</summary>
    public void UseSession(string csrf) => http.DefaultRequestHeaders.Add("X-CSRF-Token", csrf);

    /// <param name="path">Relative to /api/v1, with its query; parts from outside are escaped by the caller.</param>
    public Task<JsonNode?> GetAsync(string path, CancellationToken cancel) => SendAsync(HttpMethod.Get, path, null, cancel);

    /// <summary>Posts with an idempotency key of its own, so that nothing is done twice if the answer is lost and the call repeated.</summary>
    public Task<JsonNode?> PostAsync(string path, JsonNode? body, CancellationToken cancel) => SendAsync(HttpMethod.Post, path, body, cancel);

    /// <summary>Sends a text as it is.</summary>
    public Task<JsonNode?> SendTextAsync(HttpMethod method, string path, string text, string type, CancellationToken cancel) =>
        SendContentAsync(method, path, new StringContent(text, Encoding.UTF8, type), cancel);

    public Task<JsonNode?> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancel) =>
        SendContentAsync(method, path, body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"), cancel);

    private async Task<JsonNode?> SendContentAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, $"api/v1/{path}");
        if (method == HttpMethod.Post)
        {
            request.Headers.Add("Idempotency-Key", Guid.NewGuid().ToString());
        }
        request.Content = content;
        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancel);
        var text = await response.Content.ReadAsStringAsync(cancel);
        return text.Length == 0 ? null : JsonNode.Parse(text);
    }

    /// <summary>Sends, and throws unless the answer is a success.</summary>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancel)
    {
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, completion, cancel);
        }
        catch (HttpRequestException exception)
        {
            throw new BatonException(
                ErrorCodes.ServerUnreachable, $"no server answers at {http.BaseAddress}", exception.Message, "start it with `baton up`, or name another with --url", exception);
        }
        if (response.IsSuccessStatusCode)
        {
            return response;
        }
        using (response)
        {
            throw await ProblemAsync(response, cancel);
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<BatonException> ProblemAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        var text = await response.Content.ReadAsStringAsync(cancel);
        if (response.Content.Headers.ContentType?.MediaType == "application/problem+json" && Parse(text) is { } problem && problem["code"] is { } code)
        {
            return new BatonException((string)code!, (string)problem["title"]!, (string?)problem["detail"], (string?)problem["remedy"] ?? "");
        }
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => new(
                ErrorCodes.Unauthenticated, $"{http.BaseAddress} does not know the caller", null, "give a token with --token or BATON_TOKEN; on the server's machine, name its project with --project"),
            HttpStatusCode.Forbidden => new(ErrorCodes.Forbidden, "the caller may not do this", null, "ask an administrator for the role"),
            _ => new(ErrorCodes.Unexpected, $"{http.BaseAddress} answered {(int)response.StatusCode}", text.Length > 500 ? text[..500] : text, "check that --url names a Baton server"),
        };
    }

    private static JsonObject? Parse(string text)
    {
        try
        {
            return JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
