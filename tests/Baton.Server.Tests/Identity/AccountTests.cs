using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Identity;
using Microsoft.EntityFrameworkCore;

namespace Baton.Server.Tests.Identity;

public sealed class AccountTests : IAsyncLifetime
{
    private const string Password = "correct horse battery";

    private TestServer server = null!;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task The_setup_link_makes_one_administrator_and_no_second()
    {
        var secret = new Uri(server.Server.SetupLink!).Fragment[1..];
        using var nobody = server.As(null);

        using var made = await nobody.PostAsJsonAsync("api/v1/setup", new { token = secret, name = "anna", password = Password });
        using var again = await nobody.PostAsJsonAsync("api/v1/setup", new { token = secret, name = "eve", password = Password });

        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.Equal(ErrorCodes.SetupLinkInvalid, await CodeAsync(again));
        using var anna = await Browser.SignInAsync(server, "anna", Password);
        Assert.Equal("admin", anna.Session.GetProperty("grants")[0].Text("role"));
        await server.RestartAsync();
        Assert.Null(server.Server.SetupLink);
    }

    [Fact]
    public async Task A_setup_link_expires_and_survives_a_password_that_is_not_taken()
    {
        var secret = new Uri(server.Server.SetupLink!).Fragment[1..];
        using var nobody = server.As(null);

        using var weak = await nobody.PostAsJsonAsync("api/v1/setup", new { token = secret, name = "anna", password = "short" });
        Assert.Equal(ErrorCodes.InvalidInput, await CodeAsync(weak));
        server.Time.Advance(TimeSpan.FromHours(25));
        using var late = await nobody.PostAsJsonAsync("api/v1/setup", new { token = secret, name = "anna", password = Password });

        Assert.Equal(ErrorCodes.SetupLinkInvalid, await CodeAsync(late));
    }

    [Fact]
    public async Task Refusals_do_not_tell_whether_the_account_exists()
    {
        await CreateAsync("anna", Roles.Viewer);
        await CreateAsync("dora", Roles.Viewer);
        await OkAsync(server.Http.PostAsync("api/v1/users/dora/disable", null));
        using var nobody = server.As(null);

        var answers = new HashSet<string>();
        foreach (var (name, password) in new[] { ("anna", "wrong password"), ("nobody", "wrong password"), ("dora", Password) })
        {
            using var answer = await nobody.PostAsJsonAsync("api/v1/session", new { name, password });
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>();
            answers.Add($"{(int)answer.StatusCode} {problem.Text("code")} {problem.Text("title")} {problem.Text("detail")}");
        }

        Assert.StartsWith("401 BT4200", Assert.Single(answers), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_passwords_lock_the_account_and_a_new_one_unlocks_it()
    {
        await using var strict = await TestServer.StartAsync(("Identity:LockoutFailures", "3"), ("Identity:SignInsPerMinute", "100"));
        await CreateAsync("anna", Roles.Viewer, strict);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(await Browser.TrySignInAsync(strict, "anna", "wrong password"));
        }

        Assert.Null(await Browser.TrySignInAsync(strict, "anna", Password));
        await OkAsync(strict.Http.PutAsJsonAsync("api/v1/users/anna/password", new { password = Password }));
        using var anna = await Browser.SignInAsync(strict, "anna", Password);
    }

    [Fact]
    public async Task Attempts_from_one_address_are_bounded_and_fill_no_audit()
    {
        await using var strict = await TestServer.StartAsync(("Identity:SignInsPerMinute", "3"));
        using var nobody = strict.As(null);

        var codes = new List<HttpStatusCode>();
        for (var i = 0; i < 6; i++)
        {
            using var answer = await nobody.PostAsJsonAsync("api/v1/session", new { name = "x", password = "y" });
            codes.Add(answer.StatusCode);
        }

        Assert.Equal([.. Enumerable.Repeat(HttpStatusCode.Unauthorized, 3), .. Enumerable.Repeat(HttpStatusCode.TooManyRequests, 3)], codes);
        await using var db = strict.Db();
        Assert.Equal(3, await db.Set<AuditEntry>().CountAsync());
    }

    [Fact]
    public async Task A_session_needs_its_csrf_token_to_change_something()
    {
        await CreateAsync("anna", Roles.Admin);
        using var anna = await Browser.SignInAsync(server, "anna", Password);

        using var read = await anna.Http.GetAsync("api/v1/users");
        using var without = await anna.Http.PostAsync("api/v1/users/anna/enable", null);
        anna.Http.DefaultRequestHeaders.Add("X-CSRF-Token", anna.Session.Text("csrf"));
        using var with = await anna.Http.PostAsync("api/v1/users/anna/enable", null);

        Assert.Equal(HttpStatusCode.OK, read.StatusCode);
        Assert.Equal(ErrorCodes.CsrfTokenMissing, await CodeAsync(without));
        Assert.Equal(HttpStatusCode.OK, with.StatusCode);
        Assert.All(anna.SetCookies, cookie => Assert.Contains("samesite=lax; httponly", cookie, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_session_ends_with_a_new_password_with_disabling_and_goes_on_where_the_password_was_changed()
    {
        await CreateAsync("anna", Roles.Viewer);
        using var anna = await Browser.SignInAsync(server, "anna", Password);
        using var other = await Browser.SignInAsync(server, "anna", Password);
        anna.Http.DefaultRequestHeaders.Add("X-CSRF-Token", anna.Session.Text("csrf"));

        using var change = await anna.Http.PutAsJsonAsync("api/v1/me/password", new { current = Password, password = "another long password" });
        Assert.Equal(HttpStatusCode.NoContent, change.StatusCode);

        Assert.Equal(HttpStatusCode.Unauthorized, await other.StatusAsync("api/v1/me"));
        Assert.Equal(HttpStatusCode.OK, await anna.StatusAsync("api/v1/me"));
        using var third = await Browser.SignInAsync(server, "anna", "another long password");
        Assert.Equal(HttpStatusCode.OK, await third.StatusAsync("api/v1/me"));
        await OkAsync(server.Http.PostAsync("api/v1/users/anna/disable", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await third.StatusAsync("api/v1/me"));
    }

    [Fact]
    public async Task A_role_that_is_taken_is_gone_at_the_next_request()
    {
        await CreateAsync("anna", Roles.Admin);
        using var anna = await Browser.SignInAsync(server, "anna", Password);
        Assert.Equal(HttpStatusCode.OK, await anna.StatusAsync("api/v1/users"));

        await OkAsync(server.Http.DeleteAsync("api/v1/users/anna/roles/admin"));

        Assert.Equal(HttpStatusCode.Forbidden, await anna.StatusAsync("api/v1/users"));
    }

    [Fact]
    public async Task A_token_works_until_it_is_revoked_expired_or_its_account_disabled_and_is_kept_as_a_hash()
    {
        await CreateServiceAsync("robot", Roles.Viewer);
        var (id, token) = await TokenAsync("robot", expires: "2h");
        using var robot = server.As(token);
        Assert.Equal(HttpStatusCode.OK, (await robot.GetAsync("api/v1/processes")).StatusCode);

        await using (var db = server.Db())
        {
            var kept = await db.Set<AccessToken>().SingleAsync();
            Assert.Equal(SHA256.HashData(Encoding.UTF8.GetBytes(token)), kept.Hash);
        }
        await OkAsync(server.Http.PostAsync("api/v1/users/robot/disable", null));
        Assert.Equal(HttpStatusCode.Unauthorized, (await robot.GetAsync("api/v1/processes")).StatusCode);
        await OkAsync(server.Http.PostAsync("api/v1/users/robot/enable", null));
        Assert.Equal(HttpStatusCode.OK, (await robot.GetAsync("api/v1/processes")).StatusCode);
        server.Time.Advance(TimeSpan.FromHours(3));
        Assert.Equal(HttpStatusCode.Unauthorized, (await robot.GetAsync("api/v1/processes")).StatusCode);
        var (second, text) = await TokenAsync("robot", expires: "2h");
        using var again = server.As(text);
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync($"api/v1/tokens/{second}")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await again.GetAsync("api/v1/processes")).StatusCode);
        Assert.NotEqual(id, second);
    }

    [Fact]
    public async Task A_token_that_another_replica_revokes_is_not_taken_for_more_than_seconds()
    {
        await CreateServiceAsync("robot", Roles.Viewer);
        var (_, token) = await TokenAsync("robot", expires: "2h");
        using var robot = server.As(token);
        Assert.Equal(HttpStatusCode.OK, (await robot.GetAsync("api/v1/processes")).StatusCode);

        await using (var db = server.Db())
        {
            await db.Set<AccessToken>().ExecuteDeleteAsync();
        }
        server.Time.Advance(KnownTokens.KeptFor);

        Assert.Equal(HttpStatusCode.Unauthorized, (await robot.GetAsync("api/v1/processes")).StatusCode);
    }

    [Fact]
    public async Task A_limited_token_may_less_and_cannot_make_one_that_may_more()
    {
        await CreateServiceAsync("robot", Roles.Admin);
        var (_, token) = await TokenAsync("robot", scopes: [Permissions.ProcessesRead, Permissions.SelfWrite]);
        using var robot = server.As(token);

        Assert.Equal(HttpStatusCode.OK, (await robot.GetAsync("api/v1/processes")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await robot.GetAsync("api/v1/users")).StatusCode);
        using var wider = await robot.PostAsJsonAsync("api/v1/tokens", new { name = "wider" });
        using var same = await robot.PostAsJsonAsync("api/v1/tokens", new { name = "same", scopes = new[] { Permissions.ProcessesRead } });
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Created), (wider.StatusCode, same.StatusCode));
    }

    [Fact]
    public async Task An_authenticator_is_asked_for_its_code_which_works_once_and_is_kept_encrypted()
    {
        await CreateAsync("anna", Roles.Viewer);
        string key;
        JsonElement recovery;
        using (var anna = await Browser.SignInAsync(server, "anna", Password))
        {
            anna.Http.DefaultRequestHeaders.Add("X-CSRF-Token", anna.Session.Text("csrf"));
            using var made = await anna.Http.PostAsJsonAsync("api/v1/me/authenticator", new { password = Password });
            key = (await made.Content.ReadFromJsonAsync<JsonElement>()).Text("key")!;
            using var enabled = await anna.Http.PutAsJsonAsync("api/v1/me/authenticator", new { code = Totp(key, -1) });
            recovery = (await enabled.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("codes");
        }

        var code = Totp(key, 0);
        Assert.Null(await Browser.TrySignInAsync(server, "anna", Password));
        using var first = await Browser.SignInAsync(server, "anna", Password, code);
        Assert.Null(await Browser.TrySignInAsync(server, "anna", Password, code));
        using var recovered = await Browser.SignInAsync(server, "anna", Password, recovery[0].GetString());
        Assert.Null(await Browser.TrySignInAsync(server, "anna", Password, recovery[0].GetString()));
        await using var db = server.Db();
        Assert.All(await db.UserTokens.ToListAsync(), token => Assert.DoesNotContain(key, token.Value!, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_grant_lets_in_to_its_flow_alone()
    {
        await CreateServiceAsync("robot");
        await OkAsync(server.Http.PutAsync("api/v1/users/robot/roles/operator?flow=shop/refund", null));
        var (_, token) = await TokenAsync("robot");
        using var robot = server.As(token);

        var me = await robot.GetFromJsonAsync<JsonElement>("api/v1/me");

        var grant = Assert.Single(me.GetProperty("grants").EnumerateArray());
        Assert.Equal(("operator", "shop/refund"), (grant.Text("role"), grant.Text("flow")));
        Assert.Equal(HttpStatusCode.Forbidden, (await robot.GetAsync("api/v1/processes")).StatusCode);
    }

    [Theory]
    [InlineData("operator", "shop/refund", "shop/refund", Permissions.RunsStart, true)]
    [InlineData("operator", "shop/refund", "shop/refunds", Permissions.RunsStart, false)]
    [InlineData("operator", "shop/*", "shop/refunds", Permissions.RunsStart, true)]
    [InlineData("operator", "shop/*", "shopping/refund", Permissions.RunsStart, false)]
    [InlineData("viewer", "shop/*", "shop/refund", Permissions.RunsStart, false)]
    public void Grants_are_for_their_flows_and_their_permissions(string role, string flow, string asked, string permission, bool expected)
    {
        var user = new BatonUser { UserName = "x" };
        user.Grants.Add(new() { UserId = user.Id, Role = role, Flow = flow });

        var caller = Caller.Of(Accounts.Principal(user, "test", []));

        Assert.Equal(expected, caller.May(permission, asked));
        Assert.False(caller.May(permission));
    }

    [Theory]
    [InlineData("anna", "anna", ErrorCodes.AlreadyExists)]
    [InlineData("anna", "ANNA", ErrorCodes.AlreadyExists)]
    [InlineData("anna", "local:root", ErrorCodes.InvalidInput)]
    [InlineData("anna", "", ErrorCodes.InvalidInput)]
    public async Task Names_are_unique_and_plain(string first, string second, string code)
    {
        await CreateAsync(first, Roles.Viewer);

        using var answer = await server.Http.PostAsJsonAsync("api/v1/users", new { name = second, password = Password, service = false });

        Assert.Equal(code, await CodeAsync(answer));
    }

    [Fact]
    public async Task What_a_known_caller_is_refused_is_in_the_audit()
    {
        await CreateServiceAsync("robot", Roles.Viewer);
        var (_, token) = await TokenAsync("robot");
        using var robot = server.As(token);

        using var refused = await robot.PostAsJsonAsync("api/v1/users", new { name = "eve", service = true, roles = new[] { "admin" } });

        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        await using var db = server.Db();
        var entry = await db.Set<AuditEntry>().OrderBy(entry => entry.Sequence).LastAsync();
        Assert.Equal(("robot", CallerKind.Service, "user.create", AuditOutcome.Refused), (entry.Actor, entry.ActorKind, entry.Action, entry.Outcome));
    }

    private async Task CreateAsync(string name, string role, TestServer? on = null) =>
        await OkAsync((on ?? server).Http.PostAsJsonAsync("api/v1/users", new { name, password = Password, service = false, roles = new[] { role } }));

    private async Task CreateServiceAsync(string name, params string[] roles) => await OkAsync(server.Http.PostAsJsonAsync("api/v1/users", new { name, service = true, roles }));

    private async Task<(Guid Id, string Token)> TokenAsync(string user, string? expires = null, string[]? scopes = null)
    {
        using var answer = await server.Http.PostAsJsonAsync("api/v1/tokens", new { name = "test", user, expires, scopes });
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var token = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return (token.GetProperty("id").GetGuid(), token.Text("token")!);
    }

    private static async Task OkAsync(Task<HttpResponseMessage> call)
    {
        using var answer = await call;
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonElement>()).Text("code");

    /// <summary>RFC 6238: HMAC-SHA1, 30 seconds, 6 digits.</summary>
    private static string Totp(string key, int steps)
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(key.TrimEnd('=').Select(c => Convert.ToString(Alphabet.IndexOf(c, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        var bytes = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2)).ToArray();
        var counter = BitConverter.GetBytes((TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 30) + steps);
        Array.Reverse(counter);
        var hash = HMACSHA1.HashData(bytes, counter);
        var at = hash[^1] & 0xf;
        var number = ((hash[at] & 0x7f) << 24) | (hash[at + 1] << 16) | (hash[at + 2] << 8) | hash[at + 3];
        return (number % 1_000_000).ToString("D6", CultureInfo.InvariantCulture);
    }
}

/// <summary>A browser's session with the server.</summary>
internal sealed class Browser : IDisposable
{
    private Browser(HttpClient http) => Http = http;

    public HttpClient Http { get; }

    public JsonElement Session { get; private set; }

    public IReadOnlyList<string> SetCookies { get; private set; } = [];

    public static async Task<Browser> SignInAsync(TestServer server, string name, string password, string? code = null) =>
        await TrySignInAsync(server, name, password, code) ?? throw new InvalidOperationException($"{name} is refused.");

    public static async Task<Browser?> TrySignInAsync(TestServer server, string name, string password, string? code = null)
    {
        var browser = new Browser(new HttpClient(new HttpClientHandler { CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(server.Server.Url) });
        using var answer = await browser.Http.PostAsJsonAsync("api/v1/session", new { name, password, code });
        if (!answer.IsSuccessStatusCode)
        {
            browser.Dispose();
            return null;
        }
        browser.Session = await answer.Content.ReadFromJsonAsync<JsonElement>();
        browser.SetCookies = [.. answer.Headers.GetValues("Set-Cookie")];
        return browser;
    }

    public async Task<HttpStatusCode> StatusAsync(string path)
    {
        using var answer = await Http.GetAsync(path);
        return answer.StatusCode;
    }

    public void Dispose() => Http.Dispose();
}
