using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Baton.Flows.Tests.Support;

/// <summary>api.example.com, auth.example.com and oidc.example.com: what our own scenarios call.</summary>
internal static class ExampleApi
{
    private const string Api = "api.example.com";

    public static void Map(WebApplication app)
    {
        MapPlain(app);
        MapAuthentication(app);
        MapDocuments(app);
        MapAgent(app);
        app.MapPost("/mcp", async Task<IResult> (HttpContext context) => Mcp(context, System.Text.Json.Nodes.JsonNode.Parse(await ReadAsync(context))!)).RequireHost(Api);
    }

    /// <summary>A server of the Model Context Protocol with two tools, of which it lists one a page.</summary>
    private static IResult Mcp(HttpContext context, System.Text.Json.Nodes.JsonNode request)
    {
        if (request["id"] is null)
        {
            return Results.Accepted();
        }
        var parameters = request["params"];
        object result = (string)request["method"]! switch
        {
            "initialize" => new { protocolVersion = (string?)parameters!["protocolVersion"], capabilities = new { tools = new { } }, serverInfo = new { name = "tests", version = "1" } },
            "tools/list" => parameters?["cursor"] is null
                ? new { tools = new[] { new { name = "echo", inputSchema = new { type = "object" } } }, nextCursor = "2" }
                : new { tools = new[] { new { name = "fail", inputSchema = new { type = "object" } } } },
            _ => (string?)parameters!["name"] == "echo"
                ? new { content = new[] { new { type = "text", text = $"{parameters["arguments"]!["text"]} for {context.Request.Headers.Authorization}" } } }
                : new { isError = true, content = new[] { new { type = "text", text = "out of paper" } } },
        };
        return Results.Json(new { jsonrpc = "2.0", id = request["id"]!.DeepClone(), result });
    }

    private static void MapPlain(WebApplication app)
    {
        var attempts = new ConcurrentDictionary<string, List<string>>();
        app.MapGet("/flaky/{id}", (HttpContext context, string id) =>
        {
            var keys = attempts.GetOrAdd(id, _ => []);
            keys.Add(context.Request.Headers["Idempotency-Key"].ToString());
            return keys.Count % 3 == 0 ? Results.Json(new { attempt = 3, sameKey = keys.TakeLast(3).Distinct().Count() == 1 && keys[^1].Length == 32 }) : Results.StatusCode(503);
        }).RequireHost(Api);
        app.MapPost("/echo", async Task<IResult> (HttpContext context) => Results.Text(
            $$"""{"query":"{{context.Request.QueryString.Value!.TrimStart('?')}}","trace":"{{context.Request.Headers["X-Trace"]}}","body":{{await ReadAsync(context)}}}""", "application/json")).RequireHost(Api);
        app.MapGet("/text", () => Results.Text("plain text")).RequireHost(Api);
        app.MapGet("/large/{kilobytes:int}", (int kilobytes) => Results.Json(new { lines = Enumerable.Range(0, kilobytes).Select(n => new string((char)('a' + (n % 26)), 1000)), count = kilobytes })).RequireHost(Api);
        app.MapPost("/measure", async Task<IResult> (HttpContext context) => Results.Json(new { length = (await ReadAsync(context)).Length })).RequireHost(Api);
        app.MapGet("/redirect", () => Results.Redirect("/text")).RequireHost(Api);
        app.MapGet("/to-metadata", () => Results.Redirect("http://169.254.169.254/latest/meta-data")).RequireHost(Api);
        app.MapGet("/silent", async (HttpContext context) =>
        {
            // Never answers; ends when the caller goes away.
            var gone = new TaskCompletionSource();
            context.RequestAborted.Register(() => gone.TrySetResult());
            await gone.Task;
        }).RequireHost(Api);
        app.MapGet("/endless", async (HttpContext context) =>
        {
            var block = new byte[64 * 1024];
            context.Response.ContentType = "application/octet-stream";
            try
            {
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(block, context.RequestAborted);
                }
            }
            catch (OperationCanceledException)
            {
                // The caller has had enough.
            }
        }).RequireHost(Api);
    }

    private static void MapAuthentication(WebApplication app)
    {
        var tokens = 0;
        app.MapGet("/whoami", (HttpContext context) => Results.Json(new { authorization = context.Request.Headers.Authorization.ToString() })).RequireHost(Api);
        app.MapGet("/whoami/length", (HttpContext context) => Results.Json(new { authorization = context.Request.Headers.Authorization.ToString(), length = context.Request.Headers.Authorization.ToString().Length })).RequireHost(Api);
        app.MapGet("/digest", (HttpContext context) =>
        {
            var header = context.Request.Headers.Authorization.ToString();
            if (DigestMatches(header, "GET", "/digest", "ann", "s3cret"))
            {
                return Results.Json(new { digest = true });
            }
            context.Response.Headers.WWWAuthenticate = "Digest realm=\"tests\", qop=\"auth\", algorithm=SHA-256, nonce=\"n0nce\", opaque=\"o\"";
            return Results.StatusCode(401);
        }).RequireHost(Api);
        app.MapPost("/token", async (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync();
            return form["client_id"] == "app" && form["client_secret"] == "s3cret" && form["grant_type"] == "client_credentials"
                ? Results.Json(new { access_token = $"token-{Interlocked.Increment(ref tokens)}-{form["scope"]}", expires_in = 3600 })
                : Results.StatusCode(401);
        }).RequireHost("auth.example.com");
        // The token says what it was asked for with; a client that signs is checked first.
        app.MapPost("/form-token", async (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync();
            return form["client_assertion"].ToString() is { Length: > 0 } assertion && assertion != "signed" && !AssertionHolds(assertion, "https://auth.example.com/form-token")
                ? Results.StatusCode(401)
                : Results.Json(new { access_token = string.Join("&", form.Where(f => f.Key != "client_assertion").OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => $"{f.Key}={f.Value}")), expires_in = 3600 });
        }).RequireHost("auth.example.com");
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new { token_endpoint = "https://oidc.example.com/connect/token" })).RequireHost("oidc.example.com");
        app.MapPost("/connect/token", async (HttpContext context) =>
        {
            var form = await context.Request.ReadFormAsync();
            var basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("app:s3cret"));
            return context.Request.Headers.Authorization == basic && form["password"] == "pw"
                ? Results.Json(new { access_token = $"oidc-{form["username"]}", expires_in = 3600 })
                : Results.StatusCode(401);
        }).RequireHost("oidc.example.com");
    }

    private static void MapDocuments(WebApplication app)
    {
        Serve("/functions/double.yaml", "set:\n  twice: ${ .n * 2 }\n");
        Serve("/catalog/functions/triple/1.0.0/function.yaml", "set:\n  thrice: ${ .n * 3 }\n");
        Serve("/schema.json", """{ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } }""");
        Serve("/script.py", "print('fetched', end='')\n");
        Serve("/openapi.yaml", """
            openapi: 3.1.0
            info: { title: orders, version: 1.0.0 }
            servers: [ { url: /api } ]
            paths:
              /shops/{shop}/orders:
                parameters:
                - { name: shop, in: path, required: true, schema: { type: string } }
                post:
                  operationId: createOrder
                  parameters: [ { $ref: '#/components/parameters/trace' } ]
                  requestBody: { content: { application/json: { schema: { type: object } } } }
                  responses: { '200': { description: ok } }
            components:
              parameters:
                trace: { name: X-Trace, in: header, schema: { type: string } }
            """);
        app.MapPost("/api/shops/{shop}/orders", async (HttpContext context, string shop) => Results.Text(
            $$"""{"shop":"{{shop}}","trace":"{{context.Request.Headers["X-Trace"]}}","body":{{await ReadAsync(context)}}}""", "application/json")).RequireHost(Api);

        void Serve(string path, string text) => app.MapGet(path, () => Results.Text(text)).RequireHost(Api);
    }

    private static void MapAgent(WebApplication app)
    {
        app.MapGet("/.well-known/agent-card.json", () => Results.Json(new { name = "agent", url = "https://api.example.com/a2a" })).RequireHost(Api);
        app.MapPost("/a2a", async (HttpContext context) =>
        {
            var request = System.Text.Json.Nodes.JsonNode.Parse(await ReadAsync(context))!;
            var message = request["params"]!["message"];
            if ((string?)request["method"] == "message/stream")
            {
                return Results.Text(string.Concat(new[] { "working", "completed" }.Select(state =>
                    $"data: {new System.Text.Json.Nodes.JsonObject { ["jsonrpc"] = "2.0", ["id"] = (string?)request["id"], ["result"] = new System.Text.Json.Nodes.JsonObject { ["status"] = new System.Text.Json.Nodes.JsonObject { ["state"] = state } } }.ToJsonString()}\n\n")), "text/event-stream");
            }
            return message is null
                ? Results.Json(new { jsonrpc = "2.0", id = (string?)request["id"], error = new { code = -32001, message = "Task not found" } })
                : Results.Json(new
                {
                    jsonrpc = "2.0",
                    id = (string?)request["id"],
                    result = new { method = (string?)request["method"], text = (string?)message["parts"]![0]!["text"], role = (string?)message["role"] },
                });
        }).RequireHost(Api);
    }

    /// <summary>Checks an assertion of RFC 7523: signed with the client's secret, of this client, for this endpoint, and still good.</summary>
    private static bool AssertionHolds(string assertion, string audience)
    {
        byte[] Bytes(string part) => Convert.FromBase64String(part.Replace('-', '+').Replace('_', '/').PadRight((part.Length + 3) / 4 * 4, '='));
        var parts = assertion.Split('.');
        var claims = System.Text.Json.Nodes.JsonNode.Parse(Bytes(parts[1]))!;
        return System.Security.Cryptography.HMACSHA256.HashData("s3cret"u8, Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}")).AsSpan().SequenceEqual(Bytes(parts[2]))
            && (string?)claims["iss"] == "app" && (string?)claims["sub"] == "app" && (string?)claims["aud"] == audience && (long)claims["exp"]! > TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
    }

    private static async Task<string> ReadAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        return await reader.ReadToEndAsync();
    }

    private static bool DigestMatches(string header, string method, string path, string user, string password)
    {
        if (!header.StartsWith("Digest ", StringComparison.Ordinal))
        {
            return false;
        }
        var parts = header["Digest ".Length..].Split(", ").Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1].Trim('"'));
        var first = Hash($"{user}:tests:{password}");
        var expected = Hash($"{first}:n0nce:{parts["nc"]}:{parts["cnonce"]}:auth:{Hash($"{method}:{path}")}");
        return parts["response"] == expected && parts["username"] == user && parts["opaque"] == "o";
    }

    private static string Hash(string text) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
