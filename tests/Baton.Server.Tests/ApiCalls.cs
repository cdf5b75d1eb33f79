using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Baton.Server.Tests;

/// <summary>Calls of the HTTP API, as tests write them.</summary>
internal static class ApiCalls
{
    public static async Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseMessage Response)> CallAsync(
        this HttpClient http, HttpMethod method, string path, string? body = null, string type = "application/json", params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri($"api/v1/{path}", UriKind.Relative));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, type);
        }
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true && text.Length > 0 ? JsonNode.Parse(text) : null, response);
    }

    /// <summary>A client of a new service account with this role (none: without any), whose token may be limited to scopes.</summary>
    public static async Task<HttpClient> AsNewAsync(this TestServer server, string? role, string? name = null, params string[] scopes)
    {
        name ??= $"{role ?? "nobody"}-{Guid.NewGuid():N}";
        await server.Http.PostAsync("users", new JsonObject { ["name"] = name, ["service"] = true, ["roles"] = new JsonArray(role is null ? [] : [role]) }.ToJsonString());
        var token = await server.Http.PostAsync("tokens", new JsonObject { ["name"] = "test", ["user"] = name, ["scopes"] = new JsonArray([.. scopes]) }.ToJsonString());
        return server.As((string?)token["token"]);
    }

    public static async Task<JsonNode> ReadAsync(this HttpClient http, string path) => Success(await http.CallAsync(HttpMethod.Get, path));

    public static async Task<JsonNode> PostAsync(this HttpClient http, string path, string? body = null) => Success(await http.CallAsync(HttpMethod.Post, path, body));

    public static async Task<JsonNode> ApplyAsync(this HttpClient http, string flow, string text) => Success(await http.CallAsync(HttpMethod.Put, $"flows/{flow}", text, "application/yaml"));

    /// <summary>Waits until the run is as asked for.</summary>
    public static async Task<JsonNode> WaitRunAsync(this HttpClient http, string id, Func<JsonNode, bool> isSo)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            var run = await http.ReadAsync($"runs/{Uri.EscapeDataString(id)}");
            if (isSo(run))
            {
                return run;
            }
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public static Task<JsonNode> WaitRunAsync(this HttpClient http, string id, string status) => http.WaitRunAsync(id, run => (string?)run["status"] == status);

    private static JsonNode Success((HttpStatusCode Status, JsonNode? Body, HttpResponseMessage Response) answer)
    {
        Assert.True(answer.Response.IsSuccessStatusCode, $"{(int)answer.Status}: {answer.Body}");
        return answer.Body!;
    }
}
