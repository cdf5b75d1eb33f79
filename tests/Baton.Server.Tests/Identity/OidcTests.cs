using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using Baton.Server.Errors;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Baton.Server.Tests.Identity;

/// <summary>Sign-in at a provider that runs beside the server, with all redirects taken as a browser takes them.</summary>
public sealed class OidcTests : IAsyncLifetime
{
    private OidcProvider provider = null!;
    private TestServer server = null!;

    public async ValueTask InitializeAsync()
    {
        provider = await OidcProvider.StartAsync();
        server = await TestServer.StartAsync(
            ("Identity:Oidc:Authority", provider.Url), ("Identity:Oidc:ClientId", OidcProvider.ClientId), ("Identity:Oidc:ClientSecret", OidcProvider.ClientSecret),
            ("Identity:Oidc:RoleClaim", "groups"), ("Identity:Oidc:RoleMap", "ops=operator,leads=approver"),
            ("Identity:Jwt:Authority", provider.Url), ("Identity:Jwt:Audience", "baton-api"), ("Identity:Jwt:RoleClaim", "groups"), ("Identity:Jwt:RoleMap", "ops=operator"));
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await provider.DisposeAsync();
    }

    [Fact]
    public async Task Claims_become_roles_anew_at_each_sign_in_and_what_an_administrator_gave_stays()
    {
        provider.Groups = ["ops", "others"];
        using (var first = new Visitor(server))
        {
            var callback = await first.CallbackAsync();
            using var done = await first.GetAsync(callback);
            Assert.Equal((HttpStatusCode.Redirect, "/console"), (done.StatusCode, done.Headers.Location?.OriginalString));
            Assert.Equal(("anna", "operator"), await first.WhoAsync());
        }

        using var granted = await server.Http.PutAsync("api/v1/users/anna/roles/viewer", null);
        provider.Groups = ["leads"];
        using var second = new Visitor(server);
        await second.SignInAsync();

        Assert.Equal(("anna", "approver,viewer"), await second.WhoAsync());
        var users = await server.Http.GetFromJsonAsync<JsonElement>("api/v1/users");
        Assert.Equal(1, users.GetArrayLength());
    }

    [Fact]
    public async Task A_name_that_a_local_account_has_does_not_become_that_account()
    {
        using var made = await server.Http.PostAsJsonAsync("api/v1/users", new { name = "anna", password = "correct horse battery", service = false, roles = new[] { "admin" } });
        provider.Groups = ["ops"];

        using var visitor = new Visitor(server);
        await visitor.SignInAsync();

        var (name, roles) = await visitor.WhoAsync();
        Assert.StartsWith("anna-", name, StringComparison.Ordinal);
        Assert.Equal("operator", roles);
    }

    [Fact]
    public async Task A_disabled_account_does_not_come_in()
    {
        using (var visitor = new Visitor(server))
        {
            await visitor.SignInAsync();
        }
        using var disabled = await server.Http.PostAsync("api/v1/users/anna/disable", null);

        using var again = new Visitor(server);
        await RefusedAsync(again, await again.CallbackAsync());
    }

    [Fact]
    public async Task An_answer_with_another_state_is_refused()
    {
        using var visitor = new Visitor(server);
        var callback = await visitor.CallbackAsync();

        await RefusedAsync(visitor, new Uri(callback.AbsoluteUri.Replace("state=", "state=x", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_answer_that_another_browser_asked_for_is_refused()
    {
        using var attacker = new Visitor(server);
        using var victim = new Visitor(server);

        await RefusedAsync(victim, await attacker.CallbackAsync());
    }

    [Fact]
    public async Task A_token_without_the_nonce_of_this_sign_in_is_refused()
    {
        using var visitor = new Visitor(server);
        var callback = await visitor.CallbackAsync();
        visitor.Forget(".AspNetCore.OpenIdConnect.Nonce.");

        await RefusedAsync(visitor, callback);
    }

    [Fact]
    public async Task A_code_works_once()
    {
        using var visitor = new Visitor(server);
        var callback = await visitor.CallbackAsync();
        using var first = await visitor.GetAsync(callback);
        using var second = await visitor.GetAsync(callback);

        Assert.Equal((HttpStatusCode.Redirect, HttpStatusCode.Unauthorized), (first.StatusCode, second.StatusCode));
    }

    [Fact]
    public async Task A_token_that_is_not_signed_by_a_key_of_the_provider_is_refused()
    {
        provider.PublishesAnotherKey = true;
        using var visitor = new Visitor(server);

        await RefusedAsync(visitor, await visitor.CallbackAsync());
    }

    [Theory]
    [InlineData("/a/b?c=d", "/a/b?c=d")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    public async Task The_sign_in_ends_at_this_server_only(string asked, string reached)
    {
        using var visitor = new Visitor(server);
        using var done = await visitor.GetAsync(await visitor.CallbackAsync(asked));

        Assert.Equal(reached, done.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task The_provider_s_tokens_are_taken_from_programs()
    {
        provider.Groups = ["ops"];
        using var http = new HttpClient();
        using var answer = await http.PostAsync($"{provider.Url}/connect/token", new FormUrlEncodedContent(
            [new("grant_type", "client_credentials"), new("client_id", OidcProvider.ClientId), new("client_secret", OidcProvider.ClientSecret)]));
        var token = (await answer.Content.ReadFromJsonAsync<JsonElement>()).Text("access_token");

        using var program = server.As(token);
        var me = await program.GetFromJsonAsync<JsonElement>("api/v1/me");

        Assert.Equal(("jwt:anna", "operator"), (me.Text("name"), me.GetProperty("grants")[0].Text("role")));
    }

    [Theory]
    [InlineData("right", HttpStatusCode.OK)]
    [InlineData("expired", HttpStatusCode.Unauthorized)]
    [InlineData("endless", HttpStatusCode.Unauthorized)]
    [InlineData("other audience", HttpStatusCode.Unauthorized)]
    [InlineData("other issuer", HttpStatusCode.Unauthorized)]
    [InlineData("other key", HttpStatusCode.Unauthorized)]
    [InlineData("unsigned", HttpStatusCode.Unauthorized)]
    [InlineData("public key as secret", HttpStatusCode.Unauthorized)]
    public async Task A_web_token_must_fit_in_every_part(string kind, HttpStatusCode expected)
    {
        using var folder = new TemporaryFolder();
        using var key = RSA.Create(2048);
        using var other = RSA.Create(2048);
        var pem = key.ExportSubjectPublicKeyInfoPem();
        await using var strict = await TestServer.StartAsync(
            ("Identity:Jwt:PublicKeyFile", folder.Write("key.pem", pem)), ("Identity:Jwt:Issuer", "issuer"), ("Identity:Jwt:Audience", "baton"));
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var token = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = kind != "endless" }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = kind == "other issuer" ? "other" : "issuer",
            Audience = kind == "other audience" ? "other" : "baton",
            IssuedAt = now.AddHours(-2),
            NotBefore = now.AddHours(-2),
            Expires = kind == "endless" ? null : now.AddHours(kind == "expired" ? -1 : 1),
            Claims = new Dictionary<string, object> { ["sub"] = "robot", ["roles"] = new[] { "viewer" } },
            SigningCredentials = kind switch
            {
                "unsigned" => null,
                "other key" => new(new RsaSecurityKey(other), SecurityAlgorithms.RsaSha256),
                "public key as secret" => new(new SymmetricSecurityKey(System.Text.Encoding.UTF8.GetBytes(pem)), SecurityAlgorithms.HmacSha256),
                _ => new(new RsaSecurityKey(key), SecurityAlgorithms.RsaSha256),
            },
        });

        using var program = strict.As(token);
        using var answer = await program.GetAsync("api/v1/processes");

        Assert.Equal(expected, answer.StatusCode);
    }

    private static async Task RefusedAsync(Visitor visitor, Uri callback)
    {
        using var answer = await visitor.GetAsync(callback);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(ErrorCodes.SignInRefused, (await answer.Content.ReadFromJsonAsync<JsonElement>()).Text("code"));
        Assert.Equal(HttpStatusCode.Unauthorized, await visitor.StatusAsync());
    }

    /// <summary>A browser that stops at each redirect.</summary>
    private sealed class Visitor : IDisposable
    {
        private readonly CookieContainer cookies = new();
        private readonly HttpClient http;
        private readonly Uri home;

        public Visitor(TestServer server)
        {
            home = new Uri(server.Server.Url);
            http = new HttpClient(new HttpClientHandler { CookieContainer = cookies, AllowAutoRedirect = false });
        }

        public Task<HttpResponseMessage> GetAsync(Uri address) => http.GetAsync(address);

        /// <summary>Goes to the provider, and stops before what it answers is brought to the server.</summary>
        public async Task<Uri> CallbackAsync(string to = "/console")
        {
            using var challenge = await http.GetAsync(new Uri(home, $"/signin/oidc?return={Uri.EscapeDataString(to)}"));
            var asked = challenge.Headers.Location!;
            Assert.Contains("code_challenge_method=S256", asked.Query, StringComparison.Ordinal);
            using var answer = await http.GetAsync(asked);
            Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
            return answer.Headers.Location!;
        }

        public async Task SignInAsync()
        {
            using var done = await GetAsync(await CallbackAsync());
            Assert.Equal(HttpStatusCode.Redirect, done.StatusCode);
        }

        public async Task<(string? Name, string Roles)> WhoAsync()
        {
            var me = await http.GetFromJsonAsync<JsonElement>(new Uri(home, "/api/v1/session"));
            return (me.Text("name"), string.Join(',', me.GetProperty("grants").EnumerateArray().Select(grant => grant.Text("role"))));
        }

        public async Task<HttpStatusCode> StatusAsync()
        {
            using var answer = await http.GetAsync(new Uri(home, "/api/v1/me"));
            return answer.StatusCode;
        }

        public void Forget(string prefix)
        {
            foreach (var cookie in cookies.GetAllCookies().Where(cookie => cookie.Name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                cookie.Expired = true;
            }
        }

        public void Dispose() => http.Dispose();
    }
}
