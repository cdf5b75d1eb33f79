using Baton.Server.Errors;
using Baton.Server.Secrets;

namespace Baton.Server.Events;

/// <summary>Finds a secret, with its version where one is asked for: NAME or NAME@VERSION.</summary>
internal delegate Task<string?> FindSecret(string name, CancellationToken cancel);

/// <summary>Secrets by their references, `secret://NAME` or `secret://NAME/MEMBER`: what is stored beside a webhook is never the secret itself.</summary>
internal sealed class SecretTexts(FindSecret find)
{
    private const string Scheme = "secret://";

    /// <exception cref="BatonException">It is no reference.</exception>
    public static void Check(string reference)
    {
        if (reference is null || !reference.StartsWith(Scheme, StringComparison.Ordinal) || reference.Length == Scheme.Length)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the secret is not given by a reference", null, "store it with `baton secret set`, and give secret://NAME or secret://NAME/MEMBER");
        }
    }

    /// <exception cref="BatonException">There is no such secret.</exception>
    public async Task<string> FindAsync(string reference, CancellationToken cancel)
    {
        Check(reference);
        var parts = reference[Scheme.Length..].Split('/', 2);
        var text = await find(parts[0], cancel);
        if (text is { Length: > 0 } && parts.Length == 2)
        {
            text = SecretStore.MembersOf(text)?.GetValueOrDefault(parts[1]);
        }
        return text is { Length: > 0 } ? text : throw new BatonException(ErrorCodes.SecretMissing, $"there is no secret {reference}", null, "make the secret, or correct the reference");
    }
}
