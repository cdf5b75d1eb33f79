using System.Security.Cryptography;
using System.Text;
using Baton.Server.Errors;
using Baton.Server.Events;
using Baton.Server.Events.Log.Sqlite;
using Baton.Server.Events.Webhooks;
using Microsoft.AspNetCore.Http;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Baton.Server.Tests.Events;

/// <summary>Each sender's signature and message, in the shapes that they send.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    private const string Secret = "It's a Secret to Everybody";
    private const string GithubPush = """{"ref":"refs/heads/main","after":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","repository":{"id":186853002,"full_name":"acme/shop","html_url":"https://github.com/acme/shop"},"pusher":{"name":"ada"},"commits":[{"id":"6113728f","message":"Fix prices"}]}""";

    private readonly TemporaryFolder folder = new();
    private SqliteEventLog log = null!;

    public ValueTask InitializeAsync()
    {
        log = SqliteEventLog.Open(folder.File("events.db"), new(), TimeProvider.System);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await log.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public void The_signature_of_Github_is_that_of_its_documentation() =>
        Assert.True(Signatures.IsHmac("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17", Secret, "Hello, World!"u8));

    [Fact]
    public void The_signature_of_Standard_Webhooks_is_that_of_its_documentation() =>
        Assert.Equal(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            Signatures.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, """{"test": 2432232314}"""u8));

    [Theory]
    [InlineData("push", GithubPush, "com.github.push", "https://github.com/acme/shop", "refs/heads/main")]
    [InlineData("pull_request", """{"action":"opened","number":7,"pull_request":{"html_url":"https://github.com/acme/shop/pull/7"},"repository":{"html_url":"https://github.com/acme/shop"}}""", "com.github.pull_request.opened", "https://github.com/acme/shop", "https://github.com/acme/shop/pull/7")]
    [InlineData("ping", """{"zen":"Keep it logically awesome.","hook_id":1}""", "com.github.ping", "/webhooks/hook", null)]
    public async Task Github(string name, string body, string type, string source, string? subject)
    {
        var logged = await ReceiveAsync(WebhookKind.Github, body, ("X-GitHub-Event", name), ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("X-Hub-Signature-256", $"sha256={Hmac(body)}"));
        Assert.Equal((type, source, subject, "72d3162e-cc78-11e3-81ab-4c9367dc0958"), (logged.Type, logged.Source, logged.Subject, logged.Id));
        Assert.Contains(body, Encoding.UTF8.GetString(logged.Json.Span), StringComparison.Ordinal);
        Assert.Equal("hook", logged.Attribute("webhook"));
    }

    [Fact]
    public async Task Gitlab()
    {
        const string Body = """{"object_kind":"merge_request","event_type":"merge_request","project":{"web_url":"https://gitlab.example/acme/shop"},"object_attributes":{"action":"merge","url":"https://gitlab.example/acme/shop/-/merge_requests/1"}}""";
        var logged = await ReceiveAsync(WebhookKind.Gitlab, Body, ("X-Gitlab-Token", Secret), ("X-Gitlab-Event", "Merge Request Hook"), ("X-Gitlab-Event-UUID", "13792a34"));
        Assert.Equal(("com.gitlab.merge_request.merge", "https://gitlab.example/acme/shop", "13792a34"), (logged.Type, logged.Source, logged.Id));
    }

    [Theory]
    [InlineData("Gitea", "com.gitea.push")]
    [InlineData("Forgejo", "org.forgejo.push")]
    public async Task Gitea(string name, string type)
    {
        const string Body = """{"ref":"refs/heads/main","before":"28e1879d","after":"bffeb740","repository":{"html_url":"https://git.example/acme/shop"}}""";
        var logged = await ReceiveAsync(WebhookKind.Gitea, Body, ($"X-{name}-Event", "push"), ($"X-{name}-Delivery", "f6266f16"), ($"X-{name}-Signature", Hmac(Body)));
        Assert.Equal((type, "https://git.example/acme/shop", "refs/heads/main", "f6266f16"), (logged.Type, logged.Source, logged.Subject, logged.Id));
    }

    [Fact]
    public async Task Sourcehut()
    {
        const string Body = """{"data":{"webhook":{"uuid":"eab5b0a7","event":"GIT_POST_RECEIVE","repository":{"name":"shop"}}}}""";
        var (key, publicKey, signature) = (RandomNumberGenerator.GetBytes(32), new byte[32], new byte[64]);
        Ed25519.GeneratePublicKey(key, 0, publicKey, 0);
        var signed = Encoding.UTF8.GetBytes(Body + "4711");
        Ed25519.Sign(key, 0, signed, 0, signed.Length, signature, 0);
        (string, string)[] headers = [("X-Payload-Nonce", "4711"), ("X-Payload-Signature", Convert.ToBase64String(signature)), ("X-Webhook-Event", "GIT_POST_RECEIVE"), ("X-Webhook-Delivery", "eab5b0a7")];
        var logged = await ReceiveAsync(WebhookKind.Sourcehut, Body, Convert.ToBase64String(publicKey), headers);
        Assert.Equal(("ht.sr.git.post.receive", "eab5b0a7", "shop"), (logged.Type, logged.Id, logged.Subject));
        await Assert.ThrowsAsync<BatonException>(() => ReceiveAsync(WebhookKind.Sourcehut, Body + " ", Convert.ToBase64String(publicKey), headers));
    }

    [Fact]
    public async Task Each_alert_of_an_Alertmanager_is_an_event_once()
    {
        const string Body = """
            {"version":"4","status":"firing","receiver":"baton","externalURL":"http://alertmanager.example","alerts":[
              {"status":"firing","labels":{"alertname":"HighLatency","service":"shop"},"startsAt":"2026-11-22T18:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"a1"},
              {"status":"resolved","labels":{"alertname":"DiskFull"},"startsAt":"2026-11-22T17:00:00Z","endsAt":"2026-11-22T18:01:00Z","fingerprint":"b2"}]}
            """;
        await ReceiveAsync(WebhookKind.Alertmanager, Body, ("Authorization", $"Bearer {Secret}"));
        await ReceiveAsync(WebhookKind.Alertmanager, Body, ("Authorization", $"Bearer {Secret}"));
        var events = await log.ReadAsync(0, 10, backwards: false, default);
        Assert.Equal(
            [("io.prometheus.alert.firing", "HighLatency"), ("io.prometheus.alert.resolved", "DiskFull")], events.Select(logged => (logged.Event.Type, logged.Event.Subject!)));
        Assert.Equal("http://alertmanager.example", events[0].Event.Source);
    }

    [Fact]
    public async Task Standard_webhooks_have_a_time_window()
    {
        const string Body = """{"type":"invoice.paid","data":{"id":"i1"}}""";
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var logged = await ReceiveAsync(WebhookKind.Standard, Body, Headers(now));
        Assert.Equal(("invoice.paid", "msg_1"), (logged.Type, logged.Id));
        var old = await Assert.ThrowsAsync<BatonException>(() => ReceiveAsync(WebhookKind.Standard, Body, Headers(now - 301)));
        Assert.Equal(ErrorCodes.BadSignature, old.Code);

        static (string, string)[] Headers(long time) =>
            [("webhook-id", "msg_1"), ("webhook-timestamp", $"{time}"), ("webhook-signature", $"v1,AAAA {Signatures.Sign(Secret, "msg_1", time, Encoding.UTF8.GetBytes(Body))}")];
    }

    [Fact]
    public async Task A_text_with_an_Hmac_is_data_as_well()
    {
        var logged = await ReceiveAsync(WebhookKind.Hmac, "a=1&b=2", ("X-Signature", Hmac("a=1&b=2")));
        Assert.Equal("webhook.received", logged.Type);
        Assert.Equal("YT0xJmI9Mg==", logged.Attribute("data_base64"));
    }

    [Theory]
    [InlineData(WebhookKind.Github, "X-Hub-Signature-256", "sha256=00")]
    [InlineData(WebhookKind.Github, "X-Other", "")]
    [InlineData(WebhookKind.Gitlab, "X-Gitlab-Token", "guess")]
    [InlineData(WebhookKind.Gitea, "X-Gitea-Signature", "")]
    [InlineData(WebhookKind.Sourcehut, "X-Payload-Signature", "AAAA")]
    [InlineData(WebhookKind.Alertmanager, "Authorization", "Bearer guess")]
    [InlineData(WebhookKind.Standard, "webhook-signature", "v1,AAAA")]
    [InlineData(WebhookKind.Hmac, "X-Signature", "00")]
    internal async Task A_wrong_signature_is_refused(WebhookKind kind, string header, string value)
    {
        var error = await Assert.ThrowsAsync<BatonException>(() => ReceiveAsync(kind, "{}", (header, value)));
        Assert.Equal(ErrorCodes.BadSignature, error.Code);
        Assert.Empty(await log.ReadAsync(0, 10, backwards: false, default));
    }

    private Task<CloudEvent> ReceiveAsync(WebhookKind kind, string body, params (string Name, string Value)[] headers) => ReceiveAsync(kind, body, Secret, headers);

    private async Task<CloudEvent> ReceiveAsync(WebhookKind kind, string body, string secret, params (string Name, string Value)[] headers)
    {
        var given = new HeaderDictionary();
        foreach (var (name, value) in headers)
        {
            given[name] = value;
        }
        var receiver = new WebhookReceiver(new SecretTexts((name, _) => Task.FromResult(name == "hook" ? secret : null)), new EventIntake(log), TimeProvider.System);
        var source = new WebhookSource { Name = "hook", Kind = kind, Secret = "secret://hook", CreatedAt = default };
        var appended = await receiver.ReceiveAsync(source, new(given, kind == WebhookKind.Hmac ? "application/x-www-form-urlencoded" : "application/json", Encoding.UTF8.GetBytes(body)), default);
        return (await log.ReadAsync(appended[0].Offset, 1, backwards: false, default))[0].Event;
    }

    private static string Hmac(string body) => Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes(body)));
}
