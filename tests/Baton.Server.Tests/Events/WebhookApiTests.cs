using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Baton.Server.Errors;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Baton.Server.Tests.Events;

/// <summary>Webhooks that come in, over HTTP: exact bytes and headers of each sender, and what is no message of theirs.</summary>
public sealed class WebhookApiTests : IAsyncLifetime
{
    private const string Secret = "It's a Secret to Everybody";
    private const string Push = """{"ref":"refs/heads/main","repository":{"html_url":"https://forge.example/acme/shop"}}""";

    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    private TestServer server = null!;

    /// <summary>Kind, body, and the type of its event.</summary>
    public static TheoryData<string, string, string> Senders => new()
    {
        { "github", Push, "com.github.push" },
        { "gitlab", """{"object_kind":"push","ref":"refs/heads/main"}""", "com.gitlab.push" },
        { "gitea", Push, "com.gitea.push" },
        { "sourcehut", """{"data":{"webhook":{"uuid":"u1","event":"GIT_POST_RECEIVE"}}}""", "ht.sr.git.post.receive" },
        { "alertmanager", """{"alerts":[{"status":"firing","labels":{"alertname":"Slow"},"fingerprint":"f1","startsAt":"2026-11-22T18:00:00Z"}]}""", "io.prometheus.alert.firing" },
        { "standard", """{"type":"invoice.paid"}""", "invoice.paid" },
        { "hmac", """{"type":"door.opened"}""", "door.opened" },
    };

    public async ValueTask InitializeAsync()
    {
        server = await TestServer.StartAsync();
        var publicKey = new byte[32];
        Ed25519.GeneratePublicKey(Key, 0, publicKey, 0);
        await SetSecretAsync("hook", Secret);
        await SetSecretAsync("key", Convert.ToBase64String(publicKey));
        foreach (var (kind, _, _) in Senders.Select(row => row.Data))
        {
            Assert.Equal(HttpStatusCode.OK, (await SetAsync(kind, $$"""{"kind":"{{kind}}","secret":"secret://{{(kind == "sourcehut" ? "key" : "hook")}}"}""")).Status);
        }
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Theory]
    [MemberData(nameof(Senders))]
    public async Task A_message_is_taken_once_and_only_with_the_signature_of_its_own_bytes(string kind, string body, string type)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var signed = Sign(kind, bytes, Now());

        // The same signature over other bytes, a broken one, one in another encoding, and none.
        if (kind is not ("gitlab" or "alertmanager"))
        {
            await RefusedAsync(kind, [.. bytes, (byte)' '], signed);
        }
        foreach (var broken in new Func<string, string>[] { text => text[..^1], text => $"{text}0", text => new string('=', text.Length), _ => "" })
        {
            await RefusedAsync(kind, bytes, [.. signed.Select(header => IsSignature(header.Name) ? (header.Name, broken(header.Value)) : header)]);
        }
        await RefusedAsync(kind, bytes, [.. signed.Where(header => !IsSignature(header.Name))]);
        Assert.Empty(await EventsAsync());

        Assert.Equal(HttpStatusCode.OK, (await SendAsync(kind, bytes, signed)).Status);
        // What was overheard and is sent again is the same event.
        var again = await SendAsync(kind, bytes, signed);
        Assert.True((bool)again.Body!["events"]![0]!["duplicate"]!);
        var taken = Assert.Single(await EventsAsync())!;
        Assert.Equal((type, kind), ((string?)taken["type"], (string?)taken["webhook"]));
    }

    [Fact]
    public async Task A_message_of_Standard_Webhooks_is_refused_when_it_is_old_or_of_the_future()
    {
        var body = """{"type":"invoice.paid"}"""u8.ToArray();
        await RefusedAsync("standard", body, Sign("standard", body, Now() - 301));
        await RefusedAsync("standard", body, Sign("standard", body, Now() + 301));
        foreach (var time in new[] { "", "yesterday", "-1", "99999999999999999999", $"{Now()}.0" })
        {
            await RefusedAsync("standard", body, [.. Sign("standard", body, Now()).Select(header => header.Name == "webhook-timestamp" ? (header.Name, time) : header)]);
        }
        // The time is signed too.
        await RefusedAsync("standard", body, [.. Sign("standard", body, Now() - 100).Select(header => header.Name == "webhook-timestamp" ? (header.Name, $"{Now()}") : header)]);
        Assert.Empty(await EventsAsync());
    }

    [Fact]
    public async Task A_message_that_makes_no_event_is_an_error_and_nothing_else()
    {
        var long1 = Encoding.UTF8.GetBytes($$"""{"padding":"{{new string('x', 1 << 20)}}"}""");
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, ErrorCodes.TooLarge), Outcome(await SendAsync("github", long1, Sign("github", long1, 0))));
        var longer = new byte[11 << 20];
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await SendAsync("github", longer, Sign("github", longer, 0))).Status);
        var body = Encoding.UTF8.GetBytes(Push);
        Assert.Equal((HttpStatusCode.BadRequest, ErrorCodes.InvalidEvent), Outcome(await SendAsync("github", body, [.. Sign("github", body, 0).Select(header => header.Name == "X-GitHub-Delivery" ? (header.Name, new string('d', 1025)) : header)])));
        var noAlerts = """{"alerts":7}"""u8.ToArray();
        Assert.Equal((HttpStatusCode.BadRequest, ErrorCodes.InvalidInput), Outcome(await SendAsync("alertmanager", noAlerts, Sign("alertmanager", noAlerts, 0))));
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync("nowhere", body, [])).Status);
        Assert.Empty(await EventsAsync());
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_kept_as_they_are_and_what_is_no_JSON_is_refused()
    {
        byte[] latin = [.. "{\"name\":\""u8, 0xE9, .. "\"}"u8];
        var (status, answer) = await SendAsync("hmac", latin, Sign("hmac", latin, 0));
        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        Assert.Equal(Convert.ToBase64String(latin), (string?)Assert.Single(await EventsAsync())!["data_base64"]);
        foreach (var text in new[] { """{"a":1,"a":2}""", "{", string.Concat(Enumerable.Repeat("[", 100)) + string.Concat(Enumerable.Repeat("]", 100)) })
        {
            var body = Encoding.UTF8.GetBytes(text);
            Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync("hmac", body, Sign("hmac", body, 0))).Status);
        }
        Assert.Single(await EventsAsync());
    }

    [Fact]
    public async Task A_secret_that_is_rotated_counts_from_then_on()
    {
        var body = Encoding.UTF8.GetBytes(Push);
        await SetSecretAsync("hook", "another");
        await RefusedAsync("github", body, Sign("github", body, 0));
        Assert.Equal(HttpStatusCode.OK, (await SendAsync("github", body, Sign("github", body, 0, "another"))).Status);
        await server.Http.CallAsync(HttpMethod.Delete, "secrets/hook");
        var (status, answer) = await SendAsync("github", body, Sign("github", body, 0, "another"));
        Assert.True(status >= HttpStatusCode.BadRequest && (string?)answer!["code"] == ErrorCodes.SecretMissing, $"{status} {answer}");
    }

    [Fact]
    public async Task Webhooks_are_listed_shown_changed_and_deleted()
    {
        Assert.Equal(Senders.Count, ((JsonArray)await server.Http.ReadAsync("webhook-sources")).Count);
        Assert.Equal("/api/v1/webhooks/hmac", (string?)(await server.Http.ReadAsync("webhook-sources/hmac"))["path"]);
        var (_, changed, _) = await SetAsync("hmac", """{"kind":"hmac","secret":"secret://hook","source":"/doors","signatureHeader":"X-Door"}""");
        Assert.Equal(("/doors", "X-Door"), ((string?)changed!["source"], (string?)changed["signatureHeader"]));
        foreach (var (name, wrong) in new[]
        {
            ("hmac", """{"kind":"smtp","secret":"secret://hook"}"""), ("hmac", """{"kind":"hmac","secret":"plain"}"""), ("hmac", """{"kind":"hmac","secret":"secret://"}"""), ("hmac", """{"kind":"hmac"}"""),
            ("hmac", """{"kind":"hmac","secret":"secret://hook","source":""}"""), ("a%20b", """{"kind":"hmac","secret":"secret://hook"}"""), (new string('n', 65), """{"kind":"hmac","secret":"secret://hook"}"""), ("hmac", "[]"), ("hmac", "{"),
        })
        {
            var (status, answer, _) = await SetAsync(name, wrong);
            Assert.True(status == HttpStatusCode.BadRequest, $"{name} {wrong}: {status} {answer}");
        }
        Assert.Equal("/doors", (string?)(await server.Http.ReadAsync("webhook-sources/hmac"))["source"]);
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.CallAsync(HttpMethod.Delete, "webhook-sources/hmac")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Delete, "webhook-sources/hmac")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.CallAsync(HttpMethod.Get, "webhook-sources/hmac")).Status);
    }

    /// <summary>The headers with which a sender would send these bytes.</summary>
    private static (string Name, string Value)[] Sign(string kind, byte[] body, long time, string secret = Secret)
    {
        var hmac = Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), body));
        return kind switch
        {
            "github" => [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "d1"), ("X-Hub-Signature-256", $"sha256={hmac}")],
            "gitlab" => [("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Event-UUID", "d1"), ("X-Gitlab-Token", secret)],
            "gitea" => [("X-Gitea-Event", "push"), ("X-Gitea-Delivery", "d1"), ("X-Gitea-Signature", hmac)],
            "sourcehut" => [("X-Payload-Nonce", "4711"), ("X-Payload-Signature", Ed25519Signature([.. body, .. "4711"u8]))],
            "alertmanager" => [("Authorization", $"Bearer {secret}")],
            "standard" =>
            [
                ("webhook-id", "msg_1"), ("webhook-timestamp", time.ToString(CultureInfo.InvariantCulture)),
                ("webhook-signature", $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), (byte[])[.. Encoding.UTF8.GetBytes($"msg_1.{time}."), .. body]))}"),
            ],
            _ => [("X-Signature", hmac)],
        };
    }

    private static string Ed25519Signature(byte[] message)
    {
        var signature = new byte[64];
        Ed25519.Sign(Key, 0, message, 0, message.Length, signature, 0);
        return Convert.ToBase64String(signature);
    }

    private static bool IsSignature(string header) => header.Contains("ignature", StringComparison.Ordinal) || header is "X-Gitlab-Token" or "Authorization";

    private static (HttpStatusCode, string?) Outcome((HttpStatusCode Status, JsonNode? Body) answer) => (answer.Status, (string?)answer.Body?["code"]);

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private async Task RefusedAsync(string kind, byte[] body, (string Name, string Value)[] headers)
    {
        var answer = await SendAsync(kind, body, headers);
        Assert.Equal((HttpStatusCode.Unauthorized, ErrorCodes.BadSignature), Outcome(answer));
    }

    private async Task<(HttpStatusCode Status, JsonNode? Body)> SendAsync(string kind, byte[] body, (string Name, string Value)[] headers)
    {
        using var stranger = server.As(null);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"api/v1/webhooks/{kind}", UriKind.Relative))
        {
            // A body that is too long is refused before it is sent.
            Headers = { ExpectContinue = body.Length > 1 << 20 },
            Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        using var response = await stranger.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text) : null);
    }

    private async Task<JsonNode?[]> EventsAsync() =>
        [.. (await server.Http.ReadAsync("events?limit=1000"))["items"]!.AsArray().Select(item => item!["event"]).Where(one => one!["webhook"] is not null)];

    private Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseMessage Response)> SetAsync(string name, string body) => server.Http.CallAsync(HttpMethod.Put, $"webhook-sources/{name}", body);

    private Task<(HttpStatusCode Status, JsonNode? Body, HttpResponseMessage Response)> SetSecretAsync(string name, string value) =>
        server.Http.CallAsync(HttpMethod.Put, $"secrets/{name}", new JsonObject { ["value"] = value }.ToJsonString());
}
