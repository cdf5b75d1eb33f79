using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Baton.Flows.Hosting;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Secrets;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Baton.Server.Tests.Secrets;

public sealed class SecretTests : IAsyncLifetime
{
    private const string Value = "s3cret-Value/with=signs\"and more";

    private TestServer server = null!;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private SecretStore Store => server.Server.Services.GetRequiredService<SecretStore>();

    [Fact]
    public async Task A_value_is_given_back_by_reveal_alone_which_the_audit_knows()
    {
        using var set = await SetAsync("mail", Value);
        var shown = await server.Http.GetStringAsync("api/v1/secrets/mail") + await server.Http.GetStringAsync("api/v1/secrets") + await server.Http.GetStringAsync("api/v1/secrets/mail/versions");

        Assert.Equal(HttpStatusCode.OK, set.StatusCode);
        Assert.DoesNotContain(Value, shown + await set.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(Value, await server.Http.GetStringAsync("api/v1/secrets/mail/value"));
        await using var db = server.Db();
        Assert.Equal(["secret.set", "secret.reveal"], await db.Set<AuditEntry>().OrderBy(entry => entry.Sequence).Select(entry => entry.Action).ToListAsync());
    }

    [Fact]
    public async Task Versions_stay_and_a_reference_names_one()
    {
        await SetAsync("mail", "first value");
        await SetAsync("mail", "second value");

        Assert.Equal("second value", await Store.FindAsync("mail", null, default));
        Assert.Equal("first value", await Store.FindAsync("mail@1", null, default));
        Assert.Null(await Store.FindAsync("mail@3", null, default));
        Assert.Null(await Store.FindAsync("mail@x", null, default));
        Assert.Equal(HttpStatusCode.NoContent, (await server.Http.DeleteAsync("api/v1/secrets/mail")).StatusCode);
        Assert.Null(await Store.FindAsync("mail", null, default));
        Assert.Equal(HttpStatusCode.NotFound, (await server.Http.DeleteAsync("api/v1/secrets/mail")).StatusCode);
    }

    [Theory]
    [InlineData("shop/refund:1.0.0", true)]
    [InlineData("shop/other:1.0.0", false)]
    [InlineData("mail/any:2.0.0", true)]
    [InlineData("mailing/any:2.0.0", false)]
    public async Task A_flow_gets_what_it_may_use(string flow, bool expected)
    {
        await SetAsync("mail", """{"user":"me","password":"hidden-password"}""", "shop/refund", "mail/*");
        var secrets = server.Server.Services.GetRequiredService<IFlowSecrets>();

        FlowCallScope.Enter(flow);
        var found = await secrets.FindAsync("secret://mail@1", default);

        Assert.Equal(expected ? "hidden-password" : null, found is { } secret ? secret["password"].GetString() : null);
    }

    [Fact]
    public async Task A_secret_without_flows_is_for_none()
    {
        await SetAsync("mail", "some value");
        FlowCallScope.Enter("shop/refund:1.0.0");

        Assert.Null(await server.Server.Services.GetRequiredService<IFlowSecrets>().FindAsync("mail", default));
    }

    [Fact]
    public async Task Rotation_wraps_all_keys_anew_and_old_values_are_still_read()
    {
        await SetAsync("mail", "first value");
        await SetAsync("mail", "second value");
        await SetAsync("chat", "third value");
        var keys = server.Server.Services.GetRequiredService<KeyRing>();
        var old = keys.Current;

        using var rotated = await server.Http.PostAsync("api/v1/secrets/rotate-key", null);

        Assert.Equal(3, (await rotated.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("count").GetInt32());
        await server.RestartAsync();
        await using var db = server.Db();
        Assert.DoesNotContain(old, await db.Set<SecretVersion>().Select(version => version.KeyId).ToListAsync());
        Assert.Equal(("first value", "third value"), (await Store.FindAsync("mail@1", null, default), await Store.FindAsync("chat", null, default)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(server.DataFolder, KeyRing.FileName)));
    }

    [Fact]
    public async Task A_value_that_is_moved_or_changed_in_the_database_is_not_opened()
    {
        await SetAsync("mail", "first value");
        await SetAsync("chat", "other value");

        await server.SqlAsync("UPDATE secret_versions SET \"Content\" = (SELECT v.\"Content\" FROM secret_versions v JOIN secrets s ON s.\"Id\" = v.\"SecretId\" WHERE s.\"Name\" = 'chat')");

        await Assert.ThrowsAnyAsync<System.Security.Cryptography.CryptographicException>(() => Store.FindAsync("mail", null, default));
    }

    [Fact]
    public async Task Setting_at_once_makes_a_version_each()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Store.SetAsync("mail", $"value number {i}", null, "test")));

        Assert.Equal(8, (await Store.GetAsync("mail", default)).Versions.Count);
    }

    [Theory]
    [InlineData("na/me", "a value")]
    [InlineData("name", "")]
    public async Task What_cannot_be_a_secret_is_refused(string name, string value) =>
        Assert.Equal(ErrorCodes.InvalidInput, (await Assert.ThrowsAsync<BatonException>(() => Store.SetAsync(name, value, null, "test"))).Code);

    [Fact]
    public void The_redactor_knows_a_value_in_each_of_its_writings()
    {
        var redactor = new Redactor();
        redactor.Add(Value);
        redactor.Add("tiny");

        foreach (var text in new[]
        {
            Value, JsonSerializer.Serialize(Value), Uri.EscapeDataString(Value), WebUtility.UrlEncode(Value), Convert.ToBase64String(Encoding.UTF8.GetBytes(Value)),
        })
        {
            Assert.Equal($"<{Redactor.Mark}>", redactor.Redact($"<{text.Trim('"')}>"));
        }
        Assert.Equal("tiny and other text", redactor.Redact("tiny and other text"));
    }

    private Task<HttpResponseMessage> SetAsync(string name, string value, params string[] flows) => server.Http.PutAsJsonAsync($"api/v1/secrets/{name}", new { value, flows });
}
