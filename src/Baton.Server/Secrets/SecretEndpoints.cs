using System.ComponentModel;
using Baton.Server.Audit;
using Baton.Server.Errors;
using Baton.Server.Http;
using Baton.Server.Identity;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Baton.Server.Secrets;

/// <param name="Value">A text, or a JSON object of texts.</param>
/// <param name="Flows">Flows that may use it: NAMESPACE/NAME, NAMESPACE/* or *; null leaves that as it is.</param>
internal sealed record SecretRequest(string Value, IReadOnlyList<string>? Flows);

/// <param name="Version">The latest.</param>
internal sealed record SecretView(string Name, int Version, IReadOnlyList<string> Flows, DateTimeOffset Created)
{
    public static SecretView Of(Secret secret) => new(secret.Name, secret.Version, secret.Flows.Split(' ', StringSplitOptions.RemoveEmptyEntries), secret.Created);
}

internal sealed record SecretVersionView(int Version, DateTimeOffset Created, string CreatedBy, string KeyId);

/// <param name="Count">Secrets whose keys were wrapped anew.</param>
internal sealed record KeyRotation(string KeyId, int Count);

/// <summary>Secrets. No answer holds a value, but that of /secrets/NAME/value.</summary>
internal static class SecretEndpoints
{
    public static void MapSecrets(this IEndpointRouteBuilder api)
    {
        var secrets = api.MapGroup("/secrets").WithTags("Secrets");
        secrets.MapGet("", async (SecretStore store, CancellationToken cancel) => (await store.ListAsync(cancel)).Select(SecretView.Of))
            .Describe("listSecrets", "List secrets by name, without their values.")
            .RequirePermission(Permissions.SecretsRead);
        secrets.MapGet("/{secret}", async (string secret, SecretStore store, CancellationToken cancel) => SecretView.Of((await store.GetAsync(secret, cancel)).Secret))
            .Describe("getSecret", "Show a secret, without its value.")
            .RequirePermission(Permissions.SecretsRead);
        secrets.MapGet("/{secret}/versions", async (string secret, SecretStore store, CancellationToken cancel) =>
                (await store.GetAsync(secret, cancel)).Versions.Select(version => new SecretVersionView(version.Version, version.Created, version.CreatedBy, version.KeyId)))
            .Describe("listSecretVersions", "List the versions of a secret, without their values.")
            .RequirePermission(Permissions.SecretsRead);
        secrets.MapPut("/{secret}", async (string secret, SecretRequest request, Caller caller, AuditDraft draft, SecretStore store, CancellationToken cancel) =>
            {
                var version = await store.SetAsync(secret, request.Value, request.Flows, caller.Name);
                var view = SecretView.Of((await store.GetAsync(secret, cancel)).Secret);
                draft.Detail = $"version {version}, for {(view.Flows.Count == 0 ? "no flow" : string.Join(", ", view.Flows))}";
                return view;
            })
            .Describe("setSecret", "Make a secret, or give it a new version.", "Versions that are older stay readable as NAME@VERSION.").Example("""{"value":"s3cret","flows":["shop/*"]}""")
            .RequirePermission(Permissions.SecretsWrite).Audited("secret.set", "secret/{secret}");
        secrets.MapDelete("/{secret}", async (string secret, SecretStore store, CancellationToken cancel) =>
            {
                await store.DeleteAsync(secret, cancel);
                return TypedResults.NoContent();
            })
            .Describe("deleteSecret", "Delete a secret with all its versions.")
            .RequirePermission(Permissions.SecretsWrite).Audited("secret.delete", "secret/{secret}");
        secrets.MapGet("/{secret}/value", async (string secret, [Description("Default: the latest.")] int? version, SecretStore store, HttpContext context, CancellationToken cancel) =>
            {
                context.Response.Headers.CacheControl = "no-store";
                return Results.Text(await store.FindAsync(version is null ? secret : $"{secret}@{version}", null, cancel)
                    ?? throw new BatonException(ErrorCodes.NotFound, $"there is no secret {secret} of this version", null, "`baton secret versions NAME` lists them"));
            })
            .Describe("revealSecret", "Show the value of a secret.", "Each call is in the audit.").Produces<string>(contentType: "text/plain")
            .RequirePermission(Permissions.SecretsReveal).Audited("secret.reveal", "secret/{secret}");
        secrets.MapPost("/rotate-key", async (AuditDraft draft, SecretStore store, CancellationToken cancel) =>
            {
                var (key, count) = await store.RotateAsync(cancel);
                draft.Detail = $"key {key}, {count} wrapped anew";
                return new KeyRotation(key, count);
            })
            .Describe("rotateSecretKey", "Make a new master key and wrap all secrets with it.")
            .RequirePermission(Permissions.SecretsWrite).Audited("secret.rotate-key", "keys");
    }
}
