using System.Security.Cryptography;
using System.Text;

namespace Baton.Server.Identity;

/// <summary>The page that a setup link opens: it makes the first administrator. It needs nothing but itself.</summary>
internal static class SetupPage
{
    private const string Script = """
        const form = document.forms[0], note = document.querySelector('output');
        form.onsubmit = async event => {
          event.preventDefault();
          const answer = await fetch('api/v1/setup', { method: 'POST', headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ token: location.hash.slice(1), name: form.name.value, password: form.password.value }) });
          const body = await answer.json();
          note.textContent = answer.ok ? `Administrator ${body.name} is made. This link is used up.` : `${body.title}. ${body.remedy ?? ''}`;
          if (answer.ok) form.remove();
        };
        """;

    private const string Style = "body{font:16px system-ui;max-width:24rem;margin:4rem auto;padding:0 1rem}label{display:block;margin:1rem 0}input{width:100%;font:inherit;padding:.4rem;box-sizing:border-box}button{font:inherit;padding:.4rem 1rem}";

    public const string Html = $"""
        <!doctype html>
        <html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Baton: first administrator</title>
        <style>{Style}</style>
        <h1>First administrator</h1>
        <form>
          <label>Name <input name="name" autocomplete="username" required></label>
          <label>Password <input name="password" type="password" autocomplete="new-password" required></label>
          <button>Create</button>
        </form>
        <output></output>
        <script>{Script}</script>
        </html>
        """;

    /// <summary>Runs and shows this page's own script and style, and nothing else.</summary>
    public static string Policy { get; } =
        $"default-src 'none'; connect-src 'self'; script-src '{Digest(Script)}'; style-src '{Digest(Style)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static string Digest(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";
}
