using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Server;
using Baton.Server.Projects;
using Baton.Server.Settings;

namespace Baton.Cli.Verbs.Configs;

/// <summary>
/// `baton config show|check|reference`: the settings of a server, as `baton up` and `baton server run` would read them here.
/// Nothing is started, and no secret is printed.
/// </summary>
internal static class SettingVerbs
{
    public static Command Show()
    {
        var changed = new Option<bool>("--changed") { Description = "Only what is not the default." };
        var command = new Command("show", "Show every setting of the server with its value and where that is from.") { changed };
        var read = Sources(command);
        command.SetAction(parsed =>
        {
            var console = OutputOptions.Console(parsed);
            var result = read(parsed);
            var values = result.Values.Where(value => !parsed.GetValue(changed) || value.Source != SettingsReader.Default).ToList();
            if (console.IsJson)
            {
                console.JsonList(values.Select(value => (JsonNode)new JsonObject
                {
                    ["key"] = value.Key, ["value"] = value.Value, ["source"] = value.Source, ["description"] = value.Description,
                }));
            }
            else
            {
                console.Table(["SETTING", "VALUE", "FROM"], values.Select(value => new[] { value.Key, value.Value ?? "", value.Source }));
            }
            result.Checked();
        });
        return command;
    }

    public static Command Check()
    {
        var command = new Command("check", "Check the settings of the server: all problems at once, exit code 2 if there are any.");
        var read = Sources(command);
        command.SetAction(parsed =>
        {
            var result = read(parsed);
            result.Checked();
            OutputOptions.Console(parsed).Note($"{result.Values.Count} settings, {result.Values.Count(value => value.Source != SettingsReader.Default)} of them set, no problem");
        });
        return command;
    }

    public static Command Reference()
    {
        var command = new Command("reference", "Print the reference of all settings as Markdown: docs/settings.md.");
        command.SetAction(parsed => OutputOptions.Console(parsed).Line(SettingsReference.Markdown().TrimEnd()));
        return command;
    }

    private static Func<ParseResult, SettingsResult> Sources(Command command)
    {
        var project = new Option<string?>("--project") { Description = "Project folder, as for `baton up` (default: the current one if it has a baton.yaml).", HelpName = "PATH" };
        var files = ServerSettings.Files();
        var set = SettingOptions.Set();
        command.Options.Add(project);
        command.Options.Add(files);
        command.Options.Add(set);
        return parsed =>
        {
            var given = parsed.GetValue(set) ?? [];
            var folder = parsed.GetValue(project) ?? (parsed.GetValue(files) is null or [] && File.Exists(ProjectReader.FileName) ? "." : null);
            return folder is null
                ? ServerSettings.Read(parsed.GetValue(files), given)
                : BatonHost.SettingsOf(ProjectReader.Read(folder, Environment.GetEnvironmentVariable), SettingOptions.Variables(), given);
        };
    }
}
