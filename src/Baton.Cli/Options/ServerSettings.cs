using System.CommandLine;
using Baton.Server.Settings;

namespace Baton.Cli.Options;

/// <summary>Settings of a server without a project: files, then variables, then the command line.</summary>
internal static class ServerSettings
{
    public static Option<string[]> Files() => new("--settings") { Description = "Settings, YAML or JSON; later files win.", HelpName = "FILE" };

    public static SettingsResult Read(string[]? files, IEnumerable<KeyValuePair<string, string>> given) =>
        (files ?? []).Aggregate(new SettingsReader(), (reader, file) => reader.AddFile(file)).AddVariables(SettingOptions.Variables()).Add(given, "command line").Read();
}
