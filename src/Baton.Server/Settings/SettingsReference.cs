using System.Text;

namespace Baton.Server.Settings;

/// <summary>docs/settings.md, made of the tree of settings itself.</summary>
public static class SettingsReference
{
    public static string Markdown()
    {
        var text = new StringBuilder("""
            # Settings

            Every setting of the server. Sources, the later winning: the defaults below; files (`baton.yaml` under `settings:`, or any number of
            `--settings FILE`, YAML or JSON); environment variables (`Database:Postgres` is `BATON_DATABASE__POSTGRES`); `--set Database:Postgres=VALUE`.
            Letter case of keys does not matter. Durations are written `90s`, `5m`, `1h30m`, `2d`; lists with commas between, or as lists in files.
            All problems are reported at once, with the key and where it is from; `baton config check` looks for them without starting anything, and
            `baton config show` tells each value and its source. Secrets are never shown.

            This page is printed by `baton config reference`.

            """.ReplaceLineEndings("\n"));
        foreach (var section in new SettingsReader().Read().Values.GroupBy(value => value.Key[..value.Key.IndexOf(':', StringComparison.Ordinal)]))
        {
            text.Append('\n').Append("## ").Append(section.Key).Append("\n\n| setting | default | |\n|---|---|---|\n");
            foreach (var value in section)
            {
                var fallback = string.IsNullOrEmpty(value.Value) ? "" : $"`{value.Value}`";
                text.Append($"| `{value.Key}` | {fallback} | {value.Description.Replace("|", "\\|", StringComparison.Ordinal)}{(value.IsSecret ? " **Secret.**" : "")} |\n");
            }
        }
        return text.ToString();
    }
}
